import Gateway

/// The planner's promise, said again without its code: tries every placement.
struct PlanChecker {
  /// In the order of their weight for `.fewest`; `.small` turns the last two round.
  struct Rank: Equatable {
    var largest: Int
    var squares: Int
    var moves: Int
    var largestMoved: Double
  }

  let gateways: [GatewayLoad]
  let planner: MovePlanner
  let targets: [Double]
  let total: Double
  private let resolution: Double
  private let macs: [(load: Double, origin: Int)]
  private var sums: [Double]
  private(set) var best: Rank?

  init(_ gateways: [GatewayLoad], _ planner: MovePlanner) {
    self.gateways = gateways
    self.planner = planner
    let part = gateways.filter { $0.mayGive || $0.mayReceive }
    total = part.reduce(0) { $0 + $1.loads.reduce(0, +) }
    let shares = part.reduce(0) { $0 + $1.share }
    let total = total
    targets = gateways.map { $0.mayGive || $0.mayReceive ? total * $0.share / shares : $0.loads.reduce(0, +) }
    let count = part.reduce(0) { $0 + $1.loads.count }
    resolution = max(planner.resolution, count <= MovePlanner.exactCount ? 0 : MovePlanner.searchResolution)
    macs = gateways.enumerated().flatMap { index, gateway in gateway.loads.map { ($0, index) } }
    sums = gateways.map { _ in 0 }
  }

  func isBefore(_ left: Rank, _ right: Rank) -> Bool {
    if left.largest != right.largest { return left.largest < right.largest }
    if left.squares != right.squares { return left.squares < right.squares }
    switch planner.preference {
    case .fewest: return (left.moves, left.largestMoved) < (right.moves, right.largestMoved)
    case .small: return (left.largestMoved, left.moves) < (right.largestMoved, right.moves)
    }
  }

  private func rank(_ sums: [Double], _ moves: Int, _ largestMoved: Double) -> Rank {
    var rank = Rank(largest: 0, squares: 0, moves: moves, largestMoved: largestMoved)
    for gateway in sums.indices {
      let deviation = Int(((sums[gateway] - targets[gateway]) / total / resolution).rounded())
      rank.largest = max(rank.largest, abs(deviation))
      rank.squares += deviation * deviation
    }
    return rank
  }

  func rank(of plan: MovePlan) -> Rank {
    rank(plan.after, plan.moves.count, plan.moves.reduce(0) { max($0, $1.load) })
  }

  /// The largest deviation, exactly.
  func largestDeviation(_ loads: [Double]) -> Double { zip(loads, targets).reduce(0) { max($0, abs($1.0 - $1.1)) } }

  var rankOfNothing: Rank { rank(gateways.map { $0.loads.reduce(0, +) }, 0, 0) }

  mutating func searchEverything() { place(0, 0, 0) }

  private mutating func place(_ index: Int, _ moves: Int, _ largestMoved: Double) {
    guard index < macs.count else {
      let rank = rank(sums, moves, largestMoved)
      if best.map({ isBefore(rank, $0) }) ?? true { best = rank }
      return
    }
    let mac = macs[index]
    for gateway in sums.indices {
      let isMove = gateway != mac.origin
      if isMove, !gateways[mac.origin].mayGive || !gateways[gateway].mayReceive { continue }
      sums[gateway] += mac.load
      place(index + 1, moves + (isMove ? 1 : 0), isMove ? max(largestMoved, mac.load) : largestMoved)
      sums[gateway] -= mac.load
    }
  }
}

/// The group with the plan carried out.
func carriedOut(_ plan: MovePlan, _ gateways: [GatewayLoad]) -> [GatewayLoad] {
  var result = gateways
  for gateway in result.indices {
    let gone = Set(plan.moves.filter { $0.from == gateway }.map(\.forwarder))
    result[gateway].loads = gateways[gateway].loads.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
    result[gateway].loads += plan.moves.filter { $0.to == gateway }.map(\.load)
  }
  return result
}
