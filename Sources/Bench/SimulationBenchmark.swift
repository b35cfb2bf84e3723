import Linux
import Simulation
import Wire

/// How fast a cluster of 64 is simulated.
public struct SimulationReport: Codable, Hashable, Sendable {
  /// Members of the simulated cluster.
  public var members: Int
  /// Hours of that cluster in a second on this machine, on one core.
  public var hoursPerSecond: Double
  /// The other way round: how long an hour of that cluster takes.
  public var secondsPerHour: Double
  /// What was simulated, in seconds.
  public var simulatedSeconds: Double
  /// How long that took.
  public var seconds: Double
  /// Datagrams between the members.
  public var datagrams: Int
  /// How many runs, each of its own seed, broke an invariant; 0 is the figure of a working program.
  public var violations: Int
}

extension Bench {
  /// Simulates clusters of 64 members that lose one datagram in a hundred and suffer every fault there is, for so long.
  /// - Parameter duration: how long to go on, after which the run at hand is still finished.
  public static func simulation(for duration: Interval = .seconds(5)) -> SimulationReport {
    var options = SimulationOptions()
    options.memberCount = 64
    options.loss = 0.01
    var (runs, datagrams, violations) = (0, 0, 0)
    let start = BootClock.now()
    repeat {
      options.seed = UInt64(runs + 1)
      let result = Simulator.run(options)
      runs += 1
      datagrams += result.statistics.datagrams
      violations += result.isClean ? 0 : 1
    } while BootClock.now() < start + duration
    let seconds = Double((BootClock.now() - start).nanoseconds) / 1_000_000_000
    let simulated = Double(runs) * Double(options.duration.nanoseconds) / 1_000_000_000
    return SimulationReport(
      members: options.memberCount, hoursPerSecond: simulated / 3600 / seconds, secondsPerHour: seconds * 3600 / simulated,
      simulatedSeconds: simulated, seconds: seconds, datagrams: datagrams, violations: violations)
  }
}

extension SimulationReport: Tabular {
  /// The speed, and whether what ran was sound.
  public var rows: [[String]] {
    [
      ["simulated cluster of \(members)", "figure"],
      ["speed", "\(thousandths(hoursPerSecond)) hours in a second, \(tenths(secondsPerHour)) s for an hour"],
      ["datagrams", "\(datagrams) in \(Int(simulatedSeconds)) simulated seconds"],
      ["runs that broke an invariant", "\(violations)"],
    ]
  }
}

/// With three decimals.
private func thousandths(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
