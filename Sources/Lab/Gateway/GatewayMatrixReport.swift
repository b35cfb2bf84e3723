/// What `skein lab gateway-matrix` found.
public struct GatewayMatrixReport: LabReport, Equatable {
  /// A cell that could not be measured to its end, and why.
  struct Broken: Codable, Equatable, Sendable {
    var name: String
    var reason: String
  }

  var runs: Int
  var cells: [GatewayFailoverReport] = []
  var broken: [Broken] = []
  var peers: [MatrixPeer<GatewayFailure>] = []
  /// Rivals that could not be measured: no fault of the group's.
  var brokenPeers: [Broken] = []
  /// How long the whole took.
  var seconds = 0.0
  /// No cell broke off, and every one succeeded; the rivals do not count. False until the last has been measured.
  public var succeeded = false

  init(runs: Int) { self.runs = runs }

  mutating func conclude(since: UInt64) {
    seconds = BootClock.seconds(since: since)
    succeeded = broken.isEmpty && cells.allSatisfy(\.succeeded)
  }

  private static func line(_ columns: [String]) -> String { row(columns, [17, 7, 6, 8, 7, 8, 7, 8, 7, 8, 7, 5]) }

  /// The table, a row for each cell and each rival, times in milliseconds.
  public var lines: [String] {
    "each way to fail \(runs) times, then the routers return; three routers, nine hosts, a packet of each every 2 ms"
    "(every 10 ms at Cisco's timers, where the cells run side by side); times in ms\n"
    "        " + Self.line(["timers", "who", "how", "silence", "", "no ARP", "routed", "others", "lost", "lost on", "stood", "s"])
    "        " + Self.line(["", "", "", "median", "worst", "worst", "twice", "lost", "after", "return", "still", "a run"])
    for cell in cells {
      let times = Self.times(cell.silenceMilliseconds, cell.answersSilenceMilliseconds)
      let counts = [cell.forwardedTwice, cell.lostOnSurvivors, cell.lostAfterRecovery, cell.lostOnReturn].map(String.init)
      let names = ["\(cell.helloMilliseconds)/\(cell.holdMilliseconds)", cell.victim.rawValue, cell.how.rawValue]
      let ends = [cell.stallMilliseconds.formatted(digits: 1), cell.secondsPerRun.formatted(digits: 0)]
      verdict(cell.succeeded, Self.line(names + times + counts + ends))
      if cell.neverRecovered > 0 { "          \(cell.neverRecovered) hosts never got through again" }
    }
    broken.map { verdict(false, "\($0.name): \($0.reason)") }
    if !peers.isEmpty { "" }
    for peer in peers {
      let figures = peer.figures
      let names = ["\(figures.name) \(PeerReport.interval(figures.advertSeconds))", "active", peer.how.rawValue]
      let ends = ["\(figures.forwardedTwice ?? 0)", "", "", "", "", (figures.secondsPerRun ?? 0).formatted(digits: 0)]
      "        " + Self.line(names + Self.times(figures.silenceMilliseconds, figures.answersSilenceMilliseconds) + ends)
        + figures.holders("routers had the address")
    }
    brokenPeers.map { "        \($0.name) could not be measured: \($0.reason)" }
    "\nothers lost: packets of the other routers' hosts; lost after: another had taken over; stood still: this machine"
    "the whole took \((seconds / 60).formatted(digits: 1)) minutes"
  }

  private static func times(_ silence: Figures, _ answers: Figures?) -> [String] {
    [silence.median, silence.worst, answers?.worst ?? 0].map { $0.formatted(digits: 0) }
  }
}
