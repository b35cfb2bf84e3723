import Glibc

/// The signals that a daemon answers.
public enum Signal: Int32, Hashable, Sendable, CaseIterable {
  /// SIGHUP: read the configuration again.
  case hangup = 1
  /// SIGINT: leave and end.
  case interrupt = 2
  /// SIGTERM: leave and end.
  case terminate = 15

  /// Blocks these for the calling thread and all that it starts from now on, so that `Poller.watchSignals` gets them.
  public static func block(_ signals: Set<Signal>) throws(LinuxError) {
    var set = mask(signals)
    try check(-pthread_sigmask(SIG_BLOCK, &set, nil), "block signals")
  }

  static func mask(_ signals: Set<Signal>) -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal.rawValue) }
    return set
  }
}
