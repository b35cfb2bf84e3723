import Cluster
import Testing
import Wire

@testable import Simulation

/// Members leave, or the master does, just when a machine is too slow to answer. However that falls out, those who stay must soon agree on a
/// master.
@Suite("Leaving while machines hang")
struct LeavingTests {
  /// Eighty departures by each policy. What takes seconds is not the election: a member gives up to half of all units away, four at once, each
  /// with its state.
  @Test(arguments: [ClusterMember.PartitionPolicy.serve, .majority(of: 3)]) func thoseWhoStayAgreeOnAMasterSoon(
    partition: ClusterMember.PartitionPolicy
  ) {
    for seed in UInt64(1)...8 {
      var options = SimulationOptions()
      options.memberCount = 3
      options.partition = partition
      options.seed = seed
      options.faults = .none
      options.loss = 0.01
      var world = World(options)
      world.begin()
      world.advance(until: 8_000_000_000)
      for round in 0..<10 {
        let leaver = world.leaveWhileOneHangs()
        let agreed = world.advanceUntilAgreed(limit: 8_000_000_000, besides: leaver)
        #expect(agreed != nil, "seed \(seed), round \(round): \(world.disagreement(besides: leaver) ?? "")")
        world.kill(leaver)
        world.start(leaver)
        let whole = world.advanceUntilAgreed(limit: 6_000_000_000, besides: nil)
        #expect(whole != nil, "seed \(seed), round \(round), back again: \(world.disagreement(besides: nil) ?? "")")
      }
      #expect(world.checker.violations.isEmpty, "seed \(seed)")
    }
  }
}

extension World {
  /// Tells a machine to leave; a machine, most often the master, hangs shortly before or after, for up to two detection intervals.
  mutating func leaveWhileOneHangs() -> Int {
    disturb(for: 2_000_000_000)
    let leaver = random.below(machines.count)
    let master = machines.indices.first { machines[$0].path.isMaster } ?? 0
    let hanging = random.chance(0.7) ? master : random.below(machines.count)
    let (leaveAt, hangAt) = (time + random.below(UInt64(300_000_000)), time + random.below(UInt64(300_000_000)))
    let resumeAt = hangAt + 1_000_000 + random.below(options.detection.nanoseconds * 2)
    for (at, what) in [(leaveAt, 0), (hangAt, 1), (resumeAt, 2)].sorted(by: { $0.0 < $1.0 }) {
      advance(until: at)
      switch what {
      case 0: feed(.leave, to: leaver)
      case 1: machines[hanging].process = .stopped
      default: resume(hanging)
      }
    }
    return leaver
  }

  /// Runs until those that are to be in agree; answers how long that took.
  mutating func advanceUntilAgreed(limit: UInt64, besides leaver: Int?) -> UInt64? {
    let begin = time
    while time < begin + limit {
      advance(until: time + 5_000_000)
      if disagreement(besides: leaver) == nil { return time - begin }
    }
    return nil
  }

  func disagreement(besides leaver: Int?) -> String? {
    let staying = machines.indices.filter { $0 != leaver }
    let masters = machines.indices.filter { machines[$0].path.isMaster && machines[$0].hasLease(at: time) }
    guard masters.count == 1, let master = masters.first, master != leaver else { return "masters \(masters.map { $0 + 1 })" }
    let identifier = machines[master].profile.identifier
    for index in staying {
      let now = Instant(nanoseconds: machines[index].clock.local(time))
      guard let snapshot = machines[index].member?.snapshot(at: now) else { return "machine \(index + 1) has no member" }
      guard snapshot.phase == (index == master ? .master : .member), snapshot.master == identifier else {
        return "machine \(index + 1) is \(snapshot.phase)"
      }
      guard snapshot.members.count == staying.count else { return "machine \(index + 1) knows \(snapshot.members.count) members" }
    }
    let unserved = (0..<UnitSet.unitCount).count { unit in !machines.contains { $0.processes(unit, at: time) } }
    return unserved > 4 ? "\(unserved) units without an owner" : nil
  }
}
