import Foundation
import Logging
import Testing
import Wire

@testable import Node

/// What may become of the file, pipe or socket that the log is written to.
@Suite struct LineLogTests {
  private static func pipeEnds() -> (reader: Int32, writer: Int32) {
    var ends: [Int32] = [-1, -1]
    _ = pipe(&ends)
    return (ends[0], ends[1])
  }

  private static func logger(_ writer: LineWriter, _ format: Configuration.LogSection.Format = .text) -> Logger {
    Logger(label: "test") { _ in LineLogHandler(logLevel: .info, format: format, writer: writer) }
  }

  /// The next line, without its end; waits for it.
  private static func line(_ reader: Int32) -> String {
    var octets: [UInt8] = []
    var octet: UInt8 = 0
    while read(reader, &octet, 1) == 1, octet != UInt8(ascii: "\n") { octets.append(octet) }
    return String(decoding: octets, as: UTF8.self)
  }

  @Test func aLineIsAnEntryAsTextOrJSON() throws {
    let (reader, descriptor) = Self.pipeEnds()
    let writer = LineWriter(descriptor: descriptor)
    Self.logger(writer).notice("hello", metadata: ["b": "2", "a": "1"])
    #expect(Self.line(reader).hasSuffix(" notice hello a=1 b=2"))
    Self.logger(writer, .json).error("no", metadata: ["a": "1"])
    let object = try JSONDecoder().decode([String: String].self, from: Data(Self.line(reader).utf8))
    #expect(object["message"] == "no" && object["level"] == "error" && object["a"] == "1" && object["time"] != nil)
    #expect(writer.lostCount == 0 && writer.trouble == nil)
  }

  @Test func aReaderThatStandsStillCostsLinesAndNoTime() throws {
    let (reader, descriptor) = Self.pipeEnds()
    let writer = LineWriter(descriptor: descriptor)
    let logger = Self.logger(writer)
    for number in 0..<10_000 { logger.info("line \(number) \(String(repeating: ".", count: 100))") }
    let lost = writer.lostCount
    #expect(lost >= 10_000 - UInt64(LineWriter.lineLimit) - 1000 && lost < 10_000, "A pipe takes some 500 of them.")
    #expect(writer.trouble?.contains("\(lost) log lines were lost") == true)
    #expect(writer.counterReports.first?.value == lost)
    var read = 0
    var last = Self.line(reader)
    // In order; where some are missing depends on when the writer's thread had its turns.
    var number = -1
    while !last.contains("were lost") {
      let next = try #require(last.firstMatch(of: #/line (\d+)/#).flatMap { Int($0.1) })
      #expect(next > number)
      number = next
      read += 1
      last = Self.line(reader)
    }
    #expect(UInt64(read) + lost == 10_000)
    #expect(last.contains("warning \(lost) log lines were lost: whoever reads the log is too slow"))
    writer.flush(within: .seconds(30))
    #expect(writer.trouble == nil && writer.lostCount == lost)
  }

  @Test func aFullDiskCostsLinesAndTheNextThatFitsSaysHowMany() throws {
    let descriptor = open("/dev/full", O_WRONLY)
    let writer = LineWriter(descriptor: descriptor)
    let logger = Self.logger(writer)
    for _ in 0..<5 { logger.info("for nobody") }
    writer.flush(within: .seconds(30))
    #expect(writer.lostCount == 5 && writer.trouble?.contains("No space left on device") == true)
    let (reader, other) = Self.pipeEnds()
    dup2(other, descriptor)
    logger.info("for somebody")
    #expect(Self.line(reader).hasSuffix(" info for somebody"))
    #expect(Self.line(reader).hasSuffix(" warning 5 log lines were lost: No space left on device (ENOSPC) lost=5"))
    writer.flush(within: .seconds(30))
    #expect(writer.lostCount == 5 && writer.trouble == nil)
  }

  @Test func aPipeWithoutAReaderAndAClosedDescriptorCostLines() throws {
    let (reader, descriptor) = Self.pipeEnds()
    close(reader)
    let writer = LineWriter(descriptor: descriptor)
    Self.logger(writer).info("for nobody")
    writer.flush(within: .seconds(30))
    #expect(writer.lostCount == 1 && writer.trouble?.contains("Broken pipe") == true)
    let closed = LineWriter(descriptor: 1 << 20)
    Self.logger(closed).info("for nobody")
    closed.flush(within: .seconds(30))
    #expect(closed.lostCount == 1)
  }
}
