import Foundation

/// `skein lab personality`: one member gets a newer signed configuration; the others take it from there, one by one, under probes. Then
/// come an older one and one of somebody else's authority, which everybody refuses.
public struct PersonalityCommand: LabCommand {
  var options: LabOptions

  /// `options.members` must be 2 or more.
  public init(options: LabOptions) { self.options = options }

  /// What each version sets, and whether a probe may be lost on the way to it.
  private struct Version {
    var number: Int
    var what: String
    var text: String
    var isStarted = false
    var mayInterrupt = false
  }

  private static let first = "cluster: { weight: 100 }"
  private static let versions = [
    Version(
      number: 2, what: "taken while it runs: weight, hold; a member starts with it",
      text: "cluster: { weight: 150, hold: { time: 500ms } }",
      isStarted: true),
    Version(
      number: 3, what: "taken while it runs: an address more",
      text: """
        cluster:
          weight: 150
          addresses: [\(Plan.clusterAddresses), 10.77.0.101/24]
        """),
    Version(
      number: 4, what: "wants a fresh daemon: balance, eager",
      text: """
        cluster:
          weight: 150
          balance: units
          eager: false
          addresses: [\(Plan.clusterAddresses), 10.77.0.101/24]
        """),
    Version(
      number: 5, what: "wants a fresh daemon, and all must agree: hash, detection",
      text: "cluster: { detection: 300ms, hash: { sourceOnly: [443/tcp] } }",
      mayInterrupt: true),
  ]

  /// Gives each of four newer versions to one member, waits until all have it, and asks at the end for the two refusals.
  public func run() throws -> PersonalityReport {
    guard options.members >= 2 else { throw LabError.badOption("with one member there is nobody to fetch from") }
    var settings = try options.settings()
    settings.personality = Self.first
    return try options.withCluster(settings) { cluster in
      let settings = Prober.Settings(family: options.family, flowsPerMember: 24, candidateCount: 240)
      let prober = try Prober(plan: cluster.topology.plan, settings: settings)
      let books = LossBooks(cluster.booked)
      let steps = try Self.versions.map { version in
        defer { books.turnPage() }
        return try change(to: version, cluster)
      }
      options.console.say("  an older one and one of another authority are refused")
      let refusals = try cluster.refusals(by: cluster.victim(.member))
      let ledger = try prober.finish()
      let losses = books.explain(ledger) { _, time in steps.contains { !$0.step.mayInterrupt && $0.window.contains(time) } }
      return PersonalityReport(command: self, ledger: ledger, steps: steps, refusals: refusals, losses: losses)
    }
  }

  /// Gives a version to one member and waits until all have it, and their parts of the work.
  private func change(to version: Version, _ cluster: SkeinCluster) throws -> PersonalityReport.Measured {
    options.console.say("  version \(version.number), \(version.what)")
    let member = try cluster.victim(.member)
    let before = try cluster.personalities()
    let start = BootClock.nanoseconds
    try cluster.signPersonality(version.number, version.text, for: member)
    if version.isStarted { try cluster.restart(member) } else { try cluster.tell(member, "reload") }
    try wait(for: "personality \(version.number) on all members", seconds: 60, everyMilliseconds: 200) {
      (try? cluster.personalities())?.allSatisfy { $0 == version.number } ?? false
    }
    try cluster.waitUntilSettled()
    try pause(milliseconds: 300)
    let step = PersonalityReport.Step(
      what: version.what, before: before, after: try cluster.personalities(), mayInterrupt: version.mayInterrupt)
    return (step, start..<BootClock.nanoseconds)
  }
}

extension SkeinCluster {
  /// The version that each member has.
  fileprivate func personalities() throws -> [Int] { try members.map { try status($0).personalityVersion ?? 0 } }

  /// What a member says to an older bundle and to one that its authority has not signed, each in place of its own.
  fileprivate func refusals(by member: Int) throws -> [String] {
    let path = file(member, "personality")
    let good = try Data(contentsOf: URL(filePath: path))
    let stranger = "\(topology.plan.directory)/stranger"
    try makeAuthority(stranger)
    try signPersonality(1, "cluster: { weight: 1 }", for: member)
    let older = refusal(by: member)
    try signPersonality(99, "cluster: { weight: 1 }", for: member, authority: stranger)
    let strange = refusal(by: member)
    try good.write(to: URL(filePath: path))
    return [older, strange]
  }

  private func refusal(by member: Int) -> String {
    do {
      return "taken: " + (try tell(member, "reload"))
    } catch LabError.command(_, _, let output) {
      return output.trimmingCharacters(in: .whitespacesAndNewlines)
    } catch { return "\(error)" }
  }
}

/// What `skein lab personality` found.
public struct PersonalityReport: LabReport, Equatable {
  /// One change of version.
  struct Step: Codable, Equatable, Sendable {
    var what: String
    /// Each member's version.
    var before: [Int]
    var after: [Int]
    var seconds = 0.0
    var lost = 0
    /// The longest that a flow heard nothing.
    var silenceMilliseconds = 0.0
    /// What must agree *and* wants a fresh daemon costs a short interruption.
    var mayInterrupt: Bool
  }
  typealias Measured = (step: Step, window: Range<UInt64>)

  var mode: DeliveryMode
  /// Probes that nobody answered, where none may be lost.
  var lost: Int
  /// Probes with more than one answer on the wire.
  var answeredTwice: Int
  var flows: Int
  var probes: Int
  var steps: [Step]
  /// What a member said to an older bundle, and to one that is not signed by its authority.
  var refusals: [String]
  /// What took the lost ones, and how many nothing explains.
  var losses: [Loss]
  var unexplained: Int
  /// Of those that nothing explains: they were answered, and the answer was not seen.
  var answersUnseen: Int
  /// No probe was answered twice, both bundles were refused for the right reason, and each probe lost where none may be is the host's or
  /// its virtual wires' doing.
  public var succeeded: Bool
  /// Nothing is amiss but lost probes, and a daemon's standstill took all that the host and its virtual wires did not.
  public var stoodStill: Bool

  init(command: PersonalityCommand, ledger: ProbeLedger, steps measured: [Measured], refusals: [String], losses known: Losses = Losses()) {
    mode = command.options.mode
    steps = measured.map { step, window in
      var step = step
      (step.seconds, step.lost) = (window.seconds, ledger.lost(sentIn: window))
      step.silenceMilliseconds = ledger.longestSilence(in: window)
      return step
    }
    lost = steps.reduce(0) { $0 + ($1.mayInterrupt ? 0 : $1.lost) }
    answeredTwice = ledger.answeredTwice
    flows = ledger.flows.count
    probes = ledger.probeCount
    self.refusals = refusals
    (losses, unexplained, answersUnseen) = known.told(of: lost)
    (succeeded, stoodStill) = known.judge(lost, besides: answeredTwice == 0 && Self.areRefusals(refusals))
  }

  private static func areRefusals(_ texts: [String]) -> Bool {
    zip(texts, ["has version 1, and 5 is in use", "is not signed by the authority"]).allSatisfy { $0.contains($1) } && texts.count == 2
  }

  /// Writes each step with the members' versions before and after, then the checks and the words of the refusals.
  public var lines: [String] {
    "a newer personality under load: \(flows) flows, a probe on each every 2 ms, \(probes) in all"
    for step in steps {
      let versions = "\(step.before.map(String.init).joined(separator: " ")) → \(step.after.map(String.init).joined(separator: " "))"
      let silence = step.mayInterrupt ? ", at worst \(step.silenceMilliseconds.formatted(digits: 0)) ms of silence" : ""
      "        \(versions)  \(step.seconds.formatted(digits: 1)) s, lost \(step.lost)\(silence): \(step.what)"
    }
    verdict(losses.excuse(lost), "lost where nothing may be lost: \(lost)")
    losses.lines(of: lost, answersUnseen: answersUnseen)
    verdict(answeredTwice == 0, "answered twice: \(answeredTwice)")
    verdict(Self.areRefusals(refusals), "refused, with these words:")
    refusals.map { "          \($0)" }
  }
}
