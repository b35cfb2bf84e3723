import Foundation
import Testing

/// The faults of `make mutants`, each of which must still fit the code: one that does not is noticed by nobody.
@Suite struct FaultTests {
  @Test func eachFaultFitsTheCodeOnce() throws {
    let root = FloorTests.sources.deletingLastPathComponent()
    let lines = try String(contentsOf: root.appending(path: "Tools/mutants/faults"), encoding: .utf8).split(separator: "\n")
    var name: Substring = ""
    var file: Substring = ""
    var count = 0
    for line in lines {
      if line.hasPrefix("== ") { name = line.dropFirst(3) }
      if line.hasPrefix("file ") { file = line.dropFirst(5) }
      guard line.hasPrefix("- ") else { continue }
      count += 1
      let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
      #expect(text.ranges(of: line.dropFirst(2)).count == 1, "\(name): \(file)")
    }
    #expect(count > 0)
  }
}
