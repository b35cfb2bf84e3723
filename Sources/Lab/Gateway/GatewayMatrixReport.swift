/// What `skein lab gateway-matrix` found.
public struct GatewayMatrixReport: LabReport, Equatable {
  /// A rival's figures for one way to fail. Its victim is whoever holds the address.
  struct Peer: Codable, Equatable, Sendable {
    var how: GatewayFailure
    var figures: GatewayPeerFigures
  }
  /// A cell that could not be measured to its end, and why.
  struct Broken: Codable, Equatable, Sendable {
    var name: String
    var reason: String

    init(name: String, reason: String) {
      self.name = name
      self.reason = reason
    }

    init(_ cell: GatewayFailoverCommand, _ reason: String) {
      self.init(name: "hold \(cell.holdMilliseconds) ms, \(cell.victim.rawValue), \(cell.failure.rawValue)", reason: reason)
    }
  }

  var runs: Int
  var cells: [GatewayFailoverReport] = []
  var broken: [Broken] = []
  var peers: [Peer] = []
  /// Rivals that could not be measured: no fault of the group's.
  var brokenPeers: [Broken] = []
  /// How long the whole took.
  var seconds = 0.0
  /// No cell broke off, and every one succeeded; the rivals do not count. False until the last has been measured.
  public var succeeded = false

  init(runs: Int) { self.runs = runs }

  mutating func conclude(since: UInt64) {
    seconds = Double(BootClock.nanoseconds - since) / 1e9
    succeeded = broken.isEmpty && cells.allSatisfy(\.succeeded)
  }

  private static let widths = [17, 7, 6, 8, 7, 8, 7, 8, 7, 8, 7, 5]
  private static func line(_ columns: [String]) -> String {
    zip(columns, widths).map { $0.count >= $1 ? $0 + " " : $0.padding($1) }.joined().trimmingTrailingSpaces
  }

  /// Writes the table, a row for each cell and each rival, times in milliseconds.
  public func render(to output: inout some TextOutputStream) {
    print("each way to fail \(runs) times, then the routers return; three routers, nine hosts, a packet of each every 2 ms", to: &output)
    print("(every 10 ms at Cisco's timers, where the cells run side by side); times in ms\n", to: &output)
    let heads = [
      ["timers", "who", "how", "silence", "", "no ARP", "routed", "others", "lost", "lost on", "stood", "s"],
      ["", "", "", "median", "worst", "worst", "twice", "lost", "after", "return", "still", "a run"],
    ]
    for head in heads { print("        " + Self.line(head), to: &output) }
    for cell in cells { render(cell, to: &output) }
    for cell in broken { print(verdict(false, "\(cell.name): \(cell.reason)"), to: &output) }
    if !peers.isEmpty { print("", to: &output) }
    for peer in peers { render(peer, to: &output) }
    for peer in brokenPeers { print("        \(peer.name) could not be measured: \(peer.reason)", to: &output) }
    print("\nothers lost: packets of the other routers' hosts; lost after: another had taken over; stood still: this machine", to: &output)
    print("the whole took \((seconds / 60).formatted(digits: 1)) minutes", to: &output)
  }

  private func render(_ cell: GatewayFailoverReport, to output: inout some TextOutputStream) {
    let times = [cell.silenceMilliseconds.median, cell.silenceMilliseconds.worst, cell.answersSilenceMilliseconds.worst]
    let counts = [cell.forwardedTwice, cell.lostOnSurvivors, cell.lostAfterRecovery, cell.lostOnReturn]
    let columns =
      ["\(cell.helloMilliseconds)/\(cell.holdMilliseconds)", cell.victim.rawValue, cell.how.rawValue]
      + times.map { $0.formatted(digits: 0) } + counts.map(String.init)
      + [cell.stallMilliseconds.formatted(digits: 1), cell.secondsPerRun.formatted(digits: 0)]
    print(verdict(cell.succeeded, Self.line(columns)), to: &output)
    if cell.neverRecovered > 0 { print("          \(cell.neverRecovered) hosts never got through again", to: &output) }
  }

  private func render(_ peer: Peer, to output: inout some TextOutputStream) {
    let figures = peer.figures
    let times = [figures.silenceMilliseconds.median, figures.silenceMilliseconds.worst, figures.answersSilenceMilliseconds.worst]
    let columns =
      ["\(figures.name) \(PeerReport.interval(figures.advertSeconds))", "active", peer.how.rawValue] + times.map { $0.formatted(digits: 0) }
      + ["\(figures.forwardedTwice)", "", "", "", "", figures.secondsPerRun.formatted(digits: 0)]
    let holders = figures.addressHolders > 1 ? "  \(figures.addressHolders) routers had the address" : ""
    print("        " + Self.line(columns) + holders, to: &output)
  }
}
