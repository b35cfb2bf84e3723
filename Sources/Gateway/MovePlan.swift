/// What the planner knows of one gateway (WO 2005/018176, Tables 1 to 4).
public struct GatewayLoad: Hashable, Sendable {
  /// The traffic of each of its virtual MACs, in any unit, the same for all gateways. What is not a positive number counts as 0.
  public var loads: [Double]
  /// What it should carry, beside the shares of the others: 50 and 50, 2 and 1. Equal if all are equal.
  public var share: Double
  /// Whether virtual MACs may be taken from it.
  public var mayGive: Bool
  /// Whether it may get more: not one that drains, or whose weight is below its threshold.
  public var mayReceive: Bool

  /// A gateway with a share as large as the others', free to give and receive.
  public init(_ loads: [Double], share: Double = 1, mayGive: Bool = true, mayReceive: Bool = true) {
    self.loads = loads
    self.share = share
    self.mayGive = mayGive
    self.mayReceive = mayReceive
  }
}

/// One virtual MAC goes from one gateway to another.
public struct PlannedMove: Hashable, Sendable {
  /// The giving gateway, by its position in what the planner was given.
  public var from: Int
  /// The receiving gateway, likewise.
  public var to: Int
  /// The virtual MAC, by its position in the giving gateway's loads.
  public var forwarder: Int
  /// Its load, in the unit it came in.
  public var load: Double

  /// A move.
  public init(from: Int, to: Int, forwarder: Int, load: Double) {
    self.from = from
    self.to = to
    self.forwarder = forwarder
    self.load = load
  }
}

/// What to move, and what comes of it.
public struct MovePlan: Hashable, Sendable {
  /// The moves, in the order of the giving gateways; none if nothing would be better, or nothing needs to be.
  public var moves: [PlannedMove]
  /// The load of each gateway now, in the unit it came in.
  public var before: [Double]
  /// The load of each gateway after the moves.
  public var after: [Double]
  /// What each gateway should carry.
  public var target: [Double]
  /// Whether every gateway is within the dead band already, so that nothing was looked for.
  public var isWithinDeadBand: Bool
  /// How many placements were weighed: the work done, for tests.
  public var evaluationCount: Int

  /// A plan.
  public init(moves: [PlannedMove], before: [Double], after: [Double], target: [Double], isWithinDeadBand: Bool, evaluationCount: Int) {
    self.moves = moves
    self.before = before
    self.after = after
    self.target = target
    self.isWithinDeadBand = isWithinDeadBand
    self.evaluationCount = evaluationCount
  }
}

/// Which of the plans that bring the group equally close to the target.
public enum MovePreference: String, CaseIterable, Sendable {
  /// As few moves as possible (Table 3: one of 20 %).
  case fewest
  /// Small ones, which leave finer moves for later (Table 4: 13 % and 7 %).
  case small
}

/// Chooses virtual MACs to move from gateways above their target to gateways below it (WO 2005/018176, Figures 3 and 4).
///
/// **Closest.** The deviation of a gateway is its load less its target, in whole steps of `resolution`, rounded. Of two placements the one
/// with the smaller largest deviation is closer to the target; if those are equal, the one with the smaller sum of squared deviations.
/// Of equally close ones the plan has the fewest moves, and of those the one whose largest moved load is smallest; `.small` turns
/// these two round. Doing nothing has no moves, so what moves is always closer than what is.
///
/// A plan never leaves the worst gateway further from its target than it is.
///
/// A gateway that may neither give nor receive stays out of the reckoning: the others share what is theirs.
///
/// Up to `exactCount` virtual MACs the plan is the best there is. Beyond, the same search goes over two and three gateways at a time until
/// none of them can be brought closer. The same input always gives the same plan, and a second plan right after moves nothing.
public struct MovePlanner: Hashable, Sendable {
  /// Up to so many virtual MACs are placed exactly.
  public static let exactCount = 10
  /// Beyond `exactCount`, a step of `resolution` is at least this share of the total: hundreds of moves could always shave off a little more.
  public static let searchResolution = 0.0025

  /// Which of equally good plans.
  public var preference = MovePreference.fewest
  /// Nothing is moved while every gateway is within this share of the total from its target (0.05: 5 percentage points).
  public var deadBand = 0.05
  /// Deviations are compared in steps of this share of the total. The default is as good as exact; 0.01 does not move anything for the
  /// sake of less than a percentage point.
  public var resolution = 1e-9

  /// The defaults.
  public init() {}

  /// The plan for these gateways.
  public func plan(_ gateways: [GatewayLoad]) -> MovePlan {
    let (before, targets, total) = reckoning(gateways)
    var plan = MovePlan(moves: [], before: before, after: before, target: targets, isWithinDeadBand: true, evaluationCount: 0)
    // A hair more than the band, so that 55 % is not outside of 5 points for the last bit of a sum.
    plan.isWithinDeadBand = zip(before, targets).allSatisfy { abs($0 - $1) <= deadBand * total * (1 + 1e-9) }
    guard total > 0, !plan.isWithinDeadBand else { return plan }
    let part = Self.part(gateways)
    let loads = gateways.map { $0.loads.map(Self.sound) }
    var search = self.search(gateways, part, loads, targets, total)
    search.run()
    plan.evaluationCount = search.evaluationCount
    plan.moves = Self.moves(of: search, part, loads)
    for move in plan.moves {
      plan.after[move.from] -= move.load
      plan.after[move.to] += move.load
    }
    return plan
  }

  /// The load and the target of each gateway, and what those that take part carry together: the target is their share of that. The
  /// others keep what they have.
  func reckoning(_ gateways: [GatewayLoad]) -> (loads: [Double], targets: [Double], total: Double) {
    let loads = gateways.map { $0.loads.reduce(0) { $0 + Self.sound($1) } }
    let part = Self.part(gateways)
    let total = part.reduce(0) { $0 + loads[$1] }
    let sum = part.reduce(0) { $0 + Self.sound(gateways[$1].share) }
    var targets = loads
    for gateway in part {
      targets[gateway] = total * (sum > 0 ? Self.sound(gateways[gateway].share) / sum : 1 / Double(part.count))
    }
    return (loads, targets, total)
  }

  /// Those that can be changed.
  private static func part(_ gateways: [GatewayLoad]) -> [Int] {
    gateways.indices.filter { gateways[$0].mayGive || gateways[$0].mayReceive }
  }

  /// A number that can be counted with: bounded, so that no sum of them ends at infinity.
  private static func sound(_ number: Double) -> Double { number > 0 ? min(number, 1e300) : 0 }

  private func search(_ gateways: [GatewayLoad], _ part: [Int], _ loads: [[Double]], _ targets: [Double], _ total: Double) -> MoveSearch {
    let forwarders = part.enumerated().flatMap { place, gateway in
      loads[gateway].map { MoveSearch.Forwarder(load: Deviation.onGrain($0 / total), origin: place, holder: place) }
    }
    let finest = forwarders.count <= Self.exactCount ? 1e-9 : Self.searchResolution
    return MoveSearch(
      targets: part.map { Deviation.onGrain(targets[$0] / total) }, mayGive: part.map { gateways[$0].mayGive },
      mayReceive: part.map { gateways[$0].mayReceive }, forwarders: forwarders, resolution: max(resolution, finest),
      preference: preference)
  }

  private static func moves(of search: MoveSearch, _ part: [Int], _ loads: [[Double]]) -> [PlannedMove] {
    var moves: [PlannedMove] = []
    var holders = search.forwarders.map(\.holder)[...]
    for (place, gateway) in part.enumerated() {
      for (index, load) in loads[gateway].enumerated() {
        guard let holder = holders.popFirst(), holder != place else { continue }
        moves.append(PlannedMove(from: gateway, to: part[holder], forwarder: index, load: load))
      }
    }
    return moves
  }
}
