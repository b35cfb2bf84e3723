import Cluster
import Simulation
import Testing
import Wire

/// Whole clusters in virtual time. `skein simulate` runs more of them.
@Suite struct SimulationTests {
  /// Sixteen members, every kind of fault, one datagram in twenty lost.
  static func options(seed: UInt64, _ change: (inout SimulationOptions) -> Void = { _ in }) -> SimulationOptions {
    var options = SimulationOptions()
    options.seed = seed
    options.duration = .seconds(30)
    options.loss = 0.05
    options.duplication = 0.01
    options.clockSkew = 0.01
    change(&options)
    return options
  }

  @Test(arguments: 1...30) func eachSideServesWhatReachesItAndNothingTwice(_ seed: UInt64) {
    let result = Simulator.run(Self.options(seed: seed))
    #expect(result.isClean, "seed \(seed): \(result.violations.prefix(3))")
    #expect(result.statistics.answered > result.statistics.packets / 2)
  }

  @Test(arguments: 1...30) func aMajorityServesWhereverTheClientsAre(_ seed: UInt64) {
    let result = Simulator.run(Self.options(seed: seed) { $0.partition = .majority(of: $0.memberCount) })
    #expect(result.isClean, "seed \(seed): \(result.violations.prefix(3))")
  }

  /// The checker can fail: it notices each safety rule that is missing.
  @Test(arguments: [ClusterMember.SafetyRules.lease, .order, .return, .authentication])
  func theCheckerNoticesARuleThatIsMissing(_ rule: ClusterMember.SafetyRules) {
    let failing = (1...200).first { seed in
      !Simulator.run(Self.options(seed: UInt64(seed)) { $0.safetyRules.remove(rule) }).isClean
    }
    #expect(failing != nil)
  }

  @Test func aSeedReplaysItsRun() {
    let first = Simulator.run(Self.options(seed: 7))
    let second = Simulator.run(Self.options(seed: 7))
    #expect(first.statistics == second.statistics)
  }

  @Test func twoHundredAndFiftySixMembersFindEachOther() {
    let result = Simulator.run(
      Self.options(seed: 1) { options in
        options.memberCount = 256
        options.duration = .seconds(15)
        options.faults = .none
      })
    #expect(result.isClean, "\(result.violations.prefix(3))")
  }

  @Test(arguments: [false, true]) func survivorsLoseNothingWhenAMemberDies(_ isMaster: Bool) {
    let figures = Simulator.measureFailover(
      ofMaster: isMaster,
      Self.options(seed: 3) {
        $0.loss = 0; $0.faults = .none
      })
    print("silence of the dead \(isMaster ? "master" : "member")'s units: \(figures.deadUnitsSilence.inMilliseconds) ms")
    #expect(figures.survivorsSilence == .zero, "\(figures.survivorsSilence.inMilliseconds) ms")
    #expect(figures.violations.isEmpty)
  }
}
