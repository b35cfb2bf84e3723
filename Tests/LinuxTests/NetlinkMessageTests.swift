import CLinux
import Testing
import Wire

@testable import Linux

@Suite struct NetlinkMessageTests {
  private func message() -> NetlinkMessage {
    var message = NetlinkMessage(RTM_NEWLINK, flags: NLM_F_ACK, body: ifinfomsg())
    message.number(7)
    message.add(IFLA_IFNAME, "eth0")
    message.add(IFLA_MTU, 1400 as UInt32)
    message.add(IFLA_ADDRESS, [2, 0, 0, 0, 0, 9])
    return message
  }

  @Test func aMessageHasItsLengthAndAlignedAttributes() {
    let bytes = message().bytes
    #expect(bytes.count == 16 + 16 + 12 + 8 + 12)
    #expect(Array(bytes[0..<16]) == [64, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[32..<44]) == [9, 0, 3, 0, 0x65, 0x74, 0x68, 0x30, 0, 0, 0, 0])
  }

  @Test func whatWasBuiltIsTakenApart() throws {
    try (message().bytes + message().bytes).withUnsafeBytes { bytes in
      let replies = NetlinkReply.all(in: bytes)
      #expect(replies.count == 2)
      let interface = try #require(NetworkInterface(replies[1]))
      #expect(interface.name == "eth0" && interface.mtu == 1400 && interface.ethernetAddress == EthernetAddress(bits: 0x0200_0000_0009))
    }
  }

  @Test func aTruncatedMessageIsNoMessage() {
    let bytes = message().bytes
    for count in 0..<bytes.count {
      Array(bytes.prefix(count)).withUnsafeBytes { #expect(NetlinkReply.all(in: $0).isEmpty) }
    }
  }

  /// Lengths that lie, in the message and in its attributes, at every place.
  @Test func noOctetCanLeadOutsideTheBuffer() {
    let original = message().bytes
    for place in original.indices {
      for value in [0, 1, 3, 4, 5, 127, 255] as [UInt8] {
        var bytes = original
        bytes[place] = value
        bytes.withUnsafeBytes { bytes in
          for reply in NetlinkReply.all(in: bytes) {
            _ = NetworkInterface(reply)
            _ = InterfaceAddress(reply)
            _ = Route(reply)
            _ = reply.errorText
          }
        }
      }
    }
  }
}

@Suite struct RealtimeTests {
  @Test func priorityIsGrantedOrRefusedWithAdvice() async throws {
    let (stream, continuation) = AsyncStream<Realtime.Outcome>.makeStream()
    try NativeThread.start(name: "a name that is much too long") { continuation.yield(Realtime.requestPriority()) }
    var outcomes = stream.makeAsyncIterator()
    let refusal = try #require(await outcomes.next()).refusal
    #expect(refusal == nil || refusal?.advice != nil)
  }
}
