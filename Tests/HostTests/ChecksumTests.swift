import PacketPathCases
import Testing
import Wire

@testable import Host

@Suite("A checksum that the sender left to its card")
struct ChecksumTests {
  struct Case: CustomStringConvertible, Sendable {
    var description: String
    var number: UInt8
    var isIPv6 = false
    var tags: [UInt16] = []
    var payload: [UInt8] = [1, 2, 3, 4, 5]

    var segment: [UInt8] { number == 6 ? Frames.tcp(payload) : Frames.udp(payload) }
    var field: Int { number == 6 ? 16 : 6 }
    var start: Int { 14 + tags.count * 4 + (isIPv6 ? 40 : 20) }

    private var pseudoHeader: [UInt8] {
      let addresses = isIPv6 ? Frames.client6 + Frames.cluster6 : Frames.client4 + Frames.cluster4
      return addresses + [0, number] + Frames.big(UInt16(segment.count))
    }

    /// With this in the checksum's place.
    func frame(_ checksum: UInt16) -> [UInt8] {
      let packet =
        isIPv6
        ? Frames.ipv6(from: Frames.client6, to: Frames.cluster6, protocol: number, segment)
        : Frames.ipv4(from: Frames.client4, to: Frames.cluster4, protocol: number, segment)
      var frame = Frames.ip(tags: tags, packet)
      frame.replaceSubrange(start + field..<start + field + 2, with: Frames.big(checksum))
      return frame
    }

    /// As a card would have completed it.
    var whole: [UInt8] {
      var blank = segment
      blank.replaceSubrange(field..<field + 2, with: [0, 0])
      return frame(Frames.checksum(pseudoHeader + blank))
    }

    /// As it comes over a virtual wire.
    var partial: [UInt8] { frame(~Frames.checksum(pseudoHeader)) }
  }

  static let cases = [
    Case(description: "UDP over IPv4", number: 17), Case(description: "TCP over IPv4", number: 6),
    Case(description: "UDP over IPv6", number: 17, isIPv6: true), Case(description: "TCP over IPv6", number: 6, isIPv6: true),
    Case(description: "TCP behind two tags", number: 6, tags: [7, 8]), Case(description: "nothing in it", number: 17, payload: []),
  ]

  @Test(arguments: cases) func isCompleted(of one: Case) {
    var frame = one.partial
    #expect(frame != one.whole)
    frame.completeChecksum()
    #expect(frame == one.whole)
  }

  @Test(arguments: cases) func staysAsItIsWhenItIsWholeOrWrong(of one: Case) {
    for frame in [one.whole, one.frame(0x1234)] {
      var held = frame
      held.completeChecksum()
      #expect(held == frame)
    }
  }

  /// The machine that a unit leaves may send on the whole one of what its next owner holds as it came.
  @Test(arguments: cases) func isCompletedInWhatIsHeld(of one: Case) {
    var held = HeldPackets(limits: HoldLimits(packetCount: 3, byteCount: 1000, duration: .seconds(1)))
    let hasRoom = held.hold(one.partial, unit: 1, interface: 1, at: .zero)
    let isTakenTwice = held.hold(one.whole, unit: 1, interface: 1, at: .zero)
    #expect(hasRoom && !isTakenTwice)
    #expect(held.release(1, at: .zero).map(\.frame) == [one.whole])
  }

  @Test func nothingIsReadBeyondAFrameThatEndsEarly() {
    for one in Self.cases {
      for length in 0..<one.partial.count {
        var frame = Array(one.partial.prefix(length))
        frame.completeChecksum()
        #expect(frame == Array(one.partial.prefix(length)))
      }
    }
  }

  @Test func aFragmentsChecksumIsNotItsOwn() {
    var frame = Self.cases[0].partial
    frame[20] |= 0x20
    let fragment = frame
    frame.completeChecksum()
    #expect(frame == fragment)
  }
}
