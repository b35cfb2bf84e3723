import Foundation

/// Hosts, routers, a server and the wires between them, as network namespaces; always removed.
final class GatewayTopology {
  let plan: GatewayPlan
  let console: Console
  let launcher: Launcher
  private var children: [ChildProcess] = []
  /// Routers without a carrier to the server.
  private var cut: Set<Int> = []
  private var hostsAskSeldom = false

  private init(plan: GatewayPlan, console: Console) {
    self.plan = plan
    self.console = console
    launcher = Launcher(console: console)
  }

  /// Builds the lab, hands it to `body` and removes it again, whatever happens in between.
  static func with<Result>(
    routers: Int, hosts: Int, console: Console, _ body: (GatewayTopology) throws -> Result
  ) throws -> Result {
    try prepareForLab()
    let plan = try GatewayPlan(processIdentifier: getpid(), routerCount: routers, hostCount: hosts)
    let topology = GatewayTopology(plan: plan, console: console)
    Leftovers(console: console).removeOrphans()
    defer { topology.remove() }
    try topology.build()
    console.say(plan.drawing)
    return try body(topology)
  }

  /// Starts a program that ends with the lab at the latest.
  func start(_ name: String, _ arguments: [String], in namespace: Namespace) throws -> ChildProcess {
    let child = try launcher.start(name, arguments, in: namespace, log: "\(plan.directory)/\(name).log")
    children.append(child)
    return child
  }

  private func build() throws {
    try FileManager.default.createDirectory(atPath: plan.directory, withIntermediateDirectories: true)
    try launcher.batch(plan.namespaces.map { "netns add \($0.name)" })
    try launcher.silenceBridgeFilters(in: plan.switchNamespace)
    try launcher.set([("net/ipv6/conf/default/disable_ipv6", "1")], in: plan.switchNamespace)
    try launcher.batch(plan.lanWiring, in: plan.switchNamespace)
    // The way back must not end at a router that has no carrier, and one flow keeps to one router.
    let server = [
      ("net/ipv4/conf/all/ignore_routes_with_linkdown", "1"), ("net/ipv4/conf/default/ignore_routes_with_linkdown", "1"),
      ("net/ipv6/conf/all/ignore_routes_with_linkdown", "1"), ("net/ipv6/conf/default/ignore_routes_with_linkdown", "1"),
      ("net/ipv4/fib_multipath_hash_policy", "1"), ("net/ipv6/fib_multipath_hash_policy", "1"), ("net/ipv4/conf/all/rp_filter", "0"),
      ("net/ipv4/conf/default/rp_filter", "0"),
    ]
    try launcher.set(Topology.withoutWaiting + server, in: plan.serverNamespace)
    for router in plan.routers { try launcher.set(Topology.withoutWaiting, in: plan.namespace(ofRouter: router)) }
    try launcher.batch(plan.serverWiring, in: plan.serverNamespace)
    for router in plan.routers { try launcher.batch(plan.addressing(ofRouter: router), in: plan.namespace(ofRouter: router)) }
    try launcher.batch(plan.serverRoutes(), in: plan.serverNamespace)
    for host in plan.hosts { try prepare(host) }
    try launcher.set(Topology.withoutWaiting, in: plan.strangerNamespace)
    try launcher.batch(
      [
        "link set lo up", "address add \(GatewayPlan.strangerAddress)/24 dev \(GatewayPlan.hostInterface)",
        "link set \(GatewayPlan.hostInterface) up",
      ],
      in: plan.strangerNamespace)
    try prepareWires()
  }

  /// A host is Linux as it is, but for how often it makes sure of its gateway: every second or two instead of every half minute.
  static let hostSettings = [4, 6].flatMap { family in
    [
      ("base_reachable_time_ms", "1500"), ("delay_first_probe_time", "1"), ("retrans_time_ms", "200"), ("gc_stale_time", "5"),
      // Who gets no answer to his own question asks everybody before he gives his gateway up.
      ("mcast_resolicit", "3"),
    ].map { ("net/ipv\(family)/neigh/\(GatewayPlan.hostInterface)/\($0)", $1) }
  }

  /// From now on hosts keep to the gateway that they have: what happens is the routers' doing alone.
  /// - Parameter again: even if they have been told before.
  /// - Parameter families: in which there is a virtual address.
  func letHostsAskSeldom(again: Bool = true, families: [AddressFamily] = AddressFamily.allCases) throws {
    guard again || !hostsAskSeldom else { return }
    hostsAskSeldom = true
    let settings = [4, 6].map { ("net/ipv\($0)/neigh/\(GatewayPlan.hostInterface)/base_reachable_time_ms", "7200000") }
    for host in plan.hosts { try launcher.set(settings, in: plan.namespace(ofHost: host)) }
    // Who was just about to ask has asked by then.
    for family in families { _ = try pingGateway(family) }
    try pause(milliseconds: 1500)
  }

  private func prepare(_ host: Int) throws {
    let namespace = plan.namespace(ofHost: host)
    try launcher.set(Topology.withoutWaiting, in: namespace)
    try launcher.batch(plan.addressing(ofHost: host), in: namespace)
    try launcher.set(Self.hostSettings, in: namespace)
  }

  /// What a card would do: checksums are filled in where a packet is made, and the far end of a wire takes what XDP sends.
  private func prepareWires() throws {
    let ends = plan.hosts.map { plan.namespace(ofHost: $0) } + [plan.strangerNamespace]
    for end in ends { try launcher.run(["ethtool", "-K", GatewayPlan.hostInterface, "tx", "off"], in: end) }
    for router in plan.routers {
      try launcher.run(["ethtool", "-K", plan.port(ofRouter: router), "gro", "on"], in: plan.switchNamespace)
      try launcher.run(["ethtool", "-K", plan.serverPort(ofRouter: router), "gro", "on", "tx", "off"], in: plan.serverNamespace)
      try launcher.run(["ethtool", "-K", GatewayPlan.wanInterface, "gro", "on"], in: plan.namespace(ofRouter: router))
    }
  }

  /// Cuts a router off on both sides, or mends it.
  func setCarriers(ofRouter router: Int, up: Bool) throws {
    try setLan(ofRouter: router, up: up)
    try launcher.setLink(plan.serverPort(ofRouter: router), up: up, in: plan.serverNamespace)
    guard up else {
      cut.insert(router)
      return
    }
    cut.remove(router)
    // An interface that goes down loses its routes and its IPv6 addresses.
    for family in AddressFamily.allCases {
      let length = family == .four ? 24 : 64
      let end = plan.serverEnd(router, family)
      _ = try? launcher.batch(
        ["address replace \(end)/\(length) dev \(plan.serverPort(ofRouter: router)) \(family == .six ? "nodad" : "")"],
        in: plan.serverNamespace)
    }
    try launcher.batch(plan.serverRoutes(without: cut), in: plan.serverNamespace)
  }

  /// Takes the carrier of a router's LAN interface, or gives it back.
  func setLan(ofRouter router: Int, up: Bool) throws {
    try launcher.setLink(plan.port(ofRouter: router), up: up, in: plan.switchNamespace)
  }

  private func remove() {
    for child in children { child.end() }
    Leftovers(console: console).remove(run: plan.run)
  }
}
