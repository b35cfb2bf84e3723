import Wire

/// The values that the files under Fuzz/corpus/datagrams spell, by file name.
enum Examples {
  static let term = Term(rawValue: 9)
  static let units = UnitSet([0, 1, 63, 64, 1023])

  static func profile(_ number: UInt16) -> MemberProfile {
    MemberProfile(
      identifier: MemberIdentifier(rawValue: number), incarnation: 0x0123_4567_89ab_cdef,
      address: InternetAddress(ipv4: 0xc000_020a + UInt32(number)),
      ethernetAddress: EthernetAddress(bits: 0x5254_0000_0000 + UInt64(number)),
      weight: 100, agreementKey: Array(0..<32))
  }

  static func member(_ number: UInt16) -> MemberIdentifier { MemberIdentifier(rawValue: number) }

  static let messages: [String: ClusterMessage] = joining.merging(keepalives) { first, _ in first }.merging(work) { first, _ in first }

  static let joining: [String: ClusterMessage] = [
    "join-request": .joinRequest(
      JoinRequest(
        nonce: 0x1111, challenge: 0x2222, profile: profile(3), personalityVersion: 17, settingsDigest: 0x3333, term: term, claims: units,
        sequence: 6)),
    "join-ok": .joinOk(
      JoinOk(
        nonce: 0x1111, term: term, master: profile(1), personalityVersion: 17, hashSeed: 0x4444, confirmed: units, epoch: 5,
        sealedGroupKey: [1, 2, 3])),
    "nak": .nak(
      Nak(nonce: 0x1111, reason: .olderConfiguration, challenge: 0x2222, personalityVersion: 18, explanation: "v17 < v18")),
    "offer-master": .offerMaster(
      OfferMaster(
        nonce: 0x5555, answering: 0, term: term, profile: profile(3), personalityVersion: 17, memberCount: 4, isMaster: true)),
    "other-master-exists": .otherMasterExists(
      OtherMasterExists(
        answering: 0x5555, term: term, master: member(1), address: address("2001:db8::1"), memberCount: 256, personalityVersion: 17)),
    "exit-cluster": .exitCluster(ExitCluster(member: member(3), reason: .expelled, answering: 0, term: term)),
    "personality-request": .personalityRequest(PersonalityRequest(nonce: 0x6666, have: 17, offset: 448)),
    "personality-part": .personalityPart(
      PersonalityPart(nonce: 0x6666, version: 18, offset: 448, totalByteCount: 452, bytes: Array("a: 1".utf8))),
  ]

  static let keepalives: [String: ClusterMessage] = [
    "master-keepalive": .masterKeepalive(
      MasterKeepalive(
        term: term, sequence: 1000, part: 0, partCount: 1, intervalMicroseconds: 100_000, toleratedLosses: 2, memberCount: 2,
        memberListVersion: 3, assignmentVersion: 4,
        entries: [
          .init(member: member(1), incarnation: 0x89ab_cdef, echo: 77, unitCount: 512, unitsDigest: 0xdead_beef, loss: 655),
          .init(member: member(3), incarnation: 0x89ab_cdef, echo: 78, unitCount: 0, unitsDigest: 0, loss: 65_535),
        ])),
    "member-list": .memberList(
      MemberList(
        term: term, version: 3, part: 1, partCount: 2,
        members: [.init(profile: profile(1), isDraining: false), .init(profile: profile(3), isDraining: true)])),
    "client-keepalive": .clientKeepalive(
      ClientKeepalive(
        term: term, sequence: 78, masterSequence: 1000, memberListVersion: 3, assignmentVersion: 4, packetsPerSecond: 125_000,
        isDraining: true, isLeaving: false)),
    "assignment-table": .assignmentTable(
      AssignmentTable(
        term: term, version: 4, part: 0, partCount: 37,
        assignments: [.init(member: member(1), units: units), .init(member: member(3), units: UnitSet())])),
    "assignment-query": .assignmentQuery(
      AssignmentQuery(term: term, memberListVersion: 2, assignmentVersion: 4, unitsDigest: 0xdead_beef)),
  ]

  static let work: [String: ClusterMessage] = [
    "assign": .assign(Assign(term: term, serial: 12, member: member(3), units: units, previousOwner: nil)),
    "deassign": .deassign(Deassign(term: term, serial: 13, member: member(3), units: units, target: member(1))),
    "acknowledge": .acknowledge(Acknowledge(term: term, serial: 13, units: units)),
    "load-report": .loadReport(
      LoadReport(term: term, loads: [.init(unit: 1023, packetsPerSecond: 90_000), .init(unit: 0, packetsPerSecond: 1)])),
    "state-transfer": .stateTransfer(
      StateTransfer(
        term: term, serial: 13, unit: 1023, application: 2, piece: 1, pieceCount: 3, bytes: [0xde, 0xad, 0xbe, 0xef])),
    "group-key": .groupKey(GroupKeyHandover(term: term, member: member(3), epoch: 6, sealedGroupKey: [1, 2, 3])),
  ]
}
