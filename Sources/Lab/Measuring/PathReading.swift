/// The part of `skein counters --pinned --json` that the lab looks at: a packet path, read while its daemon hangs or is gone.
struct PathReading: Codable, Equatable, Sendable {
  var leaseMilliseconds: Double
  var counters: [Counter]

  /// Whatever a machine may do for the cluster only under a lease.
  private static let underLease: Set = ["taken", "routed", "fragmentTaken", "forwarded", "arpAnswered", "neighbourAnswered"]

  var processed: UInt64 { counters.reduce(0) { Self.underLease.contains($1.name) ? $0 + $1.value : $0 } }
  var leaseExpired: UInt64 { counters.first { $0.name == "leaseExpired" }?.value ?? 0 }
}

/// What the packet path of a member without a daemon did between the end of its lease and its repair, by its own count.
struct AfterLease: Equatable, Sendable {
  /// Packets that it processed. Must be none.
  var taken: Int
  /// Packets that were its own and that it dropped, because the lease had run out.
  var leaseExpired: Int

  init(_ first: PathReading, _ last: PathReading) {
    taken = Int(clamping: last.processed - min(first.processed, last.processed))
    leaseExpired = Int(clamping: last.leaseExpired - min(first.leaseExpired, last.leaseExpired))
  }
}
