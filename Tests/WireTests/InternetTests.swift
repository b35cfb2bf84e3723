import Testing
import Wire

private let near = address("192.0.2.1")
private let far = address("192.0.2.10")
private let near6 = address("2001:db8::1")
private let far6 = address("2001:db8::10")

private func payload(_ name: String) throws -> ArraySlice<UInt8> { try EthernetFrame(Corpus.frame(name)[...]).payload }
private func packet4(_ name: String) throws -> IPv4Packet { try IPv4Packet(payload(name)) }
private func packet6(_ name: String) throws -> IPv6Packet { try IPv6Packet(payload(name)) }

@Suite struct InternetChecksumTests {
  @Test func exampleOfTheStandard() {
    var checksum = InternetChecksum()
    checksum.add(hex("0001 f203 f4f5 f6f7"))  // RFC 1071, 3
    #expect(checksum.value == ~0xddf2)
  }

  @Test func piecesOfAnyLengthMakeTheSameSum() {
    let octets = (0..<101).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    var whole = InternetChecksum()
    whole.add(octets)
    for cut in 0...octets.count {
      var pieces = InternetChecksum()
      pieces.add(octets[..<cut])
      pieces.add(octets[cut...])
      #expect(pieces.value == whole.value)
    }
  }

  @Test func sumOfNothingIsAllOnes() { #expect(InternetChecksum().value == 0xffff) }
}

@Suite struct IPv4Tests {
  static let fragment: IPv4Header = {
    var header = IPv4Header(source: near, destination: far, protocolNumber: .udp)
    header.identification = 0xbeef
    header.dontFragment = false
    header.fragmentOffset = 1480
    header.options = [0x94, 4, 0, 0]
    return header
  }()

  @Test func takesApart() throws {
    let packet = try packet4("ipv4-fragment")
    #expect(packet.source == near && packet.destination == far)
    #expect(packet.protocolNumber == .udp)
    #expect(packet.hopLimit == 64)
    #expect(packet.identification == 0xbeef)
    #expect(packet.fragmentOffset == 1480 && !packet.moreFragments && !packet.dontFragment)
    #expect(Array(packet.options) == [0x94, 4, 0, 0])
    #expect(Array(packet.payload) == Array(0..<16))
    #expect(packet.isChecksumRight)
  }

  @Test func parses() throws { #expect(IPv4Header(try packet4("ipv4-fragment")) == Self.fragment) }

  @Test func emits() throws {
    #expect(Self.fragment.packet(carrying: Array(0..<16)) == Array(try packet4("ipv4-fragment").octets))
  }

  @Test(arguments: ["ipv4-fragment", "udp-ipv4", "tcp-syn", "icmp-echo-request", "icmp-port-unreachable"])
  func headerAndPayloadMakeThePacket(name: String) throws {
    let packet = try packet4(name)
    #expect(IPv4Header(packet).packet(carrying: packet.payload) == Array(packet.octets))
  }

  @Test func isRefusedWhenTruncatedAnywhere() throws {
    expectTruncated(try packet4("udp-ipv4").octets) { octets throws(WireError) in _ = try IPv4Packet(octets) }
  }

  @Test(arguments: [(0, 0x65, WireError.Kind.unknownVersion), (0, 0x44, .badValue), (3, 19, .badValue), (2, 1, .truncated)])
  func contradictoryHeaderIsRefused(offset: Int, value: UInt8, kind: WireError.Kind) throws {
    var octets = Array(try packet4("udp-ipv4").octets)
    octets[offset] = value
    #expect(refusal { () throws(WireError) in _ = try IPv4Packet(octets[...]) } == kind)
  }

  @Test func wrongChecksumIsSeen() throws {
    var octets = Array(try packet4("udp-ipv4").octets)
    octets[8] -= 1
    #expect(try !IPv4Packet(octets[...]).isChecksumRight)
  }
}

@Suite struct IPv6Tests {
  @Test func takesApart() throws {
    let packet = try packet6("udp-ipv6-extensions")
    #expect(packet.source == near6 && packet.destination == far6)
    #expect(packet.nextHeader == .hopByHop)
    #expect(packet.upperLayer == .udp)
    #expect(packet.extensionHeaders.count == 32)
    #expect(packet.fragment?.identification == 0xcafe)
    #expect(packet.fragment?.offset == 0 && packet.fragment?.moreFragments == false)
    #expect(Array(packet.payload.suffix(3)) == Array("png".utf8))
  }

  @Test func parses() throws {
    #expect(IPv6Header(try packet6("udp-ipv6")) == IPv6Header(source: near6, destination: far6, nextHeader: .udp))
  }

  @Test(arguments: ["udp-ipv6", "udp-ipv6-extensions", "icmpv6-too-big", "neighbour-probe"]) func emits(name: String) throws {
    let packet = try packet6(name)
    #expect(IPv6Header(packet).packet(carrying: packet.extensionHeaders + packet.payload) == Array(packet.octets))
  }

  @Test func classAndLabelSurvive() throws {
    var header = IPv6Header(source: near6, destination: far6, nextHeader: .noNext, hopLimit: 1)
    header.service = 0xb8
    header.flowLabel = 0xabcde
    let packet = try IPv6Packet(header.packet(carrying: [])[...])
    #expect(IPv6Header(packet) == header)
    #expect(packet.upperLayer == .noNext)
  }

  @Test func isRefusedWhenTruncatedAnywhere() throws {
    expectTruncated(try packet6("udp-ipv6-extensions").octets) { octets throws(WireError) in _ = try IPv6Packet(octets) }
  }

  static func packet(next: InternetProtocol, _ payload: [UInt8]) throws(WireError) -> IPv6Packet {
    try IPv6Packet(IPv6Header(source: near6, destination: far6, nextHeader: next).packet(carrying: payload)[...])
  }

  @Test func walkStopsAtALaterFragment() throws {
    // The data of a later fragment looks like another extension header, and must not be read as one.
    let packet = try Self.packet(next: .fragment, hex("3c00 0008 0000cafe 11ff"))
    #expect(packet.upperLayer == .destinationOptions)
    #expect(packet.fragment?.offset == 8)
    #expect(packet.payload.count == 2)
  }

  @Test func walkGivesUpAtItsLimit() throws {
    let options = hex("3c00 0000 0000 0000")
    func chain(_ count: Int) -> [UInt8] { Array(Array(repeating: options, count: count - 1).joined()) + hex("1100 0000 0000 0000") }
    #expect(try Self.packet(next: .destinationOptions, chain(8)).upperLayer == .udp)
    #expect(refusal { () throws(WireError) in _ = try Self.packet(next: .destinationOptions, chain(9)) } == .badValue)
  }

  @Test func extensionHeaderBeyondThePacketIsRefused() {
    #expect(refusal { () throws(WireError) in _ = try Self.packet(next: .routing, hex("11ff 0000 0000 0000")) } == .truncated)
    #expect(refusal { () throws(WireError) in _ = try Self.packet(next: .authentication, hex("1104 0000 0000 0000")) } == .truncated)
  }

  @Test func authenticationHeaderCountsInWords() throws {
    let packet = try Self.packet(next: .authentication, hex("1102 0000 00000000 00000000 00000000 aabb"))
    #expect(packet.upperLayer == .udp && Array(packet.payload) == [0xaa, 0xbb])
  }

  @Test func mappedIPv4AddressIsRefused() {
    let header = IPv6Header(source: near, destination: far6, nextHeader: .noNext)
    #expect(refusal { () throws(WireError) in _ = try IPv6Packet(header.packet(carrying: [])[...]) } == .badValue)
  }
}

@Suite struct UdpTests {
  static let header = UdpHeader(sourcePort: 40_000, destinationPort: 4000)

  @Test func takesApart() throws {
    let datagram = try UdpDatagram(packet4("udp-ipv4").payload)
    #expect(datagram.sourcePort == 40_000 && datagram.destinationPort == 4000)
    #expect(Array(datagram.payload) == Array("ping".utf8))
    #expect(datagram.isChecksumRight(from: near, to: far))
    #expect(!datagram.isChecksumRight(from: near, to: address("192.0.2.11")))
  }

  @Test func parses() throws { #expect(UdpHeader(try UdpDatagram(packet6("udp-ipv6").payload)) == Self.header) }

  @Test func emitsFramesOfBothFamilies() throws {
    let (from, to) = (ethernet("52:54:00:00:00:01"), ethernet("52:54:00:00:00:03"))
    #expect(Self.header.frame(carrying: "png".utf8, from: (near6, from), to: (far6, to)) == (try Corpus.frame("udp-ipv6")))
    #expect(Self.header.frame(carrying: "ping".utf8, from: (near, from), to: (far, to)) == (try Corpus.frame("udp-ipv4")))
  }

  @Test func isRefusedWhenTruncatedAnywhere() throws {
    expectTruncated(try packet4("udp-ipv4").payload) { octets throws(WireError) in _ = try UdpDatagram(octets) }
  }

  @Test func lengthBelowTheHeaderIsRefused() {
    #expect(refusal { () throws(WireError) in _ = try UdpDatagram(hex("9c40 0035 0007 0000")[...]) } == .badValue)
  }

  @Test func checksumMayBeLeftOutOverIPv4Only() throws {
    let datagram = try UdpDatagram(hex("9c40 0035 0008 0000")[...])
    #expect(datagram.isChecksumRight(from: near, to: far))
    #expect(!datagram.isChecksumRight(from: near6, to: far6))
  }

  @Test func checksumOfZeroIsSentAsAllOnes() throws {
    // A payload chosen so that the sum comes out as 0.
    let probe = Self.header.datagram(carrying: [0, 0], from: near, to: far)
    let datagram = Self.header.datagram(carrying: [probe[6], probe[7]], from: near, to: far)
    #expect(Array(datagram[6..<8]) == [0xff, 0xff])
    #expect(try UdpDatagram(datagram[...]).isChecksumRight(from: near, to: far))
  }
}

@Suite struct TcpTests {
  static let syn: TcpHeader = {
    var header = TcpHeader(sourcePort: 40_000, destinationPort: 443, sequence: 0x0102_0304, acknowledgement: 0, flags: .syn, window: 64_240)
    header.options = hex("020405b4 0402 080a 00000001 00000000 01 030307")
    return header
  }()

  @Test func takesApart() throws {
    let segment = try TcpSegment(packet4("tcp-syn").payload)
    #expect(segment.sourcePort == 40_000 && segment.destinationPort == 443)
    #expect(segment.sequence == 0x0102_0304 && segment.acknowledgement == 0)
    #expect(segment.flags == .syn && segment.window == 64_240 && segment.urgentPointer == 0)
    #expect(segment.options.count == 20 && segment.payload.isEmpty)
    #expect(segment.isChecksumRight(from: near, to: far))
  }

  @Test func parses() throws { #expect(TcpHeader(try TcpSegment(packet4("tcp-syn").payload)) == Self.syn) }

  @Test func emits() throws { #expect(Self.syn.segment(carrying: [], from: near, to: far) == Array(try packet4("tcp-syn").payload)) }

  @Test func isRefusedWhenTruncatedAnywhere() throws {
    expectTruncated(try packet4("tcp-syn").payload) { octets throws(WireError) in _ = try TcpSegment(octets) }
  }

  @Test func dataOffsetBelowFiveIsRefused() throws {
    var octets = Array(try packet4("tcp-syn").payload)
    octets[12] = 0x40
    #expect(refusal { () throws(WireError) in _ = try TcpSegment(octets[...]) } == .badValue)
  }

  @Test func allFlagsSurvive() throws {
    var header = Self.syn
    header.flags = TcpFlags(rawValue: 0xff)
    header.urgentPointer = 9
    #expect(TcpHeader(try TcpSegment(header.segment(carrying: [1, 2, 3], from: near6, to: far6)[...])) == header)
    #expect("\(TcpFlags([.syn, .ack]))" == "SYN ACK")
  }
}

@Suite struct IcmpTests {
  @Test func takesApart() throws {
    let packet = try IcmpPacket(packet4("icmp-port-unreachable").payload, family: .ipv4)
    #expect(packet.type == 3 && packet.code == 3 && packet.rest == 0 && packet.isError)
    #expect(packet.isChecksumRight(from: far, to: near))
  }

  @Test func parsesAnEcho() throws {
    let packet = try IcmpPacket(packet4("icmp-echo-request").payload, family: .ipv4)
    #expect(IcmpMessage(packet) == .echoRequest(IcmpEcho(identifier: 7, sequence: 1, payload: Array("abcdefgh".utf8))))
  }

  @Test func quotedPacketTellsWhoseErrorItIs() throws {
    guard case .error(let error) = IcmpMessage(try IcmpPacket(packet4("icmp-port-unreachable").payload, family: .ipv4)) else {
      Issue.record("not an error")
      return
    }
    let flow = try error.flow(family: .ipv4)
    #expect(flow.source == near && flow.destination == far && flow.protocolNumber == .udp)
    #expect(flow.sourcePort == 40_000 && flow.destinationPort == 4000)
  }

  @Test func quotedPacketMayBeCutShort() throws {
    guard case .error(let error) = IcmpMessage(try IcmpPacket(packet6("icmpv6-too-big").payload, family: .ipv6)) else {
      Issue.record("not an error")
      return
    }
    #expect(error.type == 2 && error.parameter == 1280)
    let flow = try error.flow(family: .ipv6)
    #expect(flow.source == far6 && flow.sourcePort == 443 && flow.destinationPort == 40_000)
  }

  @Test func quotedLaterFragmentHasNoPorts() throws {
    let error = IcmpError(type: 3, code: 1, parameter: 0, quoted: Array(try packet4("ipv4-fragment").octets))
    let flow = try error.flow(family: .ipv4)
    #expect(flow.protocolNumber == .udp && flow.sourcePort == nil && flow.destinationPort == nil)
  }

  @Test(arguments: ["icmp-port-unreachable", "icmp-echo-request"]) func emits(name: String) throws {
    let packet = try packet4(name)
    let message = IcmpMessage(try IcmpPacket(packet.payload, family: .ipv4))
    #expect(message.encode(from: packet.source, to: packet.destination) == Array(packet.payload))
  }

  @Test func emitsForIPv6() throws {
    let packet = try packet6("icmpv6-too-big")
    let message = IcmpMessage(try IcmpPacket(packet.payload, family: .ipv6))
    #expect(message.encode(from: packet.source, to: packet.destination) == Array(packet.payload))
  }

  @Test func isRefusedWhenTruncatedAnywhere() throws {
    expectTruncated(try packet4("icmp-echo-request").payload.prefix(8)) { octets throws(WireError) in
      _ = try IcmpPacket(octets, family: .ipv4)
    }
  }

  @Test(arguments: InternetFamily.allCases) func unknownTypeSurvives(family: InternetFamily) throws {
    let message = IcmpMessage.other(type: 200, code: 7, rest: 0xdead_beef, body: [1, 2, 3])
    let (source, destination) = family == .ipv4 ? (near, far) : (near6, far6)
    let octets = message.encode(from: source, to: destination)
    let packet = try IcmpPacket(octets[...], family: family)
    #expect(packet.isChecksumRight(from: source, to: destination))
    #expect(IcmpMessage(packet) == message)
  }
}

@Suite struct CapturedFrameTests {
  static let lines = [
    "arp-request": "52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff ARP who has 192.0.2.10? tell 192.0.2.1",
    "arp-reply-to-it": "52:54:00:00:00:03 > 52:54:00:00:00:01 ARP 192.0.2.10 is at 02:53:4b:00:07:0a",
    "arp-request-tagged": "52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff vlan 7 vlan 42 ARP who has 192.0.2.10? tell 192.0.2.1",
    "neighbour-solicitation":
      "52:54:00:00:00:01 > 33:33:ff:00:00:10 2001:db8::1 > ff02::1:ff00:10 ICMPv6 who has 2001:db8::10?",
    "neighbour-announcement":
      "52:54:00:00:00:03 > 33:33:00:00:00:01 2001:db8::10 > ff02::1 ICMPv6 2001:db8::10 is at 02:53:4b:00:07:0a",
    "udp-ipv4": "52:54:00:00:00:01 > 52:54:00:00:00:03 192.0.2.1 > 192.0.2.10 UDP 40000 > 4000, 4 octets",
    "udp-ipv6-extensions": "52:54:00:00:00:01 > 52:54:00:00:00:03 2001:db8::1 > 2001:db8::10 UDP 40000 > 4000, 3 octets",
    "tcp-syn": "52:54:00:00:00:01 > 52:54:00:00:00:03 192.0.2.1 > 192.0.2.10 TCP 40000 > 443 [SYN], 0 octets",
    "icmp-echo-request": "52:54:00:00:00:01 > 52:54:00:00:00:03 192.0.2.1 > 192.0.2.10 ICMP echo request 7/1",
    "ipv4-fragment": "52:54:00:00:00:01 > 52:54:00:00:00:03 192.0.2.1 > 192.0.2.10 UDP fragment at 1480, the last",
    "other-type": "52:54:00:00:00:01 > 52:54:00:00:00:03 other, 46 octets",
  ]

  @Test(arguments: lines.keys.sorted()) func frameIsToldInOneLine(name: String) throws {
    #expect(try CapturedFrame(Corpus.frame(name)[...]).description == Self.lines[name])
  }

  @Test(arguments: try Corpus.names(in: "frames")) func corpusIsSound(name: String) throws {
    #expect(try !CapturedFrame(Corpus.frame(name)[...]).description.contains("unsound"))
  }

  @Test(arguments: ["udp-ipv4", "tcp-syn", "icmp-echo-request", "udp-ipv6", "neighbour-solicitation"])
  func changedFrameIsCalledUnsound(name: String) throws {
    var octets = try Corpus.frame(name)
    octets[name.contains("ipv6") || name.contains("neighbour") ? 56 : 36] ^= 1
    #expect(try CapturedFrame(octets[...]).description.hasSuffix("unsound: bad checksum"))
  }
}
