import Foundation

/// The peer to be compared with: the same routers and hosts, and VRRP. One router forwards for everybody, the others wait.
final class VrrpGateway: GatewayUnderTest {
  enum Daemon: String, CaseIterable, Sendable {
    /// Debian's keepalived: the address moves, and hosts are told of it by gratuitous ARP.
    case keepalived
    /// FRR's: the address has VRRP's own MAC address, on a macvlan.
    case vrrpd
  }

  /// A daemon, and how often its active router says that it lives; it is missed after three times that and a bit.
  struct Kind: Hashable, Sendable {
    var daemon: Daemon
    var advertSeconds: Double

    /// Each daemon at its default and at its fastest.
    static let all = Daemon.allCases.flatMap { daemon in FailoverCommand.peerAdvertSeconds.map { Kind(daemon: daemon, advertSeconds: $0) } }
    var words: String { "\(daemon.rawValue), advertising every \(PeerReport.interval(advertSeconds))" }
  }

  let topology: GatewayTopology
  let kind: Kind
  private var daemon: Daemon { kind.daemon }
  private var advertSeconds: Double { kind.advertSeconds }
  private var children: [Int: [ChildProcess]] = [:]

  private static let group = 77
  private static let frr = "/usr/lib/frr"
  private static let virtualInterface = "vrrp4"

  init(topology: GatewayTopology, kind: Kind) throws {
    self.topology = topology
    self.kind = kind
    switch daemon {
    case .keepalived: try requireTools(["keepalived": "keepalived"])
    case .vrrpd:
      guard access("\(Self.frr)/vrrpd", X_OK) == 0 else { throw LabError.missingTool("vrrpd", package: "frr") }
    }
    for router in topology.plan.routers {
      let namespace = topology.plan.namespace(ofRouter: router)
      try topology.launcher.set(
        [
          ("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/send_redirects", "0"), ("net/ipv4/conf/default/send_redirects", "0"),
          ("net/ipv4/conf/all/rp_filter", "0"), ("net/ipv4/conf/default/rp_filter", "0"), ("net/ipv4/conf/all/arp_ignore", "1"),
          ("net/ipv4/conf/default/arp_ignore", "1"),
        ], in: namespace)
      if daemon == .vrrpd { try addVirtualInterface(router, namespace) }
      try start(router)
    }
  }

  private func addVirtualInterface(_ router: Int, _ namespace: Namespace) throws {
    let name = Self.virtualInterface
    try topology.launcher.batch(
      [
        "link add \(name) link \(topology.plan.lanInterface(router)) address 00:00:5e:00:01:\(String(Self.group, radix: 16)) type macvlan mode bridge",
        "address add \(GatewayPlan.virtualAddress(.four))/24 dev \(name)", "link set \(name) up",
      ], in: namespace)
  }

  private func base(_ router: Int) -> String { "\(topology.plan.directory)/\(daemon.rawValue)-r\(router)" }

  private func start(_ router: Int) throws {
    let base = base(router)
    let namespace = topology.plan.namespace(ofRouter: router)
    try configuration(router).write(toFile: "\(base).conf", atomically: false, encoding: .utf8)
    // What a killed daemon has left makes the next one believe that it runs already.
    for ending in ["pid", "vrrp.pid"] { unlink("\(base).\(ending)") }
    switch daemon {
    case .keepalived:
      children[router] = [
        try topology.start(
          "keepalived-r\(router)",
          ["keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", "\(base).conf", "-p", "\(base).pid", "-r", "\(base).vrrp.pid"],
          in: namespace)
      ]
    case .vrrpd:
      children[router] = try startFrr(router, "\(base).conf", in: namespace, files: base)
    }
  }

  /// FRR's daemons give up being root, so they have a directory of their own.
  private func startFrr(_ router: Int, _ configuration: String, in namespace: Namespace, files: String) throws -> [ChildProcess] {
    try? FileManager.default.removeItem(atPath: files)
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
    try topology.launcher.run(["chown", "frr:frr", files])
    let common = ["-z", "\(files)/zserv", "--vty_socket", files, "-P", "0", "-u", "frr", "-g", "frr"]
    let zebra = try topology.start(
      "zebra-r\(router)", ["\(Self.frr)/zebra", "-f", "/dev/null", "-i", "\(files)/zebra.pid"] + common, in: namespace)
    try wait(for: "zebra of router \(router)", seconds: 10, detail: { zebra.logTail() }) { access("\(files)/zserv", F_OK) == 0 }
    let vrrpd = try topology.start(
      "vrrpd-r\(router)", ["\(Self.frr)/vrrpd", "-f", configuration, "-i", "\(files)/vrrpd.pid"] + common, in: namespace)
    return [vrrpd, zebra]
  }

  private func configuration(_ router: Int) -> String {
    let interface = topology.plan.lanInterface(router)
    let address = GatewayPlan.virtualAddress(.four)
    switch daemon {
    case .keepalived:
      return """
        global_defs {
          router_id r\(router)
        }
        vrrp_instance lab {
          interface \(interface)
          state BACKUP
          version \(advertSeconds < 1 ? 3 : 2)
          virtual_router_id \(Self.group)
          priority \(110 - router)
          advert_int \(advertSeconds)
          virtual_ipaddress {
            \(address)/24
          }
        }

        """
    case .vrrpd:
      return """
        interface \(interface)
         vrrp \(Self.group) version 3
         vrrp \(Self.group) priority \(110 - router)
         vrrp \(Self.group) advertisement-interval \(Int(advertSeconds * 1000))
         vrrp \(Self.group) ip \(address)

        """
    }
  }

  /// The router that forwards, and the next.
  func victims(_ wish: GatewayVictim) throws -> [Int] {
    guard let active = try topology.plan.routers.first(where: isActive) else { throw LabError.observation("no router holds the address") }
    let next = topology.plan.routers.first { $0 != active }
    return wish == .both ? [active] + [next].compactMap { $0 } : [active]
  }

  private func isActive(_ router: Int) throws -> Bool {
    let words = ["ip", "-n", topology.plan.namespace(ofRouter: router).name, "-oneline"]
    switch daemon {
    case .keepalived: return try !topology.launcher.run(words + ["address", "show", "to", GatewayPlan.virtualAddress(.four)]).isEmpty
    case .vrrpd: return try topology.launcher.run(words + ["link", "show", Self.virtualInterface]).contains("LOWER_UP")
    }
  }

  private func signal(_ router: Int, _ number: Int32) { for child in children[router] ?? [] { child.signal(number) } }

  func fail(_ router: Int, by failure: GatewayFailure) throws {
    switch failure {
    case .kill, .return:
      try topology.setCarriers(ofRouter: router, up: false)
      signal(router, SIGKILL)
    case .stop: signal(router, SIGSTOP)
    case .link: try topology.setLan(ofRouter: router, up: false)
    }
  }

  func heal(_ router: Int, after failure: GatewayFailure) throws {
    switch failure {
    case .kill, .return:
      for child in children[router] ?? [] { child.end() }
      if daemon == .keepalived {
        // A machine that has started anew has no address left over.
        let words = ["address", "delete", "\(GatewayPlan.virtualAddress(.four))/24", "dev", topology.plan.lanInterface(router)]
        _ = try? topology.launcher.run(["ip", "-n", topology.plan.namespace(ofRouter: router).name] + words)
      }
      try topology.setCarriers(ofRouter: router, up: true)
      try start(router)
    case .stop: signal(router, SIGCONT)
    case .link: try topology.setLan(ofRouter: router, up: true)
    }
  }

  var silenceCertainAfterMilliseconds: Int { Int(advertSeconds * 4000) + 300 }

  var packetsPerSecond: Double { 500 }
  var families: [AddressFamily] { [.four] }
  var changesEntries: Bool { true }
  func lossBooks() -> LossBooks? { nil }
  func addressHolders(_ routers: [Int]) throws -> Int? { try routers.count(where: isActive) }

  /// The first of these has the address and no other has, for longer than anybody would wait before he takes it.
  func waitUntilReady(_ routers: [Int]) throws {
    let patience = UInt64(advertSeconds * 1_500_000_000) + 1_000_000_000
    var since = BootClock.nanoseconds
    try wait(for: "router \(routers[0]) to have the address", seconds: advertSeconds * 10 + 20, everyMilliseconds: 100) {
      for router in routers { for child in children[router] ?? [] { try child.checkAlive() } }
      guard try routers.filter(isActive) == [routers[0]] else {
        since = BootClock.nanoseconds
        return false
      }
      return BootClock.nanoseconds - since > patience
    }
  }
}
