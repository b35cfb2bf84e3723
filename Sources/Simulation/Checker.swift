import Wire

/// Watches the packet paths alone, and knows nothing of the protocol: at no instant may two machines process packets of one unit from the
/// same client; none may own what it has no state for, or announce before it owns.
struct Checker {
  private var ownerCounts = Array(repeating: UInt16(0), count: UnitSet.unitCount)
  /// How many units are in the tables of more than one machine.
  private(set) var contestedCount = 0
  private(set) var violations: [SimulationResult.Violation] = []
  /// While two sides that both served find each other, after a partition of the clients' own wire has healed, both may answer.
  var graceUntil: UInt64 = 0
  static let limit = 20

  mutating func report(_ kind: SimulationResult.Violation.Kind, at time: UInt64, _ text: @autoclosure () -> String) {
    guard violations.count < Self.limit else { return }
    violations.append(.init(kind: kind, time: Interval(nanoseconds: time), text: text()))
  }

  mutating func gained(_ unit: Int) -> Bool {
    ownerCounts[unit] += 1
    if ownerCounts[unit] == 2 { contestedCount += 1 }
    return ownerCounts[unit] > 1
  }

  mutating func lost(_ unit: Int) {
    if ownerCounts[unit] == 2 { contestedCount -= 1 }
    ownerCounts[unit] -= 1
  }

  func isContested(_ unit: Int) -> Bool { ownerCounts[unit] > 1 }
  func isOwned(_ unit: Int) -> Bool { ownerCounts[unit] > 0 }

  /// Looks for a second machine that processes the unit.
  mutating func check(_ unit: Int, of index: Int, _ machines: [Machine], _ network: Network, at time: UInt64) {
    guard time >= graceUntil, machines[index].processes(unit, at: time) else { return }
    for other in machines.indices where other != index && machines[other].processes(unit, at: time) {
      guard network.share(index, other) else { continue }
      report(.twoOwners, at: time, "unit \(unit) is processed by machines \(index + 1) and \(other + 1)")
      return
    }
  }

  /// Looks at every unit with more than one owner: after links have healed.
  mutating func checkAll(_ machines: [Machine], _ network: Network, at time: UInt64) {
    for unit in 0..<UnitSet.unitCount where ownerCounts[unit] > 1 {
      for index in machines.indices { check(unit, of: index, machines, network, at: time) }
    }
  }
}

extension Machine {
  /// What the kernel would decide of a packet of this unit now.
  func processes(_ unit: Int, at time: UInt64) -> Bool { path.mine.contains(unit) && clock.local(time) < path.lease }
  func hasLease(at time: UInt64) -> Bool { clock.local(time) < path.lease }
}
