import Foundation
import Synchronization

/// Ctrl-C, a closing terminal or a polite kill end the lab, but only after it has removed what it built:
/// the signal raises a flag, every wait looks at the flag and throws, and the scope that built the lab takes it down.
enum Interruption {
  private static let raised = Atomic<Bool>(false)

  /// Catches the signals from now on. Again is harmless.
  static func catchSignals() {
    _ = raised.load(ordering: .relaxed)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { _ in Interruption.raised.store(true, ordering: .relaxed) }
    }
    signal(SIGPIPE, SIG_IGN)
  }

  static var isRaised: Bool { raised.load(ordering: .relaxed) }

  static func check() throws {
    if isRaised { throw LabError.interrupted }
  }
}

/// Sleeps, but not through an interruption.
func pause(milliseconds: Int) throws {
  let end = BootClock.nanoseconds + UInt64(milliseconds) * 1_000_000
  repeat {
    try Interruption.check()
    BootClock.sleep(until: min(end, BootClock.nanoseconds + 20_000_000))
  } while BootClock.nanoseconds < end
}

/// Asks `condition` again and again until it holds.
/// - Parameter detail: asked once, when time is up: what a person needs in order to see why.
func wait(
  for what: String, seconds: Double, everyMilliseconds: Int = 50, detail: () -> String = { "" }, until condition: () throws -> Bool
) throws {
  let end = BootClock.nanoseconds + UInt64(seconds * 1_000_000_000)
  while true {
    let askedAt = BootClock.nanoseconds
    if try condition() { return }
    let now = BootClock.nanoseconds
    guard now < end else { throw LabError.timedOut(waitingFor: what, seconds: seconds, detail: detail()) }
    // Asking starts programs: on a slow machine it must not be what keeps the daemons from their work.
    try pause(milliseconds: max(everyMilliseconds, Int((now - askedAt) / 500_000)))
  }
}
