import Foundation
import Testing

@testable import Node

/// What a file may be that is named as the configuration.
@Suite struct ConfigurationFileTests {
  private static func inDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID())").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  private static func problem(_ file: String) -> ConfigurationProblem? {
    do {
      _ = try Configuration.text(ofFile: file)
      return nil
    } catch { return error.problems.first }
  }

  @Test func whatCannotBeReadIsExplainedAndNamed() throws {
    try Self.inDirectory { directory in
      let missing = "\(directory)/missing.yaml"
      #expect(Self.problem(missing)?.description.hasPrefix("\(missing): cannot be read: No such file") == true)
      #expect(Self.problem(directory)?.message.contains("is a directory") == true)
      #expect(Self.problem("/dev/null")?.message.contains("no regular file") == true)
    }
  }

  @Test func nobodyIsWaitedForAtTheOtherEndOfAPipe() throws {
    try Self.inDirectory { directory in
      try #require(mkfifo("\(directory)/pipe", 0o600) == 0)
      #expect(Self.problem("\(directory)/pipe")?.message.contains("no regular file") == true)
    }
  }

  @Test func whatIsNoUTF8IsRefusedWithItsPlace() throws {
    try Self.inDirectory { directory in
      let file = "\(directory)/skein.yaml"
      try Data(Array("cluster:\n  nämé: ".utf8) + [0xff, 0x0a]).write(to: URL(filePath: file))
      let problem = try #require(Self.problem(file))
      #expect(problem.line == 2 && problem.column == 9 && problem.message.contains("UTF-8"))
      try Data([0xff, 0xfe, 0x63, 0x00]).write(to: URL(filePath: file))
      #expect(Self.problem(file)?.line == 1)
      try Data(Array("a: é".utf8).dropLast()).write(to: URL(filePath: file))
      #expect(Self.problem(file)?.column == 4)
    }
  }

  @Test func aHugeFileIsNoConfiguration() throws {
    try Self.inDirectory { directory in
      let file = "\(directory)/skein.yaml"
      try Data(repeating: 0x23, count: 1 << 20).write(to: URL(filePath: file))
      #expect(Self.problem(file) == nil)
      try Data(repeating: 0x23, count: 1 << 20 + 1).write(to: URL(filePath: file))
      #expect(Self.problem(file)?.message.contains("1 MiB") == true)
    }
  }

  @Test func aByteOrderMarkIsPassedOver() throws {
    try Self.inDirectory { directory in
      let file = "\(directory)/skein.yaml"
      try Data([0xef, 0xbb, 0xbf] + Array(ConfigurationTests.least.utf8)).write(to: URL(filePath: file))
      #expect(throws: Never.self) { try Configuration.read(Configuration.text(ofFile: file), file: file) }
    }
  }
}
