import CLinux
import Glibc
import Synchronization
import Wire

/// What a daemon tells systemd (sd_notify). Without `NOTIFY_SOCKET` nobody asked, and nothing is sent.
public enum ServiceManager {
  /// That the service is up could not be said yet.
  private static let owesReady = Mutex(false)

  /// The service is up: what waits for it may start. When the service manager is not listening now, `alive()` says it.
  public static func ready() throws(LinuxError) {
    do throws(LinuxError) { try notify("READY=1\(watchdog(watchdogInterval))") } catch {
      guard error.code == .wouldBlock else { throw error }
      owesReady.withLock { $0 = true }
    }
  }
  /// A service that is up already has something before it that takes longer than the watchdog waits; until `ready()` it waits this long.
  public static func starting(within limit: Interval) throws(LinuxError) {
    if watchdogInterval != nil { try notify("WATCHDOG=1\(watchdog(limit))") }
  }

  private static func watchdog(_ interval: Interval?) -> String { interval.map { "\nWATCHDOG_USEC=\($0.nanoseconds / 1000)" } ?? "" }

  /// The service is on its way out.
  public static func stopping() throws(LinuxError) { try notify("STOPPING=1") }
  /// The configuration is being read again; `ready()` ends that.
  public static func reloading() throws(LinuxError) {
    try notify("RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds())")
  }
  /// The service is alive; to be sent twice in each `watchdogInterval`.
  public static func alive() throws(LinuxError) {
    try notify(owesReady.withLock { $0 } ? "READY=1\(watchdog(watchdogInterval))\nWATCHDOG=1" : "WATCHDOG=1")
    owesReady.withLock { $0 = false }
  }
  /// One line for `systemctl status`.
  public static func status(_ text: String) throws(LinuxError) {
    try notify("STATUS=\(String(text.map { $0.isNewline ? " " : $0 }))")
  }

  /// How long systemd waits for `alive()` before it restarts the service; nil when it does not watch this process.
  public static var watchdogInterval: Interval? {
    if let process = environment("WATCHDOG_PID"), process != String(getpid()) { return nil }
    return environment("WATCHDOG_USEC").flatMap { UInt64($0) }.map { .microseconds($0) }
  }

  private static func notify(_ text: String) throws(LinuxError) { try check(skein_notify(text), "notify the service manager") }

  private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  private static func monotonicMicroseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
  }
}
