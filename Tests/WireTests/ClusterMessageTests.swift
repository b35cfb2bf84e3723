import Testing
import Wire

@Suite struct ClusterMessageTests {
  @Test func everyTypeHasAnExample() throws {
    #expect(Set(Examples.messages.values.map(\.type)) == Set(ClusterMessageType.allCases))
    #expect(try Corpus.names(in: "datagrams") == Examples.messages.keys.sorted())
  }

  @Test(arguments: Examples.messages.keys.sorted()) func octetsWrittenByHandDecodeToTheValue(name: String) throws {
    let datagram = try Corpus.octets("datagrams/\(name)")
    #expect(try message(in: datagram[...]) == Examples.messages[name])
  }

  @Test(arguments: Examples.messages.keys.sorted()) func valueEncodesToTheOctetsWrittenByHand(name: String) throws {
    let datagram = try Corpus.octets("datagrams/\(name)")
    let header = try ClusterHeader(decoding: datagram)
    let body = try #require(Examples.messages[name]).encodeBody()
    #expect(body == Array(datagram.dropFirst(ClusterHeader.byteCount).prefix(header.bodyByteCount)))
  }

  @Test(arguments: Examples.messages.values.map { $0 }) func bodyIsRefusedWhenTruncatedAnywhere(example: ClusterMessage) {
    expectTruncated(example.encodeBody()) { body throws(WireError) in _ = try ClusterMessage(type: example.type, body: body) }
  }

  @Test(arguments: Examples.messages.keys.sorted()) func datagramIsRefusedWhenTruncatedAnywhere(name: String) throws {
    expectTruncated(try Corpus.octets("datagrams/\(name)")) { datagram throws(WireError) in _ = try message(in: datagram) }
  }

  @Test(arguments: Examples.messages.values.map { $0 }) func bodyIsRefusedWithAnOctetTooMany(example: ClusterMessage) {
    let body = example.encodeBody() + [0]
    #expect(refusal { () throws(WireError) in _ = try ClusterMessage(type: example.type, body: body[...]) } == .trailingOctets)
  }

  @Test(arguments: ClusterMessageType.allCases) func randomValuesSurviveARoundTrip(type: ClusterMessageType) throws {
    var random = RandomMessages(generator: SeededGenerator(UInt64(type.rawValue)))
    for round in 0..<200 {
      let value = random.message(type)
      let datagram = sealedDatagram(value)
      #expect(datagram.count <= ClusterLimits.datagramByteCount, "round \(round), seed \(SeededGenerator.seed)")
      #expect(try message(in: datagram[...]) == value, "round \(round), seed \(SeededGenerator.seed)")
    }
  }

  @Test(arguments: try Corpus.names(in: "refused")) func wrongDatagramIsRefusedForItsReason(name: String) throws {
    let text = try Corpus.text("refused/\(name)")
    let reason = try #require(text.split(separator: "\n").first?.split(separator: ": ").last)
    let datagram = try Corpus.octets("refused/\(name)")
    #expect(refusal { () throws(WireError) in _ = try message(in: datagram[...]) }?.rawValue == String(reason))
  }

  @Test func explanationThatIsTooLongIsCutBetweenScalars() throws {
    let nak = Nak(
      nonce: 1, reason: .application, challenge: 0, personalityVersion: 0, explanation: "a" + String(repeating: "é", count: 200))
    let body = ClusterMessage.nak(nak).encodeBody()
    guard case .nak(let cut) = try ClusterMessage(type: .nak, body: body[...]) else {
      Issue.record("not a NAK")
      return
    }
    #expect(cut.explanation == "a" + String(repeating: "é", count: 127))
  }

  @Test func endOfStateMarkerNeedsNoPieces() throws {
    let marker = ClusterMessage.stateTransfer(
      StateTransfer(term: .none, serial: 1, unit: 0, application: 0, piece: 0, pieceCount: 0, bytes: []))
    #expect(try ClusterMessage(type: .stateTransfer, body: marker.encodeBody()[...]) == marker)
  }
}

@Suite struct ClusterLimitsTests {
  static let profile = Examples.profile(3)
  static let key = [UInt8](repeating: 1, count: ClusterLimits.sealedGroupKeyByteCount)

  /// The longest message of every type whose length varies, and one of each that has but one length.
  static let longest: [ClusterMessage] =
    [
      .joinOk(
        JoinOk(
          nonce: 0, term: .none, master: profile, personalityVersion: 0, hashSeed: 0, confirmed: .all, epoch: 0, sealedGroupKey: key)),
      .nak(
        Nak(
          nonce: 0, reason: .application, challenge: 0, personalityVersion: 0,
          explanation: String(repeating: "x", count: ClusterLimits.explanationByteCount))),
      .personalityPart(
        PersonalityPart(
          nonce: 0, version: 0, offset: 0, totalByteCount: 448,
          bytes: Array(repeating: 0, count: ClusterLimits.personalityPieceByteCount))),
      .masterKeepalive(
        MasterKeepalive(
          term: .none, sequence: 0, part: 0, partCount: 1, intervalMicroseconds: 1, toleratedLosses: 2, memberCount: 0,
          memberListVersion: 0, assignmentVersion: 0,
          entries: Array(
            repeating: .init(member: profile.identifier, incarnation: 0, echo: 0, unitCount: 0, unitsDigest: 0, loss: 0),
            count: ClusterLimits.keepaliveEntryCount))),
      .memberList(
        MemberList(
          term: .none, version: 0, part: 0, partCount: 1,
          members: Array(repeating: .init(profile: profile, isDraining: false), count: ClusterLimits.profileCount))),
      .assignmentTable(
        AssignmentTable(
          term: .none, version: 0, part: 0, partCount: 1,
          assignments: Array(repeating: .init(member: profile.identifier, units: .all), count: ClusterLimits.assignmentCount))),
      .loadReport(
        LoadReport(term: .none, loads: Array(repeating: .init(unit: 0, packetsPerSecond: 0), count: ClusterLimits.loadEntryCount))),
      .stateTransfer(
        StateTransfer(
          term: .none, serial: 0, unit: 0, application: 1, piece: 0, pieceCount: 1,
          bytes: Array(repeating: 0, count: ClusterLimits.pieceByteCount))),
      .groupKey(GroupKeyHandover(term: .none, member: profile.identifier, epoch: 0, sealedGroupKey: key)),
    ] + Examples.messages.values

  @Test(arguments: longest) func longestMessageFitsASealedDatagram(message: ClusterMessage) {
    #expect(message.encodeBody().count <= ClusterLimits.bodyByteCount(.sealed))
    #expect(sealedDatagram(message).count <= ClusterLimits.datagramByteCount)
  }

  @Test(arguments: longest.filter { $0.type.allows(.signed) })
  func longestMessageFitsASignedDatagramWithTheLongestCertificate(message: ClusterMessage) throws {
    let body = message.encodeBody()
    #expect(body.count <= ClusterLimits.bodyByteCount(.signed))
    var datagram: [UInt8] = []
    ClusterHeader(
      type: message.type, protection: .signed, bodyByteCount: body.count, cluster: ClusterIdentifier(rawValue: 1),
      sender: MemberIdentifier(rawValue: 1), epoch: 0, incarnation: 1, sequence: 1
    ).encode(into: &datagram)
    datagram += body
    SignedTrailer.append(certificate: Array(repeating: 1, count: ClusterLimits.certificateByteCount), to: &datagram)
    SignedTrailer.append(signature: Array(repeating: 2, count: ClusterLimits.signatureByteCount), to: &datagram)
    #expect(datagram.count <= ClusterLimits.datagramByteCount)
    #expect(try Wire.ClusterMessage(type: message.type, body: body[...]) == message)
    #expect(try ClusterHeader(decoding: datagram).bodyByteCount == body.count)
  }

  @Test func partsSufficeForTheLargestCluster() {
    for perPart in [ClusterLimits.keepaliveEntryCount, ClusterLimits.profileCount, ClusterLimits.assignmentCount] {
      #expect(perPart * ClusterLimits.partCount >= ClusterLimits.memberCount)
    }
  }
}
