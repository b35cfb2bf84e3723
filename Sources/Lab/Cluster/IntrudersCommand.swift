import Foundation

/// `skein lab intruders`: machines that must not get in try to, each with real daemons and real credentials. Then one that was in is put out.
public struct IntrudersCommand: LabCommand {
  /// Without what takes a minute each: who was expelled comes back, and who was revoked tries again.
  var isBrief: Bool
  var options: LabOptions

  /// `options.members`, 2 to 14, are those that are in from the beginning; two machines more try to get in.
  public init(isBrief: Bool = false, options: LabOptions) {
    self.isBrief = isBrief
    self.options = options
  }

  /// While clients probe, lets one machine in and, unless brief, expels it; lets each intruder try, one after the other, and at last
  /// revokes that machine's certificate.
  public func run() throws -> IntrudersReport {
    guard options.members >= 2, options.members + 2 <= Plan.memberLimit else {
      throw LabError.badOption("intruders want 2 to \(Plan.memberLimit - 2) members, not \(options.members)")
    }
    var settings = try options.settings()
    settings.guestCount = 2
    settings.clusterLines = { try Gatehouse.prepare($0, member: $1) }
    return try options.withCluster(settings) { cluster in
      let books = LossBooks(cluster.booked)
      let prober = try Prober(plan: cluster.topology.plan, settings: .init())
      var siege = Siege(cluster: cluster, gatehouse: Gatehouse(cluster), console: options.console)
      try siege.run(isBrief: isBrief)
      let ledger = try prober.finish()
      books.turnPage()
      return IntrudersReport(findings: siege.findings, ledger: ledger, books: books)
    }
  }
}

/// Tries one after the other and notes what became of each.
struct Siege {
  typealias Finding = (attempt: IntrudersReport.Attempt, window: Range<UInt64>)
  let cluster: SkeinCluster
  let gatehouse: Gatehouse
  let console: Console
  private(set) var findings: [Finding] = []
  /// Who should be in.
  private var inside: Set<Int>

  private var members: [Int] { cluster.members }
  /// The machine that is let in, put out, let in and put out; and the one that never gets in.
  private var guest: Int { members.count + 1 }
  private var stranger: Int { members.count + 2 }

  init(cluster: SkeinCluster, gatehouse: Gatehouse, console: Console) {
    self.cluster = cluster
    self.gatehouse = gatehouse
    self.console = console
    inside = Set(cluster.members)
  }

  mutating func run(isBrief: Bool) throws {
    try welcome()
    var expelledAt = BootClock.nanoseconds
    if !isBrief {
      try putOut("expelled", word: "expelled by the operator") { try $0.cluster.tell($0.reigning(), "expel", "\($0.guest)") }
      expelledAt = BootClock.nanoseconds
    }
    for intruder in try gatehouse.intruders(machine: stranger) { try attempt(intruder) }
    if !isBrief { try comeBack(after: expelledAt) }
    try putOut("revoked while it is in", word: "this machine's certificate is revoked") { siege in
      try siege.gatehouse.revoke(siege.guest)
      for member in siege.members { try siege.cluster.tell(member, "reload") }
    }
    if !isBrief { try tryAgain() }
  }

  /// A revoked machine asks again after a minute.
  private mutating func tryAgain() throws {
    let start = BootClock.nanoseconds
    let refusal = { [self] in try said(cluster.events(guest), "refuses this machine: its certificate is revoked") }
    try wait(for: "the revoked member's next try", seconds: 75, everyMilliseconds: 500) { try refusal() != nil }
    note("revoked, tries again", isRefused: try isOut(guest), own: try refusal() ?? "", masters: "", since: start)
  }

  /// The control: one with an older configuration is refused, fetches the newer, and is let in. The hooks hear of it.
  private mutating func welcome() throws {
    let start = BootClock.nanoseconds
    console.say("member \(guest) comes with an older configuration, fetches the newer and is let in")
    try gatehouse.writeGuest(guest)
    try cluster.startDaemon(guest)
    inside.insert(guest)
    try cluster.waitUntilSettled(members: inside.sorted())
    let own = try said(cluster.events(guest), "its configuration is older") ?? ""
    let hooks = try members.allSatisfy { try gatehouse.hookCalls($0, "arrived").contains(guest) }
    note(
      "older configuration, then the newer", isRefused: !own.isEmpty && hooks, own: own, masters: hooks ? "arrived hooks ran" : "",
      since: start)
  }

  /// A member is put out: nobody has it in the list, and the others have a new group key that it has not.
  private mutating func putOut(_ name: String, word: String, _ action: (Siege) throws -> Void) throws {
    let start = BootClock.nanoseconds
    console.say("member \(guest) is \(name)")
    let oldKey = try cluster.keyEpoch(members[0])
    let calls = try gatehouse.hookCalls(members[0], "departed").count
    try action(self)
    inside.remove(guest)
    try cluster.waitUntilSettled(members: members)
    try wait(for: "a new group key at every member", seconds: 10) {
      let keys = Set(try members.map(cluster.keyEpoch))
      return keys.count == 1 && !keys.contains(oldKey)
    }
    let key = try cluster.keyEpoch(members[0])
    try pause(milliseconds: 1000)
    let own = try said(cluster.events(guest), word) ?? ""
    let hooks = try gatehouse.hookCalls(members[0], "departed").count > calls
    let unread = try cluster.counters(guest).value("security", "unknownEpoch")
    let masters = "epoch \(oldKey) → \(key); it could not open \(unread) messages since; departed hook \(hooks ? "ran" : "did not run")"
    note(name, isRefused: try isOut(guest) && !own.isEmpty && hooks && unread > 0, own: own, masters: masters, since: start)
  }

  private mutating func comeBack(after expelledAt: UInt64) throws {
    let start = BootClock.nanoseconds
    console.say("member \(guest), expelled, asks again after a minute, and is let in, for its certificate is good")
    inside.insert(guest)
    try cluster.waitUntilSettled(members: inside.sorted())
    let seconds = BootClock.seconds(since: expelledAt)
    note(
      "expelled, comes back", isRefused: seconds >= 55, own: "in again \(seconds.formatted(digits: 0)) s after it was expelled",
      masters: "", since: start)
  }

  private mutating func attempt(_ intruder: Intruder) throws {
    let start = BootClock.nanoseconds
    console.say("a machine with \(intruder.name) tries to join")
    let before = try members.map { (try cluster.counters($0), try cluster.events($0).last?.number ?? 0) }
    try cluster.configure(stranger, intruder.configuration)
    try? FileManager.default.removeItem(atPath: "\(cluster.topology.plan.directory)/skein-m\(stranger).log")
    try cluster.startDaemon(stranger)
    let daemon = try cluster.daemon(stranger)
    let end = BootClock.nanoseconds + 20_000_000_000
    var (own, masters, counted): (String?, String?, Int) = (nil, nil, 0)
    repeat {
      try pause(milliseconds: 250)
      own = (try? cluster.events(stranger)).flatMap { said($0, intruder.ownWord) } ?? line(daemon.logTail(), intruder.ownWord)
      masters = try zip(members, before).compactMap { member, old in
        try said(cluster.events(member).filter { $0.number > old.1 }, intruder.mastersWord)
      }.first
      counted = try zip(members, before).reduce(0) { sum, pair in
        sum + (try cluster.counters(pair.0)).value(intruder.group, intruder.counter) - pair.1.0.value(intruder.group, intruder.counter)
      }
    } while !(own != nil && (intruder.mastersWord.isEmpty || masters != nil) && (intruder.counter.isEmpty || counted > 0))
      && BootClock.nanoseconds < end
    try pause(milliseconds: 500)
    let seen = [masters, intruder.counter.isEmpty ? nil : "\(intruder.counter) \(counted)"].compactMap(\.self).joined(separator: "; ")
    let isNamed = own != nil && (intruder.mastersWord.isEmpty || masters != nil) && (intruder.counter.isEmpty || counted > 0)
    let isRefused = try isNamed && isOut(stranger)
    daemon.end()
    try gatehouse.clean(machine: stranger)
    note(intruder.name, isRefused: isRefused, own: own ?? daemon.logTail(lines: 4), masters: seen, since: start)
  }

  /// Whether no member has the machine in its list, but all others, and it is neither member nor master.
  private func isOut(_ machine: Int) throws -> Bool {
    let lists = try members.map(cluster.memberNumbers)
    let state = (try? cluster.status(machine))?.state
    let expected = inside.subtracting([machine])
    return lists.allSatisfy { Set($0) == expected } && state != "member" && state != "master"
  }

  /// The master, whoever else is in.
  private func reigning() throws -> Int {
    guard let master = try members.first(where: { try cluster.status($0).state == "master" }) else {
      throw LabError.observation("no member is the master")
    }
    return master
  }

  private func said(_ events: [SkeinDaemons.Event], _ word: String) -> String? {
    word.isEmpty ? nil : events.last { $0.text.contains(word) }?.text
  }

  private func line(_ log: String, _ word: String) -> String? { log.split(separator: "\n").last { $0.contains(word) }.map(String.init) }

  private mutating func note(_ name: String, isRefused: Bool, own: String, masters: String, since start: UInt64) {
    let attempt = IntrudersReport.Attempt(
      name: name, asDue: isRefused, own: own, masters: masters, seconds: BootClock.seconds(since: start))
    findings.append((attempt, start..<BootClock.nanoseconds))
  }
}

/// What `skein lab intruders` found.
public struct IntrudersReport: LabReport, Equatable {
  /// One machine's try, or what was done to it.
  struct Attempt: Codable, Equatable, Sendable {
    var name: String
    /// It is out (or in, where it should be), and each side says why.
    var asDue: Bool
    /// The machine's own words.
    var own: String
    /// The members' words, and what they counted.
    var masters: String
    var seconds: Double
    /// Probes lost, and probes answered twice, meanwhile.
    var lost = 0
    var twice = 0
  }
  var attempts: [Attempt]
  var probes: Int
  /// Probes lost while machines were refused that never got in.
  var lostToStrangers: Int
  /// What took them.
  var losses: [Loss]
  var answeredTwice: Int
  /// Every attempt ended as it should, no probe was answered twice, and each one lost to machines that never got in is the host's or its
  /// virtual wires' doing.
  public var succeeded: Bool

  init(findings: [Siege.Finding], ledger: ProbeLedger, books: LossBooks) {
    attempts = findings.map { attempt, window in
      var attempt = attempt
      attempt.lost = ledger.lost(sentIn: window)
      attempt.twice = ledger.answeredTwice(sentIn: window)
      return attempt
    }
    probes = ledger.probeCount
    answeredTwice = ledger.answeredTwice
    // Who is put out by force holds its units until its lease is over: their packets are lost, as with a death.
    let strangers = zip(attempts, findings).filter { !$0.0.name.hasPrefix("expelled") && !$0.0.name.hasPrefix("revoked while") }
    lostToStrangers = strangers.reduce(0) { $0 + $1.0.lost }
    losses = books.explain(ledger) { _, time in strangers.contains { $0.1.window.contains(time) } }.causes
    succeeded = attempts.allSatisfy(\.asDue) && losses.excuse(lostToStrangers) && answeredTwice == 0
  }

  /// Writes each attempt with what the machine itself and the members said of it.
  public var lines: [String] {
    for attempt in attempts {
      verdict(attempt.asDue, "\(attempt.name) (\(attempt.seconds.formatted(digits: 1)) s, lost \(attempt.lost), twice \(attempt.twice))")
      "          itself:  \(attempt.own)"
      if !attempt.masters.isEmpty { "          members: \(attempt.masters)" }
    }
    verdict(losses.excuse(lostToStrangers), "lost to machines that never got in: \(lostToStrangers) of \(probes) probes")
    losses.lines(of: lostToStrangers)
    verdict(answeredTwice == 0, "answered twice: \(answeredTwice)")
  }
}
