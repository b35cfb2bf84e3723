/// The best placement of a few virtual MACs on some gateways: exact, over the 2ⁿ sets of virtual MACs instead of the gⁿ placements.
///
/// For one gateway after the other, and for each set that those so far may carry between them, the best way is kept (dynamic programming over
/// subsets). First the smallest possible largest deviation, then within it the smallest sum of squares with the fewest moves, then again
/// with ever smaller loads allowed to move.
struct PlacementSearch {
  /// A set of the virtual MACs, one bit for each.
  typealias Mask = Int

  /// One gateway of the search.
  struct Slot {
    /// What it carries beside the virtual MACs that are placed, less its target: shares of the total.
    var base: Double
    /// Those that cause no move when they are here.
    var home: Mask
    /// Those that may be here.
    var allowed: Mask
  }

  /// How dear a placement is: the earlier field decides.
  private struct Cost: Comparable {
    var squares = Int.max
    var moves = 0
    /// Not possible.
    static let none = Cost()
    static func < (left: Cost, right: Cost) -> Bool { (left.squares, left.moves) < (right.squares, right.moves) }
  }

  private let slots: [Slot]
  private let loads: [Double]
  private let preference: MovePreference
  private let all: Mask
  /// For each slot and set, the deviation of the slot in steps of the resolution if it carries the set.
  private var deviations: [[Int]] = []
  /// How many pairs of a set and a part of it were weighed.
  private(set) var evaluationCount = 0

  /// `loads` are shares of the total, at most `MovePlanner.exactCount`. At least one slot.
  init(slots: [Slot], loads: [Double], resolution: Double, preference: MovePreference) {
    self.slots = slots
    self.loads = loads
    self.preference = preference
    all = 1 << loads.count - 1
    var sums = [0.0]
    for load in loads { sums += sums.map { $0 + load } }
    deviations = slots.map { slot in sums.map { Deviation.steps(slot.base + $0, resolution) } }
  }

  /// The best placement, a set for each slot. `floor` is the largest deviation among gateways left out, which nothing here can lessen.
  mutating func best(floor: Int) -> [Mask]? {
    guard let smallest = smallestLargestDeviation() else { return nil }
    let bound = max(smallest, floor)
    guard let (unlimited, placement) = cheapest(within: bound, moving: all) else { return nil }
    guard unlimited.moves > 0 else { return placement }
    // The smallest limit on what may move that costs nothing of what matters more.
    let limits = Set(loads).sorted()
    var (low, high) = (0, limits.count - 1)
    var best = placement
    while low < high {
      let middle = (low + high) / 2
      let light = loads.indices.reduce(0) { loads[$1] <= limits[middle] ? $0 | 1 << $1 : $0 }
      if let (cost, placement) = cheapest(within: bound, moving: light), isAsGood(cost, as: unlimited) {
        (best, high) = (placement, middle)
      } else {
        low = middle + 1
      }
    }
    return best
  }

  private func isAsGood(_ cost: Cost, as other: Cost) -> Bool {
    switch preference {
    case .fewest: cost == other
    case .small: cost.squares == other.squares
    }
  }

  /// The smallest deviation that the worst of the slots can have; nil if there is no placement.
  private mutating func smallestLargestDeviation() -> Int? {
    var worst = deviations[0].indices.map { $0 & ~slots[0].allowed == 0 ? abs(deviations[0][$0]) : Int.max }
    for slot in slots.indices.dropFirst() {
      let deviation = deviations[slot]
      let next = reached(by: slot).map { whole in
        var best = Int.max
        forEachPart(of: whole & slots[slot].allowed) { part in best = min(best, max(worst[whole ^ part], abs(deviation[part]))) }
        return best
      }
      worst = next
    }
    return worst.last.flatMap { $0 == Int.max ? nil : $0 }
  }

  /// The cheapest placement with no deviation above `bound`, in which only virtual MACs of `movable` move.
  private mutating func cheapest(within bound: Int, moving movable: Mask) -> (Cost, [Mask])? {
    var costs = own(0, bound, movable)
    var choices: [[Mask]] = []
    for slot in slots.indices.dropFirst() {
      let own = own(slot, bound, movable)
      let allowed = slots[slot].home | slots[slot].allowed & movable
      var next: [Cost] = []
      var choice: [Mask] = []
      for whole in reached(by: slot) {
        var (best, bestPart) = (Cost.none, 0)
        forEachPart(of: whole & allowed) { part in
          let (mine, rest) = (own[part], costs[whole ^ part])
          guard mine.squares != Int.max, rest.squares != Int.max else { return }
          let cost = Cost(squares: mine.squares + rest.squares, moves: mine.moves + rest.moves)
          if cost < best { (best, bestPart) = (cost, part) }
        }
        next.append(best)
        choice.append(bestPart)
      }
      costs = next
      choices.append(choice)
    }
    guard let cost = costs.last, cost != .none else { return nil }
    return (cost, placement(choices))
  }

  /// What each set costs on this slot alone.
  private func own(_ slot: Int, _ bound: Int, _ movable: Mask) -> [Cost] {
    let (home, allowed) = (slots[slot].home, slots[slot].allowed & (slots[slot].home | movable))
    return deviations[slot].enumerated().map { set, deviation in
      guard set & ~allowed == 0, abs(deviation) <= bound else { return .none }
      return Cost(squares: deviation * deviation, moves: (set & ~home).nonzeroBitCount)
    }
  }

  /// The sets that the slots up to this one may carry between them: all of it for the last.
  private func reached(by slot: Int) -> ClosedRange<Mask> { slot == slots.count - 1 ? all...all : 0...all }

  /// What each slot got, read backwards from the last.
  private func placement(_ choices: [[Mask]]) -> [Mask] {
    var rest = all
    var result: [Mask] = []
    for choice in choices.reversed() {
      let part = choice.count == 1 ? choice[0] : choice[rest]
      result.append(part)
      rest ^= part
    }
    return [rest] + result.reversed()
  }

  /// Every subset of the set, the empty one last.
  @inline(__always)
  private mutating func forEachPart(of set: Mask, _ body: (Mask) -> Void) {
    var part = set
    while true {
      evaluationCount += 1
      body(part)
      if part == 0 { return }
      part = (part - 1) & set
    }
  }
}

/// Deviations from the target as whole numbers, so that equal ones are equal.
enum Deviation {
  /// So many steps of the resolution, rounded.
  static func steps(_ share: Double, _ resolution: Double) -> Int { Int((share / resolution).rounded()) }

  /// A share of the total as a multiple of 2⁻⁵⁰: sums of up to eight wholes are exact, in whatever order they are made.
  static func onGrain(_ share: Double) -> Double { (share * 0x1p50).rounded() * 0x1p-50 }
}
