import Cluster
import Wire

/// What a crash costs: how long units go without an owner, measured every quarter of a millisecond.
public struct FailoverFigures: Hashable, Sendable {
  /// The longest time for which a unit of a member that did not die was without an owner; zero if there was none.
  public var survivorsSilence = Interval.zero
  /// From the crash to the last and to the first unit of the dead member that is served again.
  public var deadUnitsSilence = Interval.zero
  var deadUnitsFirst = Interval.zero
  var violations: [SimulationResult.Violation] = []
}

extension Simulator {
  /// Starts a cluster, lets it settle, takes the power from one machine and looks at every unit until two seconds after.
  public static func measureFailover(ofMaster isMaster: Bool, _ options: SimulationOptions, trace: Bool = false) -> FailoverFigures {
    var options = options
    options.faults = .none
    options.handsOver = false
    options.packetInterval = options.detection / 160
    var world = World(options, trace: trace)
    return world.measureFailover(ofMaster: isMaster)
  }
}

extension World {
  private static let step: UInt64 = 250_000

  mutating func measureFailover(ofMaster isMaster: Bool) -> FailoverFigures {
    begin()
    // Where between two keepalives the crash falls, the seed decides.
    advance(until: 8_000_000_000 + random.below(UInt64(100_000_000)))
    guard let master = machines.indices.first(where: { machines[$0].path.isMaster }) else { return FailoverFigures() }
    let victim = isMaster ? master : (master + 1) % machines.count
    let dead = machines[victim].path.mine
    powerOff(victim)
    return watch(dead)
  }

  private mutating func watch(_ dead: UnitSet) -> FailoverFigures {
    var figures = FailoverFigures()
    let crash = time
    var silentSince = Array(repeating: UInt64?.none, count: UnitSet.unitCount)
    while time < crash + 2_000_000_000 {
      advance(until: time + Self.step)
      for unit in 0..<UnitSet.unitCount { look(at: unit, dead, crash, &silentSince[unit], &figures) }
    }
    figures.violations = checker.violations
    return figures
  }

  private func look(
    at unit: Int, _ dead: UnitSet, _ crash: UInt64, _ silentSince: inout UInt64?, _ figures: inout FailoverFigures
  ) {
    let isServed = checker.isOwned(unit) && machines.contains { $0.processes(unit, at: time) }
    if !isServed {
      if silentSince == nil { silentSince = dead.contains(unit) ? crash : time - Self.step }
      let silence = Interval(nanoseconds: time - (silentSince ?? time))
      if dead.contains(unit) {
        figures.deadUnitsSilence = max(figures.deadUnitsSilence, silence)
      } else {
        figures.survivorsSilence = max(figures.survivorsSilence, silence)
      }
    } else if let since = silentSince {
      let silence = Interval(nanoseconds: time - since)
      if dead.contains(unit), figures.deadUnitsFirst == .zero || silence < figures.deadUnitsFirst { figures.deadUnitsFirst = silence }
      silentSince = nil
    }
  }
}
