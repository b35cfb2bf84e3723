import Crypto
import SwiftASN1
import Wire
import X509

/// A cluster's authority, by its certificate: what every member trusts.
public struct TrustedAuthority: Sendable {
  let certificate: ClusterCertificate

  /// The cluster that it speaks for.
  public var cluster: ClusterIdentifier { certificate.owner.cluster }
  /// Its common name.
  public var name: String { certificate.name }

  /// From `authority.pem`.
  public init(path: String) throws(CredentialError) {
    let text = try CredentialFile.readText(path, isSecret: false)
    guard let document = try? PEMDocument(pemString: text), document.discriminator == Certificate.defaultPEMDiscriminator else {
      throw .init(.malformed, "\(path) is no certificate in PEM", remedy: "name the cluster's authority.pem")
    }
    try self.init(ClusterCertificate(der: document.derBytes))
  }

  init(_ certificate: ClusterCertificate) throws(CredentialError) {
    guard certificate.owner.member == nil, certificate.certificate.issuer == certificate.certificate.subject,
      certificate.certificate.publicKey.isValidSignature(certificate.certificate.signature, for: certificate.certificate)
    else {
      throw .init(.notAnAuthority, "\(certificate.owner.text) is no authority's own certificate", remedy: "name an authority.pem")
    }
    self.certificate = certificate
  }

  /// Whether the certificate says that this authority issued it: a comparison, made before the costly check.
  func isNamed(by other: ClusterCertificate) -> Bool { other.certificate.issuer == certificate.certificate.subject }

  /// Whether this authority signed the certificate.
  func signed(_ other: ClusterCertificate) -> Bool {
    certificate.certificate.publicKey.isValidSignature(other.certificate.signature, for: other.certificate)
  }

  /// Whether this authority's key made the signature over the octets.
  func isValid(signature: some Collection<UInt8>, over octets: ArraySlice<UInt8>) -> Bool {
    certificate.key.isValidSignature(Array(signature), for: octets)
  }

  /// Why a certificate that this authority signed is not good all the same.
  enum Objection {
    case otherCluster, notYetValid, expired, revoked
  }

  /// What is wrong with a certificate that this authority signed, at a moment in seconds since 1970; nil when nothing is.
  func objection(to other: ClusterCertificate, revocations: RevocationList, at seconds: Int64) -> Objection? {
    let first = max(certificate.validity.lowerBound, other.validity.lowerBound)
    let last = min(certificate.validity.upperBound, other.validity.upperBound)
    if other.owner.cluster != cluster { return .otherCluster }
    if seconds < first { return .notYetValid }
    if seconds > last { return .expired }
    if revocations.contains(serial: other.serial) { return .revoked }
    return nil
  }
}
