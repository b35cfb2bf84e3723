// Bodies of the messages about joining, leaving and who is master.

extension JoinRequest: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      nonce: try reader.integer(), challenge: try reader.integer(), profile: try MemberProfile(from: &reader),
      personalityVersion: try reader.integer(), settingsDigest: try reader.integer(), term: try Term(from: &reader),
      claims: try UnitSet(from: &reader), sequence: try reader.integer())
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: nonce)
    octets.append(integer: challenge)
    profile.encode(into: &octets)
    octets.append(integer: personalityVersion)
    octets.append(integer: settingsDigest)
    octets.append(integer: term.rawValue)
    claims.encode(into: &octets)
    octets.append(integer: sequence)
  }
}

extension JoinOk: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      nonce: try reader.integer(), term: try Term(from: &reader), master: try MemberProfile(from: &reader),
      personalityVersion: try reader.integer(), hashSeed: try reader.integer(), confirmed: try UnitSet(from: &reader),
      epoch: try reader.integer(), sealedGroupKey: Array(try reader.countedOctets(limit: ClusterLimits.sealedGroupKeyByteCount)))
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: nonce)
    octets.append(integer: term.rawValue)
    master.encode(into: &octets)
    octets.append(integer: personalityVersion)
    octets.append(integer: hashSeed)
    confirmed.encode(into: &octets)
    octets.append(integer: epoch)
    octets.append(counted: sealedGroupKey, limit: ClusterLimits.sealedGroupKeyByteCount)
  }
}

extension Nak: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    nonce = try reader.integer()
    guard let reason = RefusalReason(rawValue: try reader.integer()) else { throw .badValue(field: "reason") }
    self.reason = reason
    challenge = try reader.integer()
    personalityVersion = try reader.integer()
    let count = try reader.count(limit: ClusterLimits.explanationByteCount)
    guard let explanation = String(validating: try reader.octets(count), as: UTF8.self) else { throw .badValue(field: "explanation") }
    self.explanation = explanation
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: nonce)
    octets.append(reason.rawValue)
    octets.append(integer: challenge)
    octets.append(integer: personalityVersion)
    let text = cutExplanation
    octets.append(count: text.count, limit: ClusterLimits.explanationByteCount)
    octets.append(contentsOf: text)
  }

  /// As much of the explanation as fits, cut between two scalars.
  private var cutExplanation: [UInt8] {
    var text: [UInt8] = []
    for scalar in explanation.unicodeScalars {
      let encoded = UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
      guard text.count + encoded.count <= ClusterLimits.explanationByteCount else { break }
      text.append(contentsOf: encoded)
    }
    return text
  }
}

extension OfferMaster: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    nonce = try reader.integer()
    answering = try reader.integer()
    term = try Term(from: &reader)
    profile = try MemberProfile(from: &reader)
    personalityVersion = try reader.integer()
    memberCount = try reader.integer(upTo: ClusterLimits.memberCount, "member count")
    isMaster = try reader.flags(1) & 1 != 0
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: nonce)
    octets.append(integer: answering)
    octets.append(integer: term.rawValue)
    profile.encode(into: &octets)
    octets.append(integer: personalityVersion)
    octets.append(integer: memberCount)
    octets.append(flags: isMaster)
  }
}

extension OtherMasterExists: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      answering: try reader.integer(), term: try Term(from: &reader), master: try MemberIdentifier(from: &reader),
      address: try InternetAddress(from: &reader), memberCount: try reader.integer(upTo: ClusterLimits.memberCount, "member count"),
      personalityVersion: try reader.integer())
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: answering)
    octets.append(integer: term.rawValue)
    octets.append(integer: master.rawValue)
    address.encode(into: &octets)
    octets.append(integer: memberCount)
    octets.append(integer: personalityVersion)
  }
}

extension ExitCluster: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    member = try MemberIdentifier(from: &reader)
    guard let reason = ExitReason(rawValue: try reader.integer()) else { throw .badValue(field: "reason") }
    self.reason = reason
    answering = try reader.integer()
    term = try Term(from: &reader)
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: member.rawValue)
    octets.append(reason.rawValue)
    octets.append(integer: answering)
    octets.append(integer: term.rawValue)
  }
}

extension PersonalityRequest: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      nonce: try reader.integer(), have: try reader.integer(),
      offset: try reader.integer(upTo: ClusterLimits.personalityByteCount, "offset"))
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: nonce)
    octets.append(integer: have)
    octets.append(integer: offset)
  }
}

extension PersonalityPart: ClusterBody {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      nonce: try reader.integer(), version: try reader.integer(),
      offset: try reader.integer(upTo: ClusterLimits.personalityByteCount, "offset"),
      totalByteCount: try reader.integer(upTo: ClusterLimits.personalityByteCount, "total length"),
      bytes: Array(try reader.countedOctets(limit: ClusterLimits.personalityPieceByteCount)))
    guard Int(offset) + bytes.count <= totalByteCount else { throw .badValue(field: "total length") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: nonce)
    octets.append(integer: version)
    octets.append(integer: offset)
    octets.append(integer: totalByteCount)
    octets.append(counted: bytes, limit: ClusterLimits.personalityPieceByteCount)
  }
}
