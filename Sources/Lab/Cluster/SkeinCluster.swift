import Foundation

/// How packets reach their member.
public enum DeliveryMode: String, CaseIterable, Codable, Sendable {
  case forwarding
  case unicast
  case multicast
}

/// What a side of a partition does.
enum PartitionPolicy: String, CaseIterable, Codable, Sendable {
  case serve
  case majority
}

/// What the lab's members are told.
struct SkeinSettings: Sendable {
  var options: LabOptions
  var partition = PartitionPolicy.serve
  /// Machines at the end of the plan that are no members; who wants one to join configures and starts its daemon.
  var guestCount = 0
  /// Machines behind the cluster's virtual servers; with 0 it has none.
  var serverCount = 0
  /// Lines for the `cluster` section of every member's file, and what makes the files that they name.
  var clusterLines: @Sendable (SkeinCluster, Int) throws -> [String] = { _, _ in [] }
  /// Whether router work is the cluster's (`routing`).
  var routing = false
  /// Whether the members are a virtual gateway's routers, and share nothing else.
  var hasGateway = false
  /// The text of the personality that all begin with, as version 1; nil for none.
  var personality: String?
}

/// Members that run Skein.
final class SkeinCluster: SkeinDaemons {
  let topology: Topology
  let settings: SkeinSettings
  private var lastMaster: Int?
  private var responder: Responder?

  static let clusterIdentifier = 77
  /// How long the cluster may take to form, or to take a member back and balance.
  private static let patienceSeconds = 240.0

  /// Starts every member and its applications, and waits until the cluster is whole.
  init(topology: Topology, settings: SkeinSettings) throws {
    self.topology = topology
    self.settings = settings
    try super.init(topology)
    try makeAuthority(authority)
    for member in members {
      try skein(
        "certificate", "issue", "--directory", authority, "--member", "\(member)", "--name", WebServer.name(member), "--out",
        file(member, "pem"))
    }
    for member in members { try configure(member, configuration(member: member)) }
    if let text = settings.personality { for member in members { try signPersonality(1, text, for: member) } }
    if settings.options.withoutMulticast { try topology.blockMulticast() }
    for member in members { try WebServer.start(member: member, topology: topology) }
    responder = try Responder(namespaces: plan.memberNamespaces)
    for member in members { try startDaemon(member) }
    topology.console.say("waiting for the members to find each other and to share out the work")
    try waitUntilSettled()
  }

  private var plan: Plan { topology.plan }
  var members: [Int] { Array(plan.members.dropLast(settings.guestCount)) }
  var authority: String { "\(plan.directory)/authority" }

  /// Runs a command of the program's that asks no daemon.
  func skein(_ words: String...) throws { try topology.launcher.run([program] + words) }

  func makeAuthority(_ directory: String, cluster: Int = SkeinCluster.clusterIdentifier) throws {
    try skein("certificate", "authority", "--directory", directory, "--cluster", "\(cluster)")
  }

  /// Signs a personality and puts it in a member's file.
  func signPersonality(_ version: Int, _ text: String, for member: Int, authority other: String? = nil) throws {
    let (source, path) = (file(member, "personality.yaml"), file(member, "personality"))
    try text.write(toFile: source, atomically: false, encoding: .utf8)
    try skein("personality", "sign", "--directory", other ?? authority, "--version-number", "\(version)", "--out", path, source)
  }

  /// A member's skein.yaml. The cluster is named after the run, so that what is pinned in the kernel belongs to this run alone.
  func configuration(member: Int) throws -> String {
    let options = settings.options
    var lines = [
      "name: \(plan.run)", "id: \(Self.clusterIdentifier)", "member: \(member)", "interface: \(Plan.interface)",
      "address: \(plan.address(of: member, .four))", "delivery: \(options.mode.rawValue)",
      "detection: \(options.detectionMilliseconds)ms", "credentials: \(file(member, "pem"))", "partition: \(settings.partition.rawValue)",
      "members: \(members.count)",
    ]
    if !settings.hasGateway { lines.append("addresses: [\(Plan.clusterAddresses)\(plan.serverGateways)]") }
    if options.withoutMulticast { lines.append("peers: [\(members.map { plan.address(of: $0, .four) }.joined(separator: ", "))]") }
    if settings.routing { lines.append("routing: true") }
    if settings.personality != nil { lines.append("personality: \(file(member, "personality"))") }
    lines += try settings.clusterLines(self, member)
    let cluster = "cluster:\n" + lines.map { "  \($0)\n" }.joined()
    return cluster + (settings.hasGateway ? Self.gatewaySection : "") + plan.servicesSection(options.family) + options.packetPathLine
      + "api: \(api(member))\n"
  }
}

/// The part of `skein status --json` that the lab looks at.
struct MemberStatus: Codable, Equatable {
  struct Peer: Codable, Equatable {
    var member: Int
    var units: Int
    var weight = 100
  }
  struct Units: Codable, Equatable {
    var assigned: Int
    var acknowledged: Int
  }
  struct PacketPath: Codable, Equatable {
    var running: String
  }
  var state: String
  var member: Int
  var members: [Peer]
  var units: Units
  var personalityVersion: Int?
  var packetPath: PacketPath?

  static let unitCount = 1024

  /// Whether these members, and no others, are in and every unit has an owner that has acknowledged.
  func isComplete(_ expected: some Sequence<Int>) -> Bool {
    members.map(\.member).sorted() == expected.sorted() && units.assigned == Self.unitCount && units.acknowledged == Self.unitCount
  }

  /// Whether no unit is left to be moved: for none of them would it make two members more equal, by their weights. Those without any on
  /// purpose are not counted. A connection does not outlive the move of its unit.
  func isBalanced(without drained: Set<Int> = []) -> Bool {
    let takers = members.filter { !drained.contains($0.member) }
    return !takers.isEmpty
      && takers.allSatisfy { most in
        takers.allSatisfy { least in (most.units - 1) * least.weight < (least.units + 1) * most.weight }
      }
  }
}

extension SkeinCluster {
  func status(_ member: Int) throws -> MemberStatus { try ask(member, "status") }

  /// The view of the master whose cluster consists of these members; nil while there is no such master.
  func masterStatus(of expected: [Int]) throws -> MemberStatus? {
    for member in expected { try daemon(member).checkAlive() }
    // Whoever was the master last most probably still is: one question as a rule.
    for member in expected.sorted(by: { left, _ in left == lastMaster }) {
      try Interruption.check()
      guard let status = try? status(member), status.state == "master", status.isComplete(expected) else { continue }
      lastMaster = member
      return status
    }
    return nil
  }

  /// The master's number. One look is not enough, even at a cluster that has settled: a unit may just be on its way (the balance ends
  /// at a difference of one, "settled" is two), and on a busy machine a daemon's answer may come too late to be looked at.
  func master() throws -> Int {
    let what = "a master whose members are \(members.list), with all 1,024 work units owned"
    var found: Int?
    try wait(for: what, seconds: Self.patienceSeconds, detail: { explain(members, ["status", "--json"]) }) {
      found = try masterStatus(of: members)?.member
      return found != nil
    }
    guard let found else { throw LabError.observation("the cluster has no master that everybody follows") }
    return found
  }

  /// Waits until these members are in, and have all units among them in equal parts.
  /// - Parameter drained: members that are in and are to have none.
  func waitUntilSettled(members expected: [Int], drained: Set<Int> = []) throws {
    let what = "members \(expected.list) in, all 1,024 work units owned and balanced"
    try wait(for: what, seconds: Self.patienceSeconds, everyMilliseconds: 200, detail: { explain(expected, ["status", "--json"]) }) {
      guard let master = try masterStatus(of: expected), master.isBalanced(without: drained) else { return false }
      guard master.members.allSatisfy({ !drained.contains($0.member) || $0.units == 0 }) else { return false }
      // A daemon that was replaced a moment ago may still stand in the master's list as the one that it was.
      return expected.allSatisfy { $0 == master.member || (try? status($0))?.state == "member" }
    }
  }

  func waitUntilSettled() throws { try waitUntilSettled(members: members) }

  /// How many units have been moved from member to member.
  func unitsMoved() -> Int { (try? sum("cluster", "unitsMoved", of: members)) ?? 0 }

  /// Which of a run's lost questions an application has answered, and which member's it was.
  func answersGiven(_ ledger: ProbeLedger) -> [ProbeLedger.ProbeKey: GivenAnswer] { responder?.answersGiven(ledger) ?? [:] }
}

extension SkeinCluster: Scenario {
  typealias Failure = Lab.Failure
  typealias Victim = Lab.Victim

  var machines: [Int] { members }
  func waitUntilReady(_ members: [Int]) throws { try waitUntilSettled(members: members) }
  func victims(_ wish: Victim) throws -> [Int] { [try victim(wish)] }
  func lossBooks() -> LossBooks? { LossBooks(booked) }
  func everybodyWaits(for victim: Victim) -> Bool { settings.options.mode == .forwarding && victim == .master }
  var silenceCertainAfterMilliseconds: Int { settings.options.detectionMilliseconds * 2 }
  func leasesLapsed(_ member: Int) throws -> Int { try counters(member).value("cluster", "leasesLapsed") }

  func victim(_ wish: Victim) throws -> Int {
    let master = try master()
    guard wish == .member else { return master }
    guard let member = members.last(where: { $0 != master }) else { throw LabError.badOption("a lone master has no member to fail") }
    return member
  }

  func askAround() throws -> FailoverTraffic {
    .init(prober: try Prober(plan: plan, settings: .init(family: settings.options.family, slowness: settings.options.slowness)))
  }

  func readPath(_ member: Int) throws -> PathReading? {
    // Packet sockets are the daemon's own: when it hangs, so do they, and nothing is pinned.
    guard Leftovers.hasPins("\(plan.run)-\(Self.clusterIdentifier)-\(member)") else { return nil }
    let text = try topology.launcher.run([program, "counters", "--pinned", "--json", "--config", file(member, "yaml")])
    return try JSONDecoder().decode(PathReading.self, from: Data(text.utf8))
  }

  /// Daemons pin under the cluster's name, its number and the member's. A machine that died comes back with an empty kernel: no packet
  /// path, no cluster address. While its link is down this makes the member's namespace such a machine.
  func forgetKernelState(of member: Int, after failure: Failure) throws {
    if failure == .kill { try forgetKernelState(of: member) { $0.hasPrefix("\(plan.run)-") && $0.hasSuffix("-\(member)") } }
  }

  /// - Parameter isPinned: whether a directory of pins is this machine's.
  func forgetKernelState(of machine: Int, _ isPinned: (String) -> Bool) throws {
    // In this order: a kernel that has the address and no packet path any more answers like any machine.
    try topology.launcher.run(["ip", "-n", plan.namespace(of: machine).name, "address", "flush", "dev", "lo", "scope", "global"])
    Leftovers.removePins(isPinned)
  }
}

extension Scenario where Failure == Lab.Failure {
  func summary(_ run: FailoverRun, _ victims: [Int]) -> String {
    "  member \(victims.list): its clients heard nothing for \(run.silenceMilliseconds.formatted(digits: 1)) ms, the others' for "
      + "\(run.survivorsSilenceMilliseconds.formatted(digits: 1)) ms; answered twice: \(run.answeredTwice)"
  }
}

extension SkeinCluster {
  /// What is read of this cluster to explain a loss.
  var booked: BookedMachines {
    BookedMachines(
      console: topology.console, numbers: members, isAnybodys: settings.options.mode == .forwarding, hasGateway: settings.hasGateway,
      leaseMilliseconds: settings.options.detectionMilliseconds, counters: { self.lastingCounters($0) },
      hostCounters: { self.hostCounters },
      events: { (try? self.events($0)) ?? [] }, answersGiven: { self.answersGiven($0) })
  }

  /// A daemon's own, or its packet path's alone while it cannot be asked.
  private func lastingCounters(_ member: Int) -> [String: Int]? {
    let own = isRunning(member) ? try? counters(member).table : nil
    return own ?? (try? readPath(member))?.counters.table
  }

  /// The switch's ports send questions to members, and receive answers.
  private var hostCounters: [LossCounter: Int] {
    let plan = topology.plan
    let others = [plan.clientNamespace(.near), plan.routerNamespace, plan.clientNamespace(.far)]
    var result = [LossCounter: Int].drops(
      [(plan.switchNamespace, { name in plan.members.first { plan.port(of: $0) == name } })] + others.map { ($0, { _ in nil }) }
        + plan.members.map { member in (plan.namespace(of: member), { _ in member }) })
    for member in plan.members {
      let namespace = plan.namespace(of: member)
      let drops = ["udp", "udp6"].map { KernelBooks.socketDrops(KernelBooks.table($0, in: namespace), port: ProbeMessage.port) }
      result[LossCounter(cause: .socket, member: member, place: "member \(member), the application's socket")] = drops.reduce(0, +)
      for (name, value) in KernelBooks.stackDrops(KernelBooks.table("snmp", in: namespace)) {
        let isSent = name.hasPrefix("IpOut")
        result[LossCounter(cause: .stack, member: member, meetsAnswers: isSent, place: "member \(member)'s kernel, \(name)")] = value
      }
    }
    return result
  }
}
