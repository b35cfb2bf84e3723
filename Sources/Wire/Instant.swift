/// A moment on the boot clock (`CLOCK_BOOTTIME`), in nanoseconds: the clock that the packet path compares the lease with.
/// Decision makers are handed it and never read a clock themselves.
public struct Instant: Hashable, Comparable, Sendable {
  /// Nanoseconds since the machine (or the simulation) started.
  public var nanoseconds: UInt64

  /// So many nanoseconds.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// The beginning of time; a deadline here has always passed.
  public static let zero = Instant(nanoseconds: 0)

  /// The earlier first.
  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The instant `duration` later.
  public static func + (left: Instant, duration: Interval) -> Instant {
    Instant(nanoseconds: left.nanoseconds &+ duration.nanoseconds)
  }

  /// The instant `duration` earlier, but not before `zero`.
  public static func - (left: Instant, duration: Interval) -> Instant {
    Instant(nanoseconds: left.nanoseconds > duration.nanoseconds ? left.nanoseconds - duration.nanoseconds : 0)
  }

  /// The time from `right` to `left`; nothing if `right` is the later one.
  public static func - (left: Instant, right: Instant) -> Interval {
    Interval(nanoseconds: left.nanoseconds > right.nanoseconds ? left.nanoseconds - right.nanoseconds : 0)
  }
}

/// A length of time in nanoseconds, never negative.
public struct Interval: Hashable, Comparable, Sendable {
  /// The length.
  public var nanoseconds: UInt64

  /// So many nanoseconds.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// Millionths of a second.
  public static func microseconds(_ count: UInt64) -> Interval { Interval(nanoseconds: count &* 1000) }
  /// Thousandths of a second.
  public static func milliseconds(_ count: UInt64) -> Interval { Interval(nanoseconds: count &* 1_000_000) }
  /// Seconds.
  public static func seconds(_ count: UInt64) -> Interval { Interval(nanoseconds: count &* 1_000_000_000) }
  /// No time.
  public static let zero = Interval(nanoseconds: 0)

  /// The interval in milliseconds, with fractions, for people.
  public var inMilliseconds: Double { Double(nanoseconds) / 1_000_000 }

  /// The shorter first.
  public static func < (left: Interval, right: Interval) -> Bool { left.nanoseconds < right.nanoseconds }
  /// Both together.
  public static func + (left: Interval, right: Interval) -> Interval {
    Interval(nanoseconds: left.nanoseconds &+ right.nanoseconds)
  }
  /// The first less the second, but never below zero.
  public static func - (left: Interval, right: Interval) -> Interval {
    Interval(nanoseconds: left.nanoseconds > right.nanoseconds ? left.nanoseconds - right.nanoseconds : 0)
  }
  /// `factor` times as long.
  public static func * (left: Interval, factor: UInt64) -> Interval {
    Interval(nanoseconds: left.nanoseconds &* factor)
  }
  /// The `divisor`th part, rounded down; the divisor must not be 0.
  public static func / (left: Interval, divisor: UInt64) -> Interval {
    Interval(nanoseconds: left.nanoseconds / divisor)
  }
}
