/// What became of every probe, and the questions one asks afterwards. Times are nanoseconds on the boot clock.
struct ProbeLedger: Sendable {
  struct Probe: Hashable, Sendable {
    var sentAt: UInt64
    /// When the first answer came; 0 when none has.
    var answeredAt: UInt64 = 0
    /// Who sent the first answer.
    var member: Int = 0
    /// How many answers were on the wire.
    var answers: Int = 0
    /// The client's kernel did not take the question.
    var isUnsent = false
  }

  /// Each flow's probes, in the order sent.
  private(set) var flows: [[Probe]]

  /// What the prober's questions are marked with.
  let run: UInt32

  init(flowCount: Int, run: UInt32 = 0) {
    flows = Array(repeating: [], count: flowCount)
    self.run = run
  }

  mutating func sent(flow: Int, at time: UInt64) { flows[flow].append(Probe(sentAt: time)) }

  /// The flow's last question was not taken.
  mutating func refused(flow: Int) { flows[flow].indices.last.map { flows[flow][$0].isUnsent = true } }

  /// Takes note of an answer; one to a question that was never asked is ignored.
  mutating func answered(flow: Int, sequence: UInt64, by member: Int, at time: UInt64) {
    guard flows.indices.contains(flow), let index = Int(exactly: sequence), flows[flow].indices.contains(index) else { return }
    flows[flow][index].answers += 1
    guard flows[flow][index].answers == 1 else { return }
    flows[flow][index].answeredAt = time
    flows[flow][index].member = member
  }
}

extension ProbeLedger {
  /// A stretch without answers.
  struct Silence: Hashable, Sendable {
    var nanoseconds: UInt64
    /// When the first answer after it came; nil if none did.
    var endedAt: UInt64?
  }

  var probeCount: Int { flows.reduce(0) { $0 + $1.count } }

  /// The longest time between two questions of one flow.
  var longestPause: UInt64 { flows.first.flatMap { zip($0.dropFirst(), $0).map { max($0.sentAt, $1.sentAt) - $1.sentAt }.max() } ?? 0 }

  /// Probes with more than one answer.
  var answeredTwice: Int { answeredTwice(sentIn: 0..<UInt64.max) }

  /// Probes sent in this time with more than one answer.
  func answeredTwice(sentIn window: Range<UInt64>) -> Int {
    flows.reduce(0) { $0 + $1.count { $0.answers > 1 && window.contains($0.sentAt) } }
  }

  /// How many probes sent in this time each member answered first, or how much they weigh. Looks from the end: for a moment just past.
  func answers(sentIn window: Range<UInt64>, weighing weight: (_ flow: Int) -> Int = { _ in 1 }) -> [Int: Int] {
    var answers: [Int: Int] = [:]
    for (flow, probes) in flows.enumerated() {
      for probe in probes.reversed().prefix(while: { $0.sentAt >= window.lowerBound }) where probe.answers > 0 {
        if probe.sentAt < window.upperBound { answers[probe.member, default: 0] += weight(flow) }
      }
    }
    return answers
  }

  /// The probes of this time alone; their numbers begin anew.
  func sent(in window: Range<UInt64>) -> ProbeLedger {
    var part = ProbeLedger(flowCount: flows.count, run: run)
    for (flow, probes) in flows.enumerated() {
      let first = probes.partitioningIndex { $0.sentAt >= window.lowerBound }
      part.flows[flow] = Array(probes[first...].prefix { $0.sentAt < window.upperBound })
    }
    return part
  }

  /// When nothing was sent on any flow for longer than this, and for how long: the machine did not let the sender run.
  func standstills(longerThan least: UInt64) -> [(at: UInt64, nanoseconds: UInt64)] {
    let times = flows.joined().map(\.sentAt).sorted()
    return zip(times, times.dropFirst()).filter { $1 - $0 > least }.map { ($0, $1 - $0) }
  }

  /// Who answered the flow's last answered probe that was sent before this time.
  func owner(ofFlow flow: Int, before time: UInt64 = .max) -> Int? {
    flows[flow].last { $0.answers > 0 && $0.sentAt < time }?.member
  }

  func flows(ownedBy member: Int, before time: UInt64) -> [Int] {
    flows.indices.filter { owner(ofFlow: $0, before: time) == member }
  }

  /// When the last probe was sent that this member answered first. Judged by the question: the answer may have waited in a queue.
  func lastQuestion(answeredBy member: Int, sentIn window: Range<UInt64>) -> UInt64? {
    flows.compactMap { probes in probes.last { $0.answers > 0 && $0.member == member && window.contains($0.sentAt) }?.sentAt }.max()
  }

  /// Probes that nobody has answered: of all flows or of some, of all times or sent in one.
  func lost(flows which: [Int]? = nil, sentIn window: Range<UInt64> = 0..<UInt64.max) -> Int {
    (which ?? Array(flows.indices)).reduce(0) { $0 + flows[$1].count { $0.answers == 0 && window.contains($0.sentAt) } }
  }

  /// Where nobody answered: a line for each stretch of a flow, the first of them.
  func lossLines(since start: UInt64, name: (_ flow: Int) -> String) -> [String] {
    flows.indices.flatMap { flow in
      flows[flow].split(whereSeparator: { $0.answers > 0 }).compactMap { stretch in
        guard let first = stretch.first, let last = stretch.last else { return nil }
        let before = flows[flow][..<stretch.startIndex].last.map { "after \($0.member)" } ?? "from the beginning"
        return
          "\(name(flow)): \(stretch.count) lost, \((first.sentAt - start) / 1_000_000) to \((last.sentAt - start) / 1_000_000) ms, \(before)"
      }
    }.prefix(20).map { $0 }
  }

  /// The probes that nobody has answered, in the order sent.
  /// - Parameters:
  ///   - counts: which of them are meant.
  ///   - answered: the member whose application says that it answered.
  func lostProbes(
    answered: [ProbeKey: GivenAnswer] = [:], where counts: (_ flow: Int, _ sentAt: UInt64) -> Bool = { _, _ in true }
  ) -> [LostProbe] {
    flows.indices.flatMap { flow in
      flows[flow].indices.filter { flows[flow][$0].answers == 0 && counts(flow, flows[flow][$0].sentAt) }.map { index in
        let before = flows[flow][..<index].last { $0.answers > 0 }
        let after = flows[flow][index...].first { $0.answers > 0 }
        let key = ProbeKey(flow: flow, sequence: index)
        return LostProbe(
          sentAt: flows[flow][index].sentAt, members: Set([before, after].compactMap { $0?.member }),
          isUnsent: flows[flow][index].isUnsent, answeredBy: answered[key]?.member, refusal: answered[key]?.refusal ?? 0, key: key,
          before: before, after: after)
      }
    }.sorted { $0.sentAt < $1.sentAt }
  }

  /// Which probe of a run.
  struct ProbeKey: Hashable, Sendable {
    var flow: Int
    var sequence: Int
  }

  /// Those without an answer.
  var lostKeys: Set<ProbeKey> {
    Set(
      flows.enumerated().flatMap { flow, probes in
        probes.indices.filter { probes[$0].answers == 0 }.map { ProbeKey(flow: flow, sequence: $0) }
      })
  }

  /// The longest time that the flow's client heard nothing, of all such times that touch the window.
  /// Measured between answers as they arrived: a probe that was kept back and answered late does not shorten it.
  func longestSilence(flow: Int, in window: Range<UInt64>) -> Silence {
    let arrivals = flows[flow].lazy.filter { $0.answers > 0 }.map(\.answeredAt).sorted()
    var longest = Silence(nanoseconds: 0, endedAt: nil)
    var previous = arrivals.last { $0 <= window.lowerBound } ?? window.lowerBound
    for arrival in arrivals where arrival > window.lowerBound {
      guard previous < window.upperBound else { return longest }
      if arrival - previous > longest.nanoseconds { longest = Silence(nanoseconds: arrival - previous, endedAt: arrival) }
      previous = arrival
    }
    guard previous < window.upperBound, window.upperBound - previous > longest.nanoseconds else { return longest }
    return Silence(nanoseconds: window.upperBound - previous, endedAt: nil)
  }

  /// The same of all flows or of some, in milliseconds.
  func longestSilence(_ which: [Int]? = nil, in window: Range<UInt64>) -> Double {
    (which ?? Array(flows.indices)).map { longestSilence(flow: $0, in: window).nanoseconds }.max()?.milliseconds ?? 0
  }

  /// Whether every flow has been answered since `time`.
  func isAnswered(since time: UInt64) -> Bool {
    flows.allSatisfy { probes in probes.last { $0.answers > 0 }.map { $0.answeredAt >= time } ?? false }
  }
}

extension Array {
  /// The first place from which on all elements are so; none before it is.
  fileprivate func partitioningIndex(where isSo: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isSo(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
