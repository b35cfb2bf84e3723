import Wire

/// When virtual MACs are moved: state over time around the planner (WO 2005/018176, "hybrid of low percentage address distribution and
/// corrective re-assignment").
public struct Steering: Sendable {
  /// How the measured traffic is brought to the target.
  public enum Method: String, CaseIterable, Sendable {
    /// By the answers to hosts alone; nothing is moved.
    case answers
    /// By moves whenever a gateway is outside the dead band.
    case moves
    /// By answers always, by moves for gross disparity.
    case hybrid
  }

  /// What steers.
  public struct Options: Hashable, Sendable {
    /// Answers, moves, or both.
    public var method = Method.hybrid
    /// How moves are chosen. Its resolution is a percentage point: a measurement is not truer than that.
    public var planner: MovePlanner
    /// The hybrid moves once the gateway furthest above its target and the one furthest below are more than this share of the total
    /// apart (0.2: 20 percentage points).
    public var grossDisparity = 0.2
    /// A disparity that does not last this long is not acted upon.
    public var window = Interval.seconds(10)
    /// The time between two rounds of moves.
    public var timeBetweenMoves = Interval.seconds(60)

    /// The defaults.
    public init() {
      planner = MovePlanner()
      planner.resolution = 0.01
    }
  }

  /// What steers; may change at any time.
  public var options: Options
  /// When virtual MACs were last moved, if ever.
  public private(set) var movedAt: Instant?

  /// Nothing measured, nothing moved.
  public init(_ options: Options = Options()) { self.options = options }

  /// Takes in a measurement, and says what to move now: nil for nothing.
  public mutating func measure(_ gateways: [GatewayLoad], at now: Instant) -> MovePlan? { nil }

  /// Virtual MACs moved for another reason (a takeover, a drain): the time between moves begins anew.
  public mutating func moved(at now: Instant) { movedAt = now }
}
