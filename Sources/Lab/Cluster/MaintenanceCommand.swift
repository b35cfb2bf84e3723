import Foundation

/// What an operator does on an ordinary day, and what must not cost a single packet.
public enum Maintenance: String, CaseIterable, Codable, Sendable {
  /// A member that was dead returns and is balanced into.
  case rejoin
  /// Every daemon reads its configuration again (SIGHUP), then each is restarted as `systemctl restart` does it (SIGTERM, and a start).
  case restart
  /// Every daemon dies (SIGKILL) and is started again at once, as systemd does it.
  case crash
  /// Every daemon is replaced by one of another build, in order (SIGTERM, and a start); then every one dies and the first build is started.
  case upgrade
  /// A member gives all its units away, stays, and gets units again.
  case drain
  /// A member gives all its units away and goes, and comes back later.
  case leave
}

/// `skein lab rejoin | restart | crash | upgrade | drain | leave`: the operation under probes. Is one lost?
public struct MaintenanceCommand: LabCommand {
  var operation: Maintenance
  var options: LabOptions

  /// `options.members` must be 2 or more.
  public init(_ operation: Maintenance, options: LabOptions) {
    self.operation = operation
    self.options = options
  }

  /// More flows than a failover needs: what is looked for is one packet lost in one of a thousand small handovers.
  private static let flowsPerMember = 24

  /// Something to do; `bereft`, asked when it begins, is the member whose own clients may be left without service meanwhile.
  private struct Step {
    var what: String
    var bereft: () throws -> Int? = { nil }
    /// Whose daemon is killed.
    var crashes: Int?
    var action: () throws -> Void
  }

  /// Does the operation step by step on a cluster whose units are probed all the while; before a rejoin a member is killed first.
  public func run() throws -> MaintenanceReport {
    guard options.members >= 2 else { throw LabError.badOption("with one member there is nobody to hand over to") }
    return try options.withCluster { cluster in
      let member = try cluster.victim(.member)
      let steps = try steps(cluster, member)
      if operation == .rejoin {
        options.console.say("member \(member) is killed, and the others take over its work")
        try cluster.fail(member, by: .kill)
        try cluster.waitUntilSettled(members: cluster.members.filter { $0 != member })
      }
      return try measure(steps, cluster)
    }
  }

  private func steps(_ cluster: SkeinCluster, _ member: Int) throws -> [Step] {
    let members = cluster.members
    let settle = { try cluster.waitUntilSettled() }
    func step(_ what: String, _ actions: (() throws -> Void)...) -> Step { Step(what: what) { for action in actions { try action() } } }
    // A master's lease is shorter than the time after which the others do without it.
    func crash(_ what: String, _ member: Int) -> Step {
      Step(what: what, bereft: { try cluster.master() == member ? member : nil }, crashes: member) {
        try cluster.crash(member)
        try settle()
      }
    }
    switch operation {
    case .rejoin:
      return [step("member \(member) returns and is balanced into", { try cluster.heal(member, after: .kill) }, settle)]
    case .restart:
      return members.map { member in step("member \(member) reads its configuration again", { try cluster.reload(member) }) }
        + members.map { member in step("member \(member)'s daemon is restarted", { try cluster.restart(member) }, settle) }
    case .crash:
      return members.map { crash("member \($0)'s daemon dies and is started", $0) }
    case .upgrade:
      let other = try cluster.makeOtherBuild()
      return members.map { member in step("member \(member) gets another build", { try cluster.restart(member, other) }, settle) }
        + members.map { crash("member \($0) dies, the first build starts", $0) }
    case .drain:
      return [
        step("member \(member) is drained", { try cluster.drain(member) }),
        step("member \(member) is given work again", { try cluster.tell(member, "undrain") }, settle),
      ]
    case .leave:
      let rest = members.filter { $0 != member }
      return [
        step("member \(member) leaves", { try cluster.leave(member) }, { try cluster.waitUntilSettled(members: rest) }),
        step("member \(member) comes back", { try cluster.startDaemon(member) }, settle),
      ]
    }
  }

  private func measure(_ steps: [Step], _ cluster: SkeinCluster) throws -> MaintenanceReport {
    let settings = Prober.Settings(
      family: options.family, flowsPerMember: Self.flowsPerMember, candidateCount: 240, slowness: options.slowness)
    let prober = try Prober(plan: cluster.topology.plan, settings: settings)
    var windows: [MaintenanceReport.Window] = []
    let books = LossBooks(cluster.booked)
    for step in steps {
      let bereft = try step.bereft()
      let what = step.what + (bereft == nil ? "" : " (master)")
      options.console.say("  \(what)")
      let start = BootClock.nanoseconds
      if let member = step.crashes { books.noteCrash(of: member) }
      try step.action()
      try pause(milliseconds: 300)
      windows.append(.init(what: what, times: start..<BootClock.nanoseconds, bereft: bereft))
      books.turnPage()
    }
    let ledger = try prober.finish()
    books.turnPage()
    let bereft = MaintenanceReport.bereft(windows, ledger)
    let losses = books.explain(ledger) { flow, time in !zip(windows, bereft).contains { $0.times.contains(time) && $1.contains(flow) } }
    var report = MaintenanceReport(command: self, ledger: ledger, windows: windows, losses: losses)
    report.leasesLapsed = books.leasesLapsed
    return report
  }
}

extension SkeinCluster {
  /// SIGHUP, as `systemctl reload` sends it.
  func reload(_ member: Int) throws {
    try daemon(member).signal(SIGHUP)
    try pause(milliseconds: 500)
    try daemon(member).checkAlive()
  }

  /// As `systemctl restart`: told to end, it hands its work over first, which takes long on a machine that is busy with other things.
  func restart(_ member: Int, _ other: String? = nil) throws {
    try daemon(member).end(politelyForMilliseconds: 60_000)
    try startDaemon(member, other)
  }

  /// The daemon is gone without a word, and its service manager starts the next.
  func crash(_ member: Int) throws {
    try daemon(member).end()
    try startDaemon(member)
  }

  /// A copy of the program whose kernel program is another, though it does the same: one octet of the padding in its ELF header
  /// differs, which no loader looks at. The program holds that object in base64.
  /// - Returns: its path.
  func makeOtherBuild() throws -> String {
    var octets = try Data(contentsOf: URL(filePath: program))
    let header = Data("f0VMRgIBAQAAAAAAAAAAAAEA9wABAAAA".utf8)
    guard let place = octets.range(of: header) else { throw LabError.observation("\(program) does not contain its kernel program") }
    octets[place.lowerBound + 13] = UInt8(ascii: "Q")
    let path = "\(topology.plan.directory)/skein-other"
    try octets.write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    return path
  }

  /// Takes a member's units away and waits until it has none.
  func drain(_ member: Int) throws {
    try tell(member, "drain")
    try waitUntilSettled(members: members, drained: [member])
  }

  /// Takes a member's units away and lets it go; its daemon is ended if it does not end by itself.
  func leave(_ member: Int) throws {
    try tell(member, "leave")
    try daemon(member).end(politelyForMilliseconds: 5000)
  }
}

/// What `skein lab rejoin`, `restart`, `crash`, `upgrade`, `drain` or `leave` found.
public struct MaintenanceReport: LabReport, Equatable {
  /// One step of the operation.
  struct Step: Codable, Equatable, Sendable {
    var what: String
    var seconds: Double
    var lost: Int
    /// Where a master's daemon dies: how long its own clients heard nothing, the worst of them.
    var silenceMilliseconds: Double?
  }
  struct Window {
    var what: String
    var times: Range<UInt64>
    /// The member whose clients may be without service.
    var bereft: Int?
  }
  var operation: Maintenance
  var mode: DeliveryMode
  var detectionMilliseconds: Int
  /// Between a flow's probes.
  var intervalMilliseconds: Int
  /// Probes that nobody answered, but for those to the units of a master that crashed.
  var lost: Int
  /// Probes with more than one answer on the wire.
  var answeredTwice: Int
  var flows: Int
  var probes: Int
  var steps: [Step]
  /// What took those that were lost, and how many nothing explains.
  var losses: [Loss]
  var unexplained: Int
  /// Of those that nothing explains: they were answered, and the answer was not seen.
  var answersUnseen: Int
  /// How often a member's lease ran out: never, but where the machine stops a daemon for longer than its lease.
  var leasesLapsed = 0
  /// The longest that this machine stopped the prober, a process of real-time priority that runs every 2 ms.
  var stallMilliseconds: Double
  /// No probe was answered twice, and each lost one that counts is the host's or its virtual wires' doing.
  public var succeeded: Bool
  /// Nothing is amiss but lost probes, and a daemon's standstill took all that the host and its virtual wires did not.
  public var stoodStill: Bool

  /// The flows of each step's bereft member.
  static func bereft(_ windows: [Window], _ ledger: ProbeLedger) -> [[Int]] {
    windows.map { window in window.bereft.map { ledger.flows(ownedBy: $0, before: window.times.lowerBound) } ?? [] }
  }

  init(command: MaintenanceCommand, ledger: ProbeLedger, windows: [Window], losses known: Losses = Losses()) {
    operation = command.operation
    mode = command.options.mode
    detectionMilliseconds = command.options.detectionMilliseconds
    intervalMilliseconds = 2 * command.options.slowness
    let everyFlow = Array(ledger.flows.indices)
    let bereft = Self.bereft(windows, ledger)
    lost =
      ledger.lost()
      - zip(windows, bereft).reduce(0) { $0 + ledger.lost(flows: $1.1, sentIn: $1.0.times) }
    answeredTwice = ledger.answeredTwice
    flows = ledger.flows.count
    probes = ledger.probeCount
    stallMilliseconds = ledger.longestPause.milliseconds
    steps = zip(windows, bereft).map { window, bereft in
      Step(
        what: window.what, seconds: window.times.seconds,
        lost: ledger.lost(flows: everyFlow.filter { !bereft.contains($0) }, sentIn: window.times),
        silenceMilliseconds: bereft.isEmpty ? nil : ledger.longestSilence(bereft, in: window.times))
    }
    (losses, unexplained, answersUnseen) = known.told(of: lost)
    (succeeded, stoodStill) = known.judge(lost, besides: answeredTwice == 0)
  }

  /// Writes each step with its time and losses, then the sum of them with its verdict.
  public var lines: [String] {
    "\(operation.rawValue) under load: \(flows) flows, a probe on each every \(intervalMilliseconds) ms, \(probes) in all"
    for step in steps {
      let silence = step.silenceMilliseconds.map { "; its own clients heard nothing for \($0.formatted(digits: 0)) ms" } ?? ""
      "  \(step.what.padding(46))  \(step.seconds.formatted(digits: 1)) s, lost \(step.lost)\(silence)"
    }
    verdict(losses.excuse(lost), "lost: \(lost)")
    losses.lines(of: lost, answersUnseen: answersUnseen)
    verdict(answeredTwice == 0, "answered twice: \(answeredTwice)")
    if lost > 0 || leasesLapsed > 0 {
      let stopped = stallMilliseconds.formatted(digits: 1)
      "        leases ran out \(leasesLapsed) times; this machine stopped the prober for up to \(stopped) ms"
    }
  }
}
