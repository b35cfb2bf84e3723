import ArgumentParser
import Cluster
import Foundation
import Gateway
import Simulation
import Synchronization
import Wire

/// Clusters in virtual time, by the thousand.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Runs clusters, or virtual gateways, in virtual time, with faults, and looks for two owners of one packet.",
    discussion: """
      Each seed is one run: a network with loss, delay, duplication, partitions and an attacker; machines that crash, hang, \
      restart, lose interfaces and addresses, and have skewed clocks. The checker shares no code with the protocol. A failing seed is printed, and replays the run: \
      `skein simulate --first N --seeds 1 --trace` with the other options as they were.
      """)
  @OptionGroup var output: OutputOptions
  @Option(help: "Members of the cluster.") var members = 16
  @Option(help: "Gateways of a virtual gateway, 2 to 16: simulates these instead of a cluster.") var gateways: Int?
  @Option(help: "How many runs, each with its own seed.") var seeds = 100
  @Option(help: "The first seed.") var first: UInt64 = 1
  @Option(help: "Simulated time of each run.", transform: time) var duration = Interval.seconds(60)
  @Option(help: "Share of datagrams lost, such as 5% or 0.05.", transform: share) var loss = 0.0
  @Option(help: "Share of datagrams delivered twice.", transform: share) var duplication = 0.01
  @Option(help: "Clocks run up to this much fast or slow.", transform: share) var skew = 0.01
  @Option(help: "Detection interval.", transform: time) var detection = Interval.milliseconds(200)
  @Option(help: "Hello interval of gateways.", transform: time) var hello = Interval.milliseconds(200)
  @Option(help: "Hold time of gateways.", transform: time) var hold = Interval.milliseconds(650)
  @Option(help: "serve, or majority.") var partition = Partition.serve
  @Option(help: "How many runs at once.") var jobs = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "How long the run goes on after the last fault.", transform: time) var settling = Interval.seconds(10)
  @Option(help: "A new fault about so often.", transform: time) var faultInterval: Interval?
  @Flag(help: "The members are routers of a virtual gateway, too.") var gatewayInCluster = false
  @Flag(help: "No faults but loss and duplication.") var calm = false
  @Flag(help: "Print every event of the runs, and the messages that hand units over.") var trace = false
  @Option(
    help: ArgumentHelp(
      "Switch a safety rule off: lease, order, return, authentication, release. The checker must notice.", visibility: .hidden))
  var without: Rule?

  enum Partition: String, CaseIterable, ExpressibleByArgument { case serve, majority }
  enum Rule: String, CaseIterable, ExpressibleByArgument { case lease, order, `return`, authentication, handover, release }

  private struct Report: Codable {
    var members: Int?
    var gateways: Int?
    var seeds: Int
    var violations: Int
    var firstFailingSeed: UInt64?
    var failures: [Failure]
    var simulatedSeconds: Double
    var wallSeconds: Double
    var packets: Int
    var answered: Int
    var mastersMade: Int
    var unitsMoved: Int
    var faults: Int
    var forged: Int

    struct Failure: Codable {
      var seed: UInt64
      var violations: [String]
    }
  }

  func validate() throws {
    guard (1...ClusterLimits.memberCount).contains(members) else { throw ValidationError("--members is 1 to \(ClusterLimits.memberCount)") }
    guard gateways.map((2...16).contains) ?? true else { throw ValidationError("--gateways is 2 to 16") }
    guard gateways == nil || !gatewayInCluster else {
      throw ValidationError("--gateways stand alone: use --members with --gateway-in-cluster")
    }
    guard hold >= hello * 2, hello > .zero else { throw ValidationError("--hold is at least twice --hello") }
    if let without, !without.isOf(gateways: gateways != nil) {
      throw ValidationError("“\(without.rawValue)” is not a rule of what is simulated")
    }
    guard (1...1_000_000).contains(seeds) else { throw ValidationError("--seeds is 1 to 1,000,000") }
    guard duration > .seconds(12) else { throw ValidationError("--duration should be above 12s: the last 10 s are without faults") }
  }

  func run() throws {
    let start = Date()
    let results = runSeeds()
    let failing = results.filter { !$0.isClean }
    let report = Report(
      members: gateways == nil ? members : nil, gateways: gateways, seeds: seeds,
      violations: failing.reduce(0) { $0 + $1.violations.count },
      firstFailingSeed: failing.map(\.seed).min(),
      failures: failing.prefix(20).map { .init(seed: $0.seed, violations: $0.violations.prefix(5).map(\.description)) },
      simulatedSeconds: Double(duration.nanoseconds) / 1e9 * Double(seeds), wallSeconds: Date().timeIntervalSince(start),
      packets: results.reduce(0) { $0 + $1.statistics.packets }, answered: results.reduce(0) { $0 + $1.statistics.answered },
      mastersMade: results.reduce(0) { $0 + $1.statistics.mastersMade }, unitsMoved: results.reduce(0) { $0 + $1.statistics.unitsMoved },
      faults: results.reduce(0) { $0 + $1.statistics.faults }, forged: results.reduce(0) { $0 + $1.statistics.forged })
    if output.json { try printJSON(report) } else { show(report) }
    // With a rule switched off, finding nothing is the failure.
    if (report.violations > 0) != (without != nil) { throw ExitCode.failure }
  }

  /// Every seed, several at once; the order of the results is the seeds'.
  private func runSeeds() -> [SimulationResult] {
    let results = Mutex<[SimulationResult]>([])
    let next = Mutex(first)
    DispatchQueue.concurrentPerform(iterations: max(1, jobs)) { _ in
      while true {
        let seed = next.withLock { value in
          defer { value += 1 }
          return value
        }
        guard seed < first + UInt64(seeds) else { return }
        let result = run(seed: seed)
        results.withLock { $0.append(result) }
      }
    }
    return results.withLock { $0.sorted { $0.seed < $1.seed } }
  }

  private func run(seed: UInt64) -> SimulationResult {
    if let gateways {
      var options = gatewayOptions
      options.gatewayCount = gateways
      options.seed = seed
      return GatewaySimulator.run(options, trace: trace)
    }
    var options = self.options
    options.seed = seed
    return Simulator.run(options, trace: trace)
  }

  private var gatewayOptions: GatewayOptions {
    var options = GatewayOptions()
    options.duration = duration
    options.settling = settling
    if let faultInterval { options.faultInterval = faultInterval }
    options.loss = loss
    options.duplication = duplication
    options.clockSkew = skew
    options.timers = GatewayRouter.Timers(hello: hello, hold: hold)
    if calm { options.faults = .none }
    switch without {
    case .lease: options.safetyRules.remove(.lease)
    case .release: options.safetyRules.remove(.release)
    case .authentication: options.safetyRules.remove(.authentication)
    case nil, .order, .return, .handover: break
    }
    return options
  }

  private var options: SimulationOptions {
    var options = SimulationOptions()
    options.memberCount = members
    options.duration = duration
    options.settling = settling
    if let faultInterval { options.faultInterval = faultInterval }
    options.loss = loss
    options.duplication = duplication
    options.clockSkew = skew
    options.detection = detection
    options.hasGateway = gatewayInCluster
    if partition == .majority { options.partition = .majority(of: members) }
    if calm { options.faults = .none }
    switch without {
    case nil, .release: break
    case .lease: options.safetyRules.remove(.lease)
    case .order: options.safetyRules.remove(.order)
    case .return: options.safetyRules.remove(.return)
    case .authentication: options.safetyRules.remove(.authentication)
    case .handover: options.safetyRules.remove(.handover)
    }
    return options
  }

  private func show(_ report: Report) {
    print(
      "\(seeds) runs of \(gateways.map { "\($0) gateways" } ?? "\(members) members"), \(Int(report.simulatedSeconds / Double(seeds))) s each, in \(duration(seconds: report.wallSeconds))"
    )
    let (leaders, units) = gateways == nil ? ("masters made", "units moved") : ("active gateways made", "forwarders taken")
    print("  faults \(report.faults), forged messages \(report.forged), \(leaders) \(report.mastersMade), \(units) \(report.unitsMoved)")
    if gateways == nil { print("  packets \(report.packets), answered \(report.answered)") }
    guard report.violations > 0 else { return print(Paint.green("  \(praise)")) }
    print(Paint.red("  \(report.violations) violations, the first in seed \(report.firstFailingSeed ?? 0)"))
    for failure in report.failures {
      print("  seed \(failure.seed):")
      for violation in failure.violations { print("    \(violation)") }
    }
  }

  private var praise: String {
    gateways == nil
      ? "no packet was processed twice, and every run became whole again"
      : "no virtual MAC had two forwarders for longer than it may, and every run became whole again"
  }

  private func duration(seconds: Double) -> String { skein.duration(seconds: seconds) }
}

extension SimulateCommand.Rule {
  /// Whether gateways, or the members of a cluster, have this rule.
  fileprivate func isOf(gateways: Bool) -> Bool {
    switch self {
    case .lease, .authentication: true
    case .order, .return, .handover: !gateways
    case .release: gateways
    }
  }
}

private func time(_ text: String) throws -> Interval {
  guard let interval = Interval(text: text) else { throw ValidationError("“\(text)” is not a time such as 60s or 200ms") }
  return interval
}

private func share(_ text: String) throws -> Double {
  let isPercent = text.hasSuffix("%")
  guard let number = Double(isPercent ? String(text.dropLast()) : text), (0...1).contains(isPercent ? number / 100 : number) else {
    throw ValidationError("“\(text)” is not a share such as 5% or 0.05")
  }
  return isPercent ? number / 100 : number
}
