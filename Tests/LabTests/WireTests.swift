import Testing

@testable import Lab

@Suite struct ProbeMessageTests {
  @Test func emittedProbeStandsAsDocumented() {
    var probe = ProbeMessage(run: 0x0102_0304, flow: 0x0506, sequence: 0x1112_1314_1516_1718)
    probe.member = 0x0708
    var octets = [UInt8](repeating: 0xff, count: ProbeMessage.octetCount)
    octets.withUnsafeMutableBytes { probe.write(to: $0) }
    #expect(
      octets == [
        0x53, 0x4b, 0x50, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
      ])
    #expect(octets.withUnsafeBytes { ProbeMessage($0) } == probe)
  }

  @Test func probeIsFoundInAFrameThatIsCutShortBehindIt() {
    let probe = ProbeMessage(run: 1, flow: 2, sequence: 3)
    var octets = [UInt8](repeating: 0, count: ProbeMessage.octetCount)
    octets.withUnsafeMutableBytes { probe.write(to: $0) }
    let payload = octets + [9, 9, 9]
    for whole in [Frames.four(17, Frames.udp(payload)), Frames.six(17, Frames.udp(payload))] {
      let frame = Array(whole.dropLast(3))
      #expect(frame.withUnsafeBytes { ProbeMessage(frame: $0) } == probe)
      #expect(frame.withUnsafeBytes { ProbeMessage(frame: $0, from: 7777) } == probe)
      #expect(frame.withUnsafeBytes { ProbeMessage(frame: $0, from: 7778) } == nil)
      for count in frame.indices { #expect(frame[..<count].withUnsafeBytes { ProbeMessage(frame: $0) } == nil) }
    }
    #expect(Frames.four(6, Frames.tcp(flags: 2)).withUnsafeBytes { ProbeMessage(frame: $0) } == nil)
  }

  @Test func datagramsOfOurOwnCanBeTakenApart() {
    let whole = datagram(from: ([10, 0, 0, 1], 7777), to: ([10, 0, 0, 2], 9), [1, 2, 3])
    #expect(whole.prefix(10) == [0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17] && internetChecksum(Array(whole[..<20])) == [0, 0])
    #expect(whole.suffix(11) == [0x1e, 0x61, 0, 9, 0, 11, 0, 0, 1, 2, 3])
    #expect(datagram(from: ([], 1), to: ([], 2), [1]).prefix(8) == [0x60, 0, 0, 0, 0, 9, 17, 64])
  }

  @Test func anythingElseIsNoProbe() {
    let octets = [UInt8](repeating: 0x53, count: ProbeMessage.octetCount)
    #expect(octets.withUnsafeBytes { ProbeMessage($0) } == nil)
    #expect(octets[..<8].withUnsafeBytes { ProbeMessage($0) } == nil)
  }
}

/// Frames written down by hand.
enum Frames {
  static let ethernet: [UInt8] = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1]
  /// IPv4, no options, 10.77.0.100 → 10.77.0.200; `protocolNumber` 6 or 17.
  static func four(_ protocolNumber: UInt8, _ transport: [UInt8], fragment: UInt8 = 0x40, source: [UInt8] = ethernet) -> [UInt8] {
    source + [8, 0, 0x45, 0, 0, UInt8(20 + transport.count), 0, 0, fragment, 0, 64, protocolNumber, 0, 0, 10, 77, 0, 100, 10, 77, 0, 200]
      + transport
  }
  /// IPv6, fd77::100 → fd77::200.
  static func six(_ protocolNumber: UInt8, _ transport: [UInt8]) -> [UInt8] {
    let zero = [UInt8](repeating: 0, count: 12)
    return ethernet + [0x86, 0xdd, 0x60, 0, 0, 0, 0, UInt8(transport.count), protocolNumber, 64]
      + [0xfd, 0x77] + zero + [1, 0] + [0xfd, 0x77] + zero + [2, 0] + transport
  }
  /// From port 7777 to 40000.
  static func udp(_ payload: [UInt8]) -> [UInt8] { [0x1e, 0x61, 0x9c, 0x40, 0, UInt8(8 + payload.count), 0, 0] + payload }
  /// From port 80 to 40000.
  static func tcp(flags: UInt8, sequence: UInt8 = 7, acknowledged: UInt8 = 5) -> [UInt8] {
    [0, 80, 0x9c, 0x40, 0, 0, 0, sequence, 0, 0, 0, acknowledged, 0x50, flags, 0, 0, 0, 0, 0, 0]
  }
}

@Suite struct AnswerFrameTests {
  private func frame(_ octets: [UInt8]) -> AnswerFrame? { octets.withUnsafeBytes { AnswerFrame($0) } }

  @Test func segmentIsTakenApart() throws {
    let accepted = try #require(frame(Frames.four(6, Frames.tcp(flags: 0x12))))
    #expect(accepted.flags == 0x12 && accepted.sequence == 7 && accepted.acknowledged == 5)
    #expect(accepted.sourcePort == 80 && accepted.destinationPort == 40000)
    #expect(accepted.hardwareSource == 0x0200_0000_0001 && accepted.destination == [10, 77, 0, 200])
    let six = try #require(frame(Frames.six(6, Frames.tcp(flags: 0x10))))
    #expect(six.flags == 0x10 && six.destination.prefix(2) == [0xfd, 0x77] && six.destination.suffix(2) == [2, 0])
  }

  @Test func whatIsNoAnswerIsNil() {
    #expect(frame(Frames.four(1, Frames.udp([]))) == nil)
    #expect(frame(Frames.four(17, Frames.udp(Array(repeating: 1, count: 20)))) == nil)
    #expect(frame(Frames.four(6, Frames.tcp(flags: 2), fragment: 0x20)) == nil)
    #expect(frame(Frames.ethernet + [8, 6] + [UInt8](repeating: 0, count: 28)) == nil)
  }

  @Test func truncatedFrameIsNil() {
    for whole in [Frames.four(6, Frames.tcp(flags: 2)), Frames.six(6, Frames.tcp(flags: 2))] {
      for count in whole.indices { #expect(frame(Array(whole[..<count])) == nil) }
    }
  }
}

@Suite struct WireAnswersTests {
  private static let other: [UInt8] = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 2]

  private func twice(_ frames: [[UInt8]]) -> Int {
    var answers = WireAnswers()
    for frame in frames { frame.withUnsafeBytes { answers.note($0) } }
    return answers.answeredTwice
  }

  @Test func repeatedAcceptanceOfOneServerIsOneAnswer() {
    let accepted = Frames.four(6, Frames.tcp(flags: 0x12))
    #expect(twice([accepted, accepted, Frames.four(6, Frames.tcp(flags: 0x10, sequence: 9))]) == 0)
  }

  @Test func anythingFromASecondMachineIsASecondAnswer() {
    let accepted = Frames.four(6, Frames.tcp(flags: 0x12))
    #expect(twice([accepted, Frames.four(6, Frames.tcp(flags: 0x04), source: Self.other)]) == 1)
  }

  @Test func secondAnswerIsShownWithItsFrames() {
    var answers = WireAnswers()
    let frames = [Frames.four(6, Frames.tcp(flags: 0x12)), Frames.four(6, Frames.tcp(flags: 0x04), source: Self.other)]
    for (index, frame) in frames.enumerated() { frame.withUnsafeBytes { answers.note($0, at: UInt64(index) * 2_500_000) } }
    #expect(answers.secondAnswers.count == 1)
    #expect(answers.secondAnswers[0].contains("0.0 ms SYN+ACK 7 from "))
    #expect(answers.secondAnswers[0].hasSuffix("2.5 ms RST 7 from 02:00:00:00:00:02"))
  }

  @Test func portThatIsUsedAgainIsAnotherConnection() {
    let (first, second) = (Frames.tcp(flags: 0x12), Frames.tcp(flags: 0x12, sequence: 8, acknowledged: 6))
    #expect(twice([Frames.four(6, first), Frames.four(6, second), Frames.four(6, first)]) == 0)
    #expect(twice([Frames.four(6, first), Frames.four(6, second, source: Self.other)]) == 0)
    let reset = Frames.four(6, Frames.tcp(flags: 0x04), source: Self.other)
    #expect(twice([Frames.four(6, first), Frames.four(6, second), reset]) == 1)
  }

  @Test func secondInitialSequenceNumberIsASecondAnswer() {
    #expect(twice([Frames.four(6, Frames.tcp(flags: 0x12)), Frames.four(6, Frames.tcp(flags: 0x12, sequence: 8))]) == 1)
  }
}
