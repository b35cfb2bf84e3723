/// `skein lab matrix`: every way to fail, for a member and for the master, at several detection intervals, and keepalived beside it, in
/// one table. The failures of one detection interval share a cluster.
public struct MatrixCommand: LabCommand {
  var detections: [Int]
  var runs: Int
  /// How many runs keepalived gets at each of its intervals, for each way to fail; 0 leaves it out.
  var peerRuns: Int
  var options: LabOptions

  /// `detections` are the detection intervals to measure at, in milliseconds. `runs` is 1 to 1,000 and `peerRuns` 0 to 100, which `run()`
  /// checks.
  public init(detections: [Int] = [200, 20], runs: Int = 10, peerRuns: Int = 3, options: LabOptions) {
    self.detections = detections
    self.runs = runs
    self.peerRuns = peerRuns
    self.options = options
  }

  /// Measures cell by cell, then keepalived. A cell that breaks off is noted with its reason, and the next gets a new cluster; what goes
  /// wrong with keepalived is thrown.
  public func run() throws -> MatrixReport {
    try checkRuns(runs, peerRuns)
    var report = MatrixReport(command: self)
    for detection in detections {
      let wanted = Victim.allCases.flatMap { victim in Failure.allCases.map { cell(victim, $0, detection) } }
      for policy in PartitionPolicy.allCases { try measure(wanted.filter { $0.partition == policy }, &report) }
    }
    if peerRuns > 0 { report.peers = try VrrpDaemons.Kind.advertSeconds.flatMap(measurePeer) }
    report.conclude()
    return report
  }

  private func cell(_ victim: Victim, _ failure: Failure, _ detection: Int) -> FailoverCommand {
    var command = FailoverCommand(victim: victim, failure: failure, runs: runs, peerRuns: peerRuns, options: options)
    command.options.detectionMilliseconds = detection
    return command
  }

  private func measure(_ wanted: [FailoverCommand], _ report: inout MatrixReport) throws {
    try inTurn(wanted, on: { try $0.options.withCluster($0.settings(), $1) }) { cell, cluster in
      report.cells.append(FailoverReport(command: cell, runs: try cell.measure(on: cluster), peers: []))
    } broken: {
      report.broken.append(.init($0, "\($1)"))
    }
  }

  private func measurePeer(_ seconds: Double) throws -> [MatrixPeer<Failure>] {
    let cells = Failure.allCases.map { cell(.master, $0, detections.first ?? 200) }
    return try cells[0].withPeer(seconds) { peer in try cells.map { .init(how: $0.failure, figures: try $0.measure(on: peer)) } }
  }
}

/// What `skein lab matrix` found.
public struct MatrixReport: LabReport, Equatable {
  /// A cell that could not be measured to its end, and why.
  struct Broken: Codable, Equatable, Sendable {
    var victim: Victim
    var how: Failure
    var detectionMilliseconds: Int
    var reason: String

    init(_ cell: FailoverCommand, _ reason: String) {
      victim = cell.victim
      how = cell.failure
      detectionMilliseconds = cell.options.detectionMilliseconds
      self.reason = reason
    }
  }
  var mode: DeliveryMode
  var family: AddressFamily
  var runs: Int
  var cells: [FailoverReport] = []
  var broken: [Broken] = []
  var peers: [MatrixPeer<Failure>] = []
  /// No cell broke off, and every one succeeded; keepalived does not count. False until the last has been measured.
  public var succeeded = false
  /// No cell broke off, and in each that did not succeed a daemon stood still.
  public var stoodStill = false

  init(command: MatrixCommand) {
    mode = command.options.mode
    family = command.options.family
    runs = command.runs
  }

  mutating func conclude() {
    succeeded = broken.isEmpty && cells.allSatisfy(\.succeeded)
    stoodStill = broken.isEmpty && !succeeded && cells.allSatisfy { $0.succeeded || $0.stoodStill }
  }

  private static func line(_ columns: [String]) -> String { row(columns, [11, 8, 11, 9, 9, 9, 11, 9, 9]) }

  /// The table, a row for each cell and each of keepalived's, times in milliseconds.
  public var lines: [String] {
    "each way to fail \(runs) times, delivery by \(mode.rawValue), IPv\(family.rawValue), times in ms"
    ""
    "        " + Self.line(["detection", "who", "how", "silence:", "worst", "answered", "lost on", "after", "on"])
    "        " + Self.line(["", "", "", "median", "", "twice", "survivors", "recovery", "return"])
    for cell in cells {
      let times = [cell.silenceMilliseconds.median, cell.silenceMilliseconds.worst].map { $0.formatted(digits: 0) }
      let counts = [cell.answeredTwice, cell.lostOnSurvivors, cell.lostAfterRecovery, cell.lostOnReturn].map(String.init)
      let names = ["\(cell.detectionMilliseconds) ms", cell.victim.rawValue, cell.how.rawValue]
      verdict(cell.succeeded, Self.line(names + times + counts))
      cell.faults.map { "          \($0)" }
      cell.losses.lines(of: cell.lost, answersUnseen: cell.answersUnseen).map { "  \($0)" }
    }
    for cell in broken {
      verdict(false, Self.line(["\(cell.detectionMilliseconds) ms", cell.victim.rawValue, cell.how.rawValue, cell.reason]))
    }
    if !peers.isEmpty { "" }
    for peer in peers {
      let (silence, twice) = (peer.figures.silenceMilliseconds, "\(peer.figures.answeredTwice ?? 0)")
      let names = [PeerReport.interval(peer.figures.advertSeconds), peer.figures.name, peer.how.rawValue]
      "        " + Self.line(names + [silence.median, silence.worst].map { $0.formatted(digits: 0) } + [twice])
        + peer.figures.holders("machines held the address")
    }
  }
}
