// GLBP's authentication, type 3. How IOS keys its MD5 is not public: the octets are carried, not understood. Ours is `GlbpSeal`.

/// GLBP's own authentication.
public struct GlbpAuthentication: Hashable, Sendable, GlbpBody {
  /// How a packet is authenticated. Unknown numbers survive.
  public struct Method: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public var rawValue: UInt8
    /// Any number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Not at all.
    public static let none = Method(rawValue: 0)
    /// The secret itself, for everybody to read.
    public static let text = Method(rawValue: 1)
    /// A digest.
    public static let md5 = Method(rawValue: 2)
    /// A digest under one of several keys: its number (4), then the digest.
    public static let md5Chain = Method(rawValue: 3)
  }

  /// How.
  public var method: Method
  /// The secret or digest, at most 251 octets.
  public var secret: [UInt8]

  /// An authentication.
  public init(method: Method, secret: [UInt8]) {
    self.method = method
    self.secret = secret
  }

  init(from reader: inout OctetReader) throws(WireError) {
    method = Method(rawValue: try reader.integer())
    let byteCount = Int(try reader.integer(UInt8.self))
    secret = Array(try reader.octets(byteCount))
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(method.rawValue)
    octets.append(count: secret.count, limit: GlbpLimits.secretByteCount)
    octets.append(contentsOf: secret)
  }
}
