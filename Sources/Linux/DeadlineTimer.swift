import CLinux
import Glibc
import Wire

/// A timer of a `Poller`: calls its handler once at an absolute moment of the boot clock.
public final class DeadlineTimer {
  private let timer: Descriptor
  private weak var poller: Poller?
  var descriptor: Int32 { timer.rawValue }

  init(_ poller: Poller) throws(LinuxError) {
    let flags = CInt(TFD_CLOEXEC | TFD_NONBLOCK)
    timer = Descriptor(owning: try checkErrno(timerfd_create(CLOCK_BOOTTIME, flags), "create a timer"))
    self.poller = poller
  }

  deinit { poller?.unwatch(timer.rawValue) }

  /// When it fires: at once if that has passed, never if nil. It is nil again when the handler is called.
  public var deadline: Instant? {
    didSet { if deadline != oldValue { arm() } }
  }

  /// Whether it has really fired: an expiry that was fetched before the deadline moved does not count.
  func takeExpiry() -> Bool {
    var count: UInt64 = 0
    guard read(timer.rawValue, &count, MemoryLayout<UInt64>.size) == MemoryLayout<UInt64>.size else { return false }
    deadline = nil
    return true
  }

  private func arm() {
    var setting = itimerspec()
    if let deadline {
      // Zero would disarm it.
      let nanoseconds = max(deadline.nanoseconds, 1)
      setting.it_value = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }
    let result = timerfd_settime(timer.rawValue, CInt(TFD_TIMER_ABSTIME), &setting, nil)
    precondition(result == 0, "timerfd_settime: \(Errno.current)")
  }
}
