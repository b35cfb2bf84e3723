// Our seal, type 0xf0: what proves that a packet is from one of us, and new. The code itself is computed elsewhere: this room knows
// only what it covers and where it stands.

/// HMAC-SHA-256 of a packet (RFC 2104) with the sender's sequence. Always the packet's last TLV, so that nothing follows what it covers.
public struct GlbpSeal: Hashable, Sendable, GlbpBody {
  /// Octets of the code.
  public static let codeByteCount = 32
  /// Octets of the whole TLV.
  public static let byteCount = 2 + 2 + 16 + codeByteCount

  /// Drawn afresh each time the sender starts; it only grows, so that an old run cannot be replayed to who has heard a newer one.
  public var incarnation: UInt64
  /// Grows with every packet of the incarnation.
  public var sequence: UInt64
  /// HMAC-SHA-256 over the whole payload with these 32 octets 0.
  public var code: [UInt8]

  /// A seal, its code still 0.
  public init(incarnation: UInt64, sequence: UInt64) {
    self.init(incarnation: incarnation, sequence: sequence, code: Array(repeating: 0, count: Self.codeByteCount))
  }

  /// A seal with its code.
  public init(incarnation: UInt64, sequence: UInt64, code: [UInt8]) {
    self.incarnation = incarnation
    self.sequence = sequence
    self.code = code
  }

  init(from reader: inout OctetReader) throws(WireError) {
    incarnation = try reader.integer()
    sequence = try reader.integer()
    code = Array(try reader.octets(Self.codeByteCount))
  }

  func encode(into octets: inout [UInt8]) {
    precondition(code.count == Self.codeByteCount, "a code of \(code.count) octets")
    octets.append(integer: incarnation)
    octets.append(integer: sequence)
    octets.append(contentsOf: code)
  }

  /// Where the code stands in the payload of a packet whose last TLV is a seal.
  public static func codeRange(in payload: [UInt8]) -> Range<Int> { payload.count - codeByteCount..<payload.count }

  /// What the code is computed over: the payload with the code's octets 0. The packet's last TLV must be a seal.
  public static func authenticatedOctets(of payload: [UInt8]) -> [UInt8] {
    sealed(payload, with: Array(repeating: 0, count: codeByteCount))
  }

  /// The payload with its code filled in. The packet's last TLV must be a seal.
  public static func sealed(_ payload: [UInt8], with code: [UInt8]) -> [UInt8] {
    precondition(code.count == codeByteCount, "a code of \(code.count) octets")
    precondition(payload.count >= GlbpDatagram.Field.tlvs + byteCount, "a sealed GLBP packet of \(payload.count) octets")
    return payload.dropLast(codeByteCount) + code
  }
}
