import Foundation

/// What is evened out: `cluster.balance`.
public enum BalanceRule: String, CaseIterable, Codable, Sendable {
  /// As many units for each, whatever their weights.
  case count
  /// As many units as the weights say.
  case weight
  /// As much traffic for each.
  case traffic

  fileprivate var setting: String { self == .count ? "units" : rawValue }
}

/// `skein lab balance`: a machine joins, a weight changes, some clients send far more than others. Does everybody get the part that it
/// should have, and is a probe lost on the way there?
public struct BalanceCommand: LabCommand {
  var rules: [BalanceRule]
  var options: LabOptions

  /// With nothing said, every rule is measured; `options.members` must be 2 or more.
  public init(rules: [BalanceRule] = BalanceRule.allCases, options: LabOptions) {
    self.rules = rules
    self.options = options
  }

  /// How far a member's part of the probes may be from what it should be. By weight it is chance that deals the flows to the units: 600
  /// of them are half of all within 7 points in 999 of 1,000 runs. By traffic it is what the measure must achieve, with flows of two
  /// points each and a dead band of its own.
  static let tolerancePoints: [BalanceRule: Double] = [.weight: 7, .traffic: 5]
  /// How long what has been evened out is watched afterwards.
  private static let calmSeconds = 10.0

  /// Measures each rule on a cluster of its own, one after the other. The last member has twice the weight of the others, but where
  /// traffic is evened out.
  public func run() throws -> BalanceReport {
    guard options.members >= 2 else { throw LabError.badOption("with one member there is nothing to balance") }
    let startedAt = BootClock.nanoseconds
    var report = BalanceReport(command: self)
    for rule in rules { try measure(rule, &report) }
    report.seconds = BootClock.seconds(since: startedAt)
    return report
  }

  private func measure(_ rule: BalanceRule, _ report: inout BalanceReport) throws {
    var settings = try options.settings()
    // The last member is twice as strong; by number that counts for nothing, and by traffic all are alike.
    let (strongest, isWeighted) = (options.members, rule != .traffic)
    settings.clusterLines = { _, member in
      ["balance: \(rule.setting)", "weight: \(member == strongest && isWeighted ? 200 : 100)"]
    }
    try options.withCluster(settings) { cluster in
      let trial = BalanceTrial(rule: rule, cluster: cluster)
      switch rule {
      case .count: try count(trial)
      case .weight: try weigh(trial)
      case .traffic: try load(trial)
      }
      try trial.finish(&report)
    }
  }

  /// A member goes, and comes back.
  private func count(_ trial: BalanceTrial) throws {
    let cluster = trial.cluster
    try trial.ask(Prober.Settings(flowsPerMember: 24, candidateCount: 240))
    let member = try cluster.victim(.member)
    try trial.step("member \(member) leaves", parts: cluster.members.map { $0 == member ? 0 : 1 }) { try cluster.leave(member) }
    try trial.step("member \(member) joins", parts: cluster.members.map { _ in 1 }) { try cluster.startDaemon(member) }
  }

  /// What the files say, then another weight, told to a running daemon.
  private func weigh(_ trial: BalanceTrial) throws {
    let cluster = trial.cluster
    var weights = cluster.members.map { $0 == options.members ? 200 : 100 }
    try trial.ask(Prober.Settings(flowsPerMember: 600, candidateCount: 600, intervalMicroseconds: 20_000))
    try trial.step("weights \(weights.list)", parts: weights) {}
    for weight in [300, 100] {
      weights[0] = weight
      try trial.step("member 1 reloads, weight \(weight)", parts: weights) { try cluster.reweigh(1, weight) }
    }
  }

  /// Many flows of one member's begin to send, at equal numbers of units.
  private func load(_ trial: BalanceTrial) throws {
    let cluster = trial.cluster
    let member = try cluster.victim(.member)
    let even = cluster.members.map { _ in 1 }
    try trial.ask(Prober.Settings(flowsPerMember: 30, candidateCount: 240, intervalMicroseconds: 20_000))
    try trial.step("all flows alike", parts: even, isEven: false) { try pause(milliseconds: 3000) }
    try trial.ask(Prober.Settings(flowsPerMember: 2, flowsOfMember: [member: 24], candidateCount: 240, intervalMicroseconds: 4000))
    try trial.step("24 busy flows at member \(member), 2 elsewhere", parts: even, isEven: false) { try pause(milliseconds: 1000) }
    try trial.step("evened out by measure", parts: even) {}
    try trial.step("and left alone", parts: even) { try pause(milliseconds: Int(Self.calmSeconds * 1000)) }
  }
}

/// One cluster that balances by one rule, under probes.
private final class BalanceTrial {
  let rule: BalanceRule
  let cluster: SkeinCluster
  private static let patienceSeconds = 60.0
  private var probers: [Prober] = []
  private var steps: [BalanceReport.Step] = []
  private var windows: [Range<UInt64>] = []
  private let books: LossBooks

  init(rule: BalanceRule, cluster: SkeinCluster) {
    self.rule = rule
    self.cluster = cluster
    books = LossBooks(cluster.booked)
  }

  /// Lets more clients ask until the end.
  func ask(_ settings: Prober.Settings) throws { probers.append(try Prober(plan: cluster.topology.plan, settings: settings)) }

  /// Does something, and waits until everybody has its part.
  /// - Parameters:
  ///   - parts: what the members should have, in proportion.
  ///   - isEven: whether it must come to that; else it is only looked at.
  func step(_ what: String, parts: [Int], isEven: Bool = true, _ action: () throws -> Void) throws {
    cluster.topology.console.say("  \(what)")
    let (movedBefore, start) = (cluster.unitsMoved(), BootClock.nanoseconds)
    try action()
    let end = BootClock.nanoseconds + UInt64(Self.patienceSeconds * 1e9)
    var step = BalanceReport.Step(by: rule, what: what, parts: parts, isDemanded: isEven)
    repeat {
      try pause(milliseconds: 50)
      step.units = try unitCounts() ?? step.units
      step.shares = shares()
      step.seconds = BootClock.seconds(since: start)
    } while isEven && !step.isReached && BootClock.nanoseconds < end
    // By weight the flows are where their units are; a second of them is looked at when all units have arrived.
    if rule != .traffic { try pause(milliseconds: 1000) }
    step.shares = shares()
    step.unitsMoved = cluster.unitsMoved() - movedBefore
    steps.append(step)
    windows.append(start..<BootClock.nanoseconds)
    books.turnPage()
  }

  /// Ends the probes, and enters what was seen.
  func finish(_ report: inout BalanceReport) throws {
    let ledgers = try probers.map { try $0.finish() }
    books.turnPage()
    for (index, window) in windows.enumerated() {
      steps[index].lost = ledgers.reduce(0) { $0 + $1.lost(sentIn: window) }
      steps[index].losses = books.attribute(lostProbes(ledgers, sentIn: window)).causes
    }
    report.steps += steps
    let known = Losses(causes: report.losses, unexplained: report.unexplained, answersUnseen: report.answersUnseen)
    let losses = known + books.explain(lostProbes(ledgers))
    (report.losses, report.unexplained, report.answersUnseen) = (losses.causes, losses.unexplained, losses.answersUnseen)
    for ledger in ledgers {
      report.lost += ledger.lost()
      report.answeredTwice += ledger.answeredTwice
      report.probes += ledger.probeCount
    }
  }

  private func lostProbes(_ ledgers: [ProbeLedger], sentIn window: Range<UInt64> = 0..<UInt64.max) -> [LostProbe] {
    ledgers.flatMap { $0.lostProbes(answered: cluster.answersGiven($0)) { window.contains($1) } }
  }

  /// The members' parts of the answers to the last second's probes, but for those that may still be on their way.
  private func shares() -> [Double] {
    let now = BootClock.nanoseconds
    let window = now - 1_050_000_000..<now - 50_000_000
    let answers = probers.reduce(into: [Int: Int]()) { sum, prober in
      sum.merge(prober.read { $0.answers(sentIn: window) }, uniquingKeysWith: +)
    }
    let all = Double(max(1, answers.values.reduce(0, +)))
    return cluster.members.map { Double(answers[$0] ?? 0) / all }
  }

  /// Each member's number of units, by the master's book; nil while it cannot be asked.
  private func unitCounts() throws -> [Int]? {
    let expected = cluster.members.filter(cluster.isRunning)
    guard let status = try cluster.masterStatus(of: expected) else { return nil }
    return cluster.members.map { member in status.members.first { $0.member == member }?.units ?? 0 }
  }
}

extension SkeinCluster {
  /// Changes a member's weight in its file, and has the file read again.
  fileprivate func reweigh(_ member: Int, _ weight: Int) throws {
    let text = try String(contentsOfFile: file(member, "yaml"), encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix("  weight: ") ? "  weight: \(weight)" : String(line)
    }
    try configure(member, lines.joined(separator: "\n"))
    try tell(member, "reload")
  }
}
