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
  var delivery = DeliveryMode.multicast
  var detectionMilliseconds = 200
  var partition = PartitionPolicy.serve
  /// Nil lets the daemon choose.
  var packetPath: String?
  /// Machines at the end of the plan that are no members; who wants one to join configures and starts its daemon.
  var guestCount = 0
  /// Lines for the `cluster` section of every member's file, and what makes the files that they name.
  var clusterLines: @Sendable (SkeinCluster, Int) throws -> [String] = { _, _ in [] }
  /// The program under test; nil for the running one.
  var program: String?
  /// The switch carries none of the members' multicast; they are told each other's addresses (`peers`).
  var withoutMulticast = false
  /// Whether router work is the cluster's (`routing`).
  var routing = false
  /// Whether the members are a virtual gateway's routers, and share nothing else.
  var hasGateway = false
  /// The text of the personality that all begin with, as version 1; nil for none.
  var personality: String?
}

/// Members that run Skein, one daemon each, started and spoken to as an operator would: files, commands, signals.
final class SkeinCluster: ClusterUnderTest {
  let topology: Topology
  let settings: SkeinSettings
  let program: String
  private var daemons: [Int: ChildProcess] = [:]
  private var lastMaster: Int?
  private var responder: Responder?

  static let clusterIdentifier = 77
  /// How long the cluster may take to form, or to take a member back and balance.
  private static let patienceSeconds = 240.0

  /// Starts every member and its applications, and waits until the cluster is whole.
  init(topology: Topology, settings: SkeinSettings) throws {
    self.topology = topology
    self.settings = settings
    program = try settings.program ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    try issueCertificates()
    for member in members { try configuration(member: member).write(toFile: file(member, "yaml"), atomically: false, encoding: .utf8) }
    if let text = settings.personality { for member in members { try signPersonality(1, text, for: member) } }
    if settings.withoutMulticast { try topology.blockMulticast() }
    for member in members { try WebServer.start(member: member, topology: topology) }
    responder = try Responder(namespaces: plan.memberNamespaces)
    for member in members { try startDaemon(member) }
    topology.console.say("waiting for the members to find each other and to share out the work")
    try waitUntilSettled()
  }

  /// Which of a run's lost questions an application has answered, and which member's it was.
  func answersGiven(_ ledger: ProbeLedger) -> [ProbeLedger.ProbeKey: GivenAnswer] { responder?.answersGiven(ledger) ?? [:] }

  private var plan: Plan { topology.plan }
  var members: [Int] { Array(plan.members.dropLast(settings.guestCount)) }

  /// A member's file; `ending` says which.
  func file(_ member: Int, _ ending: String) -> String { "\(plan.directory)/m\(member).\(ending)" }

  /// The API's socket of a member.
  func api(_ member: Int) -> String { file(member, "sock") }

  var authority: String { "\(plan.directory)/authority" }

  private func issueCertificates() throws {
    try topology.launcher.run([program, "certificate", "authority", "--directory", authority, "--cluster", "\(Self.clusterIdentifier)"])
    for member in members {
      try topology.launcher.run([
        program, "certificate", "issue", "--directory", authority, "--member", "\(member)", "--name", WebServer.name(member),
        "--out", file(member, "pem"),
      ])
    }
  }

  /// A member's skein.yaml. The cluster is named after the run, so that what is pinned in the kernel belongs to this run alone.
  func configuration(member: Int) throws -> String {
    let shared = AddressFamily.allCases.map { "\"\(Plan.clusterAddress($0))/\(Plan.prefixLength($0))\"" }.joined(separator: ", ")
    let path = settings.packetPath.map { "packetPath: \($0)\n" } ?? ""
    let extra = try settings.clusterLines(self, member).map { "  \($0)\n" }.joined()
    return """
      cluster:
        name: \(plan.run)
        id: \(Self.clusterIdentifier)
        member: \(member)
        interface: \(Plan.interface)
        address: \(plan.address(ofMember: member, .four))
        \(settings.hasGateway ? "" : "addresses: [\(shared)]")
        delivery: \(settings.delivery.rawValue)
        detection: \(settings.detectionMilliseconds)ms
        credentials: \(file(member, "pem"))
        partition: \(settings.partition.rawValue)
        members: \(members.count)
      \(optionalLines(member).map { "  \($0)\n" }.joined())\(extra)\(gatewayLines)\(path)api: \(api(member))

      """
  }

  private var gatewayLines: String {
    guard settings.hasGateway else { return "" }
    return """
      gateway:
        group: \(Self.gatewayGroup)
        address: [\(AddressFamily.allCases.map { "\"\(Self.gatewayAddress($0))\"" }.joined(separator: ", "))]
        forwarders: \(Self.forwardersOfMember)
        forwarderPreempt: 1s
        steering: { method: moves, window: 1s, betweenMoves: 1s }

      """
  }

  private func optionalLines(_ member: Int) -> [String] {
    var lines: [String] = []
    if settings.withoutMulticast { lines.append("peers: [\(members.map { plan.address(ofMember: $0, .four) }.joined(separator: ", "))]") }
    if settings.routing { lines.append("routing: true") }
    if settings.personality != nil { lines.append("personality: \(file(member, "personality"))") }
    return lines
  }

  /// - Parameter other: another program than the one under test.
  func startDaemon(_ member: Int, _ other: String? = nil) throws {
    let daemon = try topology.start(
      "skein-m\(member)", [other ?? program, "run", "--config", file(member, "yaml")], in: plan.namespace(ofMember: member))
    daemons[member] = daemon
    // As the service's unit has it: also on a busy machine the next daemon must be there before the last one's lease has run out.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(daemon.processIdentifier), -20)
  }

  func daemon(_ member: Int) throws -> ChildProcess {
    guard let daemon = daemons[member] else { throw LabError.badOption("there is no member \(member)") }
    return daemon
  }

  /// Runs a command of the operator's against a member's daemon.
  @discardableResult
  func tell(_ member: Int, _ words: String...) throws -> String {
    try topology.launcher.run([program] + words + ["--api", api(member)])
  }
}

/// The part of `skein status --json` that the lab looks at.
struct MemberStatus: Codable, Equatable {
  struct Peer: Codable, Equatable {
    var member: Int
    var units: Int
    var weight = 100
    var ethernetAddress: String?
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
  func status(_ member: Int) throws -> MemberStatus {
    try JSONDecoder().decode(MemberStatus.self, from: Data(statusText(member).utf8))
  }

  private func statusText(_ member: Int) throws -> String {
    try topology.launcher.ask([program, "status", "--json", "--api", api(member)])
  }

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
    let what = "a master whose members are \(members.map(String.init).joined(separator: ", ")), with all 1,024 work units owned"
    var found: Int?
    try wait(for: what, seconds: Self.patienceSeconds, detail: { explain(members) }) {
      found = try masterStatus(of: members)?.member
      return found != nil
    }
    guard let found else { throw LabError.observation("the cluster has no master that everybody follows") }
    return found
  }

  /// Waits until these members are in, and have all units among them in equal parts.
  /// - Parameter drained: members that are in and are to have none.
  func waitUntilSettled(members expected: [Int], drained: Set<Int> = []) throws {
    let what = "members \(expected.map(String.init).joined(separator: ", ")) in, all 1,024 work units owned and balanced"
    try wait(for: what, seconds: Self.patienceSeconds, everyMilliseconds: 200, detail: { explain(expected) }) {
      guard let master = try masterStatus(of: expected), master.isBalanced(without: drained) else { return false }
      guard master.members.allSatisfy({ !drained.contains($0.member) || $0.units == 0 }) else { return false }
      // A daemon that was replaced a moment ago may still stand in the master's list as the one that it was.
      return expected.allSatisfy { $0 == master.member || (try? status($0))?.state == "member" }
    }
  }

  /// What a person needs to see when the cluster does not come together.
  /// What each of them says of itself, and the end of its log.
  func explain(_ expected: [Int]) -> String {
    expected.map { member in
      let view = (try? statusText(member)) ?? "does not answer"
      let log = daemons[member]?.logTail(lines: 8) ?? ""
      return "member \(member): \(view.trimmingCharacters(in: .newlines))\n\(indented(log))"
    }.joined(separator: "\n")
  }

  // MARK: ClusterUnderTest

  func waitUntilSettled() throws { try waitUntilSettled(members: members) }

  func victim(_ wish: Victim, owners: [Int]) throws -> Int {
    let master = try master()
    switch wish {
    case .master: return master
    case .member:
      guard let member = members.last(where: { $0 != master }) else { throw LabError.badOption("a lone master has no member to fail") }
      return member
    }
  }

  func fail(_ member: Int, by failure: Failure) throws {
    try topology.inflict(failure, on: member, daemon: daemon(member))
  }

  func addressHolders(dead: Set<Int>) throws -> Int? { nil }
  func lossBooks() -> LossBooks? { LossBooks(booked) }
  func everybodyWaits(for victim: Victim) -> Bool { settings.delivery == .forwarding && victim == .master }

  /// A daemon's counters by their names.
  func counterTable(_ member: Int) throws -> [String: Int] {
    try JSONDecoder().decode(PathReading.self, from: Data(tell(member, "counters", "--json").utf8)).counters.table
  }

  /// How many units have been moved from member to member.
  func unitsMoved() -> Int { members.reduce(0) { $0 + ((try? counterTable($1)["cluster.unitsMoved"]) ?? 0) } }

  func leasesLapsed(_ member: Int) throws -> Int { try counterTable(member)["cluster.leasesLapsed"] ?? 0 }

  func readPath(_ member: Int) throws -> PathReading? {
    // Packet sockets are the daemon's own: when it hangs, so do they, and nothing is pinned.
    guard Leftovers.hasPins("\(plan.run)-\(Self.clusterIdentifier)-\(member)") else { return nil }
    let text = try topology.launcher.run([program, "counters", "--pinned", "--json", "--config", file(member, "yaml")])
    return try JSONDecoder().decode(PathReading.self, from: Data(text.utf8))
  }

  func heal(_ member: Int, after failure: Failure) throws {
    if failure.endsDaemon { try daemon(member).end() }
    if failure == .kill { try forgetKernelState(of: member) }
    try topology.repair(failure, on: member, daemon: daemon(member))
    if failure.endsDaemon { try startDaemon(member) }
  }

  /// Daemons pin under the cluster's name, its number and the member's. A machine that died comes back with an empty kernel: no packet path, no cluster address. While its link is down this
  /// makes the member's namespace such a machine.
  private func forgetKernelState(of member: Int) throws {
    Leftovers.removePins { $0.hasPrefix("\(plan.run)-") && $0.hasSuffix("-\(member)") }
    let namespace = plan.namespace(ofMember: member).name
    try topology.launcher.run(["ip", "-n", namespace, "address", "flush", "dev", "lo", "scope", "global"])
  }
}
