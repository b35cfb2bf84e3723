import Crypto
import FoundationEssentials
import SwiftASN1
import Wire
import X509

/// A certificate of a cluster taken apart: the authority's, or a member's. It has the shape; whether it is authentic is for
/// `TrustedAuthority` to say.
///
/// Ed25519 throughout: certificate and signature travel in every signed datagram, and with P-256 both would be longer.
/// Whose it is stands in the one subject alternative name: `skein://cluster/7` or `skein://cluster/7/member/3`.
struct ClusterCertificate: Sendable {
  let certificate: Certificate
  let der: [UInt8]
  let owner: Owner
  let key: Curve25519.Signing.PublicKey
  /// Seconds since 1970, both included.
  let validity: ClosedRange<Int64>

  /// Whose it is.
  struct Owner: Hashable, Sendable {
    var cluster: ClusterIdentifier
    /// Nil for the authority.
    var member: MemberIdentifier?
  }

  /// The certificate in these octets, whoever signed it.
  init(der: [UInt8]) throws(CredentialError) {
    guard let certificate = try? Certificate(derEncoded: der) else { throw Self.malformed("it is no X.509 certificate") }
    try self.init(certificate, der: der)
  }

  init(_ certificate: Certificate, der: [UInt8]) throws(CredentialError) {
    guard let key = Curve25519.Signing.PublicKey(certificate.publicKey) else { throw Self.malformed("its key is not Ed25519") }
    guard certificate.version == .v3, certificate.signatureAlgorithm == .ed25519 else {
      throw Self.malformed("it is not signed with Ed25519")
    }
    let first = Int64(certificate.notValidBefore.timeIntervalSince1970)
    let last = Int64(certificate.notValidAfter.timeIntervalSince1970)
    guard first <= last else { throw Self.malformed("it ends before it begins") }
    self.certificate = certificate
    self.der = der
    self.key = key
    owner = try Self.owner(in: certificate.extensions)
    validity = first...last
  }

  /// The serial number's octets as they stand in the certificate.
  var serial: [UInt8] { Array(certificate.serialNumber.bytes) }

  /// The common name.
  var name: String {
    for names in certificate.subject {
      for attribute in names where attribute.type == .RDNAttributeType.commonName { return String(attribute.value) ?? "" }
    }
    return ""
  }

  static func malformed(_ reason: String) -> CredentialError {
    .init(.malformed, "not a cluster certificate, \(reason)", remedy: "use one that `skein certificate` made")
  }
}

extension ClusterCertificate {
  private static func owner(in extensions: Certificate.Extensions) throws(CredentialError) -> Owner {
    let known: [ASN1ObjectIdentifier] = [
      .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage, .X509ExtensionID.subjectAlternativeName,
    ]
    guard extensions.allSatisfy({ !$0.critical || known.contains($0.oid) }) else {
      throw malformed("it has a critical extension that nobody here knows")
    }
    guard let constraints = try? extensions.basicConstraints, let usage = try? extensions.keyUsage,
      let names = try? extensions.subjectAlternativeNames, names.count == 1,
      case .uniformResourceIdentifier(let text)? = names.first, let owner = Owner(text: text)
    else { throw malformed("its extensions do not say whose it is") }
    guard owner.isAllowed(constraints, usage) else { throw malformed("its extensions contradict each other") }
    return owner
  }
}

extension ClusterCertificate.Owner {
  /// "skein://cluster/7", "skein://cluster/7/member/3".
  var text: String {
    let authority = "skein://cluster/\(cluster.rawValue)"
    return member.map { "\(authority)/member/\($0.rawValue)" } ?? authority
  }

  /// Nil for any other spelling than that of `text`.
  init?(text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 4 || parts.count == 6, let cluster = UInt16(parts[3]), cluster != 0 else { return nil }
    self.init(cluster: ClusterIdentifier(rawValue: cluster), member: nil)
    if parts.count == 6 {
      guard let number = UInt16(parts[5]), 1...65_534 ~= number else { return nil }
      member = MemberIdentifier(rawValue: number)
    }
    guard self.text == text else { return nil }
  }

  /// An authority signs certificates, a member signs messages, and neither does the other.
  func isAllowed(_ constraints: BasicConstraints, _ usage: KeyUsage) -> Bool {
    switch constraints {
    case .isCertificateAuthority: member == nil && usage.keyCertSign
    case .notCertificateAuthority: member != nil && usage.digitalSignature && !usage.keyCertSign
    }
  }
}

extension ClusterCertificate {
  /// What is in a new certificate.
  struct Draft {
    var owner: Owner
    var name: String
    var issuer: DistinguishedName
    var key: Curve25519.Signing.PublicKey
    var validity: ClosedRange<Int64>
  }

  /// A new certificate, signed.
  init(signing draft: Draft, with key: Curve25519.Signing.PrivateKey) throws(CredentialError) {
    do {
      let certificate = try Self.certificate(draft, key)
      var serializer = DER.Serializer()
      try serializer.serialize(certificate)
      try self.init(certificate, der: serializer.serializedBytes)
    } catch let error as CredentialError {
      throw error
    } catch {
      throw .init(.badArgument, "no certificate can be made: \(error)", remedy: "try another name or validity")
    }
  }

  private static func certificate(_ draft: Draft, _ key: Curve25519.Signing.PrivateKey) throws -> Certificate {
    let isAuthority = draft.owner.member == nil
    let constraints = isAuthority ? BasicConstraints.isCertificateAuthority(maxPathLength: 0) : .notCertificateAuthority
    return try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(bytes: newSerial()), publicKey: Certificate.PublicKey(draft.key),
      notValidBefore: Date(timeIntervalSince1970: Double(draft.validity.lowerBound)),
      notValidAfter: Date(timeIntervalSince1970: Double(draft.validity.upperBound)),
      issuer: draft.issuer, subject: try subject(draft.name), signatureAlgorithm: .ed25519,
      extensions: Certificate.Extensions {
        Critical(constraints)
        Critical(isAuthority ? KeyUsage(keyCertSign: true) : KeyUsage(digitalSignature: true))
        SubjectAlternativeNames([.uniformResourceIdentifier(draft.owner.text)])
        AuthorityKeyIdentifier(keyIdentifier: identifier(of: key.publicKey))
        if isAuthority { SubjectKeyIdentifier(keyIdentifier: identifier(of: draft.key)) }
      },
      issuerPrivateKey: Certificate.PrivateKey(key))
  }

  /// The distinguished name that is nothing but a common name.
  static func subject(_ name: String) throws -> DistinguishedName { try DistinguishedName { CommonName(name) } }

  /// RFC 7093, 2, method 1. Nobody here looks at it; RFC 5280, 4.2.1 wants it there.
  private static func identifier(of key: Curve25519.Signing.PublicKey) -> ArraySlice<UInt8> {
    ArraySlice(SHA256.hash(data: key.rawRepresentation).prefix(20))
  }

  /// Sixteen octets, positive and without a leading zero, so that they stand in DER as they are.
  private static func newSerial() -> [UInt8] {
    var octets: [UInt8] = (0..<16).map { _ in .random(in: 0...255) }
    octets[0] = .random(in: 0x40...0x7f)
    return octets
  }
}
