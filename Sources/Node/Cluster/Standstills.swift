import Wire

/// How often this process did not run for so long that its lease, of which half was left, ran out; and for how long in all. That is the
/// machine's doing.
struct Standstills {
  private(set) var count: UInt64 = 0
  private(set) var milliseconds: UInt64 = 0
  /// The plan that came too late last: what is handled before the member runs again comes too late for the same one.
  private var noticed: Instant?

  /// Looks whether the member should have run when half of its lease was left or more, and runs only when it is over.
  /// - Parameters:
  ///   - planned: when it was to run.
  ///   - deadline: when the lease ends, or has ended.
  mutating func look(at now: Instant, planned: Instant, deadline: Instant, lease: Interval) {
    guard planned != noticed, deadline <= now, planned + lease / 2 <= deadline else { return }
    noticed = planned
    count += 1
    milliseconds += UInt64((now - planned).inMilliseconds)
  }
}
