import Foundation

/// `skein lab gateway`: several routers behind one address, real hosts that send unequally, and the traffic brought to its target without a
/// host noticing. Without a method it is a demonstration, in which a router dies and returns as well.
public struct GatewayCommand: LabCommand {
  var routers: Int
  var hosts: Int
  /// Nil for the demonstration.
  var method: SteeringMethod?
  var options: LabOptions

  /// `routers` is 2 to 8 and `hosts` 1 to 64. The console narrates: the story goes to standard output unless it is quiet.
  public init(routers: Int = 3, hosts: Int = 12, method: SteeringMethod? = nil, options: LabOptions) {
    self.routers = routers
    self.hosts = hosts
    self.method = method
    self.options = options
    self.options.console.narrates = true
  }

  /// A packet a tenth of a millisecond: what a move must not touch.
  private var fastPacketsPerSecond: Double { 10_000 / Double(options.slowness) }
  /// A busy host sends so much, the others a quarter.
  private var busyPacketsPerSecond: Double { 520 / Double(options.slowness) }
  private static let payloadOctets = 1200
  /// How far from its target a router may stay, in percent of all traffic.
  static let tolerance = 5.0

  /// Loads the routers unequally, waits up to a minute for the traffic to be even, and drains and returns a router; for the demonstration
  /// the active router dies and returns as well. `LabError.missingTool` without ping, curl or iperf3.
  public func run() throws -> GatewayShareReport {
    try requireTools(["ping": "iputils-ping", "curl": "curl", "iperf3": "iperf3"])
    let startedAt = BootClock.nanoseconds
    let console = options.console
    console.say("\(routers) routers, \(hosts) hosts, one gateway address. Each is a network namespace with a Linux of its own.\n")
    return try TestBed.with(try GatewayTopology(routers: routers, hosts: hosts, console: console)) { topology in
      var settings = GatewaySettings(options: options, method: method ?? .hybrid)
      settings.helloMilliseconds *= options.slowness
      settings.holdMilliseconds *= options.slowness
      var report = try tell(GatewayGroup(topology: topology, settings: settings))
      report.seconds = BootClock.seconds(since: startedAt)
      return report
    }
  }

  private func tell(_ group: GatewayGroup) throws -> GatewayShareReport {
    let topology = group.topology
    let console = options.console
    try WebServer.start(name: "server", in: topology.plan.serverNamespace, topology)
    _ = try topology.start("iperf3", ["iperf3", "-s"], in: topology.plan.serverNamespace)
    console.say("\n1. The routers find each other.")
    try group.waitUntilSettled(group.machines)
    console.say(
      "   Router \(try group.active()) is the active virtual gateway (AVG): it alone answers the question “who has \(GatewayPlan.virtualAddress(.four))?”"
    )
    console.say("   Every router has \(group.settings.forwarders) virtual MAC addresses, and forwards what is sent to these.")

    var report = GatewayShareReport(command: self)
    console.say("\n2. Every host pings its gateway and fetches a page from the server, by IPv4 and by IPv6; one measures with iperf3.")
    report.pings = try AddressFamily.allCases.map(topology.pingGateway).reduce(0, +)
    report.pages = try AddressFamily.allCases.map(topology.fetchFromServer).reduce(0, +)
    report.iperfMegabitsPerSecond = try iperf(topology)
    console.say(
      "   \(report.pings) of \(hosts * 2) pings and \(report.pages) of \(hosts * 2) pages; iperf3: \(report.iperfMegabitsPerSecond.formatted(digits: 0)) Mbit/s."
    )
    try steer(group, &report)
    if method == nil { try loseARouter(group, &report) }
    return report
  }

  private func iperf(_ topology: GatewayTopology) throws -> Double {
    let text = try topology.launcher.run(
      ["sh", "-c", "iperf3 -J -t 1 -c \(GatewayPlan.serverAddress(.four)) || true"], in: topology.plan.namespace(ofHost: 1))
    struct Result: Decodable {
      struct End: Decodable {
        struct Sum: Decodable { var bits_per_second: Double }
        var sum_received: Sum
      }
      var end: End
    }
    return ((try? JSONDecoder().decode(Result.self, from: Data(text.utf8)))?.end.sum_received.bits_per_second ?? 0) / 1e6
  }

  // MARK: unequal load

  /// Which hosts each router carries: by what the hosts have in their neighbour tables.
  private func hostsByRouter(_ group: GatewayGroup) throws -> [Int: [Int]] {
    let holders = try group.gatewayStatus(1).holders
    return try group.topology.gatewayAddresses().sorted { $0.key < $1.key }.reduce(into: [:]) { result, entry in
      if let router = group.plan.router(at: holders[entry.value]) { result[router, default: []].append(entry.key) }
    }
  }

  private func show(_ title: String, _ shares: [Double]) {
    let bars = shares.enumerated().map { "router \($0 + 1) \($1.formatted(digits: 1).leftPadded(5)) %" }.joined(separator: "   ")
    options.console.say("   \(title.padding(9))  \(bars)")
  }

  private func steer(_ group: GatewayGroup, _ report: inout GatewayShareReport) throws {
    let plan = group.plan
    let carried = try hostsByRouter(group)
    guard let busy = carried.max(by: { ($0.value.count, -$0.key) < ($1.value.count, -$1.key) }) else {
      throw LabError.observation("no host has a gateway")
    }
    options.console.say("\n3. The hosts of router \(busy.key) send four times as much as the others.")
    options.console.say(
      "   One of them sends \(Int(fastPacketsPerSecond)) small numbered packets a second, another one has a TCP connection.")
    options.console.say("   Every packet is looked for on the server's wires. \(why)")
    // The fast stream is as much as one busy host's.
    let streams = plan.hosts.map { host in
      if host == busy.value.first { return GatewayStream(host: host, packetsPerSecond: fastPacketsPerSecond) }
      let isBusy = busy.value.contains(host)
      return GatewayStream(
        host: host, packetsPerSecond: busyPacketsPerSecond / (isBusy ? 1 : 4), octets: Self.payloadOctets)
    }
    let movesBefore = try group.sum("gateway", "moves", of: plan.routers)
    let books = LossBooks(group.booked)
    let traffic = try Prober(plan: plan, streams: streams)
    func shares(since time: UInt64) -> [Double] {
      // What was sent in the last 50 ms may still be on its way.
      traffic.shares(streams, of: plan.routers, sentIn: time..<max(time, BootClock.nanoseconds - 50_000_000))
    }
    let result = try watch(shares)
    report.sharesBefore = result.before
    report.secondsToTarget = result.seconds
    let fastStream = streams.firstIndex { $0.host == busy.value.first } ?? 0
    guard let drained = traffic.read({ $0.owner(ofFlow: fastStream) }) else {
      throw LabError.observation("the fast stream does not get through")
    }
    try moveEverything(group, shares, drained, tcpHost: busy.value.last ?? 1, &report)
    // After the move back, whatever steers has to bring it to the target again.
    report.sharesAfter = try watch(shares).after
    report.moves = try group.sum("gateway", "moves", of: plan.routers) - movesBefore
    let ledger = try traffic.finish()
    books.turnPage()
    report.losses = books.explain(ledger).causes
    report.packets = ledger.probeCount
    report.packetsLostByMoves = ledger.lost()
    report.forwardedTwice = ledger.answeredTwice
  }

  private var why: String {
    switch method ?? .hybrid {
    case .answers:
      """
      Nothing is moved:
         Linux hosts make sure of their gateway again and again (here every 1 to 3 s; base_reachable_time_ms, delay_first_probe_time and
         mcast_resolicit are set so in the hosts' namespaces). A router above its target does not confirm; the host then asks everybody,
         and the AVG answers with the least busy router's least busy virtual MAC address.
      """
    case .moves: "Virtual MAC addresses are moved until the routers are equal; the hosts notice nothing."
    case .hybrid: "Answers to the hosts steer, and virtual MAC addresses are moved while the routers are grossly unequal."
    }
  }

  /// Watches the shares until every router is near an equal part.
  private func watch(_ shares: (_ since: UInt64) -> [Double]) throws -> (before: [Double], after: [Double], seconds: Double) {
    let startedAt = BootClock.nanoseconds
    var before: [Double] = []
    var now: [Double] = []
    for beat in 1...60 {
      try pause(milliseconds: 1000)
      // Over the last two seconds, but at the beginning over what there is.
      now = shares(max(startedAt, BootClock.nanoseconds - 2_050_000_000))
      if before.isEmpty { before = now }
      if beat % 2 == 1 || isNear(now) { show("\(beat) s", now) }
      if beat > 2, isNear(now) {
        // It has to stay so.
        let reachedAt = BootClock.nanoseconds
        try pause(milliseconds: 3000)
        now = shares(reachedAt)
        if isNear(now) {
          show("and then", now)
          return (before, now, (startedAt..<reachedAt).seconds)
        }
      }
    }
    return (before, now, 60)
  }

  private func isNear(_ shares: [Double]) -> Bool { shares.allSatisfy { abs($0 - 100 / Double(routers)) <= Self.tolerance } }

  // MARK: moves

  /// Moves every virtual MAC address of a router away and back, under the fast stream and a transfer.
  private func moveEverything(
    _ group: GatewayGroup, _ shares: (_ since: UInt64) -> [Double], _ router: Int, tcpHost: Int, _ report: inout GatewayShareReport
  ) throws {
    let transfer = try TransferCheck(plan: group.plan, host: tcpHost)
    options.console.say("\n4. Router \(router), which carries the fast stream, is drained: all of its virtual MAC addresses move away.")
    let others = group.machines.filter { $0 != router }
    report.movesByDrain = try movesSeen(group) {
      try group.tell(router, "drain")
      try pause(milliseconds: 500 * options.slowness)
    }
    let drainedAt = BootClock.nanoseconds
    try pause(milliseconds: 1000)
    show("drained", shares(drainedAt))
    options.console.say("   It gets them back.")
    report.movesByDrain += try movesSeen(group) {
      try group.tell(router, "undrain")
      try wait(for: "router \(router)'s virtual MAC addresses to come back", seconds: 30, everyMilliseconds: 200) {
        try group.gatewayStatus(others[0]).forwarders.contains { $0.holder == group.plan.address(of: router, .four) }
      }
      try pause(milliseconds: 2000 * options.slowness)
    }
    let (sent, received) = try transfer.finish()
    report.transferredOctets = sent.octets
    report.transferIsWhole = sent == received
    options.console.say(
      "   \(report.movesByDrain) moves; the TCP connection carried \(sent.octets >> 20) MiB: \(report.transferIsWhole ? "the same hash at both ends" : "DIFFERENT at the ends")."
    )
  }

  /// How many holders changed while `body` ran.
  private func movesSeen(_ group: GatewayGroup, _ body: () throws -> Void) throws -> Int {
    let before = try group.gatewayStatus(1).holders
    try body()
    let after = try group.gatewayStatus(1).holders
    return before.count { after[$0.key] != $0.value }
  }

  // MARK: a death

  private func loseARouter(_ group: GatewayGroup, _ report: inout GatewayShareReport) throws {
    let victim = try group.active()
    options.console.say(
      "\n5. Router \(victim), the AVG, dies: SIGKILL, and its links go down at the same moment. Every host sends a packet every 2 ms.")
    let run = try group.measureFailover(.avg, by: .kill)
    report.silenceMilliseconds = run.silenceMilliseconds
    report.lostOnSurvivors = run.lostOnSurvivors
    report.lostOnReturn = run.lostOnReturn
    report.forwardedTwice += run.answeredTwice
    report.answersSilenceMilliseconds = run.answersSilenceMilliseconds
    options.console.say(
      "   The other routers' hosts lost \(run.lostOnSurvivors) packets. Router \(victim) came back, and its virtual MAC addresses with it: \(run.lostOnReturn) lost."
    )
    // Whoever is not answered now is missing from those that were.
    report.pings += try AddressFamily.allCases.map(group.topology.pingGateway).reduce(-hosts * 2, +)
  }
}
