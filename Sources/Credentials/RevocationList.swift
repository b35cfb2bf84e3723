import Crypto
import Wire

/// The certificates that are good no longer, signed by the authority: `revoked.skein`, which is copied to every member.
///
/// X.509 has a format for it (RFC 5280, 5), which swift-certificates neither writes nor reads; this one is text:
///
///     skein-revocations 1
///     cluster 7
///     version 2
///     revoked 5f0c…9a member 3 at 1793236800
///     signature 64 octets in hexadecimal, over every octet up to this line
public struct RevocationList: Hashable, Sendable {
  /// One certificate.
  public struct Entry: Hashable, Sendable, Codable {
    /// The serial number, in hexadecimal.
    public var serial: String
    /// The member's number.
    public var member: UInt16
    /// When it was revoked, in seconds since 1970.
    public var revokedAt: Int64
  }

  /// The cluster that it is about.
  public let cluster: ClusterIdentifier
  /// Grows by one with each revocation; a list with a smaller one is refused.
  public private(set) var version: UInt64
  /// In the order of revocation.
  public private(set) var entries: [Entry]
  private var serials: Set<[UInt8]>

  /// The most entries that a list has: by then the cluster wants a new authority.
  public static let entryLimit = 10_000
  /// The name of its file.
  public static let fileName = "revoked.skein"

  /// Nobody is revoked.
  public init(cluster: ClusterIdentifier) {
    self.cluster = cluster
    version = 0
    entries = []
    serials = []
  }

  /// From a file that this authority signed.
  public init(path: String, authority: TrustedAuthority) throws(CredentialError) {
    try self.init(CredentialFile.read(path, isSecret: false), authority: authority, name: path)
  }

  /// Whether the certificate with this serial number is revoked.
  public func contains(serial: [UInt8]) -> Bool { serials.contains(serial) }

  mutating func revoke(serial: [UInt8], member: MemberIdentifier, at seconds: Int64) {
    precondition(entries.count < Self.entryLimit, "a revocation list with more than \(Self.entryLimit) entries")
    guard serials.insert(serial).inserted else { return }
    entries.append(Entry(serial: Hexadecimal.text(of: serial), member: member.rawValue, revokedAt: seconds))
    version += 1
  }
}

extension RevocationList {
  /// The file's octets.
  func signed(with key: Curve25519.Signing.PrivateKey) throws(CredentialError) -> [UInt8] {
    let content = Array(text.utf8)
    guard let signature = try? key.signature(for: content) else {
      throw .init(.wrongKey, "the authority's key does not sign", remedy: "restore authority.key from its copy")
    }
    return content + "signature \(Hexadecimal.text(of: signature))\n".utf8
  }

  private var text: String {
    let lines = entries.map { "revoked \($0.serial) member \($0.member) at \($0.revokedAt)\n" }
    return "skein-revocations 1\ncluster \(cluster.rawValue)\nversion \(version)\n" + lines.joined()
  }

  init(_ octets: [UInt8], authority: TrustedAuthority, name: String) throws(CredentialError) {
    let lineEnds = octets.dropLast().lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
    guard let last = String(validating: octets[lineEnds...], as: UTF8.self), last.hasPrefix("signature "), last.hasSuffix("\n"),
      let signature = Hexadecimal.octets(of: String(last.dropFirst(10)))
    else { throw Self.malformed(name) }
    guard authority.isValid(signature: signature, over: octets[..<lineEnds]) else {
      throw .init(
        .badSignature, "\(name) is not signed by the authority of cluster \(authority.cluster.rawValue)",
        remedy: "copy it again from the authority's directory")
    }
    try self.init(content: String(decoding: octets[..<lineEnds], as: UTF8.self), name: name)
    guard cluster == authority.cluster else {
      throw .init(.wrongCluster, "\(name) is of cluster \(cluster.rawValue)", remedy: "copy cluster \(authority.cluster.rawValue)'s")
    }
  }

  private init(content: String, name: String) throws(CredentialError) {
    let lines = content.split(separator: "\n")
    guard lines.count >= 3, lines.count <= Self.entryLimit + 3, lines[0] == "skein-revocations 1",
      let cluster = Self.number(lines[1], after: "cluster", UInt16.self),
      let version = Self.number(lines[2], after: "version", UInt64.self)
    else { throw Self.malformed(name) }
    self.init(cluster: ClusterIdentifier(rawValue: cluster))
    for line in lines.dropFirst(3) {
      guard let (entry, serial) = Self.entry(line) else { throw Self.malformed(name) }
      entries.append(entry)
      serials.insert(serial)
    }
    self.version = version
  }

  private static func number<Number: FixedWidthInteger>(_ line: Substring, after word: String, _: Number.Type) -> Number? {
    let words = line.split(separator: " ")
    return words.count == 2 && words[0] == word ? Number(words[1]) : nil
  }

  private static func entry(_ line: Substring) -> (Entry, serial: [UInt8])? {
    let words = line.split(separator: " ")
    guard words.count == 6, words[0] == "revoked", words[2] == "member", words[4] == "at", let member = UInt16(words[3]),
      let seconds = Int64(words[5]), let serial = Hexadecimal.octets(of: String(words[1]))
    else { return nil }
    return (Entry(serial: String(words[1]), member: member, revokedAt: seconds), serial)
  }

  private static func malformed(_ name: String) -> CredentialError {
    .init(.malformed, "\(name) is no revocation list", remedy: "copy it again from the authority's directory")
  }
}
