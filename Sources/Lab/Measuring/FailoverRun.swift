import Foundation

/// One failure, measured from outside.
struct FailoverRun: Sendable {
  /// How long the clients of the failed member heard nothing: the worst of them.
  var silenceMilliseconds: Double
  /// How long the clients of the others heard nothing: the worst of them. About the probes' interval if nobody noticed.
  var survivorsSilenceMilliseconds: Double
  /// How long after its failure the failed member still answered: the lease at work, where its kernel lives.
  var stillAnsweredMilliseconds: Double
  /// Probes, of whichever flow, that were answered more than once, from beginning to end.
  var answeredTwice: Int
  /// Probes of the others' flows that nobody answered, from the failure to the repair.
  var lostOnSurvivors: Int
  /// Probes of the failed member's flows that nobody answered once its flow had been answered again, to the repair.
  var lostAfterRecovery: Int
  /// Probes of whichever flow that nobody answered, from the repair until all was as before.
  var lostOnReturn: Int
  /// Flows of the failed member's that were never answered again before the repair.
  var neverRecovered: Int
  var probes: Int
  /// How many live machines held the address while the failure lasted, where one is meant to.
  var addressHolders: Int?
  /// What its packet path did without a lease, where its kernel lived on and could be asked.
  var afterLease: AfterLease?
  /// How often a survivor's lease ran out meanwhile, which none should.
  var survivorsLapses = 0
  /// The prober's longest pause between two rounds of questions, which are 2 ms apart: what this machine does to a process that has
  /// real-time priority.
  var stallMilliseconds = 0.0
  /// How long any client heard nothing from the repair on.
  var silenceOnReturnMilliseconds = 0.0
  /// What took the probes that were lost and should not have been, where books are kept of it.
  var losses = Losses()
}

extension FailoverRun {
  /// Works a run's figures out.
  /// - Parameters:
  ///   - failedAt: when the member was about to fail.
  ///   - failedBy: when it certainly had.
  ///   - healedAt: when its repair began.
  init(ledger: ProbeLedger, victim: Int, failedAt: UInt64, failedBy: UInt64, healedAt: UInt64) throws {
    try self.init(ledger: ledger, victims: [victim], failedAt: failedAt, failedBy: failedBy, healedAt: healedAt)
  }

  /// The same for several that fail together.
  init(ledger: ProbeLedger, victims failed: [Int], failedAt: UInt64, failedBy: UInt64, healedAt: UInt64) throws {
    let victims = failed.flatMap { ledger.flows(ownedBy: $0, before: failedAt) }
    guard !victims.isEmpty else { throw LabError.observation("nothing went by \(failed) before the failure") }
    let survivors = ledger.flows.indices.filter { !victims.contains($0) }
    let window = failedAt..<healedAt
    let silences = victims.map { ledger.longestSilence(flow: $0, in: window) }
    silenceMilliseconds = Self.milliseconds(silences.map(\.nanoseconds).max())
    survivorsSilenceMilliseconds = Self.milliseconds(survivors.map { ledger.longestSilence(flow: $0, in: window).nanoseconds }.max())
    let lastQuestion = failed.compactMap { ledger.lastQuestion(answeredBy: $0, sentIn: window) }.max()
    stillAnsweredMilliseconds = Self.milliseconds(lastQuestion.map { $0 - min(failedBy, $0) })
    answeredTwice = ledger.answeredTwice
    lostOnSurvivors = ledger.lost(flows: survivors, sentIn: window)
    lostAfterRecovery = zip(victims, silences).reduce(0) { sum, flow in
      guard let recoveredAt = flow.1.endedAt, recoveredAt < healedAt else { return sum }
      return sum + ledger.lost(flows: [flow.0], sentIn: recoveredAt..<healedAt)
    }
    lostOnReturn = ledger.lost(flows: Array(ledger.flows.indices), sentIn: healedAt..<UInt64.max)
    neverRecovered = silences.count { $0.endedAt == nil }
    probes = ledger.probeCount
    stallMilliseconds = Self.milliseconds(ledger.longestPause)
    let end = ledger.flows.compactMap { $0.last?.sentAt }.max() ?? healedAt
    silenceOnReturnMilliseconds = Self.milliseconds(
      ledger.flows.indices.map { ledger.longestSilence(flow: $0, in: healedAt..<max(healedAt, end)).nanoseconds }.max())
  }

  /// Which flows' probes, sent when, count as lost: the same as above.
  static func countedLosses(
    _ ledger: ProbeLedger, victims: [Int], failedAt: UInt64, healedAt: UInt64, everybodyWaits: Bool = false
  ) -> (_ flow: Int, _ sentAt: UInt64) -> Bool {
    let window = failedAt..<healedAt
    var countsFrom = Dictionary(uniqueKeysWithValues: ledger.flows.indices.map { ($0, everybodyWaits ? healedAt : failedAt) })
    for flow in victims.flatMap({ ledger.flows(ownedBy: $0, before: failedAt) }) {
      countsFrom[flow] = ledger.longestSilence(flow: flow, in: window).endedAt ?? healedAt
    }
    return { flow, sentAt in sentAt >= min(countsFrom[flow] ?? healedAt, healedAt) }
  }

  private static func milliseconds(_ nanoseconds: UInt64?) -> Double { Double((nanoseconds ?? 0) / 1000) / 1000 }
}

extension ClusterUnderTest {
  /// Lets a member fail under probes, waits for the others to take over, repairs it, and waits until all is as before.
  /// - Parameter patienceSeconds: how long the failed member's clients may have to wait.
  func measureFailover(
    _ wish: Victim, by failure: Failure, settings: Prober.Settings, patienceSeconds: Double, console: Console
  ) throws -> FailoverRun {
    let prober = try Prober(plan: topology.plan, settings: settings)
    try pause(milliseconds: 300)
    let owners = prober.read { ledger in ledger.flows.indices.compactMap { ledger.owner(ofFlow: $0) } }
    let victim = try victim(wish, owners: owners)

    let survivors = topology.plan.members.filter { $0 != victim }
    let lapsesBefore = try survivors.map(leasesLapsed)
    let books = lossBooks()
    books?.failed = [victim]
    let failedAt = BootClock.nanoseconds
    try fail(victim, by: failure)
    let failedBy = BootClock.nanoseconds
    let leaseEnded = try failure.cutsWire ? nil : readPathAfterLease(victim, withinSeconds: patienceSeconds)
    // First its flows must fall silent (a lease may still run), then be answered again, and go on being answered for a while.
    BootClock.sleep(until: failedAt + UInt64(settings.silenceCertainAfterMilliseconds) * 1_000_000)
    let end = BootClock.nanoseconds + UInt64(patienceSeconds * 1_000_000_000)
    while BootClock.nanoseconds < end, !prober.allAnswered(withinMilliseconds: 50) { try pause(milliseconds: 10) }
    try pause(milliseconds: 500)

    let beforeRepair = try leaseEnded == nil ? nil : readPath(victim)
    let lapses = try zip(survivors.map(leasesLapsed), lapsesBefore).map { $0 - $1 }
    let holders = try addressHolders(dead: failure.cutsWire ? [victim] : [])
    books?.turnPage()
    books?.failed = []
    let healedAt = BootClock.nanoseconds
    try heal(victim, after: failure)
    try waitUntilSettled()
    let ledger = try prober.finish()
    books?.turnPage()
    var run = try FailoverRun(ledger: ledger, victim: victim, failedAt: failedAt, failedBy: failedBy, healedAt: healedAt)
    let counts = FailoverRun.countedLosses(
      ledger, victims: [victim], failedAt: failedAt, healedAt: healedAt, everybodyWaits: everybodyWaits(for: wish))
    if let books { run.losses = books.explain(ledger, where: counts) }
    run.addressHolders = holders
    run.survivorsLapses = lapses.reduce(0, +)
    if let leaseEnded, let beforeRepair { run.afterLease = AfterLease(leaseEnded, beforeRepair) }
    console.say(
      "  member \(victim): its clients heard nothing for \(run.silenceMilliseconds.formatted(digits: 1)) ms, the others' for "
        + "\(run.survivorsSilenceMilliseconds.formatted(digits: 1)) ms; answered twice: \(run.answeredTwice)")
    return run
  }
}

extension Prober {
  /// Whether every flow has had an answer in this time.
  func allAnswered(withinMilliseconds milliseconds: Int) -> Bool {
    let since = BootClock.nanoseconds - UInt64(milliseconds) * 1_000_000
    return read { $0.isAnswered(flows: Array($0.flows.indices), since: since) }
  }
}
