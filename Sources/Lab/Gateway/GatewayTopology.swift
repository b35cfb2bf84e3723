import Foundation

/// The virtual gateway's lab: hosts, routers, a server and the wires between them.
final class GatewayTopology: TestBed {
  let plan: GatewayPlan
  /// Routers without a carrier to the server.
  private var cut: Set<Int> = []
  private var hostsAskSeldom = false

  init(routers: Int, hosts: Int, console: Console) throws {
    plan = try GatewayPlan(processIdentifier: getpid(), routerCount: routers, hostCount: hosts)
    super.init(plan, console: console)
  }

  override func build() throws {
    // The way back must not end at a router that has no carrier, and one flow keeps to one router.
    let server =
      ["ipv4", "ipv6"].flatMap { Self.everywhere($0, "ignore_routes_with_linkdown", "1") + [("net/\($0)/fib_multipath_hash_policy", "1")] }
      + Self.everywhere("ipv4", "rp_filter", "0")
    try launcher.set(Self.withoutWaiting + server, in: plan.serverNamespace)
    for router in plan.routers { try launcher.set(Self.withoutWaiting, in: plan.namespace(of: router)) }
    try launcher.batch(plan.serverWiring, in: plan.serverNamespace)
    for router in plan.routers {
      try launcher.batch(plan.addressing(ofRouter: router), in: plan.namespace(of: router))
      try launcher.offload(plan.port(of: router), "gro", "on", in: plan.switchNamespace)
      try launcher.offload(plan.serverPort(of: router), "gro", "on", "tx", "off", in: plan.serverNamespace)
      try launcher.offload(GatewayPlan.wanInterface, "gro", "on", in: plan.namespace(of: router))
    }
    try launcher.batch(plan.serverRoutes(), in: plan.serverNamespace)
    for host in plan.hosts { try prepare(plan.namespace(ofHost: host), plan.addressing(ofHost: host), Self.hostSettings) }
    try prepare(
      plan.strangerNamespace, GatewayPlan.addressing(GatewayPlan.hostInterface) { $0 == .four ? [GatewayPlan.strangerAddress] : [] })
  }

  /// A host is Linux as it is, but for how often it makes sure of its gateway: every second or two instead of every half minute.
  private static let hostSettings = [4, 6].flatMap { family in
    [
      ("base_reachable_time_ms", "1500"), ("delay_first_probe_time", "1"), ("retrans_time_ms", "200"), ("gc_stale_time", "5"),
      // Who gets no answer to his own question asks everybody before he gives his gateway up.
      ("mcast_resolicit", "3"),
    ].map { ("net/ipv\(family)/neigh/\(GatewayPlan.hostInterface)/\($0)", $1) }
  }

  private func prepare(_ namespace: Namespace, _ addressing: [String], _ settings: [(String, String)] = []) throws {
    try launcher.set(Self.withoutWaiting, in: namespace)
    try launcher.batch(addressing, in: namespace)
    try launcher.set(settings, in: namespace)
    try launcher.offload(GatewayPlan.hostInterface, "tx", "off", in: namespace)
  }

  override func setWires(of router: Int, _ cut: Cut, whole: Bool) throws {
    try super.setWires(of: router, cut, whole: whole)
    guard cut == .everywhere else { return }
    try launcher.setLink(plan.serverPort(of: router), up: whole, in: plan.serverNamespace)
    guard whole else {
      self.cut.insert(router)
      return
    }
    self.cut.remove(router)
    // An interface that goes down loses its routes and its IPv6 addresses.
    for family in AddressFamily.allCases {
      let place = "\(plan.serverEnd(router, family))/\(family.prefixLength) dev \(plan.serverPort(of: router))"
      _ = try? launcher.batch(["address replace \(place) \(family == .six ? "nodad" : "")"], in: plan.serverNamespace)
    }
    try launcher.batch(plan.serverRoutes(without: self.cut), in: plan.serverNamespace)
  }
}

/// The hosts: Linux as it is.
extension GatewayTopology {
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

  /// What every host has as its gateway's MAC address, by host; hosts without one are left out.
  func gatewayAddresses(_ family: AddressFamily = .four) throws -> [Int: String] {
    try plan.hosts.reduce(into: [:]) { addresses, host in
      addresses[host] = try launcher.neighbour(
        GatewayPlan.virtualAddress(family), of: GatewayPlan.hostInterface, in: plan.namespace(ofHost: host))
    }
  }

  /// Pings the virtual address from every host, twice if need be.
  /// - Returns: how many were answered.
  func pingGateway(_ family: AddressFamily) throws -> Int {
    let scope = family == .four ? "" : "%\(GatewayPlan.hostInterface)"
    let ping = "ping -n -q -c 1 -W 1 \(GatewayPlan.virtualAddress(family))\(scope) >/dev/null 2>&1"
    return try onEveryHost("\(ping) && echo yes || \(ping) && echo yes || echo no", answering: "yes")
  }

  /// Fetches a page from the server from every host.
  /// - Returns: how many were answered.
  func fetchFromServer(_ family: AddressFamily) throws -> Int {
    try onEveryHost("curl -s -g -m 3 http://\(GatewayPlan.serverHost(family))/ || true", answering: "server")
  }

  private func onEveryHost(_ script: String, answering word: String) throws -> Int {
    let answers = try plan.hosts.map { try launcher.run(["sh", "-c", script], in: plan.namespace(ofHost: $0)) }
    return answers.count { $0.hasPrefix(word) }
  }
}

extension Launcher {
  /// The Ethernet address that an interface's neighbour table has for this address.
  func neighbour(_ address: String, of interface: String, in namespace: Namespace) throws -> String? {
    let words = try run(["ip", "-n", namespace.name, "neighbour", "show", address, "dev", interface]).split(whereSeparator: \.isWhitespace)
    guard let place = words.firstIndex(of: "lladdr"), words.indices.contains(place + 1) else { return nil }
    return String(words[place + 1])
  }
}
