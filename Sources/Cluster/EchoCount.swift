/// How many members have heard each of the master's newest keepalives: whose echoes make a quorum renews the master's lease.
struct EchoCount: Sendable {
  private static let capacity: UInt64 = 64
  private var counts = Array(repeating: 0, count: Int(capacity))
  private var newest: UInt64 = 0

  /// A keepalive with the next sequence number leaves.
  mutating func begin(_ sequence: UInt64) {
    newest = sequence
    counts[Int(sequence % Self.capacity)] = 0
  }

  /// A member that had heard up to `earlier` has now heard up to `sequence`. Answers the newest of those that `quorum` have heard.
  mutating func record(_ sequence: UInt64, after earlier: UInt64, quorum: Int) -> UInt64? {
    guard sequence > earlier, sequence <= newest else { return nil }
    let oldest = newest >= Self.capacity ? newest - Self.capacity + 1 : 1
    var result: UInt64?
    var heard = sequence
    while heard > earlier, heard >= oldest {
      counts[Int(heard % Self.capacity)] += 1
      if result == nil, counts[Int(heard % Self.capacity)] >= quorum { result = heard }
      heard -= 1
    }
    return result
  }
}
