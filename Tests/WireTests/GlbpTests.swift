import Testing
import Wire

private func payload(_ name: String) throws -> [UInt8] { try Corpus.octets("glbp/\(name)") }

/// The header of group 1 and then these TLVs.
private func payload(tlvs: String) -> [UInt8] { hex("0100 0001 0000 525400000003" + tlvs) }

private func reason(_ octets: [UInt8]) -> String? {
  do throws(WireError) {
    _ = try GlbpPacket(decoding: octets[...])
    return nil
  } catch {
    return error.reason
  }
}

@Suite struct GlbpTests {
  @Test func takesApart() throws {
    let datagram = try GlbpDatagram(payload("hello-and-forwarder")[...])
    #expect(datagram.group == 1)
    #expect(datagram.owner == ethernet("ca:04:2c:92:00:1c"))
    #expect(datagram.tlvs.map(\.type) == [1, 2])
    #expect(datagram.tlvs.map(\.body.count) == [26, 18])
  }

  @Test func everyTypeHasAnExample() throws {
    let types = GlbpExamples.packets.values.flatMap(\.tlvs).compactMap(\.knownType)
    #expect(Set(types) == Set(GlbpTlvType.allCases))
    #expect(try Corpus.names(in: "glbp") == GlbpExamples.packets.keys.sorted())
  }

  @Test(arguments: GlbpExamples.packets.keys.sorted()) func octetsWrittenByHandDecodeToTheValue(name: String) throws {
    #expect(try GlbpPacket(decoding: payload(name)[...]) == GlbpExamples.packets[name])
  }

  @Test(arguments: GlbpExamples.packets.keys.sorted()) func valueEncodesToTheOctetsWrittenByHand(name: String) throws {
    #expect(try #require(GlbpExamples.packets[name]).encode() == payload(name))
  }

  @Test func exampleOfTheSpecificationIsWhatWeSend() throws {
    #expect(
      try #require(GlbpExamples.packets["hello-and-forwarder"]).encode()
        == hex(
          """
          01 00 00 01 00 00 ca 04 2c 92 00 1c
          01 1c 00 20 00 64 00 00 00 00 0b b8 00 00 27 10 02 58 38 40 00 00 01 04 0a 01 01 fe
          02 14 01 20 00 a7 64 00 00 00 00 00 00 00 00 07 b4 00 01 01
          """))
  }

  /// A cut between two TLVs leaves a sound packet; any other does not.
  @Test(arguments: GlbpExamples.packets.keys.sorted()) func isRefusedWhenTruncatedWithinATlv(name: String) throws {
    let octets = try payload(name)
    var ends: Set<Int> = [12]
    for tlv in try GlbpDatagram(octets[...]).tlvs { ends.insert(tlv.body.endIndex) }
    for length in 0..<octets.count where !ends.contains(length) {
      let cut = ([0xee, 0xee, 0xee] + octets)[3..<3 + length]
      #expect(refusal { () throws(WireError) in _ = try GlbpPacket(decoding: cut) } == .truncated, "\(length) octets of \(name)")
    }
  }

  /// A TLV whose length says less than its body needs.
  @Test(arguments: GlbpExamples.packets.keys.filter { $0 != "unknown" }.sorted()) func bodyIsRefusedWhenTruncated(name: String) throws {
    let octets = try payload(name)
    let body = try #require(GlbpDatagram(octets[...]).tlvs.first).body
    let least = octets[12] >= 0xf0 ? 2 : 0  // shorter than its mark, it is not ours
    for length in least..<body.count {
      let cut = octets.prefix(12) + [octets[12], UInt8(2 + length)] + body.prefix(length)
      #expect(refusal { () throws(WireError) in _ = try GlbpPacket(decoding: cut) } == .truncated, "\(length) octets of \(name)")
    }
  }

  @Test func octetsThatNobodyHasNamedAreNotLookedAt() throws {
    var octets = try payload("hello-and-forwarder")
    for place in [1, 4, 5, 14, 16, 18, 19, 32, 33, 44] + Array(47..<54) {
      #expect(octets[place] == 0, "octet \(place)")
      octets[place] = 0xff
    }
    #expect(try GlbpPacket(decoding: octets[...]) == GlbpExamples.packets["hello-and-forwarder"])
  }

  @Test func whatFollowsTheKnownOctetsOfABodyIsPassedOver() throws {
    #expect(try GlbpPacket(decoding: payload(tlvs: "0305 00 00 ff")[...]).authentication?.secret == [])
    let member = try payload("member")
    #expect(try GlbpPacket(decoding: (member.prefix(13) + [0x6b] + member.dropFirst(14) + [1, 2])[...]).member == GlbpExamples.member)
  }

  @Test(arguments: [
    ("02 00 0001 0000 525400000003", "unknownVersion"), ("01 00 0400 0000 525400000003", "badValue: GLBP group"),
    ("01 00 ffff 0000 525400000003", "badValue: GLBP group"), ("01 00 0001 0000 5254000000", "truncated"), ("", "truncated"),
  ]) func wrongHeaderIsRefusedForItsReason(octets: String, expected: String) { #expect(reason(hex(octets)) == expected) }

  @Test(arguments: [
    ("01 00", "badValue: GLBP TLV length"), ("01 01", "badValue: GLBP TLV length"), ("01", "truncated"), ("01 1c 00", "truncated"),
    ("01 02", "truncated"), ("02 13 01 20 00 a7 64 00000000000000 0007b40001", "truncated"),
    ("01 1c 00 20 00 64 0000 00000000 00002710 0258 3840 0000 01 04 0a0101fe", "badValue: GLBP hello time"),
    ("01 1c 00 20 00 64 0000 00000bb8 00000000 0258 3840 0000 01 04 0a0101fe", "badValue: GLBP hold time"),
    ("01 1c 00 20 00 64 0000 00000bb8 00002710 0258 3840 0000 03 04 0a0101fe", "badValue: GLBP address type"),
    ("01 1c 00 20 00 64 0000 00000bb8 00002710 0258 3840 0000 01 03 0a0101fe", "badValue: GLBP address length"),
    ("01 1c 00 20 00 64 0000 00000bb8 00002710 0258 3840 0000 02 10 0a0101fe", "truncated"),
    (
      "01 28 00 20 00 64 0000 00000bb8 00002710 0258 3840 0000 02 10 00000000000000000000ffff0a0101fe", "badValue: GLBP address"
    ),
    ("03 04 01 01", "truncated"), ("03 04 00 00 03 04 00 00", "badValue: GLBP TLVs: a second authentication"),
    (
      "f1 69 534b 00 00000000000000000000ffff0a010103 05 0064 08" + String(repeating: "00", count: 80), "badValue: GLBP member version"
    ),
    ("f2 05 534b 01", "truncated"), ("f2 05 534b 14", "oversized"), ("f2 06 534b 00 00", "trailingOctets"),
    ("f2 12 534b 01 00 00002710 0000000000989680", "badValue: GLBP forwarder"),
    ("f3 0f 534b 0000000000000007 01 00 00", "truncated"), ("f3 0f 534b 0000000000000007 01 00 28", "oversized"),
    ("f3 10 534b 0000000000000007 01 00 00 1e", "oversized"),
    ("f3 18 534b 0000000000000007 01 01 00 01 01 00 ff 00 00000009", "badValue: GLBP table: gateway index"),
    ("f3 18 534b 0000000000000007 01 01 00 01 01 ff ff 08 00000009", "badValue: flags"),
    ("f3 18 534b 0000000000000007 01 01 00 01 00 ff ff 00 00000009", "badValue: GLBP forwarder"),
    ("f3 20 534b 0000000000000007 01 02 00 02 01ffff0000000009 01ffff0000000009", "badValue: GLBP table: a forwarder twice"),
    ("f3 1c 534b 0000000000000007 02 00 02 01040a010103 01040a010103 00", "badValue: GLBP table: a gateway twice"),
  ]) func wrongTlvIsRefusedForItsReason(tlvs: String, expected: String) { #expect(reason(payload(tlvs: tlvs)) == expected) }

  @Test func thereMayBeOneHelloForEachFamily() throws {
    let both = GlbpExamples.packet(.hello(GlbpExamples.hello), .hello(GlbpExamples.hello6))
    let decoded = try GlbpPacket(decoding: both.encode()[...])
    #expect(decoded.hello(.ipv4) == GlbpExamples.hello && decoded.hello(.ipv6) == GlbpExamples.hello6)
    let twice = GlbpExamples.packet(.hello(GlbpExamples.hello), .hello(GlbpExamples.hello))
    #expect(reason(twice.encode()) == "badValue: GLBP TLVs: a second hello of a family")
  }

  @Test func tlvsBeyondTheLimitAreRefused() {
    let most = payload(tlvs: String(repeating: "0402", count: GlbpLimits.tlvCount))
    #expect(reason(most) == nil)
    #expect(reason(most + [4, 2]) == "oversized")
  }

  @Test func randomPacketsSurviveARoundTrip() throws {
    var random = RandomMessages(generator: SeededGenerator(300))
    for round in 0..<2000 {
      let packet = random.glbpPacket()
      #expect(try GlbpPacket(decoding: packet.encode()[...]) == packet, "round \(round), seed \(SeededGenerator.seed)")
    }
  }

  @Test func mutatedPacketsAreDecodedOrRefused() throws {
    var random = RandomMessages(generator: SeededGenerator(301))
    let seeds = try Corpus.all(in: "glbp") + (0..<50).map { _ in random.glbpPacket().encode() }
    var engine = MutationEngine(seeds: seeds, generator: SeededGenerator(302))
    var decoded = 0
    for round in 0..<MutationTests.count / 2 {
      let octets = engine.next()
      guard let packet = try? GlbpPacket(decoding: octets[...]) else { continue }
      decoded += 1
      if (try? GlbpPacket(decoding: packet.encode()[...])) != packet {
        Issue.record("round \(round), seed \(SeededGenerator.seed): \(Hexadecimal.text(of: octets)) does not survive")
      }
    }
    #expect(decoded > MutationTests.count / 100, "a mutation that never decodes tests nothing")
  }
}

@Suite struct GlbpSealTests {
  @Test func sealMustBeTheLastTlv() {
    let seal = GlbpTlv.seal(GlbpExamples.seal)
    let other = GlbpTlv.unknown(type: 0x7f, octets: [])
    #expect(reason(GlbpExamples.packet(seal, other).encode()) == "badValue: GLBP seal: not the last TLV")
    #expect(reason(GlbpExamples.packet(seal, seal).encode()) == "badValue: GLBP TLVs: a second seal")
    #expect(reason(GlbpExamples.packet(other, seal).encode()) == nil)
  }

  @Test func codeIsComputedOverAllButItself() throws {
    let sealed = try Corpus.octets("glbp/sealed")
    let blank = GlbpExamples.packet(.seal(GlbpSeal(incarnation: 0x0123_4567_89ab_cdef, sequence: 42))).encode()
    #expect(GlbpSeal.authenticatedOctets(of: sealed) == blank)
    #expect(GlbpSeal.authenticatedOctets(of: blank) == blank)
    #expect(GlbpSeal.sealed(blank, with: Array(0..<32)) == sealed)
    #expect(Array(sealed[GlbpSeal.codeRange(in: sealed)]) == GlbpExamples.seal.code)
    #expect(GlbpTlv.seal(GlbpExamples.seal).byteCount == GlbpSeal.byteCount)
  }
}

@Suite struct GlbpPartsTests {
  static let gateways = (1...16).map { InternetAddress(high: 0xfe80_0000_0000_0000, low: UInt64($0)) }
  static let entries: [GlbpTable.Entry] = (1...255).map { (number: Int) -> GlbpTable.Entry in
    GlbpTable.Entry(
      forwarder: UInt8(number), home: gateways[number % 15], holder: gateways[number % 13], isRedirectEnded: number % 3 == 0,
      isRetired: number % 9 == 0, serial: UInt32(number))
  }

  @Test func partsOfATableMakeTheWhole() throws {
    let tlvs = GlbpTable.tlvs(version: 9, gateways: Self.gateways, entries: Self.entries)
    let packets = GlbpPacket.packets(group: 1, owner: .broadcast, common: [.hello(GlbpExamples.hello)], parts: tlvs)
    #expect(packets.count > 1)
    var parts: [GlbpTable] = []
    for packet in packets {
      #expect(packet.encode().count <= GlbpLimits.payloadByteCount - GlbpSeal.byteCount && packet.hello(.ipv4) != nil)
      parts += try GlbpPacket(decoding: packet.encode()[...]).table
    }
    #expect(parts.flatMap(\.entries) == Self.entries)
    #expect(Set(parts.flatMap(\.gateways)) == Set(Self.gateways))
    for part in parts {
      #expect(part.version == 9 && part.gatewayCount == 16 && part.forwarderCount == 255)
      for entry in part.entries { #expect([entry.home, entry.holder].compactMap { $0 }.allSatisfy(part.gateways.contains)) }
    }
  }

  @Test func emptyTableIsAPartToo() {
    #expect(
      GlbpTable.tlvs(version: 1, gateways: [], entries: []) == [
        .table(GlbpTable(version: 1, gatewayCount: 0, forwarderCount: 0, entries: []))
      ])
  }

  @Test func gatewayWithoutForwardersIsNamed() {
    let tlvs = GlbpTable.tlvs(version: 1, gateways: [GlbpExamples.gateway], entries: [])
    #expect(GlbpExamples.packet(tlvs[0]).table.flatMap(\.gateways) == [GlbpExamples.gateway])
  }

  @Test func trafficIsSpreadOverTlvs() throws {
    let traffic = (1...255).map { GlbpTraffic.Entry(forwarder: UInt8($0), packetsPerSecond: UInt32($0), octetsPerSecond: .max) }
    let packets = GlbpPacket.packets(
      group: 1, owner: .broadcast, common: [], parts: GlbpTraffic.tlvs(traffic))
    let decoded = try packets.map { try GlbpPacket(decoding: $0.encode()[...]) }
    #expect(decoded.flatMap(\.traffic) == traffic)
    #expect(decoded.allSatisfy { $0.encode().count <= GlbpLimits.payloadByteCount - GlbpSeal.byteCount })
  }

  @Test func noPartsMakeOnePacket() {
    #expect(GlbpPacket.packets(group: 1, owner: .broadcast, common: [.hello(GlbpExamples.hello)], parts: []).count == 1)
  }
}

@Suite struct GlbpTransportTests {
  @Test func virtualAddressNamesGroupAndForwarder() {
    #expect("\(EthernetAddress.virtual(group: 1020, forwarder: 1))" == "00:07:b4:03:fc:01")
    for group in GlbpLimits.groups {
      for forwarder: UInt8 in [0, 1, 127, 255] {
        let named = EthernetAddress.virtual(group: group, forwarder: forwarder).virtualForwarder
        #expect(named?.group == group && named?.forwarder == forwarder)
      }
    }
  }

  @Test(arguments: ["00:07:b4:04:00:01", "00:07:b4:83:fc:01", "00:07:b5:03:fc:01", "01:07:b4:03:fc:01", "00:00:00:00:00:01"])
  func otherAddressesAreNoForwarders(text: String) { #expect(ethernet(text).virtualForwarder == nil) }

  @Test func groupsHaveTheirEthernetAddresses() {
    #expect("\(GlbpTransport.ipv4Group)" == "224.0.0.102" && "\(GlbpTransport.ipv6Group)" == "ff02::66")
    #expect("\(EthernetAddress(group: GlbpTransport.ipv4Group))" == "01:00:5e:00:00:66")
    #expect("\(EthernetAddress(group: GlbpTransport.ipv6Group))" == "33:33:00:00:00:66")
  }

  @Test(arguments: ["10.1.1.3", "fe80::3"]) func frameCarriesThePayload(text: String) throws {
    let source = EthernetAddress.virtual(group: 1, forwarder: 1)
    let payload = try #require(GlbpExamples.packets["member"]).encode()
    let frame = GlbpTransport.frame(carrying: payload, from: address(text), source: source, tags: [VlanTag(control: 7)])
    let view = try EthernetFrame(frame[...])
    #expect(view.source == source && view.destination.isMulticast && view.tags.map(\.identifier) == [7])
    let isIPv4 = address(text).family == .ipv4
    let packet = try isIPv4 ? nil : IPv6Packet(view.payload)
    let hopLimit = try packet?.hopLimit ?? IPv4Packet(view.payload).hopLimit
    let datagram = try UdpDatagram(packet?.payload ?? IPv4Packet(view.payload).payload)
    #expect(hopLimit == 255)
    #expect(datagram.sourcePort == 3222 && datagram.destinationPort == 3222 && Array(datagram.payload) == payload)
    #expect(datagram.isChecksumRight(from: address(text), to: GlbpTransport.group(address(text).family)))
  }

  /// The active virtual gateway's answers: another's virtual address as the sender's, from the gateway's own.
  @Test func questionForTheVirtualAddressIsAnsweredWithAForwarder() throws {
    let forwarder = EthernetAddress.virtual(group: 1, forwarder: 5)
    let own = ethernet("52:54:00:00:00:03")
    let host = ethernet("52:54:00:00:00:99")
    let request = ArpMessage(
      operation: .request, senderEthernet: host, senderAddress: address("10.1.1.99"), targetEthernet: EthernetAddress(bits: 0),
      targetAddress: address("10.1.1.254"))
    let question = EthernetHeader(destination: .broadcast, source: host, type: .arp).frame(carrying: request.encode())
    let query = try #require(try AddressQuery.find(in: question[...]))
    let answer = try EthernetFrame(query.answer(at: forwarder, from: own, isRouter: true)[...])
    #expect(answer.source == own && answer.destination == host)
    #expect(ArpMessage(try ArpPacket(answer.payload)) == request.reply(at: forwarder))
  }

  @Test func solicitationForTheVirtualAddressIsAnsweredWithAForwarder() throws {
    let forwarder = EthernetAddress.virtual(group: 1, forwarder: 5)
    let (own, host) = (ethernet("52:54:00:00:00:03"), ethernet("52:54:00:00:00:99"))
    let (virtual, asker) = (address("fe80::1"), address("fe80::99"))
    let solicitation = NeighbourMessage.solicitation(NeighbourSolicitation(target: virtual, sourceLinkLayer: host))
    let question = EthernetHeader(destination: EthernetAddress(group: virtual.solicitedNode), source: host, type: .ipv6)
      .frame(carrying: solicitation.packet(from: asker, to: virtual.solicitedNode))
    let query = try #require(try AddressQuery.find(in: question[...]))
    let answer = try EthernetFrame(query.answer(at: forwarder, from: own, isRouter: true)[...])
    #expect(answer.source == own && answer.destination == host)
    let packet = try IPv6Packet(answer.payload)
    #expect(packet.source == virtual && packet.destination == asker)
    #expect(
      try NeighbourMessage(in: packet)
        == .advertisement(
          NeighbourAdvertisement(target: virtual, targetLinkLayer: forwarder, isRouter: true, isSolicited: true, overrides: true)))
  }
}
