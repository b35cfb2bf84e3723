/// Why octets were refused. Decoders throw nothing else, and trap on no input whatever.
public enum WireError: Error, Hashable, Sendable {
  /// It ends before it should: `needed` octets were due, `available` are there.
  case truncated(needed: Int, available: Int)
  /// It, or a part of it that has a limit, is longer than the limit.
  case oversized(byteCount: Int, limit: Int)
  /// Octets are left over after what should be the end.
  case trailingOctets(count: Int)
  /// A cluster datagram does not begin with "SK".
  case badMagic(UInt16)
  /// A version of the protocol that this program does not speak.
  case unknownVersion(UInt8)
  /// A message, packet or record type that this program does not know, or does not handle in this place.
  case unknownType(Int)
  /// The field has a value that it must not have.
  case badValue(field: String)
  /// A checksum does not match its octets.
  case badChecksum
}

extension WireError {
  /// The case without its details: what a counter of refusals is kept by.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case truncated, oversized, trailingOctets, badMagic, unknownVersion, unknownType, badValue, badChecksum
  }

  /// The case without its details.
  public var kind: Kind {
    switch self {
    case .truncated: .truncated
    case .oversized: .oversized
    case .trailingOctets: .trailingOctets
    case .badMagic: .badMagic
    case .unknownVersion: .unknownVersion
    case .unknownType: .unknownType
    case .badValue: .badValue
    case .badChecksum: .badChecksum
    }
  }
}

extension WireError {
  /// What counters are kept by where "bad value" alone is too little: the case, and the name of the field. There are as many as the decoders
  /// name, whatever comes in.
  public var reason: String {
    if case .badValue(let field) = self { "badValue: \(field)" } else { kind.rawValue }
  }
}

extension WireError: CustomStringConvertible {
  /// One sentence for people.
  public var description: String {
    switch self {
    case .truncated(let needed, let available): "truncated: \(needed) octets needed, \(available) there"
    case .oversized(let byteCount, let limit): "oversized: \(byteCount), the limit is \(limit)"
    case .trailingOctets(let count): "\(count) octets too many"
    case .badMagic(let magic): "not a cluster datagram: it begins with \(Hexadecimal.text(of: magic)), not 534b"
    case .unknownVersion(let version): "unknown version \(version)"
    case .unknownType(let type): "unknown type \(type)"
    case .badValue(let field): "bad value of \(field)"
    case .badChecksum: "bad checksum"
    }
  }
}
