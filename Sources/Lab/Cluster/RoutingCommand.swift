import Foundation

/// `skein lab routing`: the cluster as a router. Near clients have the cluster address as their gateway, and the router sends what is for
/// them there too. Pings, datagrams and connections to the far network: is each packet routed once, both ways by the same member, and
/// does every member do its part?
public struct RoutingCommand: LabCommand {
  var requests: Int
  var options: LabOptions

  /// `requests`, 1 to 10,000, is how many pings, datagrams and connections are sent: that many of each.
  public init(requests: Int = 300, options: LabOptions) {
    self.requests = requests
    self.options = options
  }

  /// Makes the cluster the way between near and far clients, and watches on the wires which member routes what.
  /// `LabError.missingTool` without ping, curl or nft.
  public func run() throws -> RoutingReport {
    guard 1...10_000 ~= requests else { throw LabError.badOption("--requests is 1 to 10,000, not \(requests)") }
    try requireTools(["ping": "iputils-ping", "curl": "curl", "nft": "nftables"])
    var settings = try options.settings()
    settings.routing = true
    return try options.withCluster(settings) { cluster in
      let topology = cluster.topology
      try topology.makeClusterTheGateway(family)
      let far = topology.plan.clientNamespace(.far)
      try WebServer.start(name: "far", in: far, topology)
      let echo = try Responder(
        namespaces: [0: far], addresses: (0..<Plan.clientAddressCount).map { Plan.clientAddress($0, family, .far) })
      return try withExtendedLifetime(echo) { try measure(cluster) }
    }
  }

  private func measure(_ cluster: SkeinCluster) throws -> RoutingReport {
    let watch = try RoutedWatch(plan: cluster.topology.plan, members: cluster.members)
    options.console.say("\(requests) pings, datagrams and connections from near clients to far ones, by way of the cluster")
    let pings = try watch.during { try ping(cluster.topology) }
    let datagrams = try watch.during { try sendDatagrams(cluster.topology.plan) }
    let connections = try watch.during { try fetch(cluster.topology) }
    try watch.checkComplete()
    return RoutingReport(command: self, pings: pings, datagramsSent: datagrams, connections: connections, watch: watch)
  }

  /// A near and a far client: every pair is another one, so that all members have a share.
  private func pair(_ index: Int) -> (near: String, far: String) {
    let count = Plan.clientAddressCount
    return (Plan.clientAddress(index % count, family), Plan.clientAddress((index / count * 7 + index) % count, family, .far))
  }

  private var family: AddressFamily { options.family }
  private static let pingsOfAPair = 5

  private func ping(_ topology: Topology) throws -> [String] {
    try stride(from: 0, to: requests, by: Self.pingsOfAPair).map { index in
      let (near, far) = pair(index)
      let count = min(Self.pingsOfAPair, requests - index)
      return try topology.launcher.run(
        ["sh", "-c", "ping -n -q -c \(count) -i 0.01 -W 1 -I \(near) \(far) || true"], in: topology.plan.clientNamespace(.near))
    }
  }

  private func sendDatagrams(_ plan: Plan) throws -> Int {
    let sockets = try plan.clientNamespace(.near).enter {
      try (0..<requests).map { try openUDP(from: pair($0).near, to: pair($0).far, port: ProbeMessage.port) }
    }
    var ledger = ProbeLedger(flowCount: sockets.count)
    for (flow, socket) in sockets.enumerated() {
      ledger.ask(flow, socket)
      BootClock.sleep(until: BootClock.nanoseconds + 1_000_000)
    }
    try pause(milliseconds: 300)
    return sockets.count
  }

  private func fetch(_ topology: Topology) throws -> Int {
    let words = (0..<requests).flatMap { index in
      let (near, far) = pair(index)
      return (index == 0 ? [] : ["--next"]) + ["-s", "-g", "-m", "5", "--interface", near, "http://\(family == .six ? "[\(far)]" : far)/"]
    }
    let text = try topology.launcher.run(["curl"] + words, in: topology.plan.clientNamespace(.near))
    return text.split(separator: "\n").count { $0 == "far" }
  }
}

extension Topology {
  /// Makes routers of the members, and the cluster the way between near clients and everybody else, in both directions.
  fileprivate func makeClusterTheGateway(_ family: AddressFamily) throws {
    for member in plan.members {
      try launcher.set(
        [
          ("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1"),
          // All is on one wire here, and a router tells its neighbours of a shorter way.
          ("net/ipv4/conf/all/send_redirects", "0"), ("net/ipv4/conf/\(Plan.interface)/send_redirects", "0"),
        ], in: plan.namespace(of: member))
    }
    for namespace in [plan.clientNamespace(.near), plan.routerNamespace] {
      try launcher.set([("net/ipv6/conf/\(Plan.interface)/accept_redirects", "0")], in: namespace)
    }
    let gateway = Plan.clusterAddress(family)
    try launcher.batch(["route replace default via \(gateway)"], in: plan.clientNamespace(.near))
    try launcher.batch(["route add \(Plan.nearClients(family)) via \(gateway)"], in: plan.routerNamespace)
    // What the router sends to the shared address is flooded to the clients too. A network card passes it over; a veth has no filter.
    let filter = """
      table netdev lab {
        chain card { type filter hook ingress device "\(Plan.interface)" priority 0; ether daddr & ff:00:00:00:00:00 == 03:00:00:00:00:00 drop; }
      }

      """
    try launcher.run(["nft", "-f", "-"], in: plan.clientNamespace(.near), input: filter)
  }
}

/// Sees what members put on the wire for the router and for the near clients: the packets that they have routed.
private final class RoutedWatch {
  /// Two addresses, the near one first.
  private struct Pair: Hashable {
    let near: [UInt8]
    let far: [UInt8]
  }
  private let taps: [WireTap]
  private let own: [UInt64]
  private let members: [UInt64: Int]
  private var routers: [Pair: Set<Int>] = [:]
  private var datagrams: [[UInt16: Int]] = [[:], [:]]
  private(set) var packets: [Int: Int] = [:]

  init(plan: Plan, members: [Int]) throws {
    self.members = try members.reduce(into: [:]) { addresses, member in
      addresses[try plan.namespace(of: member).enter { try hardwareAddress(of: Plan.interface) }] = member
    }
    let places = [plan.routerNamespace, plan.clientNamespace(.near)]
    taps = try places.map { try $0.enter { try WireTap(interface: Plan.interface) } }
    own = try places.map { place in try place.enter { try hardwareAddress(of: Plan.interface) } }
  }

  func during<Result>(_ body: () throws -> Result) throws -> Result {
    let result = try body()
    try pause(milliseconds: 100)
    for index in taps.indices { taps[index].drain { octets, _ in note(octets, towardsFar: index == 0, own: own[index]) } }
    return result
  }

  func checkComplete() throws { for tap in taps { try tap.checkComplete() } }

  /// Pairs of addresses that more than one member routed, in either direction.
  var pairsOfSeveral: Int { routers.values.count { $0.count > 1 } }
  var pairs: Int { routers.count }

  /// Datagrams that came out once, on the way there and on the way back.
  func datagramsOnce(towardsFar: Bool) -> Int { datagrams[towardsFar ? 0 : 1].values.count { $0 == 1 } }
  var datagramsTwice: Int { datagrams.reduce(0) { $0 + $1.values.count { $0 > 1 } } }

  private func note(_ octets: UnsafeRawBufferPointer, towardsFar: Bool, own: UInt64) {
    guard octets.count >= 54, octets[0..<6].number == own, let member = members[octets[6..<12].number],
      let pair = Self.pair(octets, towardsFar: towardsFar)
    else { return }
    routers[pair, default: []].insert(member)
    packets[member, default: 0] += 1
    guard let probe = ProbeMessage(frame: octets) else { return }
    datagrams[towardsFar ? 0 : 1][probe.flow, default: 0] += 1
  }

  /// The addresses of a packet between the networks; nil for a member's own and for neighbour discovery.
  private static func pair(_ octets: UnsafeRawBufferPointer, towardsFar: Bool) -> Pair? {
    let isSix = octets[12] == 0x86
    let (source, destination) =
      isSix ? (Array(octets[22..<38]), Array(octets[38..<54])) : (Array(octets[26..<30]), Array(octets[30..<34]))
    let pair = towardsFar ? Pair(near: source, far: destination) : Pair(near: destination, far: source)
    let network: [UInt8] = isSix ? [0xfd, 0x78] : [10, 78]
    return pair.far.starts(with: network) ? pair : nil
  }
}

/// What `skein lab routing` found.
public struct RoutingReport: LabReport, Equatable {
  /// Things sent and what became of them.
  struct Tally: Codable, Equatable, Sendable {
    var sent: Int
    /// Answered by the far end.
    var answered: Int
    /// That came out more than once.
    var twice: Int
  }
  var mode: DeliveryMode
  var family: AddressFamily
  var members: Int
  var pings: Tally
  var datagrams: Tally
  var connections: Tally
  /// Datagrams that members put on the far wire exactly once.
  var datagramsRoutedOnce: Int
  /// Pairs of a near and a far address, and those that more than one member routed, in either direction.
  var pairs: Int
  var pairsOfSeveralMembers: Int
  /// Each member's part of the packets routed, by its number.
  var shares: [Double]
  /// All pings, datagrams and connections were answered once, every datagram was routed once, each pair of addresses by one member, and
  /// every member had more than half of a fair part.
  public var succeeded: Bool

  fileprivate init(command: RoutingCommand, pings: [String], datagramsSent: Int, connections: Int, watch: RoutedWatch) {
    mode = command.options.mode
    family = command.options.family
    members = command.options.members
    self.pings = Tally(
      sent: command.requests, answered: pings.reduce(0) { $0 + (Self.number(before: " received", in: $1) ?? 0) },
      twice: pings.reduce(0) { $0 + (Self.number(before: " duplicates", in: $1) ?? 0) })
    datagrams = Tally(sent: datagramsSent, answered: watch.datagramsOnce(towardsFar: false), twice: watch.datagramsTwice)
    self.connections = Tally(sent: command.requests, answered: connections, twice: 0)
    datagramsRoutedOnce = watch.datagramsOnce(towardsFar: true)
    pairs = watch.pairs
    pairsOfSeveralMembers = watch.pairsOfSeveral
    let all = max(1, watch.packets.values.reduce(0, +))
    shares = (1...members).map { Double(watch.packets[$0] ?? 0) / Double(all) }
    let least = 0.5 / Double(members)
    let tallies = [self.pings, datagrams, self.connections]
    succeeded =
      tallies.allSatisfy { $0.answered == $0.sent && $0.twice == 0 } && datagramsRoutedOnce == datagrams.sent && pairsOfSeveralMembers == 0
      && shares.allSatisfy { $0 > least }
  }

  /// The number before these words in ping's summary: `5 packets transmitted, 5 received, +1 duplicates, …`.
  static func number(before words: String, in text: String) -> Int? {
    guard let range = text.range(of: words) else { return nil }
    return Int(text[..<range.lowerBound].split { !$0.isNumber }.last ?? "")
  }

  /// Writes the tallies with their verdicts, then each member's part of the packets as a bar.
  public var lines: [String] {
    "the cluster as a router between near and far clients, IPv\(family.rawValue), delivery by \(mode.rawValue)"
    for (what, tally) in [("pings", pings), ("datagrams", datagrams), ("connections", connections)] {
      let holds = tally.answered == tally.sent && tally.twice == 0
      verdict(holds, "\(what) answered: \(tally.answered) of \(tally.sent), twice: \(tally.twice)")
    }
    verdict(datagramsRoutedOnce == datagrams.sent, "datagrams routed exactly once: \(datagramsRoutedOnce)")
    verdict(pairsOfSeveralMembers == 0, "pairs of addresses: \(pairs), routed by several members: \(pairsOfSeveralMembers)")
    bars(shares)
  }
}
