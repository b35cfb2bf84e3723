import Cluster
import Wire

/// Runs clusters in virtual time, each from one seed (design.md, "The invariant that the simulator checks at every step").
public enum Simulator {
  /// One run. `trace` prints what the members report and which faults strike.
  public static func run(_ options: SimulationOptions, trace: Bool = false) -> SimulationResult {
    var world = World(options, trace: trace)
    return world.run()
  }

  /// Runs one seed after the other and hands out each result; stops early if `body` answers false.
  public static func runSeeds(
    first: UInt64, count: Int, _ options: SimulationOptions, _ body: (SimulationResult) -> Bool = { _ in true }
  ) -> [SimulationResult] {
    var results: [SimulationResult] = []
    for seed in first..<first + UInt64(count) {
      var options = options
      options.seed = seed
      let result = run(options)
      results.append(result)
      guard body(result) else { break }
    }
    return results
  }
}
