import Wire

/// When virtual MACs are moved: state over time around the planner (WO 2005/018176, "This hybrid of low percentage address distribution
/// and corrective re-assignment").
///
/// Four things keep virtual MACs from wandering: a disparity must last for the window, the dead band, the time between moves, and that a
/// plan must be worth it: the worst of the gateways it touches comes at least half the dead band closer to its target.
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
    /// apart (0.2: 20 percentage points; 60 % and 40 % of two).
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
  /// Since when every measurement has shown a disparity to act upon; nil if the last did not.
  public private(set) var disparitySince: Instant?

  /// Nothing measured, nothing moved.
  public init(_ options: Options = Options()) { self.options = options }

  /// Takes in a measurement, and says what to move now: nil for nothing. What it says counts as done.
  public mutating func measure(_ gateways: [GatewayLoad], at now: Instant) -> MovePlan? {
    guard isDisparate(gateways) else {
      disparitySince = nil
      return nil
    }
    let since = disparitySince ?? now
    disparitySince = since
    guard now >= since + options.window, movedAt.map({ now >= $0 + options.timeBetweenMoves }) ?? true else { return nil }
    let plan = self.plan(gateways)
    guard isWorthIt(plan) else { return nil }
    moved(at: now)
    return plan
  }

  /// What would be moved, if it were time. It leaves every gateway a virtual MAC that has one: who has none is taken for a new gateway, and
  /// given a set of its own.
  public func plan(_ gateways: [GatewayLoad]) -> MovePlan {
    var plan = options.planner.plan(gateways)
    var counts = gateways.map(\.loads.count)
    for move in plan.moves {
      counts[move.from] -= 1
      counts[move.to] += 1
    }
    while let last = plan.moves.firstIndex(where: { counts[$0.from] == 0 }) {
      let move = plan.moves.remove(at: last)
      counts[move.from] += 1
      counts[move.to] -= 1
      plan.after[move.from] += move.load
      plan.after[move.to] -= move.load
    }
    return plan
  }

  /// Virtual MACs moved for another reason (a takeover, a drain): the window and the time between moves begin anew.
  public mutating func moved(at now: Instant) {
    movedAt = now
    disparitySince = nil
  }

  /// Whether the method calls for moves at these loads.
  private func isDisparate(_ gateways: [GatewayLoad]) -> Bool {
    switch options.method {
    case .answers: return false
    case .moves: return Disparity(gateways, options.planner).largest > options.planner.deadBand
    case .hybrid:
      let disparity = Disparity(gateways, options.planner)
      return disparity.spread > options.grossDisparity && disparity.largest > options.planner.deadBand
    }
  }

  private func isWorthIt(_ plan: MovePlan) -> Bool {
    let touched = Set(plan.moves.flatMap { [$0.from, $0.to] })
    func largest(_ loads: [Double]) -> Double { touched.reduce(0) { max($0, abs(loads[$1] - plan.target[$1])) } }
    let total = plan.before.reduce(0, +)
    return !touched.isEmpty && largest(plan.before) - largest(plan.after) >= options.planner.deadBand / 2 * total
  }
}

/// How unequal a group is, in shares of its total.
public struct Disparity: Hashable, Sendable {
  /// The largest deviation of a gateway from its target.
  public var largest = 0.0
  /// From the gateway furthest below its target to the one furthest above.
  public var spread = 0.0

  /// Of these gateways, with the targets that the planner gives them.
  public init(_ gateways: [GatewayLoad], _ planner: MovePlanner) {
    let (loads, targets, total) = planner.reckoning(gateways)
    guard total > 0 else { return }
    let deviations = zip(loads, targets).map { ($0 - $1) / total }
    let (low, high) = (deviations.min() ?? 0, deviations.max() ?? 0)
    largest = max(high, -low)
    spread = high - low
  }
}
