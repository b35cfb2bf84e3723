import Glibc
import Wire

/// The clock of the lease: it counts while the machine is suspended, and nobody can set it.
public enum BootClock {
  /// The present moment of `CLOCK_BOOTTIME`.
  public static func now() -> Instant {
    var time = timespec()
    guard clock_gettime(CLOCK_BOOTTIME, &time) == 0 else { preconditionFailure("CLOCK_BOOTTIME is part of every kernel since 2.6.39") }
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// How long the machine has been suspended since it was started: what this clock is ahead of `CLOCK_MONOTONIC`.
  public static func suspended() -> Interval {
    var time = timespec()
    guard clock_gettime(CLOCK_MONOTONIC, &time) == 0 else { return .zero }
    let monotonic = Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    let now = now()
    // A moment passes between the two.
    return now > monotonic && now - monotonic > .milliseconds(1) ? now - monotonic : .zero
  }

  /// How many seconds this process's boot clock is ahead of the kernel's own, by which the packet path ends leases: not 0 only in a time
  /// namespace. A kernel without time namespaces has no such file.
  public static func secondsAheadOfKernel() -> Double {
    (try? readFile("/proc/self/timens_offsets", "read the time namespace")).map(secondsAhead) ?? 0
  }

  /// The same, of what /proc/self/timens_offsets has: a line for each clock, with its offset in seconds and nanoseconds.
  static func secondsAhead(_ offsets: String) -> Double {
    for line in offsets.split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count == 3, words[0] == "boottime", let seconds = Double(words[1]), let nanoseconds = Double(words[2]) else { continue }
      return seconds + nanoseconds / 1e9
    }
    return 0
  }
}
