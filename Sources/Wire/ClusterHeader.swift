// What stands before every cluster message, and what protects it. docs/wire-format.md has the octets.

/// The message types' numbers, assigned once and never again.
public enum ClusterMessageType: UInt8, Hashable, Sendable, CaseIterable {
  // 1…15 may be signed or sealed.
  case joinRequest = 1
  case joinOk = 2
  case nak = 3
  case offerMaster = 4
  case otherMasterExists = 5
  case exitCluster = 6
  case personalityRequest = 7
  case personalityPart = 8
  // From 16 on: sealed only.
  case masterKeepalive = 16
  case memberList = 17
  case assignmentTable = 18
  case assignmentQuery = 19
  case clientKeepalive = 20
  case assign = 21
  case deassign = 22
  case acknowledge = 23
  case loadReport = 24
  case stateTransfer = 25
  case groupKey = 26

  /// Whether a message of this type may come with this protection. What orders members about must be sealed:
  /// having a certificate is enough to ask to join, not to assign work.
  public func allows(_ protection: Protection) -> Bool {
    switch protection {
    case .signed: rawValue < 16
    case .sealed: true
    }
  }
}

/// The 32 octets before every message body. A sealed datagram is bound to its header as the associated data, a signed one by the signature.
public struct ClusterHeader: Hashable, Sendable {
  /// The header's length.
  public static let byteCount = 32
  /// "SK".
  public static let magic: UInt16 = 0x534b
  /// The version of the protocol that this module speaks. Another version's datagrams are refused, not guessed at.
  public static let version: UInt8 = 1

  /// What the body is.
  public var type: ClusterMessageType
  /// What follows the body.
  public var protection: Protection
  /// The body's length; a seal does not change it.
  public var bodyByteCount: Int
  /// The cluster that is spoken to.
  public var cluster: ClusterIdentifier
  /// The member that speaks.
  public var sender: MemberIdentifier
  /// The group key that sealed it; 0 in a signed one.
  public var epoch: UInt32
  /// The sender's run; drawn afresh each time it starts.
  public var incarnation: UInt64
  /// Grows with every datagram of the incarnation: for the nonce and the replay window.
  public var sequence: UInt64

  /// A header for a body of `bodyByteCount` octets.
  public init(
    type: ClusterMessageType, protection: Protection, bodyByteCount: Int, cluster: ClusterIdentifier, sender: MemberIdentifier,
    epoch: UInt32, incarnation: UInt64, sequence: UInt64
  ) {
    self.type = type
    self.protection = protection
    self.bodyByteCount = bodyByteCount
    self.cluster = cluster
    self.sender = sender
    self.epoch = epoch
    self.incarnation = incarnation
    self.sequence = sequence
  }
}

extension ClusterHeader {
  /// Appends the 32 octets. A body longer than a datagram is a mistake of the caller.
  public func encode(into octets: inout [UInt8]) {
    precondition(bodyByteCount <= ClusterLimits.bodyByteCount(protection), "a body of \(bodyByteCount) octets fits no datagram")
    octets.append(integer: Self.magic)
    octets.append(Self.version)
    octets.append(type.rawValue)
    octets.append(protection.rawValue)
    octets.append(0)
    octets.append(integer: UInt16(bodyByteCount))
    octets.append(integer: cluster.rawValue)
    octets.append(integer: sender.rawValue)
    octets.append(integer: epoch)
    octets.append(integer: incarnation)
    octets.append(integer: sequence)
  }

  /// The header at the front of a whole datagram. The datagram's length is checked against the header's; what it says is not yet
  /// authenticated. Take the datagram apart with `SignedTrailer` or `SealedTrailer`.
  public init(decoding datagram: ArraySlice<UInt8>) throws(WireError) {
    guard datagram.count <= ClusterLimits.datagramByteCount else {
      throw .oversized(byteCount: datagram.count, limit: ClusterLimits.datagramByteCount)
    }
    var reader = OctetReader(datagram)
    (type, protection) = try Self.kind(from: &reader)
    guard try reader.integer(UInt8.self) == 0 else { throw .badValue(field: "reserved") }
    bodyByteCount = Int(try reader.integer(UInt16.self))
    cluster = ClusterIdentifier(rawValue: try reader.integer())
    sender = try MemberIdentifier(from: &reader)
    epoch = try reader.integer()
    incarnation = try reader.integer()
    sequence = try reader.integer()
    guard cluster.rawValue != 0 else { throw .badValue(field: "cluster") }
    guard protection == .sealed || epoch == 0 else { throw .badValue(field: "epoch") }
    try checkLength(rest: reader.rest.count)
  }

  /// The header at the front of a whole datagram.
  public init(decoding datagram: [UInt8]) throws(WireError) { try self.init(decoding: datagram[...]) }

  /// Magic, version, type and protection, in the order in which a stranger's datagram is best refused.
  private static func kind(from reader: inout OctetReader) throws(WireError) -> (ClusterMessageType, Protection) {
    let magic: UInt16 = try reader.integer()
    guard magic == Self.magic else { throw .badMagic(magic) }
    let version: UInt8 = try reader.integer()
    guard version == Self.version else { throw .unknownVersion(version) }
    let typeNumber: UInt8 = try reader.integer()
    guard let type = ClusterMessageType(rawValue: typeNumber) else { throw .unknownType(Int(typeNumber)) }
    guard let protection = Protection(rawValue: try reader.integer()), type.allows(protection) else {
      throw .badValue(field: "protection")
    }
    return (type, protection)
  }

  private func checkLength(rest: Int) throws(WireError) {
    switch protection {
    case .sealed:
      let due = bodyByteCount + ClusterLimits.tagByteCount
      guard due <= rest else { throw .truncated(needed: due, available: rest) }
      guard due == rest else { throw .trailingOctets(count: rest - due) }
    case .signed:
      guard bodyByteCount <= rest else { throw .truncated(needed: bodyByteCount, available: rest) }
    }
  }
}
