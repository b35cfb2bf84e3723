/// What is wrong with a certificate, key or signed file, and what to do about it. Commands and the daemon show it as it is.
public struct CredentialError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of thing went wrong, for programs.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case unreadable, unwritable, alreadyExists, unsafePermissions, malformed, badArgument
    case notAnAuthority, unknownAuthority, wrongKey, badSignature, wrongCluster, unknownCertificate
    case expired, notYetValid, revoked, olderVersion
  }

  /// The kind.
  public let kind: Kind
  /// What is wrong, naming the file or value.
  public let problem: String
  /// What would do.
  public let remedy: String

  init(_ kind: Kind, _ problem: String, remedy: String) {
    self.kind = kind
    self.problem = problem
    self.remedy = remedy
  }

  /// Both in one line.
  public var description: String { "\(problem): \(remedy)" }
}
