import Crypto
import SwiftASN1
import Wire
import X509

/// What one member has: its certificate, its private key, and the authority that it trusts. `member.pem` holds the three.
public struct MemberCredentials: Sendable {
  /// The authority that it trusts.
  public let authority: TrustedAuthority
  let certificate: ClusterCertificate
  let key: Curve25519.Signing.PrivateKey

  /// The cluster that the certificate is for.
  public var cluster: ClusterIdentifier { authority.cluster }
  /// The member's number.
  public let member: MemberIdentifier
  /// The member's name.
  public var name: String { certificate.name }

  /// From `member.pem`, which must be its owner's alone (0600). That the certificate is valid now is not checked here: see `describe`.
  public init(path: String) throws(CredentialError) {
    let text = try CredentialFile.readText(path, isSecret: true)
    let documents = (try? PEMDocument.parseMultiple(pemString: text)) ?? []
    let certificates = documents.filter { $0.discriminator == Certificate.defaultPEMDiscriminator }
    guard certificates.count == 2, documents.count == 3 else {
      throw .init(
        .malformed, "\(path) does not hold a member's certificate, its key and the authority's certificate",
        remedy: "use a file that `skein certificate issue` made")
    }
    try self.init(
      certificate: ClusterCertificate(der: certificates[0].derBytes), key: PrivateKeyFile.key(in: documents, name: path),
      authority: TrustedAuthority(ClusterCertificate(der: certificates[1].derBytes)))
  }

  init(
    certificate: ClusterCertificate, key: Curve25519.Signing.PrivateKey, authority: TrustedAuthority
  ) throws(CredentialError) {
    guard let member = certificate.owner.member, authority.isNamed(by: certificate), authority.signed(certificate) else {
      throw .init(.unknownAuthority, "the certificate is not by the authority beside it", remedy: "have a new one issued")
    }
    guard certificate.owner.cluster == authority.cluster else {
      throw .init(.wrongCluster, "the certificate and the authority are of two clusters", remedy: "have a new one issued")
    }
    guard key.publicKey.rawRepresentation == certificate.key.rawRepresentation else {
      throw .init(.wrongKey, "the private key is not the certificate's", remedy: "have a new one issued")
    }
    guard certificate.der.count <= ClusterLimits.certificateByteCount else {
      throw ClusterCertificate.malformed("it is longer than \(ClusterLimits.certificateByteCount) octets")
    }
    self.certificate = certificate
    self.key = key
    self.authority = authority
    self.member = member
  }

  /// What the certificate says, and its state at a moment in seconds since 1970.
  public func describe(revocations: RevocationList?, at seconds: Int64) -> CertificateDescription {
    CertificateDescription(
      certificate, authority: authority, revocations: revocations ?? RevocationList(cluster: cluster), at: seconds)
  }
}

/// Ed25519 private keys in PEM (PKCS #8, RFC 8410, 7).
enum PrivateKeyFile {
  static let discriminator = "PRIVATE KEY"
  /// Everything before the 32 octets of the key.
  private static let prefix: [UInt8] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]

  static func pem(of key: Curve25519.Signing.PrivateKey) -> [UInt8] {
    Array((PEMDocument(type: discriminator, derBytes: prefix + key.rawRepresentation).pemString + "\n").utf8)
  }

  static func key(in text: String, name: String) throws(CredentialError) -> Curve25519.Signing.PrivateKey {
    try key(in: (try? PEMDocument.parseMultiple(pemString: text)) ?? [], name: name)
  }

  static func key(in documents: [PEMDocument], name: String) throws(CredentialError) -> Curve25519.Signing.PrivateKey {
    guard let document = documents.first(where: { $0.discriminator == discriminator }), document.derBytes.starts(with: prefix),
      let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: document.derBytes.dropFirst(prefix.count))
    else { throw .init(.malformed, "\(name) holds no Ed25519 key", remedy: "use a file that `skein certificate` made") }
    return key
  }
}

extension ClusterCertificate {
  /// The certificate in PEM.
  var pem: [UInt8] { Array((PEMDocument(type: Certificate.defaultPEMDiscriminator, derBytes: der).pemString + "\n").utf8) }
}
