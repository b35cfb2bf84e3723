import Wire

/// One member of an IP cluster: the decision maker of WO 00/31945, figures 6 and 8A to 8I. A value: it is fed events, and answers with
/// actions; it has no clock, no randomness, no sockets.
public struct ClusterMember: Sendable {
  public let configuration: Configuration
  public private(set) var counters = Counters()

  /// A member that waits for `Event.start`.
  public init(configuration: Configuration) { self.configuration = configuration }

  /// When `Event.timer` is due; nil when nothing is waited for.
  public var nextDeadline: Instant? { nil }

  /// Feeds an event and answers what to do about it.
  public mutating func handle(_ event: Event, at now: Instant, using generator: inout some RandomNumberGenerator) -> [Action] { [] }

  /// What an operator may see.
  public func snapshot(at now: Instant) -> Snapshot {
    Snapshot(
      phase: .starting, term: .none, master: nil, leaseDeadline: .zero, members: [],
      units: Array(repeating: .init(owner: nil, isAcknowledged: false), count: UnitSet.unitCount), ownUnits: UnitSet(),
      keepaliveInterval: .zero, toleratedLosses: 2, lossAverage: 0, epoch: 0, isDraining: false, isDrained: false, isLeaving: false)
  }
}
