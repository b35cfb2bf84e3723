import Foundation

/// `skein lab gateway-cluster`: a virtual gateway inside a cluster, under 10,000 packets a second. Virtual MAC addresses move, members are
/// drained, leave and return, die and hang: is a packet lost, is one forwarded twice, and how long does a host notice a death?
public struct GatewayClusterCommand: LabCommand {
  var runs: Int
  var options: LabOptions

  /// `runs`, 1 to 100, is how often each failure is repeated: a member killed, the master killed, a member's daemon hung.
  public init(runs: Int = 3, options: LabOptions) {
    self.runs = runs
    self.options = options
  }

  /// Operates and breaks one cluster under the whole stream of packets. `LabError.badOption` with fewer than three members;
  /// `LabError.missingTool` without ping.
  public func run() throws -> GatewayClusterReport {
    guard options.members >= 3 else { throw LabError.badOption("three members are the least: one fails, and two share its work") }
    guard 1...100 ~= runs else { throw LabError.badOption("--runs is 1 to 100, not \(runs)") }
    try requireTools(["ping": "iputils-ping"])
    var settings = try options.settings(delivery: .multicast, detectionMilliseconds: 200)
    settings.hasGateway = true
    return try options.withCluster(settings) { cluster in
      try cluster.waitUntilForwarding(members: Array(cluster.topology.plan.members))
      let all = try cluster.forwarders(of: Array(cluster.topology.plan.members)).keys.sorted()
      let stream = try GatewayClusterStream(plan: cluster.topology.plan, group: SkeinCluster.gatewayGroup, forwarders: all)
      let measurement = GatewayClusterMeasurement(cluster: cluster, stream: stream, all: all, console: options.console)
      try measurement.operate()
      for _ in 0..<runs {
        try measurement.kill(.member)
        try measurement.kill(.master)
        try measurement.hang()
      }
      return GatewayClusterReport(command: self, measurement, try stream.finish())
    }
  }
}

/// What was seen so far.
final class GatewayClusterMeasurement {
  let cluster: SkeinCluster
  let stream: GatewayClusterStream
  let all: [UInt8]
  let console: Console
  var lost: [String: Int] = [:]
  var silences: [String: [Double]] = [:]
  var lostOfSurvivors = 0
  /// What took those that were lost.
  var losses = Losses()
  var standstills: [LossPage.Standstill] = []
  var forwardedAfterLease = 0
  var leaseExpired = 0
  var moves = 0
  var pings = 0
  var answered = 0

  init(cluster: SkeinCluster, stream: GatewayClusterStream, all: [UInt8], console: Console) {
    self.cluster = cluster
    self.stream = stream
    self.all = all
    self.console = console
  }

  private var members: [Int] { Array(cluster.topology.plan.members) }

  /// An operator's ordinary day.
  func operate() throws {
    let member = try cluster.victim(.member, owners: [])
    let rest = members.filter { $0 != member }
    try waitUntilServed()
    try move(to: member)
    try during("drain") { try cluster.tell(member, "drain") }
    try during("return") {
      try cluster.tell(member, "undrain")
      try cluster.waitUntilForwarding(members: members)
    }
    try during("leave") {
      try cluster.leave(member)
      try cluster.waitUntilForwarding(members: rest)
    }
    try during("return") {
      try cluster.startDaemon(member)
      try cluster.waitUntilForwarding(members: members)
    }
    // Packet sockets are the daemon's own and end with it.
    if cluster.settings.packetPath != "packet-socket" {
      try during("crash", crashing: member) {
        try cluster.crash(member)
        try pause(milliseconds: 1000)
        try cluster.waitUntilForwarding(members: members)
      }
    }
    let master = try cluster.master()
    try during("restart") {
      try cluster.restart(member)
      try cluster.waitUntilForwarding(members: members)
    }
    try during("leave") {
      try cluster.leave(master)
      try cluster.waitUntilForwarding(members: members.filter { $0 != master })
    }
    try during("return") {
      try cluster.startDaemon(master)
      try cluster.waitUntilForwarding(members: members)
    }
  }

  /// What must be found out before the first packet gets through, such as the next hop's hardware address, has been.
  private func waitUntilServed() throws {
    try wait(for: "IPv4 and IPv6 to get through by every virtual MAC address", seconds: 10) {
      // 50 ms are enough to arrive.
      let end = stream.mark - 500
      return end >= 1000 && stream.datagrams(end - 1000..<end).lost == 0
    }
  }

  /// A host that knows nothing asks who its gateway is, and pings the gateway and a machine behind it.
  private func ask() throws {
    for family in AddressFamily.allCases { try ask(family) }
  }

  private func ask(_ family: AddressFamily) throws {
    let host = cluster.topology.plan.clientNamespace(.near)
    let gateway = SkeinCluster.gatewayAddress(family)
    for destination in [family == .four ? gateway : "\(gateway)%\(Plan.interface)", Plan.clientAddress(0, family, .far)] {
      try cluster.topology.batch(
        ["neighbour flush dev \(Plan.interface)", "route replace default via \(gateway) dev \(Plan.interface)"], in: host)
      let text = try cluster.topology.launcher.run(
        ["sh", "-c", "ping -\(family.rawValue) -n -q -c 1 -W 2 \(destination) || true"], in: host)
      let answers = RoutingReport.number(before: " received", in: text) ?? 0
      if answers == 0 { console.say("    nobody answers: ping \(destination)") }
      pings += 1
      answered += answers
    }
  }

  /// All traffic goes to one member's forwarders; the plan gives some of them to others. Then it is even again, and they go back.
  private func move(to member: Int) throws {
    let own = try cluster.forwarders(of: members).filter { $0.value == member }.map(\.key)
    let before = try movesPlanned()
    try during("move") {
      stream.send(to: own)
      try wait(for: "virtual MAC addresses moved by the plan", seconds: 30) { try movesPlanned() > before }
      try cluster.waitUntilForwarding(members: members)
      stream.send(to: all)
      try pause(milliseconds: 6000)
      try cluster.waitUntilForwarding(members: members)
    }
    moves = try movesPlanned() - before
  }

  private func movesPlanned() throws -> Int { try cluster.counterTable(cluster.master())["gateway.moves"] ?? 0 }

  /// - Parameters:
  ///   - failed: the member that does not run as it should.
  ///   - crashed: the member whose daemon is killed and started again at once.
  private func during(_ operation: String, besides failed: Int? = nil, crashing crashed: Int? = nil, _ body: () throws -> Void) throws {
    let books = Evidence(cluster, failed)
    if let crashed { books.counters.noteCrash(of: crashed) }
    let (start, startedAt) = (stream.mark, BootClock.nanoseconds)
    try body()
    try pause(milliseconds: 500)
    try ask()
    let end = stream.mark
    try pause(milliseconds: 200)
    let lost = stream.datagrams(start..<end).filter { $0.count == 0 }
    console.say("  \(operation): lost \(lost.count) of \(end - start)")
    self.lost[operation, default: 0] += judge(lost, books, since: startedAt)
  }

  /// What is known of the losses of one operation.
  private struct Evidence {
    let words: LossEvidence
    let counters: LossBooks

    init(_ cluster: SkeinCluster, _ failed: Int?) {
      words = LossEvidence(cluster)
      counters = LossBooks(cluster.booked)
      counters.failed = Set([failed].compactMap { $0 })
    }
  }

  /// Says what is known of a loss, and notes what took it.
  /// - Returns: how many were lost.
  private func judge(_ lost: [GatewayClusterStream.Datagram], _ books: Evidence, since time: UInt64) -> Int {
    guard !lost.isEmpty else { return 0 }
    for line in books.words.lines(lost, stream.stalls(since: time)) { console.say("    \(line)") }
    books.counters.turnPage()
    losses = losses + books.counters.explain(lost.map { LostProbe(sentAt: $0.sentAt) })
    standstills += books.counters.pages.flatMap(\.standstills)
    return lost.count
  }

  /// The moment before a failure.
  private struct Eve {
    var victim: Int
    /// What it sends from.
    var address: UInt64
    var books: Evidence
    /// The first datagram that is looked at: a second's worth before the failure, to see who forwards what.
    var start: Int
    var failedAt: UInt64 = 0
  }

  private func eve(of victim: Int) throws -> Eve {
    try pause(milliseconds: 200)
    let address = try cluster.hardwareAddress(of: victim)
    return Eve(victim: victim, address: address, books: Evidence(cluster, victim), start: max(0, stream.mark - 10_000))
  }

  func kill(_ wish: Victim) throws {
    var eve = try eve(of: cluster.victim(wish, owners: []))
    eve.failedAt = BootClock.nanoseconds
    try cluster.fail(eve.victim, by: .kill)
    try cluster.waitUntilForwarding(members: members.filter { $0 != eve.victim })
    try note(eve, wish.rawValue)
    try during("return", besides: eve.victim) {
      try cluster.heal(eve.victim, after: .kill)
      try cluster.waitUntilForwarding(members: members)
    }
  }

  /// What a failure has cost. Who is bereft is seen on the wire: virtual MAC addresses may have moved a moment before.
  private func note(_ eve: Eve, _ what: String) throws {
    try pause(milliseconds: 500)
    try ask()
    let end = stream.mark
    try pause(milliseconds: 200)
    let datagrams = stream.datagrams(eve.start..<end)
    let bereft = datagrams.forwarders(of: eve.address, before: eve.failedAt)
    let silence = datagrams.longestSilence(of: bereft)
    silences[what, default: []].append(silence)
    let lost = datagrams.filter { $0.count == 0 && !bereft.contains($0.forwarder) }
    console.say(
      "  \(what): hosts of its \(bereft.count) virtual MAC addresses without service for \(silence.formatted(digits: 1)) ms, lost on others' \(lost.count)"
    )
    lostOfSurvivors += judge(lost, eve.books, since: eve.failedAt)
  }

  /// A daemon hangs: its kernel must forward nothing once its lease has run out, whoever still sends to it.
  func hang() throws {
    let victim = try cluster.victim(.member, owners: [])
    let expiredBefore = try cluster.readPath(victim)?.leaseExpired ?? 0
    var eve = try eve(of: victim)
    eve.failedAt = BootClock.nanoseconds
    try cluster.fail(victim, by: .stop)
    let reading = try cluster.readPathAfterLease(victim, withinSeconds: 5)
    // Where nobody can read it, the lease is over after a detection interval.
    let endedAt = reading == nil ? eve.failedAt + UInt64(cluster.settings.detectionMilliseconds) * 1_000_000 : BootClock.nanoseconds
    try cluster.waitUntilForwarding(members: members.filter { $0 != victim })
    leaseExpired += Int(clamping: (try cluster.readPath(victim)?.leaseExpired ?? 0) - expiredBefore)
    try note(eve, "hung")
    let seen = stream.datagrams(eve.start..<stream.mark)
    forwardedAfterLease += seen.count { $0.router == eve.address && $0.seenAt > endedAt }
    try during("return", besides: victim) {
      try cluster.heal(victim, after: .stop)
      try cluster.waitUntilForwarding(members: members)
    }
  }
}
