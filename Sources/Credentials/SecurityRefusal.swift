import Wire

/// Why a datagram was refused. Each has a counter; a refused datagram changes nothing else.
public enum SecurityRefusal: String, Error, Hashable, Sendable, CaseIterable {
  // What it looks like.
  case truncated, oversized, badMagic, unknownVersion
  /// A header or body that the protocol does not allow.
  case malformed
  case otherCluster
  /// This very run's own datagram, come back.
  case ownMessage
  // What a signed one is refused for.
  /// Not signed by this cluster's authority.
  case unknownAuthority
  case expired, notYetValid, revoked
  /// The signature is not by the certificate's key: its sender does not have it.
  case badSignature
  /// The certificate, or the message, names another member than the header does.
  case wrongMember
  /// More signatures to check than `SecurityLimits` allows.
  case rateLimited
  // What a sealed one is refused for.
  /// Sealed under a group key that this member does not have: another group's, or one that is over.
  case unknownEpoch
  case badSeal
  /// From an earlier run of its sender.
  case oldIncarnation
  /// A group key from a member whose agreement key is not known, or one that is not newer than the one in use.
  case staleGroupKey
  // Of both.
  case replayed
  /// So far behind its sender's newest that the replay window cannot tell.
  case tooOld

  init(_ error: WireError) {
    switch error {
    case .truncated: self = .truncated
    case .oversized: self = .oversized
    case .badMagic: self = .badMagic
    case .unknownVersion: self = .unknownVersion
    case .trailingOctets, .unknownType, .badValue, .badChecksum: self = .malformed
    }
  }

  init(_ objection: TrustedAuthority.Objection) {
    switch objection {
    case .otherCluster: self = .otherCluster
    case .notYetValid: self = .notYetValid
    case .expired: self = .expired
    case .revoked: self = .revoked
    }
  }

  /// What a master's NAK says to a joiner whose request was refused for this; nil when there is nothing to answer.
  public var joinRefusal: RefusalReason? {
    switch self {
    case .unknownAuthority: .unknownAuthority
    case .expired, .notYetValid: .certificateExpired
    case .revoked: .certificateRevoked
    case .badSignature: .noProofOfPossession
    case .truncated, .oversized, .badMagic, .unknownVersion, .malformed, .otherCluster, .ownMessage, .wrongMember, .rateLimited,
      .unknownEpoch, .badSeal, .oldIncarnation, .staleGroupKey, .replayed, .tooOld:
      nil
    }
  }
}

/// How many datagrams were opened, and how many were refused for each reason. What was offered is the sum of all.
public struct SecurityCounters: Hashable, Sendable {
  /// Signed datagrams opened.
  public internal(set) var signedOpened: UInt64 = 0
  /// Sealed datagrams opened.
  public internal(set) var sealedOpened: UInt64 = 0
  /// Ed25519 verifications made, certificates' included.
  public internal(set) var signaturesChecked: UInt64 = 0
  private var refusals: [SecurityRefusal: UInt64] = [:]

  /// No datagram yet.
  public init() {}

  /// Datagrams refused for this reason.
  public internal(set) subscript(refusal: SecurityRefusal) -> UInt64 {
    get { refusals[refusal, default: 0] }
    set { refusals[refusal] = newValue }
  }

  /// Datagrams refused for any reason.
  public var refused: UInt64 { refusals.values.reduce(0, +) }

  /// Datagrams offered.
  public var offered: UInt64 { signedOpened + sealedOpened + refused }
}
