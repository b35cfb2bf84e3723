import Wire

/// So many answers at once, and then one in each interval: what a flood of questions may cost.
struct RateLimit: Sendable {
  let burst: UInt64
  let interval: Interval
  /// When the bucket would be full again.
  private var fullAt = Instant.zero

  init(burst: UInt64, interval: Interval) {
    self.burst = burst
    self.interval = interval
  }

  /// Whether one more may be answered now; takes it if so.
  mutating func take(at now: Instant) -> Bool {
    let start = max(fullAt, now)
    guard start - now < interval * burst else { return false }
    fullAt = start + interval
    return true
  }
}
