/// The peer to be compared with: the same routers and hosts, and VRRP. One router forwards for everybody, the others wait.
final class VrrpGateway: VrrpScenario {
  typealias Failure = GatewayFailure
  typealias Victim = GatewayVictim

  let topology: GatewayTopology
  let vrrp: VrrpDaemons
  private var advertSeconds: Double { vrrp.kind.advertSeconds }

  init(topology: GatewayTopology, kind: VrrpDaemons.Kind) throws {
    self.topology = topology
    let settings =
      [("net/ipv4/ip_forward", "1")]
      + [("send_redirects", "0"), ("rp_filter", "0"), ("arp_ignore", "1")].flatMap { TestBed.everywhere("ipv4", $0, $1) }
    for router in topology.plan.routers { try topology.launcher.set(settings, in: topology.plan.namespace(of: router)) }
    vrrp = try VrrpDaemons(kind, on: topology, address: GatewayPlan.virtualAddress(.four), preempts: true)
  }

  var bed: TestBed { topology }
  var silenceCertainAfterMilliseconds: Int { Int(advertSeconds * 4000) + 300 }

  /// The router that forwards, and the next.
  func victims(_ wish: GatewayVictim) throws -> [Int] {
    let active = try active()
    return wish == .both ? [active] + machines.filter { $0 != active }.prefix(1) : [active]
  }

  /// Hosts learn another MAC address when another router takes over, and then make sure of it.
  func askAround() throws -> FailoverTraffic {
    try topology.letHostsAskSeldom(families: [.four])
    return try topology.askAround(packetsPerSecond: 500)
  }

  /// The first of these has the address and no other has, for longer than anybody would wait before he takes it.
  func waitUntilReady(_ routers: [Int]) throws {
    let patience = UInt64(advertSeconds * 1_500_000_000) + 1_000_000_000
    var since = BootClock.nanoseconds
    try wait(for: "router \(routers[0]) to have the address", seconds: advertSeconds * 10 + 20, everyMilliseconds: 100) {
      for child in try routers.flatMap(processes) { try child.checkAlive() }
      guard try routers.filter(vrrp.isActive) == [routers[0]] else {
        since = BootClock.nanoseconds
        return false
      }
      return BootClock.nanoseconds - since > patience
    }
  }
}
