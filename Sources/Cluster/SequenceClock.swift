import Wire

/// Numbers what is sent and remembers when, so that the echo of a number says how old the sender's word is that was heard.
struct SequenceClock: Sendable {
  private static let capacity = 64

  /// The last number given; 0 before the first.
  private(set) var last: UInt64 = 0
  private var sent = Array(repeating: Instant.zero, count: capacity)

  /// Gives the next number, to a message that leaves now.
  mutating func next(at now: Instant) -> UInt64 {
    last += 1
    sent[Int(last % UInt64(Self.capacity))] = now
    return last
  }

  /// When the number was sent; nil if it never was, or too long ago to matter.
  func sentAt(_ sequence: UInt64) -> Instant? {
    guard sequence > 0, sequence <= last, sequence + UInt64(Self.capacity) > last else { return nil }
    return sent[Int(sequence % UInt64(Self.capacity))]
  }
}
