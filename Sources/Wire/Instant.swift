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

  /// The instant `duration` later, or the last one that can be counted.
  public static func + (left: Instant, duration: Interval) -> Instant {
    Instant(nanoseconds: saturated(left.nanoseconds.addingReportingOverflow(duration.nanoseconds)))
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

/// A length of time in nanoseconds, never negative. What would be longer than 584 years is 584 years: it never wraps around to a short one.
public struct Interval: Hashable, Comparable, Sendable {
  /// The length.
  public var nanoseconds: UInt64

  /// So many nanoseconds.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// Millionths of a second.
  public static func microseconds(_ count: UInt64) -> Interval { Interval(nanoseconds: 1) * 1000 * count }
  /// Thousandths of a second.
  public static func milliseconds(_ count: UInt64) -> Interval { Interval(nanoseconds: 1) * 1_000_000 * count }
  /// Seconds.
  public static func seconds(_ count: UInt64) -> Interval { Interval(nanoseconds: 1) * 1_000_000_000 * count }
  /// No time.
  public static let zero = Interval(nanoseconds: 0)

  /// The interval in milliseconds, with fractions, for people.
  public var inMilliseconds: Double { Double(nanoseconds) / 1_000_000 }

  /// The shorter first.
  public static func < (left: Interval, right: Interval) -> Bool { left.nanoseconds < right.nanoseconds }
  /// Both together.
  public static func + (left: Interval, right: Interval) -> Interval {
    Interval(nanoseconds: saturated(left.nanoseconds.addingReportingOverflow(right.nanoseconds)))
  }
  /// The first less the second, but never below zero.
  public static func - (left: Interval, right: Interval) -> Interval {
    Interval(nanoseconds: left.nanoseconds > right.nanoseconds ? left.nanoseconds - right.nanoseconds : 0)
  }
  /// `factor` times as long.
  public static func * (left: Interval, factor: UInt64) -> Interval {
    Interval(nanoseconds: saturated(left.nanoseconds.multipliedReportingOverflow(by: factor)))
  }
  /// The `divisor`th part, rounded down; the divisor must not be 0.
  public static func / (left: Interval, divisor: UInt64) -> Interval {
    Interval(nanoseconds: left.nanoseconds / divisor)
  }
}

/// The result of an addition or multiplication, or the largest number when it did not fit.
private func saturated(_ result: (partialValue: UInt64, overflow: Bool)) -> UInt64 { result.overflow ? .max : result.partialValue }
