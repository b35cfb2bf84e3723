/// The peer to be compared with: the same machines and wires, and VRRP by Debian's keepalived. One member holds the address, the others
/// wait. Every silence of its is everybody's: there are no survivors whose clients notice nothing.
final class KeepalivedCluster: VrrpScenario {
  typealias Failure = Lab.Failure
  typealias Victim = Lab.Victim

  let topology: Topology
  let vrrp: VrrpDaemons
  private let slowness: Int
  private let responder: Responder

  /// - Parameter advertSeconds: how often the active member says that it lives.
  init(topology: Topology, advertSeconds: Double, slowness: Int) throws {
    self.topology = topology
    self.slowness = slowness
    responder = try Responder(namespaces: topology.plan.memberNamespaces)
    vrrp = try VrrpDaemons(
      .init(make: .keepalived, advertSeconds: advertSeconds), on: topology, address: Plan.clusterAddress(.four), preempts: false)
  }

  var bed: TestBed { topology }
  var silenceCertainAfterMilliseconds: Int { Int(vrrp.kind.advertSeconds * 6000) + 60 }
  func victims(_ wish: Victim) throws -> [Int] { [try active()] }
  func everybodyWaits(for victim: Victim) -> Bool { true }
  func askAround() throws -> FailoverTraffic { .init(prober: try Prober(plan: topology.plan, settings: .init(slowness: slowness))) }

  /// Nobody takes the address within three intervals and a bit of the last change.
  func waitUntilReady(_ members: [Int]) throws {
    try vrrp.checkAlive()
    try pause(milliseconds: Int(vrrp.kind.advertSeconds * 4000) + 500)
  }
}
