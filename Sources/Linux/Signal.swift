/// The signals that a daemon answers.
public enum Signal: Int32, Hashable, Sendable, CaseIterable {
  /// SIGHUP: read the configuration again.
  case hangup = 1
  /// SIGINT: leave and end.
  case interrupt = 2
  /// SIGTERM: leave and end.
  case terminate = 15
}
