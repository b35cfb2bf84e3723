import Foundation

/// `skein lab demo`: the main job, on real traffic, told to someone who has never seen it.
public struct DemoCommand: LabCommand {
  var options: LabOptions
  private static let requestCount = 300

  /// The console narrates: the story goes to standard output unless it is quiet.
  public init(options: LabOptions) {
    self.options = options
    self.options.console.narrates = true
  }

  /// Sends 300 requests with all members, with one dead and after its return, and probes each flow every 2 ms from just before its death
  /// to its return. `LabError.missingTool` without curl.
  public func run() throws -> DemoReport {
    try requireTools(["curl": "curl"])
    let startedAt = BootClock.nanoseconds
    let settings = try options.settings(delivery: .multicast, detectionMilliseconds: 200)
    options.console.say(
      "\(options.members) machines, one address. Each is a network namespace with an nginx of its own; a bridge is the switch between.\n")
    var report = try options.withCluster(settings) { cluster in try tell(cluster) }
    report.seconds = Double((BootClock.nanoseconds - startedAt) / 1_000_000) / 1000
    options.console.say("\nEverything is removed: namespaces, bridge, daemons, files. It took \(report.seconds.formatted(digits: 0)) s.")
    return report
  }

  private func tell(_ cluster: SkeinCluster) throws -> DemoReport {
    let console = options.console
    let master = try cluster.master()
    console.say("All members are in. Member \(master) is the master: it says whose each of the 1,024 work units is.")
    console.say("A packet's unit is a hash of its source; every member sees the packet, its owner takes it, the others drop it.\n")

    console.say("1. \(Self.requestCount) requests, one connection each, to \(WebServer.url(.four))")
    let whole = try curl(cluster)

    let victim = try cluster.victim(.member, owners: [])
    console.say("\n2. Member \(victim) dies: SIGKILL, and its link goes down at the same moment.")
    console.say("   Meanwhile a client asks every 2 ms on each of many UDP flows, and every answer is counted on the wire.")
    let prober = try Prober(plan: cluster.topology.plan, settings: Prober.Settings(flowsPerMember: 16))
    try pause(milliseconds: 500)
    let books = LossBooks(cluster.booked)
    books.failed = [victim]
    let failedAt = BootClock.nanoseconds
    try cluster.fail(victim, by: .kill)
    let failedBy = BootClock.nanoseconds
    try cluster.waitUntilSettled(members: cluster.topology.plan.members.filter { $0 != victim })
    try pause(milliseconds: 500)
    let healedAt = BootClock.nanoseconds

    console.say("\n3. The same requests with member \(victim) dead")
    let without = try curl(cluster)

    console.say("\n4. Member \(victim) comes back, and gets work one unit at a time, while the client still asks.")
    let returnedAt = BootClock.nanoseconds
    books.turnPage()
    books.failed = []
    try cluster.heal(victim, after: .kill)
    try cluster.waitUntilSettled()
    try pause(milliseconds: 300)
    let ledger = try prober.finish()
    books.turnPage()
    var run = try FailoverRun(ledger: ledger, victim: victim, failedAt: failedAt, failedBy: failedBy, healedAt: healedAt)
    let lostOnReturn = ledger.lost(flows: Array(ledger.flows.indices), sentIn: returnedAt..<UInt64.max)
    let survivors = Set(ledger.flows.indices).subtracting(ledger.flows(ownedBy: victim, before: failedAt))
    run.losses = books.explain(ledger) { flow, sentAt in
      sentAt >= returnedAt || survivors.contains(flow) && (failedAt..<healedAt).contains(sentAt)
    }

    console.say("\n5. And again with everybody there")
    let again = try curl(cluster)
    return DemoReport(
      requests: Self.requestCount, answersWithAll: whole, answersWithoutOne: without, answersAfterReturn: again, run: run,
      lostOnReturn: lostOnReturn)
  }

  /// Asks by curl from thirty addresses in turn, and shows who answered how often.
  private func curl(_ cluster: SkeinCluster) throws -> [String: Int] {
    let last = Plan.clientAddressCount - 1
    let script = """
      for i in $(seq \(Self.requestCount)); do \
      curl --silent --show-error --max-time 5 --interface 10.77.0.$((200 + i % \(last + 1))) \(WebServer.url(.four)); done
      """
    options.console.say("   $ \(script) | sort | uniq -c")
    let lines = try cluster.topology.launcher.run(["sh", "-c", script], in: cluster.topology.plan.clientNamespace(.near))
    let answers = lines.split(separator: "\n").reduce(into: [String: Int]()) { $0[String($1), default: 0] += 1 }
    for (name, count) in answers.sorted(by: { $0.key < $1.key }) {
      options.console.say("   \(String(count).leftPadded(7)) \(name)   \(String(repeating: "█", count: count / 5))")
    }
    return answers
  }
}

/// What `skein lab demo` showed.
public struct DemoReport: LabReport, Equatable {
  var requests: Int
  /// Answers by the name of who gave them.
  var answersWithAll: [String: Int]
  var answersWithoutOne: [String: Int]
  var answersAfterReturn: [String: Int]
  /// How long the dead member's clients heard nothing: the worst of them.
  var silenceMilliseconds: Double
  /// How long the others' clients heard nothing; about the 2 ms between probes.
  var survivorsSilenceMilliseconds: Double
  var lostOnSurvivors: Int
  var lostOnReturn: Int
  var answeredTwice: Int
  var probes: Int
  var seconds = 0.0
  /// What took the lost ones, and how many nothing explains.
  var losses: [Loss]
  var unexplained: Int
  /// Of those that nothing explains: they were answered, and the answer was not seen.
  var answersUnseen: Int
  /// Members answered all requests of the three rounds, each of the dead member's flows was taken over, no probe was answered twice, and
  /// each lost one is the host's or its virtual wires' doing. What the dead member's clients lost until then is not counted.
  public var succeeded: Bool
  /// Nothing is amiss but lost probes, and a daemon's standstill took all that the host and its virtual wires did not.
  public var stoodStill: Bool

  init(
    requests: Int, answersWithAll: [String: Int], answersWithoutOne: [String: Int], answersAfterReturn: [String: Int], run: FailoverRun,
    lostOnReturn: Int
  ) {
    self.requests = requests
    self.answersWithAll = answersWithAll
    self.answersWithoutOne = answersWithoutOne
    self.answersAfterReturn = answersAfterReturn
    self.lostOnReturn = lostOnReturn
    silenceMilliseconds = run.silenceMilliseconds
    survivorsSilenceMilliseconds = run.survivorsSilenceMilliseconds
    lostOnSurvivors = run.lostOnSurvivors
    answeredTwice = run.answeredTwice
    probes = run.probes
    let rounds = [answersWithAll, answersWithoutOne, answersAfterReturn]
    let allAnswered = rounds.allSatisfy { round in
      round.allSatisfy { WebServer.member(named: $0.key) != nil } && round.values.reduce(0, +) == requests
    }
    let lost = lostOnSurvivors + lostOnReturn
    (losses, unexplained, answersUnseen) = (run.losses.causes, run.losses.unexplained(of: lost), run.losses.answersUnseen)
    let allElse = allAnswered && run.neverRecovered == 0 && answeredTwice == 0
    succeeded = allElse && run.losses.excuse(lost)
    stoodStill = allElse && !succeeded && run.losses.excuseOrStandstill(lost)
  }

  /// Writes what was seen, after the story that the command has told.
  public func render(to output: inout some TextOutputStream) {
    func answered(_ answers: [String: Int]) -> Int {
      answers.filter { WebServer.member(named: $0.key) != nil }.values.reduce(0, +)
    }
    print("\nWhat was seen:", to: &output)
    for (answers, when) in [
      (answersWithAll, "with everybody"), (answersWithoutOne, "with one dead"), (answersAfterReturn, "after its return"),
    ] {
      print(verdict(answered(answers) == requests, "\(when): \(answered(answers)) of \(requests) requests answered"), to: &output)
    }
    print("        the dead member's clients heard nothing for \(silenceMilliseconds.formatted(digits: 0)) ms", to: &output)
    print(
      verdict(
        lostOnSurvivors == 0 || losses.excuse(lostOnSurvivors + lostOnReturn),
        "the others' clients lost \(lostOnSurvivors) probes (longest gap \(survivorsSilenceMilliseconds.formatted(digits: 0)) ms)"),
      to: &output)
    print(
      verdict(lostOnReturn == 0 || losses.excuse(lostOnSurvivors + lostOnReturn), "lost while it came back: \(lostOnReturn)"),
      to: &output)
    for line in losses.lines(of: lostOnSurvivors + lostOnReturn, answersUnseen: answersUnseen) { print(line, to: &output) }
    print(verdict(answeredTwice == 0, "answered twice, of \(probes) probes: \(answeredTwice)"), to: &output)
  }
}

extension String {
  /// The text with spaces before it, so that it is this wide.
  func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
