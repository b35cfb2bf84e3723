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
}
