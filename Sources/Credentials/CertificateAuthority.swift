import Crypto
import Glibc
import SwiftASN1
import Wire
import X509

/// A cluster's authority with its private key: issues, revokes, and signs personalities. It is a directory, kept away from the members:
///
///     authority.pem    its certificate, which is no secret
///     authority.key    its private key, 0600
///     issued/*.pem     a copy of each certificate issued, without its key
///     revoked.skein    the signed revocation list, to be copied to every member
public struct CertificateAuthority: Sendable {
  /// What members trust.
  public let trusted: TrustedAuthority
  /// What is revoked.
  public private(set) var revocations: RevocationList
  /// Where it is.
  public let directory: String
  let key: Curve25519.Signing.PrivateKey

  /// How long a new authority is good for unless said otherwise: ten years.
  public static let defaultValidityDays = 3650
  /// How long a member's certificate is good for unless said otherwise: two years.
  public static let defaultMemberValidityDays = 730
  /// Certificates begin this much before they are made, for clocks that are behind.
  static let clockToleranceSeconds: Int64 = 300

  /// Makes a new authority in a directory that has none. `seconds` is the time since 1970.
  public static func create(
    cluster: ClusterIdentifier, name: String, validityDays: Int = defaultValidityDays, directory: String, at seconds: Int64
  ) throws(CredentialError) -> CertificateAuthority {
    try check(name: name, validityDays: validityDays)
    let key = Curve25519.Signing.PrivateKey()
    let certificate = try ClusterCertificate(signing: draft(cluster, name, key, validityDays, seconds), with: key)
    let authority = CertificateAuthority(
      trusted: try TrustedAuthority(certificate), revocations: RevocationList(cluster: cluster), directory: directory, key: key)
    try authority.writeAll()
    return authority
  }

  private static func draft(
    _ cluster: ClusterIdentifier, _ name: String, _ key: Curve25519.Signing.PrivateKey, _ validityDays: Int, _ seconds: Int64
  ) throws(CredentialError) -> ClusterCertificate.Draft {
    guard cluster.rawValue != 0, let issuer = try? ClusterCertificate.subject(name) else {
      throw .init(.badArgument, "no authority \"\(name)\" of cluster \(cluster.rawValue)", remedy: "clusters are numbered 1 to 65535")
    }
    return ClusterCertificate.Draft(
      owner: .init(cluster: cluster, member: nil), name: name, issuer: issuer, key: key.publicKey,
      validity: validity(days: validityDays, from: seconds))
  }

  private func writeAll() throws(CredentialError) {
    try CredentialFile.makeDirectory(directory)
    try CredentialFile.makeDirectory("\(directory)/issued")
    try CredentialFile.write(PrivateKeyFile.pem(of: key), to: "\(directory)/authority.key", isSecret: true, replacing: false)
    try CredentialFile.write(
      trusted.certificate.pem, to: "\(directory)/authority.pem", isSecret: false, replacing: false)
    try writeRevocations()
  }

  private func writeRevocations() throws(CredentialError) {
    let octets = try revocations.signed(with: key)
    try CredentialFile.write(octets, to: "\(directory)/\(RevocationList.fileName)", isSecret: false, replacing: true)
  }

  /// The authority in this directory.
  public init(directory: String) throws(CredentialError) {
    guard access("\(directory)/authority.pem", F_OK) == 0 || errno != ENOENT else {
      throw .init(
        .unreadable, "there is no authority in \(directory)", remedy: "`skein certificate authority` makes one; --directory names another")
    }
    let trusted = try TrustedAuthority(path: "\(directory)/authority.pem")
    let key = try PrivateKeyFile.key(in: CredentialFile.readText("\(directory)/authority.key", isSecret: true), name: "authority.key")
    guard key.publicKey.rawRepresentation == trusted.certificate.key.rawRepresentation else {
      throw .init(.wrongKey, "\(directory)/authority.key is not authority.pem's key", remedy: "restore both from one copy")
    }
    let revocations = try RevocationList(path: "\(directory)/\(RevocationList.fileName)", authority: trusted)
    self.init(trusted: trusted, revocations: revocations, directory: directory, key: key)
  }

  private init(trusted: TrustedAuthority, revocations: RevocationList, directory: String, key: Curve25519.Signing.PrivateKey) {
    self.trusted = trusted
    self.revocations = revocations
    self.directory = directory
    self.key = key
  }

  static func check(name: String, validityDays: Int) throws(CredentialError) {
    let allowed = name.utf8.allSatisfy { 0x20...0x7e ~= $0 }
    guard allowed, 1...64 ~= name.utf8.count else {
      throw .init(.badArgument, "a name of \(name.utf8.count) octets", remedy: "a name has 1 to 64 ASCII characters")
    }
    guard 1...36_500 ~= validityDays else {
      throw .init(.badArgument, "a validity of \(validityDays) days", remedy: "1 to 36500 days")
    }
  }

  static func validity(days: Int, from seconds: Int64) -> ClosedRange<Int64> {
    seconds - clockToleranceSeconds...seconds + Int64(days) * 86_400
  }
}

extension CertificateAuthority {
  /// Issues a member's certificate and key, and writes them with the authority's certificate to `path` as one file, 0600, to be carried
  /// to that member by a way that nobody else reads. It is good from `start` on, or from now.
  public func issue(
    member: MemberIdentifier, name: String, validityDays: Int = defaultMemberValidityDays, from start: Int64? = nil, path: String,
    at seconds: Int64
  ) throws(CredentialError) -> CertificateDescription {
    try Self.check(name: name, validityDays: validityDays)
    guard 1...65_534 ~= member.rawValue else {
      throw .init(.badArgument, "member \(member.rawValue)", remedy: "members are numbered 1 to 65534")
    }
    let key = Curve25519.Signing.PrivateKey()
    let certificate = try certificate(
      member: member, name: name, key: key, validity: validity(days: validityDays, from: start, at: seconds))
    try CredentialFile.refuseExisting(path)
    // The copy first: what has left this house can be revoked.
    let copy = "\(directory)/issued/\(member.rawValue)-\(Hexadecimal.text(of: certificate.serial)).pem"
    try CredentialFile.write(certificate.pem, to: copy, isSecret: false, replacing: false)
    let octets = certificate.pem + PrivateKeyFile.pem(of: key) + trusted.certificate.pem
    try CredentialFile.write(octets, to: path, isSecret: true, replacing: false)
    return description(of: certificate, at: seconds)
  }

  /// As asked, but not beyond the authority's own end.
  private func validity(days: Int, from start: Int64?, at seconds: Int64) throws(CredentialError) -> ClosedRange<Int64> {
    let asked = Self.validity(days: days, from: start ?? seconds)
    guard trusted.certificate.validity.contains(seconds) else {
      throw .init(.expired, "the authority itself is not valid now", remedy: "check the clock, or make a new authority")
    }
    return asked.clamped(to: trusted.certificate.validity)
  }

  func certificate(
    member: MemberIdentifier, name: String, key: Curve25519.Signing.PrivateKey, validity: ClosedRange<Int64>
  ) throws(CredentialError) -> ClusterCertificate {
    let draft = ClusterCertificate.Draft(
      owner: .init(cluster: trusted.cluster, member: member), name: name, issuer: trusted.certificate.certificate.subject,
      key: key.publicKey, validity: validity)
    return try ClusterCertificate(signing: draft, with: self.key)
  }

  /// Revokes every certificate that was issued to a member; says which.
  public mutating func revoke(member: MemberIdentifier, at seconds: Int64) throws(CredentialError) -> [CertificateDescription] {
    try revoke("member \(member.rawValue)", at: seconds) { $0.owner.member == member }
  }

  /// Revokes the certificate with this serial number, in hexadecimal; says which.
  public mutating func revoke(serial: String, at seconds: Int64) throws(CredentialError) -> [CertificateDescription] {
    let octets = Hexadecimal.octets(of: serial)
    return try revoke("serial number \(serial)", at: seconds) { $0.serial == octets }
  }

  private mutating func revoke(
    _ what: String, at seconds: Int64, where condition: (ClusterCertificate) -> Bool
  ) throws(CredentialError) -> [CertificateDescription] {
    let found = try issued().filter(condition)
    guard !found.isEmpty else {
      throw .init(.unknownCertificate, "no certificate was issued for \(what)", remedy: "`skein certificate show` lists them")
    }
    guard revocations.entries.count + found.count <= RevocationList.entryLimit else {
      throw .init(.badArgument, "\(RevocationList.entryLimit) certificates are revoked already", remedy: "make a new authority")
    }
    for certificate in found {
      revocations.revoke(serial: certificate.serial, member: certificate.owner.member ?? .init(rawValue: 0), at: seconds)
    }
    try writeRevocations()
    return found.map { description(of: $0, at: seconds) }
  }

  /// The authority's own certificate, then every one that it issued.
  public func show(at seconds: Int64) throws(CredentialError) -> [CertificateDescription] {
    try ([trusted.certificate] + issued()).map { description(of: $0, at: seconds) }
  }

  private func issued() throws(CredentialError) -> [ClusterCertificate] {
    var certificates: [ClusterCertificate] = []
    for name in try CredentialFile.names(in: "\(directory)/issued") where name.hasSuffix(".pem") {
      let text = try CredentialFile.readText("\(directory)/issued/\(name)", isSecret: false)
      guard let document = try? PEMDocument(pemString: text) else {
        throw .init(.malformed, "\(directory)/issued/\(name) is no certificate", remedy: "restore it from its copy")
      }
      certificates.append(try ClusterCertificate(der: document.derBytes))
    }
    return certificates
  }

  private func description(of certificate: ClusterCertificate, at seconds: Int64) -> CertificateDescription {
    CertificateDescription(certificate, authority: trusted, revocations: revocations, at: seconds)
  }
}
