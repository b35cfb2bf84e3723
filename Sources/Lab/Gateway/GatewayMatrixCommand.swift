import Foundation

/// `skein lab gateway-matrix`: every way to fail, for every kind of router, at several timers, and VRRP beside it, in one table. Each run ends
/// with the routers' return. The failures at one profile of timers share a group.
public struct GatewayMatrixCommand: LabCommand {
  /// The profiles of hello and hold time to measure at, in this order.
  public var timers = GatewayTimers.allCases
  /// The routers to hit at each profile.
  public var victims = GatewayVictim.allCases
  /// The ways to fail, for each victim and for the rivals; the return is a part of every run.
  public var failures: [GatewayFailure] = [.kill, .stop, .link]
  var runs: Int
  /// How many runs keepalived and FRR's vrrpd get at each of their intervals, for each way to fail; 0 leaves them out.
  var peerRuns: Int
  var options: LabOptions

  /// With nothing said, all timers and all victims, killed, hung and cut off. `runs` is 1 to 1,000 and `peerRuns` 0 to 100.
  public init(runs: Int = 10, peerRuns: Int = 3, options: LabOptions) {
    self.runs = runs
    self.peerRuns = peerRuns
    self.options = options
  }

  /// Measures cell by cell. One that breaks off is noted, and the next gets a new group; those at Cisco's timers run side by side, each
  /// in a process of its own.
  public func run() throws -> GatewayMatrixReport {
    try checkRuns(runs, peerRuns)
    try prepareForLab()
    let begunAt = BootClock.nanoseconds
    var report = GatewayMatrixReport(runs: runs)
    for profile in timers {
      let wanted = victims.flatMap { victim in failures.map { cell(victim, $0, profile) } }
      if profile == .cisco { try measureSideBySide(wanted, &report) } else { try measure(wanted, &report) }
    }
    if peerRuns > 0 { for kind in VrrpDaemons.Kind.all { try measurePeer(kind, &report) } }
    report.conclude(since: begunAt)
    return report
  }

  private func cell(_ victim: GatewayVictim, _ failure: GatewayFailure, _ timers: GatewayTimers) -> GatewayFailoverCommand {
    GatewayFailoverCommand(
      victim: victim, failure: failure, helloMilliseconds: timers.helloMilliseconds, holdMilliseconds: timers.holdMilliseconds, runs: runs,
      peerRuns: peerRuns, options: options)
  }

  private func measure(_ wanted: [GatewayFailoverCommand], _ report: inout GatewayMatrixReport) throws {
    try inTurn(wanted, on: { try $0.withGroup($1) }) { cell, group in
      report.cells.append(GatewayFailoverReport(command: cell, runs: try cell.measure(on: group), peers: []))
    } broken: {
      report.broken.append(.init(name: $0.name, reason: "\($1)"))
    }
  }

  private func measurePeer(_ kind: VrrpDaemons.Kind, _ report: inout GatewayMatrixReport) throws {
    let wanted = failures.map { cell(.avg, $0, .skein) }
    try inTurn(wanted, on: { try $0.withPeer(kind, $1) }) { cell, peer in
      report.peers.append(.init(how: cell.failure, figures: try cell.measure(on: peer)))
    } broken: {
      report.brokenPeers.append(.init(name: "\(kind.words), \($0.failure.rawValue)", reason: "\($1)"))
    }
  }
}

/// At Cisco's timers a run is half a minute of waiting. So these cells run side by side, each in a lab and a process of its own: what is
/// measured in tens of seconds is not changed by that.
extension GatewayMatrixCommand {
  private func measureSideBySide(_ wanted: [GatewayFailoverCommand], _ report: inout GatewayMatrixReport) throws {
    let directory = "\(NSTemporaryDirectory())/skein-gateway-matrix-\(getpid())"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    options.console.say(
      "\(runs) × each of \(wanted.count) failures at Cisco's timers, side by side: about \((runs * 35 + 60) / 60) minutes")
    let launcher = Launcher(console: options.console)
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    var children: [(cell: GatewayFailoverCommand, process: ChildProcess)] = []
    defer { for child in children { child.process.end(politelyForMilliseconds: 20_000) } }
    for cell in wanted {
      let name = "\(cell.victim.rawValue)-\(cell.failure.rawValue)"
      children.append((cell, try launcher.start(name, [program] + cell.words, in: nil, log: "\(directory)/\(name).json")))
      // One builds its lab while the one before waits.
      try pause(milliseconds: 3000)
    }
    let seconds = Double(runs) * 120 + 300
    try wait(for: "the labs at Cisco's timers", seconds: seconds, everyMilliseconds: 500) {
      children.allSatisfy { $0.process.endedWith != nil }
    }
    for (cell, process) in children {
      let text = process.logTail(lines: 1)
      if let found = try? JSONDecoder().decode(GatewayFailoverReport.self, from: Data(text.utf8)) {
        report.cells.append(found)
      } else {
        report.broken.append(.init(name: cell.name, reason: process.logTail()))
      }
    }
  }
}

extension GatewayFailoverCommand {
  /// What a table calls it.
  fileprivate var name: String { "hold \(holdMilliseconds) ms, \(victim.rawValue), \(failure.rawValue)" }

  /// How this is asked for on the command line.
  fileprivate var words: [String] {
    [
      "lab", "gateway-failover", "--victim", victim.rawValue, "--how", failure.rawValue, "--hello", "\(helloMilliseconds)ms", "--hold",
      "\(holdMilliseconds)ms", "--runs", "\(runs)", "--json",
    ] + (options.packetPath.map { ["--packet-path", $0] } ?? [])
  }
}
