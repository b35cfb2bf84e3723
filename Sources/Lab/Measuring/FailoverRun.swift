/// One failure, measured from outside: a member's and its clients, or routers' and their hosts.
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
  /// The longest time without an answer to ARP questions, where somebody asks them as often as a host sends.
  var answersSilenceMilliseconds = 0.0
  /// How long the run took, with all waiting.
  var seconds = 0.0
}

extension FailoverRun {
  /// Works a run's figures out.
  /// - Parameters:
  ///   - failedAt: when they were about to fail.
  ///   - failedBy: when they certainly had.
  ///   - healedAt: when their repair began.
  init(ledger: ProbeLedger, victims failed: [Int], failedAt: UInt64, failedBy: UInt64, healedAt: UInt64) throws {
    let victims = failed.flatMap { ledger.flows(ownedBy: $0, before: failedAt) }
    guard !victims.isEmpty else { throw LabError.observation("nothing went by \(failed) before the failure") }
    let survivors = ledger.flows.indices.filter { !victims.contains($0) }
    let window = failedAt..<healedAt
    let silences = victims.map { ledger.longestSilence(flow: $0, in: window) }
    silenceMilliseconds = silences.map(\.nanoseconds).max()?.milliseconds ?? 0
    survivorsSilenceMilliseconds = ledger.longestSilence(survivors, in: window)
    let lastQuestion = failed.compactMap { ledger.lastQuestion(answeredBy: $0, sentIn: window) }.max()
    stillAnsweredMilliseconds = lastQuestion.map { ($0 - min(failedBy, $0)).milliseconds } ?? 0
    answeredTwice = ledger.answeredTwice
    lostOnSurvivors = ledger.lost(flows: survivors, sentIn: window)
    lostAfterRecovery = zip(victims, silences).reduce(0) { sum, flow in
      guard let recoveredAt = flow.1.endedAt, recoveredAt < healedAt else { return sum }
      return sum + ledger.lost(flows: [flow.0], sentIn: recoveredAt..<healedAt)
    }
    lostOnReturn = ledger.lost(sentIn: healedAt..<UInt64.max)
    neverRecovered = silences.count { $0.endedAt == nil }
    probes = ledger.probeCount
    stallMilliseconds = ledger.longestPause.milliseconds
    let end = ledger.flows.compactMap { $0.last?.sentAt }.max() ?? healedAt
    silenceOnReturnMilliseconds = ledger.longestSilence(in: healedAt..<max(healedAt, end))
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
}
