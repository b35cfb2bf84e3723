import Foundation

/// What the lab's gateways are told beside what all are.
struct GatewaySettings: Hashable, Sendable {
  var helloMilliseconds = 200
  var holdMilliseconds = 650
  var method = SteeringMethod.hybrid
  /// Points from a target within which nothing is done. With 100 nothing is ever steered.
  var deadBand = 3
  var forwarders = 5
  /// The virtual addresses.
  var families = AddressFamily.allCases
  var isAuthenticated = true
  /// Further lines of the `gateway` section.
  var lines: [String] = []
  var packetPath: String?
  /// The program under test; nil for the running one.
  var program: String?
}

/// How traffic is steered.
public enum SteeringMethod: String, CaseIterable, Codable, Sendable {
  case answers, moves, hybrid
}

/// Routers that run Skein's virtual gateway, one daemon each, started and spoken to as an operator would.
final class GatewayGroup {
  let topology: GatewayTopology
  let settings: GatewaySettings
  let program: String
  private var daemons: [Int: ChildProcess] = [:]

  /// Starts every router's daemon and waits until the group is whole.
  init(topology: GatewayTopology, settings: GatewaySettings) throws {
    self.topology = topology
    self.settings = settings
    program = try settings.program ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    try "the lab's key: \(UUID().uuidString)\n".write(toFile: keyFile, atomically: false, encoding: .utf8)
    for router in plan.routers {
      try configuration(router).write(toFile: file(router, "yaml"), atomically: false, encoding: .utf8)
      try startDaemon(router)
    }
  }

  var plan: GatewayPlan { topology.plan }
  private var keyFile: String { "\(plan.directory)/key" }
  private func file(_ router: Int, _ ending: String) -> String { "\(plan.directory)/r\(router).\(ending)" }
  func api(_ router: Int) -> String { file(router, "sock") }

  /// A router's skein.yaml.
  func configuration(_ router: Int) -> String {
    let addresses = settings.families.map { "\"\(GatewayPlan.virtualAddress($0))\"" }.joined(separator: ", ")
    let isCisco = settings.holdMilliseconds == GatewayTimers.cisco.holdMilliseconds
    let timers = isCisco ? "timers: cisco" : "hello: \(settings.helloMilliseconds)ms\n  hold: \(settings.holdMilliseconds)ms"
    let own = settings.families.contains(.four) ? "ownAddress: \(plan.address(ofRouter: router, .four))" : ""
    let authentication = settings.isAuthenticated ? "authentication: { key: \(keyFile) }" : ""
    let lines = [own, authentication] + settings.lines
    return """
      gateway:
        group: \(GatewayPlan.group)
        interface: \(plan.lanInterface(router))
        address: [\(addresses)]
        \(timers)
        forwarders: \(settings.forwarders)
        forwarderPreempt: 1s
        steering: { method: \(settings.method.rawValue), window: 2s, betweenMoves: 3s, deadBand: \(settings.deadBand) }
      \(lines.filter { !$0.isEmpty }.map { "  \($0)\n" }.joined())\(settings.packetPath.map { "packetPath: \($0)\n" } ?? "")api: \(api(router))

      """
  }

  func startDaemon(_ router: Int) throws {
    daemons[router] = try topology.start(
      "skein-r\(router)", [program, "run", "--config", file(router, "yaml")], in: plan.namespace(ofRouter: router))
  }

  func daemon(_ router: Int) throws -> ChildProcess {
    guard let daemon = daemons[router] else { throw LabError.badOption("there is no router \(router)") }
    return daemon
  }

  /// Runs a command of the operator's against a router's daemon.
  @discardableResult
  func tell(_ router: Int, _ words: String...) throws -> String {
    try topology.launcher.run(["timeout", "90", program] + words + ["--api", api(router)])
  }
}

extension GatewayGroup {
  func status(_ router: Int) throws -> GatewayStatus {
    try decode(router, "gateway", "status")
  }

  func counters(_ router: Int) throws -> GatewayCounters { try decode(router, "counters") }

  private func decode<Report: Decodable>(_ router: Int, _ words: String...) throws -> Report {
    let text = try topology.launcher.ask([program] + words + ["--json", "--api", api(router)])
    return try JSONDecoder().decode(Report.self, from: Data(text.utf8))
  }

  /// The sum of a counter of the decision maker's or the messenger's over these routers.
  func sum(_ name: String, group: String = "gateway", of routers: [Int]) throws -> Int {
    try routers.reduce(0) { sum, router in sum + Int(clamping: try counters(router)[group, name]) }
  }

  /// The router that answers the hosts, as these see it.
  func active(among routers: [Int]) throws -> Int {
    let states = try routers.map { ($0, try status($0)) }
    guard let active = states.first(where: { $0.1.state == "active" }) else { throw LabError.observation("no router is active") }
    return active.0
  }

  /// Waits until these routers, and no others, are a whole group.
  /// - Parameter atHome: whether every forwarder must be where it belongs.
  func waitUntilSettled(_ routers: [Int], atHome: Bool = true) throws {
    let addresses = Set(routers.map { plan.address(ofRouter: $0, .four) })
    let seconds = Double(settings.holdMilliseconds) / 1000 * 4 + 20
    try wait(for: "the gateways \(routers) to be one group", seconds: seconds, everyMilliseconds: 100) {
      (try? self.report(routers)) ?? ""
    } until: {
      for router in routers { try daemon(router).checkAlive() }
      let states = routers.compactMap { try? status($0) }
      return states.count == routers.count && states.allSatisfy { $0.isSettled(addresses, atHome: atHome) }
        && states.count { $0.state == "active" } == 1 && Set(states.map(\.holders)).count == 1
    }
  }

  private func report(_ routers: [Int]) throws -> String {
    try routers.map { router in
      let log = try daemon(router).logTail()
      return "router \(router):\n" + ((try? tell(router, "gateway", "status")) ?? "does not answer\n\(log)")
    }.joined(separator: "\n")
  }
}

/// The hosts: Linux as it is.
extension GatewayTopology {
  /// What every host has as its gateway's MAC address, by host; hosts without one are left out.
  func gatewayAddresses(_ family: AddressFamily = .four) throws -> [Int: String] {
    var result: [Int: String] = [:]
    for host in plan.hosts {
      let line = try launcher.run([
        "ip", "-n", plan.namespace(ofHost: host).name, "neighbour", "show", GatewayPlan.virtualAddress(family), "dev",
        GatewayPlan.hostInterface,
      ])
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      if let place = words.firstIndex(of: "lladdr"), words.indices.contains(place + 1) { result[host] = words[place + 1] }
    }
    return result
  }

  /// Pings the virtual address from every host.
  /// - Returns: how many were answered.
  func pingGateway(_ family: AddressFamily) throws -> Int {
    let target = family == .four ? GatewayPlan.virtualAddress(.four) : "\(GatewayPlan.virtualAddress(.six))%\(GatewayPlan.hostInterface)"
    let answers = try plan.hosts.map { host in
      try launcher.run(
        [
          "sh", "-c",
          "ping -n -q -c 1 -W 1 \(target) >/dev/null 2>&1 && echo yes || ping -n -q -c 1 -W 1 \(target) >/dev/null 2>&1 && echo yes || echo no",
        ],
        in: plan.namespace(ofHost: host))
    }
    return answers.count { $0.hasPrefix("yes") }
  }

  /// Fetches a page from the server from every host.
  /// - Returns: how many were answered.
  func fetchFromServer(_ family: AddressFamily) throws -> Int {
    let answers = try plan.hosts.map { host in
      try launcher.run(
        ["sh", "-c", "curl -s -g -m 3 http://\(GatewayPlan.serverHost(family))/ || true"], in: plan.namespace(ofHost: host))
    }
    return answers.count { $0.hasPrefix("server") }
  }

  /// Starts nginx at the server.
  func startWebServer() throws {
    try WebServer.start(name: "server", beneath: plan.directory) { _ = try start($0, $1, in: plan.serverNamespace) }
  }
}
