import Wire

/// One gateway of a virtual gateway: the decision maker of WO 2005/018176 and of GLBP. A value: it is fed events, and answers with actions;
/// it has no clock, no randomness, no sockets.
public struct GatewayRouter: Sendable {
  public let configuration: Configuration
  /// When `Event.timer` is due; nil when nothing is waited for.
  public private(set) var nextDeadline: Instant?

  /// A gateway that waits for `Event.start`.
  public init(configuration: Configuration) { self.configuration = configuration }

  /// Feeds an event and answers what to do about it, in order.
  public mutating func handle(_ event: Event, at now: Instant, using generator: inout some RandomNumberGenerator) -> [Action] { [] }
}
