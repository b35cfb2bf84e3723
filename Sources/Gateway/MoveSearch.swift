/// The group as the planner sees it: who holds which virtual MAC, in shares of the total. Brought closer to the target step by step.
struct MoveSearch {
  /// A virtual MAC: where it came from, where it is.
  struct Forwarder {
    var load: Double
    var origin: Int
    var holder: Int
  }

  /// How close to the target: the earlier decides. See `MovePlanner`.
  private struct Closeness: Comparable {
    var largest: Int
    var squares: Int
    static func < (left: Closeness, right: Closeness) -> Bool { (left.largest, left.squares) < (right.largest, right.squares) }
  }

  /// A virtual MAC given, and perhaps one taken for it; the less it misses evenness the better.
  private struct Exchange: Comparable {
    var miss: Double
    var back: Double
    var give: Int
    var take: Int?
    static func < (left: Exchange, right: Exchange) -> Bool {
      (left.miss, left.back, left.give, left.take ?? -1) < (right.miss, right.back, right.give, right.take ?? -1)
    }
  }

  let targets: [Double]
  let mayGive: [Bool]
  let mayReceive: [Bool]
  let resolution: Double
  let preference: MovePreference
  private(set) var forwarders: [Forwarder]
  private(set) var evaluationCount = 0
  /// The forwarders that each gateway holds, in their order.
  private var held: [[Int]]

  /// Targets and loads are shares of the total, on the grain.
  init(
    targets: [Double], mayGive: [Bool], mayReceive: [Bool], forwarders: [Forwarder], resolution: Double, preference: MovePreference
  ) {
    self.targets = targets
    self.mayGive = mayGive
    self.mayReceive = mayReceive
    self.forwarders = forwarders
    self.resolution = resolution
    self.preference = preference
    held = targets.indices.map { gateway in forwarders.indices.filter { forwarders[$0].holder == gateway } }
  }

  /// Exactly, if there are few; else over pairs and threes until none of them can be brought closer. What would leave the worst gateway
  /// even a little further off than it is, for what is less than a step of the resolution, is not done at all.
  mutating func run() {
    let (before, largest) = (forwarders, largestExcess)
    if forwarders.count <= MovePlanner.exactCount {
      _ = improve(Array(targets.indices))
    } else {
      repeat { while improvePairs() {} } while improveTriples()
    }
    if largestExcess > largest { forwarders = before }
  }

  private var largestExcess: Double { targets.indices.reduce(0) { max($0, abs(excess(of: $1))) } }

  /// One sweep over all pairs, the worst gateways first; whether anything changed.
  private mutating func improvePairs() -> Bool {
    let order = worstFirst()
    var isChanged = false
    for first in order.indices {
      for second in order.indices[(first + 1)...] where isUneven([order[first], order[second]]) {
        if improve([order[first], order[second]]) { isChanged = true }
      }
    }
    return isChanged
  }

  /// Three of the sixteen worst gateways at a time, one of them among the two worst, if they can be placed exactly or there are few threes;
  /// stops at the first change.
  private mutating func improveTriples() -> Bool {
    let isSmall = targets.count <= 4
    let order = worstFirst().prefix(16)
    for first in order.indices.prefix(2) {
      for second in order.indices[(first + 1)...] {
        for third in order.indices[(second + 1)...] {
          let gateways = [order[first], order[second], order[third]]
          let isExact = movable(on: gateways).count <= MovePlanner.exactCount
          guard isUneven(gateways), isSmall || isExact else { continue }
          if improve(gateways) || !isExact && improve(gateways, filledWithLargest: true) { return true }
        }
      }
    }
    return false
  }

  private func worstFirst() -> [Int] {
    let deviations = targets.indices.map { abs(deviation(of: $0)) }
    return targets.indices.sorted { (deviations[$1], $0) < (deviations[$0], $1) }
  }

  /// Whether these gateways differ by more than the step that no move can mend.
  private func isUneven(_ gateways: [Int]) -> Bool {
    let deviations = gateways.map { deviation(of: $0) }
    return (deviations.max() ?? 0) - (deviations.min() ?? 0) > 1
  }

  private func movable(on gateways: [Int]) -> [Int] { gateways.filter { mayGive[$0] }.flatMap { held[$0] } }

  private func excess(of gateway: Int) -> Double { held[gateway].reduce(-targets[gateway]) { $0 + forwarders[$1].load } }

  private func deviation(of gateway: Int) -> Int { Deviation.steps(excess(of: gateway), resolution) }

  private func closeness(of gateways: some Sequence<Int>) -> Closeness {
    gateways.reduce(into: Closeness(largest: 0, squares: 0)) { sum, gateway in
      let deviation = deviation(of: gateway)
      sum.largest = max(sum.largest, abs(deviation))
      sum.squares += deviation * deviation
    }
  }

  /// Places what these gateways hold as well as can be; whether that brought the group closer.
  private mutating func improve(_ gateways: [Int], filledWithLargest: Bool = false) -> Bool {
    let free = chosen(on: gateways, filledWithLargest)
    guard !free.isEmpty else { return false }
    let others = closeness(of: targets.indices.filter { !gateways.contains($0) }).largest
    let now = closeness(of: gateways)
    var search = PlacementSearch(
      slots: gateways.map { slot(for: $0, free) }, loads: free.map { forwarders[$0].load }, resolution: resolution, preference: preference)
    let placement = search.best(floor: others)
    evaluationCount += search.evaluationCount
    guard let placement else { return false }
    let before = held
    for (gateway, set) in zip(gateways, placement) { give(gateway, set, free) }
    let after = closeness(of: gateways)
    if Closeness(largest: max(after.largest, others), squares: after.squares)
      < Closeness(largest: max(now.largest, others), squares: now.squares)
    {
      return true
    }
    for gateway in gateways {
      held[gateway] = before[gateway]
      for forwarder in held[gateway] { forwarders[forwarder].holder = gateway }
    }
    return false
  }

  private mutating func give(_ gateway: Int, _ set: PlacementSearch.Mask, _ free: [Int]) {
    held[gateway].removeAll { free.contains($0) }
    for (bit, forwarder) in free.enumerated() where set >> bit & 1 == 1 {
      held[gateway].append(forwarder)
      forwarders[forwarder].holder = gateway
    }
    held[gateway].sort()
  }

  private func slot(for gateway: Int, _ free: [Int]) -> PlacementSearch.Slot {
    var slot = PlacementSearch.Slot(base: excess(of: gateway), home: 0, allowed: 0)
    for (bit, index) in free.enumerated() {
      let forwarder = forwarders[index]
      if forwarder.holder == gateway { slot.base -= forwarder.load }
      if forwarder.origin == gateway { slot.home |= 1 << bit }
      if forwarder.origin == gateway || forwarder.holder == gateway || mayReceive[gateway] { slot.allowed |= 1 << bit }
    }
    return slot
  }

  /// The virtual MACs to place anew: all that may move, or of two gateways with many the most useful ones. Those are the ones that come
  /// nearest to evening the two out, alone or exchanged for one of the other's, and then the smallest or largest. Which of two equal loads is taken makes no difference.
  private func chosen(on gateways: [Int], _ filledWithLargest: Bool) -> [Int] {
    let movable = movable(on: gateways)
    guard movable.count > MovePlanner.exactCount else { return movable }
    let order = gateways.sorted { (excess(of: $1), $0) < (excess(of: $0), $1) }
    let half = (excess(of: order[0]) - excess(of: order[order.count - 1])) / 2
    let gives = movable.filter { forwarders[$0].holder == order[0] }
    let takes = movable.filter { forwarders[$0].holder != order[0] }
    func exchange(_ give: Int, _ take: Int?) -> Exchange {
      let back = take.map { forwarders[$0].load } ?? 0
      return Exchange(miss: abs(forwarders[give].load - back - half), back: back, give: give, take: take)
    }
    let exchanges = gives.flatMap { give in
      [exchange(give, nil)] + (takes.map { exchange(give, $0) }.min().map { [$0] } ?? [])
    }
    var chosen: [Int] = []
    for exchange in exchanges.sorted() {
      for forwarder in [exchange.give, exchange.take] {
        if let forwarder, !chosen.contains(forwarder), chosen.count < MovePlanner.exactCount { chosen.append(forwarder) }
      }
      if chosen.count == MovePlanner.exactCount { return chosen }
    }
    let rest = movable.filter { !chosen.contains($0) }.sorted { (forwarders[$0].load, $0) < (forwarders[$1].load, $1) }
    let room = MovePlanner.exactCount - chosen.count
    return chosen + (filledWithLargest ? rest.suffix(room) : rest.prefix(room))
  }
}
