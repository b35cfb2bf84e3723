import Testing
import Wire

// The frames are under Fuzz/corpus/frames, field by field.
private let asker = ethernet("52:54:00:00:00:01")
private let member = ethernet("52:54:00:00:00:03")
private let shared = ethernet("02:53:4b:00:07:0a")

@Suite struct EthernetTests {
  @Test func takesApart() throws {
    let frame = try EthernetFrame(Corpus.frame("arp-request-tagged")[...])
    #expect(frame.destination == .broadcast)
    #expect(frame.source == asker)
    #expect(frame.type == .arp)
    #expect(frame.tags.map(\.identifier) == [7, 42])
    #expect(frame.tags.map(\.kind) == [.serviceVlan, .vlan])
    #expect(frame.tags.map(\.priority) == [0, 3])
    #expect(frame.payload.count == 60 - 22)
  }

  @Test(arguments: try Corpus.names(in: "frames")) func headerAndPayloadMakeTheFrame(name: String) throws {
    let octets = try Corpus.frame(name)
    let frame = try EthernetFrame(octets[...])
    #expect(EthernetHeader(frame).frame(carrying: frame.payload) == octets)
  }

  @Test func headerIsRefusedWhenTruncatedAnywhere() throws {
    for (name, byteCount) in [("arp-request", 14), ("arp-request-tagged", 22)] {
      expectTruncated(try Corpus.frame(name).prefix(byteCount)) { octets throws(WireError) in _ = try EthernetFrame(octets) }
    }
  }

  @Test func unknownTypeSurvives() throws {
    let octets = try Corpus.frame("other-type")
    let header = EthernetHeader(try EthernetFrame(octets[...]))
    #expect(header.type == EtherType(rawValue: 0x88cc))
    #expect(header.frame(carrying: [2, 7]) == octets)
  }

  @Test func thirdTagIsPayload() throws {
    let header = EthernetHeader(
      destination: .broadcast, source: asker, tags: [VlanTag(control: 1), VlanTag(control: 2), VlanTag(control: 3)], type: .arp)
    let frame = try EthernetFrame(header.frame(carrying: [])[...])
    #expect(frame.tags.count == 2)
    #expect(frame.type == .vlan)
  }

  @Test func groupAddressesAreDerived() {
    #expect(EthernetAddress(group: address("239.255.0.7")) == ethernet("01:00:5e:7f:00:07"))
    #expect(EthernetAddress(group: address("ff02::1:ff00:10")) == ethernet("33:33:ff:00:00:10"))
    #expect(EthernetAddress.broadcast.isMulticast)
    #expect(!asker.isMulticast && shared.isLocallyAdministered)
  }
}

@Suite struct ArpTests {
  static let request = ArpMessage(
    operation: .request, senderEthernet: asker, senderAddress: address("192.0.2.1"), targetEthernet: EthernetAddress(bits: 0),
    targetAddress: address("192.0.2.10"))

  static func payload(_ name: String) throws -> ArraySlice<UInt8> { try EthernetFrame(Corpus.frame(name)[...]).payload }

  @Test func takesApart() throws {
    let packet = try ArpPacket(Self.payload("arp-request"))
    #expect(packet.operation == .request)
    #expect(packet.senderEthernet == asker)
    #expect(packet.senderAddress == address("192.0.2.1"))
    #expect(packet.targetEthernet == EthernetAddress(bits: 0))
    #expect(packet.targetAddress == address("192.0.2.10"))
  }

  @Test func parses() throws { #expect(ArpMessage(try ArpPacket(Self.payload("arp-request"))) == Self.request) }

  @Test func emits() throws { #expect(Self.request.encode() == Array(try Self.payload("arp-request").prefix(28))) }

  @Test func isRefusedWhenTruncatedAnywhere() {
    expectTruncated(Self.request.encode()) { octets throws(WireError) in _ = try ArpPacket(octets) }
  }

  @Test(arguments: [(1, 6), (2, 0x86), (4, 8), (5, 16)]) func otherHardwareOrProtocolIsRefused(offset: Int, value: UInt8) {
    var octets = Self.request.encode()
    octets[offset] = value
    #expect(refusal { () throws(WireError) in _ = try ArpPacket(octets[...]) } == .badValue)
  }

  @Test func unknownOperationSurvives() throws {
    var message = Self.request
    message.operation = ArpOperation(rawValue: 9)
    #expect(ArpMessage(try ArpPacket(message.encode()[...])) == message)
  }

  @Test func replyTurnsTheRequestRound() throws {
    #expect(Self.request.reply(at: shared) == ArpMessage(try ArpPacket(Self.payload("arp-reply-to-it"))))
  }
}

@Suite struct NeighbourTests {
  static func packet(_ name: String) throws -> IPv6Packet { try IPv6Packet(EthernetFrame(Corpus.frame(name)[...]).payload) }

  static let target = address("2001:db8::10")
  static let values: [String: NeighbourMessage] = [
    "neighbour-solicitation": .solicitation(NeighbourSolicitation(target: target, sourceLinkLayer: asker)),
    "neighbour-probe": .solicitation(NeighbourSolicitation(target: target, sourceLinkLayer: nil)),
    "neighbour-advertisement": .advertisement(
      NeighbourAdvertisement(target: target, targetLinkLayer: shared, isRouter: false, isSolicited: true, overrides: true)),
    "neighbour-announcement": .advertisement(
      NeighbourAdvertisement(target: target, targetLinkLayer: shared, isRouter: false, isSolicited: false, overrides: true)),
  ]

  @Test func takesApart() throws {
    let view = try NeighbourPacket(Self.packet("neighbour-solicitation").payload)
    #expect(view.type == 135)
    #expect(view.target == Self.target)
  }

  @Test(arguments: values.keys.sorted()) func parses(name: String) throws {
    #expect(try NeighbourMessage(in: Self.packet(name)) == Self.values[name])
  }

  @Test(arguments: values.keys.sorted()) func emits(name: String) throws {
    let packet = try Self.packet(name)
    #expect(Self.values[name]?.packet(from: packet.source, to: packet.destination) == Array(packet.octets))
  }

  @Test func isRefusedWhenTruncatedAnywhere() throws {
    let payload = try Self.packet("neighbour-solicitation").payload
    expectTruncated(payload.prefix(24)) { octets throws(WireError) in _ = try NeighbourPacket(octets) }
    for length in 25..<payload.count {
      #expect(refusal { () throws(WireError) in _ = try NeighbourPacket(payload.prefix(length)) } == .truncated)
    }
  }

  /// A solicitation with one octet of its ICMPv6 part changed, the checksum put right again.
  static func changed(at offset: Int, to value: UInt8, hopLimit: UInt8 = 255) throws -> IPv6Packet {
    let packet = try packet("neighbour-solicitation")
    var octets = Array(packet.payload)
    octets[offset] = value
    octets.replaceSubrange(2..<4, with: [0, 0])
    var checksum = InternetChecksum()
    checksum.addPseudoHeader(source: packet.source, destination: packet.destination, protocolNumber: .icmpv6, byteCount: octets.count)
    checksum.add(octets)
    octets.replaceSubrange(2..<4, with: [UInt8(checksum.value >> 8), UInt8(checksum.value & 0xff)])
    let header = IPv6Header(source: packet.source, destination: packet.destination, nextHeader: .icmpv6, hopLimit: hopLimit)
    return try IPv6Packet(header.packet(carrying: octets)[...])
  }

  @Test func whatTheStandardSaysToDropIsRefused() throws {
    #expect(verdict(try Self.changed(at: 25, to: 0)) == .badValue)  // option of length 0
    #expect(verdict(try Self.changed(at: 1, to: 1)) == .badValue)  // code
    #expect(verdict(try Self.changed(at: 8, to: 0xff)) == .badValue)  // a group as the target
    #expect(verdict(try Self.changed(at: 7, to: 0, hopLimit: 254)) == .badValue)  // from beyond a router
    #expect(verdict(try Self.changed(at: 0, to: 134)) == .unknownType)  // a router's advertisement
  }

  private func verdict(_ packet: IPv6Packet) -> WireError.Kind? {
    refusal { () throws(WireError) in _ = try NeighbourMessage(in: packet) }
  }

  @Test func unknownOptionIsPassedOver() throws {
    let packet = try Self.changed(at: 24, to: 253)
    #expect(try NeighbourMessage(in: packet) == Self.values["neighbour-probe"])
  }

  @Test func wrongChecksumIsRefused() throws {
    var octets = Array(try Self.packet("neighbour-solicitation").octets)
    octets[42] ^= 1
    let packet = try IPv6Packet(octets[...])
    #expect(verdict(packet) == .badChecksum)
  }
}

@Suite struct AddressResolutionTests {
  @Test(arguments: [
    ("arp-request", "arp-reply-to-it"), ("neighbour-solicitation", "neighbour-advertisement"),
  ]) func questionIsAnswered(question: String, answer: String) throws {
    let query = try #require(try AddressQuery.find(in: Corpus.frame(question)[...]))
    #expect(query.answer(at: shared, from: member) == (try Corpus.frame(answer)))
  }

  @Test func anAnswerToAProbeReachesEverybodyAndOverridesNobodysEntry() throws {
    let query = try #require(try AddressQuery.find(in: Corpus.frame("neighbour-probe")[...]))
    let answer = try EthernetFrame(query.answer(at: shared, from: member)[...])
    let announced = try EthernetFrame(Corpus.frame("neighbour-announcement")[...])
    #expect(answer.destination == announced.destination && answer.source == announced.source)
    guard case .advertisement(var advertisement) = try NeighbourMessage(in: IPv6Packet(answer.payload)) else {
      Issue.record("no advertisement")
      return
    }
    #expect(!advertisement.overrides)
    advertisement.overrides = true
    #expect(try NeighbourMessage(in: IPv6Packet(announced.payload)) == .advertisement(advertisement))
  }

  @Test func questionInAVlanIsAnsweredInTheVlan() throws {
    let query = try #require(try AddressQuery.find(in: Corpus.frame("arp-request-tagged")[...]))
    let answer = try EthernetFrame(query.answer(at: shared, from: member)[...])
    #expect(answer.tags.map(\.control) == [7, 0x602a])
    #expect(ArpMessage(try ArpPacket(answer.payload)) == ArpTests.request.reply(at: shared))
  }

  static let questions: Set = ["arp-request", "arp-request-tagged", "neighbour-solicitation", "neighbour-probe"]

  @Test(arguments: try Corpus.names(in: "frames").filter { !questions.contains($0) })
  func otherFramesAskNothing(name: String) throws { #expect(try AddressQuery.find(in: Corpus.frame(name)[...]) == nil) }

  @Test func ipv4AddressIsAnnouncedAsRequestAndReply() throws {
    let announcement = AddressAnnouncement(address: address("192.0.2.10"), ethernet: shared, source: member)
    #expect(announcement.frames == (try ["arp-announcement-request", "arp-announcement-reply"].map(Corpus.frame)))
  }

  @Test func ipv6AddressIsAnnouncedToAllNodes() throws {
    let announcement = AddressAnnouncement(address: address("2001:db8::10"), ethernet: shared, source: member)
    #expect(announcement.frames == [try Corpus.frame("neighbour-announcement")])
  }

  @Test func anAddressIsAnnouncedToOneNeighbourAlone() throws {
    let neighbour = EthernetAddress(bits: 0x5254_0000_0099)
    let four = AddressAnnouncement(address: address("192.0.2.10"), ethernet: shared, source: member)
    let arp = try EthernetFrame(four.frame(to: address("192.0.2.99"), at: neighbour)[...])
    #expect(arp.destination == neighbour && arp.source == member)
    #expect(ArpMessage(try ArpPacket(arp.payload)) == .announcement(of: four.address, at: shared, as: .request))
    let six = AddressAnnouncement(address: address("2001:db8::10"), ethernet: shared, source: member, isRouter: true)
    let frame = try EthernetFrame(six.frame(to: address("2001:db8::99"), at: neighbour)[...])
    let packet = try IPv6Packet(frame.payload)
    #expect(frame.destination == neighbour && packet.destination == address("2001:db8::99"))
    #expect(
      try NeighbourMessage(in: packet)
        == .advertisement(
          NeighbourAdvertisement(target: six.address, targetLinkLayer: shared, isRouter: true, isSolicited: false, overrides: true)))
  }
}
