/// The virtual gateway's lab on paper: hosts in a LAN, routers, and a server behind them. Nothing here touches the system.
struct GatewayPlan: LabPlan, Hashable {
  let run: String
  let routerCount: Int
  let hostCount: Int
  private let process: Int32

  static let group = 1
  static let routerLimit = 8
  static let hostLimit = 64

  /// - Parameter processIdentifier: the process that the run belongs to; when it is gone the run is a leftover.
  init(processIdentifier: Int32, routerCount: Int, hostCount: Int) throws {
    guard 2...Self.routerLimit ~= routerCount else {
      throw LabError.badOption("the gateway's lab has room for 2 to \(Self.routerLimit) routers, not \(routerCount)")
    }
    guard 1...Self.hostLimit ~= hostCount else {
      throw LabError.badOption("the gateway's lab has room for 1 to \(Self.hostLimit) hosts, not \(hostCount)")
    }
    run = "\(Plan.prefix)\(processIdentifier)"
    process = processIdentifier
    self.routerCount = routerCount
    self.hostCount = hostCount
  }

  var routers: ClosedRange<Int> { 1...routerCount }
  var hosts: ClosedRange<Int> { 1...hostCount }
  var machines: ClosedRange<Int> { routers }
  var word: String { "router" }
  var serverNamespace: Namespace { Namespace(name: "\(run)-server") }
  func namespace(ofHost host: Int) -> Namespace { Namespace(name: "\(run)-h\(host)") }
  /// Somebody in the LAN who is not one of the hosts: another maker's router, or an intruder.
  var strangerNamespace: Namespace { Namespace(name: "\(run)-stranger") }
  var namespaces: [Namespace] {
    [switchNamespace, serverNamespace, strangerNamespace] + routers.map(namespace(of:)) + hosts.map(namespace(ofHost:))
  }

  static let bridge = "lan"
  static let hostInterface = "eth0"
  static let wanInterface = "wan0"
  /// Towards the hosts. What a daemon pins in the kernel is named after it, so it has another name in every run.
  func interface(of router: Int) -> String { "lan\(router)-\(process)" }
  /// The server's end of its wire to a router.
  func serverPort(of router: Int) -> String { "to-r\(router)" }
}

extension GatewayPlan {
  /// What the hosts have as their default gateway.
  static func virtualAddress(_ family: AddressFamily) -> String { family == .four ? "10.0.0.100" : "fe80::7:1" }
  /// Where the server answers, beyond every router.
  static func serverAddress(_ family: AddressFamily) -> String { family == .four ? "10.10.0.1" : "fd10::1" }
  static func serverHost(_ family: AddressFamily) -> String { family == .four ? serverAddress(.four) : "[\(serverAddress(.six))]" }
  static let lan = "10.0.0.0/24"
  static let lanSix = "fd01::/64"
  static let strangerAddress = "10.0.0.200"

  func address(of router: Int, _ family: AddressFamily) -> String { family == .four ? "10.0.0.\(router)" : "fd01::\(router)" }
  func address(ofHost host: Int, _ family: AddressFamily) -> String {
    family == .four ? "10.0.0.\(100 + host)" : "fd01::1:\(host)"
  }
  func router(at address: String?) -> Int? { routers.first { self.address(of: $0, .four) == address } }

  private func wan(_ router: Int, _ family: AddressFamily, _ end: Int) -> String {
    family == .four ? "10.9.\(router).\(end)" : "fd09:\(router)::\(end)"
  }

  /// The address of the server's end of its wire to a router.
  func serverEnd(_ router: Int, _ family: AddressFamily) -> String { wan(router, family, 1) }
  func routerEnd(_ router: Int, _ family: AddressFamily) -> String { wan(router, family, 2) }
}

extension GatewayPlan {
  /// The LAN, and a wire from it to everybody.
  var wiring: [String] {
    wiring(
      Self.bridge,
      routers.map { (port(of: $0), interface(of: $0), namespace(of: $0)) }
        + hosts.map { ("h\($0)", Self.hostInterface, namespace(ofHost: $0)) } + [("stranger", Self.hostInterface, strangerNamespace)])
  }

  /// `ip -batch` lines for the server's namespace: a wire to every router, and the way back by any of them that has a carrier.
  var serverWiring: [String] {
    ["address add \(Self.serverAddress(.four))/32 dev lo", "address add \(Self.serverAddress(.six))/128 dev lo nodad"]
      + routers.flatMap { router in
        let port = serverPort(of: router)
        return ["link add \(port) type veth peer name \(Self.wanInterface) netns \(namespace(of: router).name)"]
          + Self.addressing(port) { [serverEnd(router, $0)] }
      }
  }

  /// `ip -batch` lines, once the routers have their addresses.
  /// - Parameter cut: routers that are cut off at the moment.
  func serverRoutes(without cut: Set<Int> = []) -> [String] {
    func hops(_ family: AddressFamily) -> String {
      routers.filter { !cut.contains($0) }
        .map { "nexthop via \(routerEnd($0, family)) dev \(serverPort(of: $0))" }.joined(separator: " ")
    }
    return ["route replace \(Self.lan) \(hops(.four))", "route replace \(Self.lanSix) \(hops(.six))"]
  }

  /// `ip -batch` lines for a router's namespace.
  func addressing(ofRouter router: Int) -> [String] {
    Self.addressing(interface(of: router)) { [address(of: router, $0)] } + Self.addressing(Self.wanInterface) { [routerEnd(router, $0)] }
      + AddressFamily.allCases.map { "route add default via \(serverEnd(router, $0))" }
  }

  /// `ip -batch` lines for a host's namespace: it knows the virtual addresses, and no router.
  func addressing(ofHost host: Int) -> [String] {
    Self.addressing(Self.hostInterface) { [address(ofHost: host, $0)] } + [
      "route add default via \(Self.virtualAddress(.four))",
      "route add default via \(Self.virtualAddress(.six)) dev \(Self.hostInterface)",
    ]
  }

  /// The lab as a picture.
  var drawing: String {
    let columns = routers.prefix(4).map { router -> [String] in
      if router == 4, routerCount > 4 { return ["…", "\(routerCount - 3) more"] }
      return ["router \(router)", address(of: router, .four)]
    }
    let width = 17
    let inside = max(62, width * columns.count)
    func row(_ cells: [String], _ filler: Character = " ") -> String {
      cells.map { $0.centred(width, with: filler) }.joined().centred(inside, with: filler)
    }
    let hosts = "host 1 … host \(hostCount): each with a MAC address and an ARP of its own"
    let lines = [
      " " + hosts.centred(inside),
      " " + "their default gateway: \(Self.virtualAddress(.four)) and \(Self.virtualAddress(.six))".centred(inside),
      " " + "│".centred(inside), "┌" + "┴".centred(inside, with: "─") + "┐", "│" + "the LAN \(Self.lan), a bridge".centred(inside) + "│",
      "└" + row(columns.map { _ in "┬" }, "─") + "┘", " " + row(columns.map { $0[0] }), " " + row(columns.map { $0[1] }),
      "┌" + row(columns.map { _ in "┴" }, "─") + "┐",
      "│" + "server \(Self.serverAddress(.four)): nginx, iperf3, a tap on every wire".centred(inside) + "│",
      "└" + String(repeating: "─", count: inside) + "┘",
    ]
    return lines.map { "  " + $0.trimmingTrailingSpaces }.joined(separator: "\n")
  }
}
