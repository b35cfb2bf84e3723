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
    options.console.say(
      "\(options.members) machines, one address. Each is a network namespace with an nginx of its own; a bridge is the switch between.\n")
    var report = try options.withCluster(tell)
    report.seconds = BootClock.seconds(since: startedAt)
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

    let victim = try cluster.victim(.member)
    console.say("\n2. Member \(victim) dies: SIGKILL, and its link goes down at the same moment.")
    console.say("   Meanwhile a client asks every 2 ms on each of many UDP flows, and every answer is counted on the wire.")
    var without: [String: Int] = [:]
    let run = try cluster.measureFailover(.member, by: .kill) {
      try cluster.waitUntilSettled(members: cluster.members.filter { $0 != victim })
      console.say("\n3. The same requests with member \(victim) dead")
      without = try curl(cluster)
      console.say("\n4. Member \(victim) comes back, and gets work one unit at a time, while the client still asks.")
    }
    console.say("\n5. And again with everybody there")
    return DemoReport(
      requests: Self.requestCount, answersWithAll: whole, answersWithoutOne: without, answersAfterReturn: try curl(cluster), run: run)
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
    requests: Int, answersWithAll: [String: Int], answersWithoutOne: [String: Int], answersAfterReturn: [String: Int], run: FailoverRun
  ) {
    self.requests = requests
    self.answersWithAll = answersWithAll
    self.answersWithoutOne = answersWithoutOne
    self.answersAfterReturn = answersAfterReturn
    lostOnReturn = run.lostOnReturn
    silenceMilliseconds = run.silenceMilliseconds
    survivorsSilenceMilliseconds = run.survivorsSilenceMilliseconds
    lostOnSurvivors = run.lostOnSurvivors
    answeredTwice = run.answeredTwice
    probes = run.probes
    let rounds = [answersWithAll, answersWithoutOne, answersAfterReturn]
    let allAnswered = rounds.allSatisfy { Self.answered($0) == requests && $0.values.reduce(0, +) == requests }
    let lost = lostOnSurvivors + run.lostAfterRecovery + lostOnReturn
    (losses, unexplained, answersUnseen) = run.losses.told(of: lost)
    (succeeded, stoodStill) = run.losses.judge(lost, besides: allAnswered && run.neverRecovered == 0 && answeredTwice == 0)
  }

  /// How many of these answers are a member's.
  private static func answered(_ answers: [String: Int]) -> Int {
    answers.reduce(0) { $0 + (WebServer.member(named: $1.key) == nil ? 0 : $1.value) }
  }

  /// Writes what was seen, after the story that the command has told.
  public var lines: [String] {
    "\nWhat was seen:"
    for (answers, when) in [
      (answersWithAll, "with everybody"), (answersWithoutOne, "with one dead"), (answersAfterReturn, "after its return"),
    ] {
      let answered = Self.answered(answers)
      verdict(answered == requests, "\(when): \(answered) of \(requests) requests answered")
    }
    "        the dead member's clients heard nothing for \(silenceMilliseconds.formatted(digits: 0)) ms"
    verdict(
      lostOnSurvivors == 0 || losses.excuse(lostOnSurvivors + lostOnReturn),
      "the others' clients lost \(lostOnSurvivors) probes (longest gap \(survivorsSilenceMilliseconds.formatted(digits: 0)) ms)")
    verdict(lostOnReturn == 0 || losses.excuse(lostOnSurvivors + lostOnReturn), "lost while it came back: \(lostOnReturn)")
    losses.lines(of: lostOnSurvivors + lostOnReturn, answersUnseen: answersUnseen)
    verdict(answeredTwice == 0, "answered twice, of \(probes) probes: \(answeredTwice)")
  }
}
