import Crypto
import Wire

/// The personality (WO 00/31945, figure 3): the configuration that all members share, with a version, signed by the authority.
///
///     magic "SKEINPB1" | version 8 | cluster 2 | length 4 | YAML | Ed25519 signature 64, over everything before it
public struct PersonalityBundle: Hashable, Sendable {
  /// The newer of two has the larger.
  public let version: UInt64
  /// The cluster that it is for.
  public let cluster: ClusterIdentifier
  /// The configuration file's text.
  public let text: String
  /// The bundle as signed, for passing on.
  public let octets: [UInt8]

  private static let magic = Array("SKEINPB1".utf8)
  private static let headerByteCount = 22
  private static let signatureByteCount = 64
  /// The longest text.
  public static let textByteCountLimit = ClusterLimits.personalityByteCount - headerByteCount - signatureByteCount

  /// The bundle in these octets, if the authority signed it. `versionInUse` is the one that it would replace: an older one is refused, the
  /// same again is not.
  public init(
    verifying octets: [UInt8], authority: TrustedAuthority, versionInUse: UInt64? = nil
  ) throws(CredentialError) {
    let signed = octets.dropLast(Self.signatureByteCount)
    guard octets.count >= Self.headerByteCount + Self.signatureByteCount, octets.count <= ClusterLimits.personalityByteCount,
      octets.starts(with: Self.magic), Self.number(octets[18..<22]) == signed.count - Self.headerByteCount
    else { throw Self.malformed }
    guard authority.isValid(signature: octets.suffix(Self.signatureByteCount), over: signed) else {
      throw .init(
        .badSignature, "the personality is not signed by the authority of cluster \(authority.cluster.rawValue)",
        remedy: "sign it with `skein personality sign` in the authority's directory")
    }
    guard let text = String(validating: signed.dropFirst(Self.headerByteCount), as: UTF8.self) else { throw Self.malformed }
    version = Self.number(octets[8..<16])
    cluster = ClusterIdentifier(rawValue: UInt16(truncatingIfNeeded: Self.number(octets[16..<18])))
    self.text = text
    self.octets = octets
    try check(authority: authority, versionInUse: versionInUse)
  }

  private func check(authority: TrustedAuthority, versionInUse: UInt64?) throws(CredentialError) {
    guard cluster == authority.cluster else {
      throw .init(.wrongCluster, "the personality is of cluster \(cluster.rawValue)", remedy: "use cluster \(authority.cluster.rawValue)'s")
    }
    guard version >= versionInUse ?? 0 else {
      throw .init(
        .olderVersion, "the personality has version \(version), and \(versionInUse ?? 0) is in use",
        remedy: "sign the configuration again with a version above \(versionInUse ?? 0)")
    }
  }

  private static func number(_ octets: ArraySlice<UInt8>) -> UInt64 { octets.reduce(0) { $0 << 8 | UInt64($1) } }

  private static var malformed: CredentialError {
    .init(.malformed, "this is no personality", remedy: "use a bundle that `skein personality sign` wrote")
  }
}

extension PersonalityBundle {
  /// Reads and verifies a bundle in a file.
  public init(path: String, authority: TrustedAuthority, versionInUse: UInt64? = nil) throws(CredentialError) {
    try self.init(verifying: CredentialFile.read(path, isSecret: false), authority: authority, versionInUse: versionInUse)
  }

  /// Writes the bundle to a file.
  public func write(to path: String) throws(CredentialError) {
    try CredentialFile.write(octets, to: path, isSecret: false, replacing: true)
  }

  fileprivate static func signed(
    version: UInt64, cluster: ClusterIdentifier, text: String, key: Curve25519.Signing.PrivateKey
  ) -> [UInt8]? {
    var octets = magic
    octets.append(bigEndian: version)
    octets.append(bigEndian: cluster.rawValue)
    octets.append(bigEndian: UInt32(text.utf8.count))
    octets.append(contentsOf: text.utf8)
    return (try? key.signature(for: octets)).map { octets + $0 }
  }
}

extension CertificateAuthority {
  /// Signs a configuration as a personality with this version.
  public func signPersonality(version: UInt64, text: String) throws(CredentialError) -> PersonalityBundle {
    guard text.utf8.count <= PersonalityBundle.textByteCountLimit else {
      throw .init(
        .badArgument, "a configuration of \(text.utf8.count) octets", remedy: "at most \(PersonalityBundle.textByteCountLimit)")
    }
    guard let octets = PersonalityBundle.signed(version: version, cluster: trusted.cluster, text: text, key: key) else {
      throw .init(.wrongKey, "the authority's key does not sign", remedy: "restore authority.key from its copy")
    }
    return try PersonalityBundle(verifying: octets, authority: trusted)
  }
}
