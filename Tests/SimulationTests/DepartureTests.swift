import Cluster
import Testing
import Wire

@testable import Simulation

/// The master says of a member that is out why it is, and the operator looks for the cause by that word.
@Suite("Why a member is out")
struct DepartureTests {
  enum Misfortune: CaseIterable {
    /// The power goes.
    case killed
    /// The process stops and its packet path goes on.
    case hung
    /// The cable is out, and the machine sees that.
    case unplugged
    /// Nothing passes in either direction, and the machine sees its carrier.
    case isolated
    /// What it sends arrives, and it hears nothing: a link that carries one way only.
    case deaf
    /// It hears, and nothing that it sends arrives.
    case mute

    var reason: ClusterMember.DepartureReason { self == .deaf ? .deaf : .silent }
  }

  @Test(arguments: Misfortune.allCases) func isSilentUnlessItWasHeardWithoutHearing(_ misfortune: Misfortune) {
    for seed in UInt64(1)...8 {
      for (members, detection) in [(3, Interval.milliseconds(200)), (8, .milliseconds(50))] {
        let reasons = Self.reasons(misfortune, seed: seed, members: members, detection: detection)
        #expect(reasons == [misfortune.reason], "seed \(seed), \(members) members")
      }
    }
  }

  /// What the master says of a member that it befalls.
  private static func reasons(
    _ misfortune: Misfortune, seed: UInt64, members: Int, detection: Interval
  ) -> [ClusterMember.DepartureReason] {
    var options = SimulationOptions()
    options.memberCount = members
    options.detection = detection
    options.seed = seed
    options.faults = .none
    var world = World(options)
    world.begin()
    // Where between two keepalives it falls, the seed decides.
    world.advance(until: 8_000_000_000 + world.random.below(detection.nanoseconds))
    guard let master = world.machines.indices.first(where: { world.machines[$0].path.isMaster }) else { return [] }
    let victim = (master + 1 + world.random.below(members - 1)) % members
    world.keepsReports = true
    world.befall(victim, misfortune)
    world.advance(until: world.time + 3 * detection.nanoseconds)
    return world.reports.compactMap { told in
      guard told.machine == master, case .memberLeft(let member, let reason, _) = told.report,
        member == world.machines[victim].profile.identifier
      else { return nil }
      return reason
    }
  }
}

extension World {
  fileprivate mutating func befall(_ victim: Int, _ misfortune: DepartureTests.Misfortune) {
    switch misfortune {
    case .killed: powerOff(victim)
    case .hung: machines[victim].process = .stopped
    case .unplugged:
      network.hasCarrier[victim] = false
      feed(.carrierLost, to: victim)
    case .isolated: (network.isDeaf[victim], network.isMute[victim]) = (true, true)
    case .deaf: network.isDeaf[victim] = true
    case .mute: network.isMute[victim] = true
    }
  }
}
