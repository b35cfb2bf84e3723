import Cluster
import Testing
import Wire

@testable import Simulation

@Suite("The simulator")
struct SimulationTests {
  private func options(_ members: Int, _ partition: ClusterMember.PartitionPolicy = .serve) -> SimulationOptions {
    var options = SimulationOptions()
    options.memberCount = members
    options.partition = partition
    options.duration = .seconds(30)
    options.settling = .seconds(9)
    options.faultInterval = .seconds(1)
    options.loss = 0.05
    options.duplication = 0.02
    options.clockSkew = 0.02
    return options
  }

  private func expectClean(_ first: UInt64, _ count: Int, _ options: SimulationOptions) {
    for result in Simulator.runSeeds(first: first, count: count, options) where !result.isClean {
      Issue.record("seed \(result.seed), \(options.memberCount) members: \(result.violations.first.map(\.description) ?? "")")
    }
  }

  @Test func fewMembersServing() { expectClean(1, 30, options(3)) }
  @Test func severalMembersServing() { expectClean(100, 30, options(5)) }
  @Test func fewMembersUnderAMajority() { expectClean(200, 20, options(3, .majority(of: 3))) }
  @Test func severalMembersUnderAMajority() { expectClean(300, 20, options(5, .majority(of: 5))) }

  @Test func detectionOfTwentyMilliseconds() {
    var options = options(4)
    options.detection = .milliseconds(20)
    options.delay = .microseconds(20)...Interval.microseconds(200)
    options.duration = .seconds(15)
    expectClean(400, 5, options)
  }

  @Test func manyMembers() {
    var options = options(256)
    options.duration = .seconds(4)
    options.settling = .seconds(4)
    options.faults = .none
    options.convergence = .seconds(3)
    expectClean(1, 1, options)
  }

  @Test(arguments: [
    ClusterMember.SafetyRules.lease, ClusterMember.SafetyRules.order, ClusterMember.SafetyRules.return,
    ClusterMember.SafetyRules.authentication, ClusterMember.SafetyRules.handover,
  ])
  func checkerFailsWithoutARule(rule: ClusterMember.SafetyRules) {
    var options = options(5)
    options.safetyRules.remove(rule)
    let results = Simulator.runSeeds(first: 1, count: 200, options) { $0.isClean }
    #expect(results.last?.isClean == false)
  }

  /// Drains and weights alone, so that nothing but moves can lose a packet.
  @Test func movesLoseNoPacketAndWithoutTheirOrderTheyDo() {
    var options = options(5)
    options.faults = .operators
    expectClean(1, 5, options)
    options.safetyRules.remove(.handover)
    let results = Simulator.runSeeds(first: 1, count: 5, options)
    #expect(results.contains { $0.violations.contains { $0.kind == .lostInMove } })
  }

  /// Interfaces and addresses go and come, and nothing else happens.
  @Test func machinesThatChangeUnderTheirProcesses() {
    var options = options(5)
    options.faults = [.interface, .ethernetAddress, .ownAddress, .clusterAddress, .pause]
    expectClean(1, 10, options)
  }

  @Test func whoComesBackWithAnotherMacAddressIsKnownByIt() {
    var options = options(3)
    options.faults = [.interface, .ethernetAddress]
    var world = World(options)
    let first = world.machines.map(\.profile.ethernetAddress)
    #expect(world.run().isClean)
    let now = world.machines.map(\.profile.ethernetAddress)
    #expect(now != first)
    for machine in world.machines {
      let known = machine.member?.snapshot(at: .zero).members.map(\.profile).sorted { $0.identifier < $1.identifier }
      #expect(known?.map(\.ethernetAddress) == now)
    }
  }

  @Test func aSeedReplaysToTheLastEvent() {
    let one = Simulator.run(options(4))
    let other = Simulator.run(options(4))
    #expect(one.statistics == other.statistics)
    #expect(one.statistics.faults > 5)
  }

  @Test(arguments: [ClusterMember.PartitionPolicy.serve, .majority(of: 3)])
  func crashCostsSurvivorsNothing(partition: ClusterMember.PartitionPolicy) {
    for isMaster in [true, false] {
      for seed in UInt64(1)...5 {
        var options = SimulationOptions()
        options.memberCount = 3
        options.partition = partition
        options.seed = seed
        let figures = Simulator.measureFailover(ofMaster: isMaster, options)
        #expect(figures.survivorsSilence == .zero, "seed \(seed)")
        #expect(figures.deadUnitsSilence > .zero && figures.deadUnitsSilence <= .milliseconds(isMaster ? 150 : 216), "seed \(seed)")
        #expect(figures.violations.isEmpty)
      }
    }
  }

  @Test func checkerSeesTwoOwners() {
    var world = World(options(2))
    world.machines[0].path.lease = .max
    world.machines[1].path.lease = .max
    world.machines[0].path.mine.insert(7)
    world.machines[1].path.mine.insert(7)
    let first = world.checker.gained(7)
    let second = world.checker.gained(7)
    #expect(!first && second)
    world.checker.checkAll(world.machines, world.network, at: 1)
    #expect(world.checker.violations.first?.kind == .twoOwners)
  }

  @Test func clockTurnsBackWhatItShows() {
    let clock = Machine.Clock(offset: 5_000_000_000, drift: -20_000_000)
    for time: UInt64 in [0, 1, 999, 1_000_000_000, 59_999_999_999] {
      let shown = clock.local(time)
      #expect(clock.local(clock.world(shown)) >= shown)
      #expect(clock.world(shown) <= time + 2)
    }
  }
}
