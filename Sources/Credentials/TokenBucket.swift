import Wire

/// So many per second, and a burst: the generic cell rate algorithm (ITU-T I.371, annex A), which is one number.
struct TokenBucket {
  /// The time that one token takes to come back.
  private let interval: Interval
  /// How far ahead of the clock the bucket may be emptied.
  private let tolerance: Interval
  /// When the bucket will be full again.
  private var full = Instant.zero

  /// Both are at least 1.
  init(perSecond rate: Int, burst: Int) {
    precondition(rate > 0 && burst > 0, "a bucket of \(rate) per second and \(burst) at once lets nothing through")
    interval = .seconds(1) / UInt64(rate)
    tolerance = interval * UInt64(burst - 1)
  }

  /// Takes one token if there is one.
  mutating func take(at now: Instant) -> Bool {
    let start = max(full, now)
    guard start - now <= tolerance else { return false }
    full = start + interval
    return true
  }
}
