import Foundation

/// How traffic is steered.
public enum SteeringMethod: String, CaseIterable, Codable, Sendable {
  case answers, moves, hybrid
}

/// What the lab's gateways are told beside what all are.
struct GatewaySettings: Sendable {
  var options: LabOptions
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

  /// Nothing is ever steered: what moves is moved by what is done to the routers.
  static func unsteered(_ options: LabOptions) -> GatewaySettings { GatewaySettings(options: options, method: .moves, deadBand: 100) }
}

/// Routers that run Skein's virtual gateway.
final class GatewayGroup: SkeinDaemons {
  let topology: GatewayTopology
  let settings: GatewaySettings

  /// Starts every router's daemon.
  init(topology: GatewayTopology, settings: GatewaySettings) throws {
    self.topology = topology
    self.settings = settings
    try super.init(topology)
    try "the lab's key: \(UUID().uuidString)\n".write(toFile: keyFile, atomically: false, encoding: .utf8)
    for router in plan.routers {
      try configure(router, configuration(router))
      try startDaemon(router)
    }
  }

  var plan: GatewayPlan { topology.plan }
  private var keyFile: String { "\(plan.directory)/key" }

  /// A router's skein.yaml.
  private func configuration(_ router: Int) -> String {
    let isCisco = settings.holdMilliseconds == GatewayTimers.cisco.holdMilliseconds
    var lines = [
      "group: \(GatewayPlan.group)", "interface: \(plan.interface(of: router))",
      "address: [\(settings.families.map { "\"\(GatewayPlan.virtualAddress($0))\"" }.joined(separator: ", "))]",
      "forwarders: \(settings.forwarders)", "forwarderPreempt: 1s",
      "steering: { method: \(settings.method.rawValue), window: 2s, betweenMoves: 3s, deadBand: \(settings.deadBand) }",
    ]
    lines += isCisco ? ["timers: cisco"] : ["hello: \(settings.helloMilliseconds)ms", "hold: \(settings.holdMilliseconds)ms"]
    if settings.families.contains(.four) { lines.append("ownAddress: \(plan.address(of: router, .four))") }
    if settings.isAuthenticated { lines.append("authentication: { key: \(keyFile) }") }
    let section = (lines + settings.lines).map { "  \($0)\n" }.joined()
    return "gateway:\n\(section)\(settings.options.packetPathLine)api: \(api(router))\n"
  }

  /// The router that answers the hosts, as these see it.
  func active() throws -> Int {
    guard let active = try machines.first(where: { try gatewayStatus($0).state == "active" }) else {
      throw LabError.observation("no router is active")
    }
    return active
  }

  /// What each router shows of the group.
  func screens() -> String { explain(machines, ["gateway", "status"]) }

  /// Waits until these routers, and no others, are a whole group.
  /// - Parameter atHome: whether every forwarder must be where it belongs.
  func waitUntilSettled(_ routers: [Int], atHome: Bool = true) throws {
    let addresses = Set(routers.map { plan.address(of: $0, .four) })
    let seconds = Double(settings.holdMilliseconds) / 1000 * 4 + 20
    try wait(for: "the gateways \(routers) to be one group", seconds: seconds, everyMilliseconds: 100, detail: screens) {
      for router in routers { try daemon(router).checkAlive() }
      let states = routers.compactMap { try? gatewayStatus($0) }
      return states.count == routers.count && states.allSatisfy { $0.isSettled(addresses, atHome: atHome) }
        && states.count { $0.state == "active" } == 1 && Set(states.map(\.holders)).count == 1
    }
  }
}

extension GatewayGroup: Scenario {
  typealias Failure = GatewayFailure
  typealias Victim = GatewayVictim

  var machines: [Int] { Array(plan.routers) }
  var silenceCertainAfterMilliseconds: Int { settings.holdMilliseconds + 200 }
  func lossBooks() -> LossBooks? { LossBooks(booked) }

  func victims(_ wish: GatewayVictim) throws -> [Int] {
    let states = try machines.map { ($0, try gatewayStatus($0).state) }
    let active = states.first { $0.1 == "active" }?.0
    let standby = states.first { $0.1 == "standby" }?.0
    let victims: [Int?] =
      switch wish {
      case .avg: [active]
      case .avf: [machines.first { $0 != active && $0 != standby } ?? standby]
      case .both: [active, standby]
      }
    guard victims.allSatisfy({ $0 != nil }) else { throw LabError.observation("the group has no \(wish.words)") }
    return victims.compactMap { $0 }
  }

  /// Whole seconds need no milliseconds.
  func askAround() throws -> FailoverTraffic {
    try topology.letHostsAskSeldom(again: false, families: settings.families)
    return try topology.askAround(packetsPerSecond: settings.holdMilliseconds > 5000 ? 100 : 500)
  }

  /// With all routers there, every virtual MAC address is at home; without some, it is somewhere.
  func waitUntilReady(_ routers: [Int]) throws { try waitUntilSettled(routers, atHome: routers.count == plan.routerCount) }
}

extension GatewayGroup {
  /// What is read of these routers to explain a loss.
  var booked: BookedMachines {
    BookedMachines(
      console: topology.console, numbers: Array(plan.routers), word: "router", isAnybodys: false, hasGateway: true,
      counters: { (try? self.counters($0))?.table }, hostCounters: { self.hostCounters }, events: { _ in [] })
  }

  private var hostCounters: [LossCounter: Int] {
    let plan = plan
    func routers(_ port: @escaping (Int) -> String) -> (String) -> Int? { { name in plan.routers.first { port($0) == name } } }
    return .drops(
      [(plan.switchNamespace, routers(plan.port(of:))), (plan.serverNamespace, routers(plan.serverPort(of:)))]
        + plan.routers.map { router in (plan.namespace(of: router), { _ in router }) }
        + plan.hosts.map { (plan.namespace(ofHost: $0), { _ in nil }) })
  }
}
