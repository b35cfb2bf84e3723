import Crypto
import Wire

// What stands between the octets on the network and the messages that the decision makers see.
//
// Outgoing: `protect` makes a whole datagram, signed or sealed. Incoming: `open` returns the message, or the one reason why not, which it
// counts. Nothing that comes in traps, and nothing but an authentic datagram changes any state other than a counter or a rate limit.
//
// - Signed (`SignedDatagrams.swift`): Ed25519 by the sender's certificate, which travels along. Before the sender has the group key.
// - Sealed (`SealedDatagrams.swift`): AEAD under a subkey of the group key that is the sender's and its run's alone.
// - The group key (`GroupKeyHandover.swift`): drawn by a master, handed to each member under what their agreement keys share. When one is
//   drawn, taken up, used and retired is the decision maker's to say.
//
// Freshness. Each run of a daemon draws its incarnation and agreement key, and numbers its datagrams; a replay window per run takes each
// number once. A run that is known to be over is refused. That a *signed* message answers what was asked is for the decision maker to see, by
// the nonces in it; here only a group key is refused that comes without this run's nonce.

/// The limits of a security layer.
public struct SecurityLimits: Hashable, Sendable {
  /// Signatures checked per second for certificates that have been seen before, and at once.
  public var knownSignaturesPerSecond = 500
  var knownSignaturesAtOnce = 100
  /// The same for certificates not seen before, each of which takes two verifications; a flood of them does not touch the others' share.
  public var strangersPerSecond = 100
  var strangersAtOnce = 50
  /// Seals tried per second for runs that neither the member list names nor any datagram has proved: each takes the derivation of a key.
  public var strangeSealsPerSecond = 1000
  var strangeSealsAtOnce = 100
  /// Verified certificates, members' runs and join requests remembered.
  public var certificateCount = 256
  var senderCount = 512
  var peerCount = 512
  var requestCount = 256

  /// The defaults.
  public init() {}
}

/// A message that its sender is known to have sent.
public struct OpenedMessage: Sendable {
  /// The message.
  public let message: ClusterMessage
  /// What stood before it; now authentic.
  public let header: ClusterHeader
  /// Whether a group key came with it, for `adoptGroupKey` to take.
  public let bringsGroupKey: Bool
}

/// A datagram that was refused.
public struct RefusedDatagram: Hashable, Sendable {
  /// Why.
  public let reason: SecurityRefusal
  /// What it claims to be, if that much could be read. Not authentic.
  public let claimed: ClusterHeader?
  /// A refused join request whose joiner deserves a NAK (see `SecurityRefusal.joinRefusal`). Not authentic.
  public let joinRequest: JoinRequest?
}

/// What became of a datagram.
public enum Opening: Sendable {
  case opened(OpenedMessage)
  case refused(RefusedDatagram)
}

/// Why a message cannot be sent.
public enum ProtectionError: Error, Hashable, Sendable {
  /// Sealing without a group key: not a member yet.
  case noGroupKey
  /// A group key for a member whose agreement key is not known, or is none: its join request has not been opened, or it is not expected.
  case noAgreementKey
  /// This type must be sealed.
  case mustBeSealed
  /// The body does not fit a datagram with this protection.
  case oversized
  case signingFailed
}

/// Protects and opens the datagrams of one run of a member. A value, for the one thread that owns it.
public struct SecurityLayer {
  let credentials: MemberCredentials
  let limits: SecurityLimits
  let agreement = Curve25519.KeyAgreement.PrivateKey()
  var revocations: RevocationList

  /// This run's number: the second in which it began, then 32 random bits. Later runs have larger ones as long as the clock does not go back.
  public let incarnation: UInt64
  /// How often which.
  public internal(set) var counters = SecurityCounters()

  var lastSequence: UInt64 = 0
  var keys = GroupKeyRing()
  var offeredKey: GroupKey?
  var ownSubkey: (epoch: UInt32, key: SymmetricKey)?
  var certificates: VerifiedCertificates
  var knownSignatures: TokenBucket
  var strangers: TokenBucket
  var strangeSeals: TokenBucket
  var signers: SenderTable
  var senders: SenderTable
  var peers: PeerTable
  var requests: JoinRequests

  /// A new run, begun at a moment in seconds since 1970.
  public init(
    credentials: MemberCredentials, revocations: RevocationList? = nil, limits: SecurityLimits = SecurityLimits(), startedAt seconds: Int64
  ) {
    self.credentials = credentials
    self.limits = limits
    self.revocations = revocations ?? RevocationList(cluster: credentials.cluster)
    incarnation = UInt64(UInt32(truncatingIfNeeded: seconds)) << 32 | UInt64(UInt32.random(in: 1 ... .max))
    certificates = VerifiedCertificates(limit: limits.certificateCount)
    knownSignatures = TokenBucket(perSecond: limits.knownSignaturesPerSecond, burst: limits.knownSignaturesAtOnce)
    strangers = TokenBucket(perSecond: limits.strangersPerSecond, burst: limits.strangersAtOnce)
    strangeSeals = TokenBucket(perSecond: limits.strangeSealsPerSecond, burst: limits.strangeSealsAtOnce)
    signers = SenderTable(limit: limits.senderCount)
    senders = SenderTable(limit: limits.senderCount)
    peers = PeerTable(limit: limits.peerCount)
    requests = JoinRequests(limit: limits.requestCount)
  }

  /// This member.
  public var member: MemberIdentifier { credentials.member }
  /// The X25519 public key of this run, for `MemberProfile.agreementKey`.
  public var agreementKey: [UInt8] { Array(agreement.publicKey.rawRepresentation) }
  /// The epoch that this member seals under; nil without a group key.
  public var epoch: UInt32? { keys.current?.epoch }
  /// When this member's certificate ends, in seconds since 1970.
  public var certificateExpiry: Int64 { credentials.certificate.validity.upperBound }
  /// How many things are remembered, of all kinds: bounded by the limits, whatever comes in.
  public var rememberedCount: Int { certificates.count + signers.count + senders.count + peers.count + requests.count }

  /// Puts a newer revocation list into use. An older one, or another cluster's, is refused.
  /// - Returns: the members of whom the list revokes a certificate that the last one did not, and who have shown this machine no other. They may be
  ///   in by it. Who comes later is judged by its certificate's serial number, not by its own: a number is not revoked.
  @discardableResult
  public mutating func update(_ list: RevocationList) throws(CredentialError) -> Set<MemberIdentifier> {
    guard list.cluster == credentials.cluster else {
      throw .init(.wrongCluster, "the revocation list is of cluster \(list.cluster.rawValue)", remedy: "copy this cluster's")
    }
    guard list.version >= revocations.version else {
      throw .init(
        .olderVersion, "the revocation list has version \(list.version), and \(revocations.version) is in use",
        remedy: "copy it again from the authority's directory")
    }
    let known = Set(revocations.entries.map(\.serial))
    let news = list.entries.filter { !known.contains($0.serial) }
    revocations = list
    return Set(news.map { MemberIdentifier(rawValue: $0.member) }).subtracting(certificates.members(besides: list))
  }

  /// The run of a member that the member list names is the present one: datagrams of its other runs are refused from now on, and group keys
  /// are handed to its agreement key. To be called for each profile of each member list, and by the master for each member it lets in.
  public mutating func expect(_ profile: MemberProfile) {
    peers.expect(profile.identifier, incarnation: profile.incarnation, agreementKey: profile.agreementKey)
  }
}

extension SecurityLayer {
  /// The whole datagram. A signed JOIN OK and a group key are filled in first, for whom they are meant.
  public mutating func protect(_ message: ClusterMessage, protection: Protection) throws(ProtectionError) -> [UInt8] {
    guard message.type.allows(protection) else { throw .mustBeSealed }
    switch protection {
    case .signed:
      let complete = try addingGroupKey(toSigned: message)
      noteSent(message)
      return try signed(complete)
    case .sealed:
      noteSent(message)
      return try sealed(message)
    }
  }

  func header(_ type: ClusterMessageType, _ protection: Protection, bodyByteCount: Int, epoch: UInt32) -> ClusterHeader {
    ClusterHeader(
      type: type, protection: protection, bodyByteCount: bodyByteCount, cluster: credentials.cluster, sender: member, epoch: epoch,
      incarnation: incarnation, sequence: lastSequence)
  }

  /// Opens a datagram. `now` is the boot clock's, `seconds` the wall clock's, since 1970.
  public mutating func open(_ datagram: ArraySlice<UInt8>, at now: Instant, wallClock seconds: Int64) -> Opening {
    var claimed: ClusterHeader?
    do {
      let header = try Self.header(of: datagram)
      claimed = header
      return .opened(try open(datagram, header, at: now, wallClock: seconds))
    } catch {
      counters[error] += 1
      return .refused(
        RefusedDatagram(reason: error, claimed: claimed, joinRequest: Self.joinRequest(datagram, claimed, refusedFor: error)))
    }
  }

  private static func header(of datagram: ArraySlice<UInt8>) throws(SecurityRefusal) -> ClusterHeader {
    do { return try ClusterHeader(decoding: datagram) } catch { throw SecurityRefusal(error) }
  }

  private mutating func open(
    _ datagram: ArraySlice<UInt8>, _ header: ClusterHeader, at now: Instant, wallClock seconds: Int64
  ) throws(SecurityRefusal) -> OpenedMessage {
    guard header.cluster == credentials.cluster else { throw .otherCluster }
    guard header.sender != member || header.incarnation != incarnation else { throw .ownMessage }
    switch header.protection {
    case .signed:
      let message = try openSigned(datagram, header, at: now, wallClock: seconds)
      noteReceived(message)
      let bringsKey = try takeGroupKey(fromSigned: message, header)
      counters.signedOpened += 1
      return OpenedMessage(message: message, header: header, bringsGroupKey: bringsKey)
    case .sealed:
      let message = try openSealed(datagram, header, at: now)
      noteReceived(message)
      let bringsKey = try takeGroupKey(fromSealed: message, header)
      counters.sealedOpened += 1
      return OpenedMessage(message: message, header: header, bringsGroupKey: bringsKey)
    }
  }

  private static func joinRequest(
    _ datagram: ArraySlice<UInt8>, _ header: ClusterHeader?, refusedFor reason: SecurityRefusal
  ) -> JoinRequest? {
    guard reason.joinRefusal != nil, let header, header.type == .joinRequest,
      let trailer = try? SignedTrailer(splitting: datagram, header: header),
      case .joinRequest(let request)? = try? ClusterMessage(type: .joinRequest, body: trailer.body)
    else { return nil }
    return request
  }

  /// The message in an authentic body, if it speaks for the member that sent it.
  static func message(_ header: ClusterHeader, body: ArraySlice<UInt8>) throws(SecurityRefusal) -> ClusterMessage {
    let message: ClusterMessage
    do { message = try ClusterMessage(type: header.type, body: body) } catch { throw .malformed }
    if let profile = message.senderProfile {
      guard profile.identifier == header.sender, profile.incarnation == header.incarnation else { throw .wrongMember }
    }
    return message
  }
}

extension ClusterMessage {
  /// The profile of the sender itself, in the messages that have it.
  var senderProfile: MemberProfile? {
    switch self {
    case .joinRequest(let request): request.profile
    case .joinOk(let answer): answer.master
    case .offerMaster(let offer): offer.profile
    case .nak, .otherMasterExists, .exitCluster, .personalityRequest, .personalityPart, .masterKeepalive, .memberList, .assignmentTable,
      .assignmentQuery, .clientKeepalive, .assign, .deassign, .acknowledge, .loadReport, .stateTransfer, .groupKey:
      nil
    }
  }
}
