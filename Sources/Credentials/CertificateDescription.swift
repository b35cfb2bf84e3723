import Crypto
import FoundationEssentials
import Wire

/// What `skein certificate show` says about a certificate.
public struct CertificateDescription: Hashable, Sendable, Codable {
  /// Whether it may be used at the moment that was asked about.
  public enum State: String, Hashable, Sendable, Codable {
    case valid, notYetValid, expired, revoked
    /// Its cluster's authority is not the one that was asked.
    case unknownAuthority
  }

  /// The cluster's number.
  public var cluster: UInt16
  /// The member's number; nil for the authority.
  public var member: UInt16?
  /// The common name.
  public var name: String
  /// The serial number, in hexadecimal.
  public var serial: String
  /// First and last second, since 1970.
  public var notBefore: Int64
  /// See `notBefore`: the last second in which it is valid.
  public var notAfter: Int64
  /// SHA-256 of the DER, in hexadecimal.
  public var fingerprint: String
  /// Its length in DER.
  public var byteCount: Int
  /// Whether it may be used at the moment that was asked about, and if not, why.
  public var state: State

  init(_ certificate: ClusterCertificate, authority: TrustedAuthority, revocations: RevocationList, at seconds: Int64) {
    cluster = certificate.owner.cluster.rawValue
    member = certificate.owner.member?.rawValue
    name = certificate.name
    serial = Hexadecimal.text(of: certificate.serial)
    notBefore = certificate.validity.lowerBound
    notAfter = certificate.validity.upperBound
    fingerprint = Hexadecimal.text(of: SHA256.hash(data: certificate.der))
    byteCount = certificate.der.count
    state = Self.state(certificate, authority, revocations, seconds)
  }

  private static func state(
    _ certificate: ClusterCertificate, _ authority: TrustedAuthority, _ revocations: RevocationList, _ seconds: Int64
  ) -> State {
    guard authority.isNamed(by: certificate), authority.signed(certificate) else { return .unknownAuthority }
    return switch authority.objection(to: certificate, revocations: revocations, at: seconds) {
    case nil: .valid
    case .expired: .expired
    case .notYetValid: .notYetValid
    case .revoked: .revoked
    case .otherCluster: .unknownAuthority
    }
  }

  /// A few lines for people.
  public var text: String {
    let whose = member.map { "member \($0) of cluster \(cluster)" } ?? "authority of cluster \(cluster)"
    return """
      \(name): \(whose), \(state.words)
        serial       \(serial)
        valid        \(Self.time(notBefore)) to \(Self.time(notAfter))
        fingerprint  \(fingerprint)

      """
  }

  private static func time(_ seconds: Int64) -> String { Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601) }
}

extension CertificateDescription.State {
  /// For people.
  public var words: String {
    switch self {
    case .valid: "valid"
    case .notYetValid: "not valid yet"
    case .expired: "expired"
    case .revoked: "revoked"
    case .unknownAuthority: "signed by another authority"
    }
  }
}
