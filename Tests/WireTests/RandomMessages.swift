import Wire

/// Legal values of every message, drawn at random; counts reach their limits often.
struct RandomMessages {
  var generator: SeededGenerator

  mutating func message(_ type: ClusterMessageType) -> ClusterMessage {
    switch type {
    case .joinRequest, .joinOk, .nak, .offerMaster, .otherMasterExists, .exitCluster, .personalityRequest, .personalityPart:
      joining(type)
    case .masterKeepalive: .masterKeepalive(masterKeepalive())
    case .memberList: .memberList(memberList())
    case .assignmentTable: .assignmentTable(assignmentTable())
    case .assignmentQuery:
      .assignmentQuery(
        AssignmentQuery(term: term(), memberListVersion: number(), assignmentVersion: number(), unitsDigest: number()))
    case .clientKeepalive:
      .clientKeepalive(
        ClientKeepalive(
          term: term(), sequence: number(), masterSequence: number(), memberListVersion: number(), assignmentVersion: number(),
          packetsPerSecond: number(), isDraining: .random(using: &generator), isLeaving: .random(using: &generator)))
    case .assign:
      .assign(Assign(term: term(), serial: number(), member: member(), units: units(), previousOwner: count(1) == 0 ? nil : member()))
    case .deassign: .deassign(Deassign(term: term(), serial: number(), member: member(), units: units(), target: member()))
    case .acknowledge: .acknowledge(Acknowledge(term: term(), serial: number(), units: units()))
    case .loadReport: .loadReport(loadReport())
    case .stateTransfer: .stateTransfer(stateTransfer())
    case .groupKey:
      .groupKey(
        GroupKeyHandover(
          term: term(), member: member(), epoch: number(), sealedGroupKey: octets(upTo: ClusterLimits.sealedGroupKeyByteCount)))
    }
  }

  private mutating func joining(_ type: ClusterMessageType) -> ClusterMessage {
    switch type {
    case .joinRequest:
      .joinRequest(
        JoinRequest(
          nonce: number(), challenge: number(), profile: profile(), personalityVersion: number(), settingsDigest: number(), term: term(),
          claims: units(), sequence: number()))
    case .joinOk:
      .joinOk(
        JoinOk(
          nonce: number(), term: term(), master: profile(), personalityVersion: number(), hashSeed: number(), confirmed: units(),
          epoch: number(), sealedGroupKey: octets(upTo: ClusterLimits.sealedGroupKeyByteCount)))
    case .nak:
      .nak(
        Nak(
          nonce: number(), reason: element(RefusalReason.allCases), challenge: number(), personalityVersion: number(),
          explanation: String(repeating: "ü", count: count(127))))
    case .offerMaster:
      .offerMaster(
        OfferMaster(
          nonce: number(), answering: number(), term: term(), profile: profile(), personalityVersion: number(),
          memberCount: UInt16(count(256)), isMaster: .random(using: &generator)))
    case .otherMasterExists:
      .otherMasterExists(
        OtherMasterExists(
          answering: number(), term: term(), master: member(), address: internetAddress(), memberCount: UInt16(count(256)),
          personalityVersion: number()))
    case .exitCluster:
      .exitCluster(ExitCluster(member: member(), reason: element(ExitReason.allCases), answering: number(), term: term()))
    case .personalityRequest:
      .personalityRequest(PersonalityRequest(nonce: number(), have: number(), offset: UInt32(count(ClusterLimits.personalityByteCount))))
    default: .personalityPart(personalityPart())
    }
  }

  private mutating func personalityPart() -> PersonalityPart {
    let bytes = octets(upTo: ClusterLimits.personalityPieceByteCount)
    let offset = count(ClusterLimits.personalityByteCount - bytes.count)
    let rest = count(ClusterLimits.personalityByteCount - bytes.count - offset)
    return PersonalityPart(
      nonce: number(), version: number(), offset: UInt32(offset), totalByteCount: UInt32(offset + bytes.count + rest), bytes: bytes)
  }

  private mutating func masterKeepalive() -> MasterKeepalive {
    let (part, partCount) = part()
    return MasterKeepalive(
      term: term(), sequence: number(), part: part, partCount: partCount, intervalMicroseconds: max(1, number()),
      toleratedLosses: element(Array(ClusterLimits.toleratedLosses)), memberCount: UInt16(count(256)), memberListVersion: number(),
      assignmentVersion: number(),
      entries: (0..<count(ClusterLimits.keepaliveEntryCount)).map { _ in
        MasterKeepalive.Entry(
          member: member(), incarnation: number(), echo: number(), unitCount: UInt16(count(1024)), unitsDigest: number(), loss: number())
      })
  }

  private mutating func memberList() -> MemberList {
    let (part, partCount) = part()
    return MemberList(
      term: term(), version: number(), part: part, partCount: partCount,
      members: (0..<count(ClusterLimits.profileCount)).map { _ in
        MemberList.Member(profile: profile(), isDraining: .random(using: &generator))
      })
  }

  private mutating func assignmentTable() -> AssignmentTable {
    let (part, partCount) = part()
    return AssignmentTable(
      term: term(), version: number(), part: part, partCount: partCount,
      assignments: (0..<count(ClusterLimits.assignmentCount)).map { _ in
        AssignmentTable.Assignment(member: member(), units: units())
      })
  }

  private mutating func loadReport() -> LoadReport {
    LoadReport(
      term: term(),
      loads: (0..<count(ClusterLimits.loadEntryCount)).map { _ in
        LoadReport.UnitLoad(unit: UInt16(count(1023)), packetsPerSecond: number())
      })
  }

  private mutating func stateTransfer() -> StateTransfer {
    let piece = UInt32(count(ClusterLimits.pieceCount - 1))
    let pieceCount = piece + 1 + UInt32(count(ClusterLimits.pieceCount - 1 - Int(piece)))
    return StateTransfer(
      term: term(), serial: number(), unit: UInt16(count(1023)), application: number(), piece: piece, pieceCount: pieceCount,
      bytes: octets(upTo: ClusterLimits.pieceByteCount))
  }

  mutating func profile() -> MemberProfile {
    MemberProfile(
      identifier: member(), incarnation: number(), address: internetAddress(), ethernetAddress: EthernetAddress(bits: number()),
      weight: max(1, number()), agreementKey: (0..<32).map { _ in number() })
  }

  private mutating func part() -> (UInt8, UInt8) {
    let partCount = 1 + count(ClusterLimits.partCount - 1)
    return (UInt8(count(partCount - 1)), UInt8(partCount))
  }

  mutating func internetAddress() -> InternetAddress {
    count(1) == 0 ? InternetAddress(ipv4: number()) : InternetAddress(high: number(), low: number())
  }

  private mutating func term() -> Term { Term(rawValue: number()) }
  private mutating func member() -> MemberIdentifier { MemberIdentifier(rawValue: UInt16(1 + count(65_533))) }
  private mutating func units() -> UnitSet { UnitSet((0..<count(200)).map { _ in count(1023) }) }

  mutating func octets(upTo limit: Int) -> [UInt8] { (0..<count(limit)).map { _ in number() } }

  mutating func element<Element>(_ elements: [Element]) -> Element { elements[count(elements.count - 1)] }

  mutating func number<Number: FixedWidthInteger & UnsignedInteger>() -> Number { Number(truncatingIfNeeded: generator.next()) }

  /// 0…limit, the limit itself one time in four.
  mutating func count(_ limit: Int) -> Int {
    let draw = generator.next()
    return draw & 3 == 0 ? limit : Int(draw >> 2 % UInt64(limit + 1))
  }
}
