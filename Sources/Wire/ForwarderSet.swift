/// A set of forwarders, 1…255, as 256 bits.
public struct ForwarderSet: Hashable, Sendable {
  /// Octets on the wire.
  static let byteCount = 32
  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  /// No forwarder.
  public init() {}

  /// These forwarders.
  public init(_ forwarders: some Sequence<UInt8>) { for forwarder in forwarders { insert(forwarder) } }

  /// Whether no forwarder is in it.
  public var isEmpty: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

  /// Whether the forwarder is in it.
  public func contains(_ forwarder: UInt8) -> Bool { word(forwarder) >> UInt64(forwarder & 63) & 1 == 1 }

  /// Adds the forwarder.
  public mutating func insert(_ forwarder: UInt8) {
    let bit: UInt64 = 1 << UInt64(forwarder & 63)
    switch forwarder >> 6 {
    case 0: words.0 |= bit
    case 1: words.1 |= bit
    case 2: words.2 |= bit
    default: words.3 |= bit
    }
  }

  private func word(_ forwarder: UInt8) -> UInt64 {
    switch forwarder >> 6 {
    case 0: words.0
    case 1: words.1
    case 2: words.2
    default: words.3
    }
  }

  /// By their members.
  public static func == (left: ForwarderSet, right: ForwarderSet) -> Bool { left.words == right.words }

  /// By its members.
  public func hash(into hasher: inout Hasher) { for word in [words.0, words.1, words.2, words.3] { hasher.combine(word) } }

  init(from reader: inout OctetReader) throws(WireError) {
    words = (try reader.integer(), try reader.integer(), try reader.integer(), try reader.integer())
  }

  func encode(into octets: inout [UInt8]) { for word in [words.0, words.1, words.2, words.3] { octets.append(integer: word) } }
}
