import Gateway

/// Many descents by single moves and swaps from random placements: the best largest deviation that patience finds.
struct LongSearch {
  private let loads: [Double]
  private let targets: [Double]
  private let origins: [Int]

  init(_ gateways: [GatewayLoad], _ targets: [Double]) {
    loads = gateways.flatMap(\.loads)
    origins = gateways.enumerated().flatMap { index, gateway in gateway.loads.map { _ in index } }
    self.targets = targets
  }

  func run(restarts: Int, using generator: inout Seeded) -> Double {
    var best = descend(from: origins)
    for _ in 0..<restarts {
      best = min(best, descend(from: loads.map { _ in Int.random(in: targets.indices, using: &generator) }))
    }
    return best
  }

  private func descend(from start: [Int]) -> Double {
    var holders = start
    var excess = targets.map { -$0 }
    for (mac, holder) in holders.enumerated() { excess[holder] += loads[mac] }
    func gain(_ from: Int, _ to: Int, _ load: Double) -> Double {
      let (a, b) = (excess[from], excess[to])
      return a * a + b * b - (a - load) * (a - load) - (b + load) * (b + load)
    }
    var isChanged = true
    while isChanged {
      isChanged = false
      for mac in loads.indices {
        for gateway in targets.indices where gateway != holders[mac] && gain(holders[mac], gateway, loads[mac]) > 1e-12 {
          excess[holders[mac]] -= loads[mac]
          excess[gateway] += loads[mac]
          holders[mac] = gateway
          isChanged = true
        }
        for other in loads.indices where holders[other] != holders[mac] {
          let load = loads[mac] - loads[other]
          guard gain(holders[mac], holders[other], load) > 1e-12 else { continue }
          excess[holders[mac]] -= load
          excess[holders[other]] += load
          holders.swapAt(mac, other)
          isChanged = true
        }
      }
    }
    return excess.reduce(0) { max($0, abs($1)) }
  }
}
