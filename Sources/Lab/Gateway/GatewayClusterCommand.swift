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
    var settings = try options.settings()
    settings.hasGateway = true
    return try options.withCluster(settings) { cluster in
      try cluster.waitUntilForwarding(members: cluster.members)
      let measurement = try GatewayClusterMeasurement(cluster, options.console)
      try measurement.operate()
      for _ in 0..<runs {
        try measurement.kill(.member)
        try measurement.kill(.master)
        try measurement.hang()
      }
      return try measurement.conclude()
    }
  }
}

/// What was seen so far.
final class GatewayClusterMeasurement {
  private let cluster: SkeinCluster
  private let stream: GatewayClusterStream
  private let all: [UInt8]
  private let console: Console
  private var report: GatewayClusterReport
  /// What took those that were lost.
  private var losses = Losses()

  init(_ cluster: SkeinCluster, _ console: Console) throws {
    self.cluster = cluster
    self.console = console
    report = GatewayClusterReport(members: cluster.members.count)
    all = try cluster.forwarders(of: cluster.members).keys.sorted()
    stream = try GatewayClusterStream(plan: cluster.topology.plan, group: SkeinCluster.gatewayGroup, forwarders: all)
  }

  func conclude() throws -> GatewayClusterReport {
    report.conclude(try stream.finish(), losses)
    return report
  }

  private var members: [Int] { cluster.members }
  private func others(_ member: Int) -> [Int] { members.filter { $0 != member } }

  /// An operator's ordinary day.
  func operate() throws {
    let member = try cluster.victim(.member)
    try waitUntilServed()
    try move(to: member)
    try during("drain") { try cluster.tell(member, "drain") }
    try during("return", waitingFor: members) { try cluster.tell(member, "undrain") }
    try during("leave", waitingFor: others(member)) { try cluster.leave(member) }
    try during("return", waitingFor: members) { try cluster.startDaemon(member) }
    // Packet sockets are the daemon's own and end with it.
    if cluster.settings.options.packetPath != "packet-socket" {
      try during("crash", crashing: member, waitingFor: members) {
        try cluster.crash(member)
        try pause(milliseconds: 1000)
      }
    }
    let master = try cluster.master()
    try during("restart", waitingFor: members) { try cluster.restart(member) }
    try during("leave", waitingFor: others(master)) { try cluster.leave(master) }
    try during("return", waitingFor: members) { try cluster.startDaemon(master) }
  }

  /// What must be found out before the first packet gets through, such as the next hop's hardware address, has been.
  private func waitUntilServed() throws {
    try wait(for: "IPv4 and IPv6 to get through by every virtual MAC address", seconds: 10) {
      // 50 ms are enough to arrive.
      let end = BootClock.nanoseconds - 50_000_000
      let ledger = stream.ledger(end - 100_000_000..<end)
      return ledger.probeCount >= 500 && ledger.lost() == 0
    }
  }

  /// A host that knows nothing asks who its gateway is, and pings the gateway and a machine behind it.
  private func ask() throws {
    let host = cluster.topology.plan.clientNamespace(.near)
    for family in AddressFamily.allCases {
      let gateway = SkeinCluster.gatewayAddress(family)
      for destination in [family == .four ? gateway : "\(gateway)%\(Plan.interface)", Plan.clientAddress(0, family, .far)] {
        try cluster.bed.launcher.batch(
          ["neighbour flush dev \(Plan.interface)", "route replace default via \(gateway) dev \(Plan.interface)"], in: host)
        let text = try cluster.bed.launcher.run(
          ["sh", "-c", "ping -\(family.rawValue) -n -q -c 1 -W 2 \(destination) || true"], in: host)
        let answers = RoutingReport.number(before: " received", in: text) ?? 0
        if answers == 0 { console.say("    nobody answers: ping \(destination)") }
        report.pings += 1
        report.pingsAnswered += answers
      }
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
    report.moves = try movesPlanned() - before
  }

  private func movesPlanned() throws -> Int { try cluster.counters(cluster.master()).value("gateway", "moves") }

  /// - Parameters:
  ///   - failed: the member that does not run as it should.
  ///   - crashed: the member whose daemon is killed and started again at once.
  ///   - forwarding: who must forward for all virtual MAC addresses at the end; nil when it is not waited for.
  private func during(
    _ operation: String, besides failed: Int? = nil, crashing crashed: Int? = nil, waitingFor forwarding: [Int]? = nil,
    _ body: () throws -> Void
  ) throws {
    let books = LossBooks(cluster.booked)
    books.failed = Set([failed].compactMap { $0 })
    if let crashed { books.noteCrash(of: crashed) }
    let start = BootClock.nanoseconds
    try body()
    if let forwarding { try cluster.waitUntilForwarding(members: forwarding) }
    let ledger = try look(since: start)
    let lost = ledger.lostProbes()
    console.say("  \(operation): lost \(lost.count) of \(ledger.probeCount)")
    report.lost[operation, default: 0] += judge(lost, ledger, books)
  }

  /// Half a second later, a host asks; then all that was sent until then has arrived.
  private func look(since start: UInt64) throws -> ProbeLedger {
    try pause(milliseconds: 500)
    try ask()
    let end = BootClock.nanoseconds
    try pause(milliseconds: 200)
    return stream.ledger(start..<end)
  }

  /// Says what is known of a loss, and notes what took it.
  /// - Returns: how many were lost.
  private func judge(_ lost: [LostProbe], _ ledger: ProbeLedger, _ books: LossBooks) -> Int {
    guard !lost.isEmpty else { return 0 }
    books.turnPage()
    for line in books.evidence(lost, ledger) { console.say("    \(line)") }
    losses = losses + books.explain(lost.map { LostProbe(sentAt: $0.sentAt) })
    let standstills = books.pages.flatMap(\.standstills).map(\.milliseconds)
    report.standstillMilliseconds = max(report.standstillMilliseconds, standstills.max() ?? 0)
    return lost.count
  }

  func kill(_ wish: Victim) throws {
    let victim = try cluster.victim(wish)
    try failure(of: victim, by: .kill, wish.rawValue)
    try during("return", besides: victim, waitingFor: members) { try cluster.heal(victim, after: .kill) }
  }

  /// What a failure costs. Who is bereft is seen on the wire: virtual MAC addresses may have moved a moment before.
  /// - Parameter meanwhile: asked once the member has failed, and once the others serve all.
  /// - Returns: from which address the member sends, and what was sent from a second before its failure on.
  @discardableResult
  private func failure(
    of victim: Int, by failure: Failure, _ what: String, _ meanwhile: (_ failedAt: UInt64) throws -> () throws -> Void = { _ in {} }
  ) throws -> (address: Int, ledger: ProbeLedger) {
    try pause(milliseconds: 200)
    let address = Int(try cluster.hardwareAddress(of: victim))
    let books = LossBooks(cluster.booked)
    books.failed = [victim]
    let failedAt = BootClock.nanoseconds
    try cluster.fail(victim, by: failure)
    let whenServed = try meanwhile(failedAt)
    try cluster.waitUntilForwarding(members: others(victim))
    try whenServed()
    let ledger = try look(since: failedAt - 1_000_000_000)
    let bereft = ledger.flows(ownedBy: address, before: failedAt)
    let silence = ledger.longestSilence(bereft, in: failedAt..<(ledger.flows.compactMap { $0.last?.sentAt }.max() ?? failedAt))
    report.silenceMilliseconds[what] = Figures((report.silenceMilliseconds[what]?.all ?? []) + [silence])
    let lost = ledger.lostProbes { flow, _ in !bereft.contains(flow) }
    console.say(
      "  \(what): hosts of its \(Set(bereft.map { $0 % 256 }).count) virtual MAC addresses without service for "
        + "\(silence.formatted(digits: 1)) ms, lost on others' \(lost.count)")
    report.lostOfSurvivors += judge(lost, ledger, books)
    return (address, ledger)
  }

  /// A daemon hangs: its kernel must forward nothing once its lease has run out, whoever still sends to it.
  func hang() throws {
    let victim = try cluster.victim(.member)
    let expiredBefore = try cluster.readPath(victim)?.leaseExpired ?? 0
    var endedAt: UInt64 = 0
    let (address, ledger) = try failure(of: victim, by: .stop, "hung") { failedAt in
      let reading = try cluster.readPathAfterLease(victim, withinSeconds: 5)
      // Where nobody can read it, the lease is over after a detection interval.
      let lease = UInt64(cluster.settings.options.detectionMilliseconds) * 1_000_000
      endedAt = reading == nil ? failedAt + lease : BootClock.nanoseconds
      return { [self] in report.leaseExpired += Int(clamping: (try cluster.readPath(victim)?.leaseExpired ?? 0) - expiredBefore) }
    }
    report.forwardedAfterLease += ledger.flows.joined().count { $0.answers > 0 && $0.member == address && $0.answeredAt > endedAt }
    try during("return", besides: victim, waitingFor: members) { try cluster.heal(victim, after: .stop) }
  }
}
