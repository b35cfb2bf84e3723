/// `skein lab matrix`: every way to fail, for a member and for the master, at several detection intervals, and keepalived beside it, in
/// one table. The failures of one detection interval share a cluster.
public struct MatrixCommand: LabCommand {
  var mode: DeliveryMode
  var family: AddressFamily
  var detections: [Int]
  var runs: Int
  /// How many runs keepalived gets at each of its intervals, for each way to fail; 0 leaves it out.
  var peerRuns: Int
  var options: LabOptions

  /// `detections` are the detection intervals to measure at, in milliseconds. `runs` is 1 to 1,000 and `peerRuns` 0 to 100, which `run()`
  /// checks.
  public init(
    mode: DeliveryMode = .multicast, family: AddressFamily = .four, detections: [Int] = [200, 20], runs: Int = 10, peerRuns: Int = 3,
    options: LabOptions
  ) {
    self.mode = mode
    self.family = family
    self.detections = detections
    self.runs = runs
    self.peerRuns = peerRuns
    self.options = options
  }

  /// Measures cell by cell, then keepalived. A cell that breaks off is noted with its reason, and the next gets a new cluster; what goes
  /// wrong with keepalived is thrown.
  public func run() throws -> MatrixReport {
    guard 1...1000 ~= runs, 0...100 ~= peerRuns else { throw LabError.badOption("--runs is 1 to 1,000, --peer-runs 0 to 100") }
    var (cells, broken): ([FailoverReport], [MatrixReport.Broken]) = ([], [])
    for detection in detections {
      let wanted = Victim.allCases.flatMap { victim in Failure.allCases.map { cell(victim, $0, detection) } }
      for policy in PartitionPolicy.allCases { try measure(wanted.filter { $0.partition == policy }, &cells, &broken) }
    }
    let peers = try peerRuns == 0 ? [] : FailoverCommand.peerAdvertSeconds.flatMap(measurePeer)
    return MatrixReport(command: self, cells: cells, broken: broken, peers: peers)
  }

  private func cell(_ victim: Victim, _ failure: Failure, _ detection: Int) -> FailoverCommand {
    FailoverCommand(
      mode: mode, family: family, victim: victim, failure: failure, detectionMilliseconds: detection, runs: runs, peerRuns: peerRuns,
      options: options)
  }

  /// Measures one cell after the other on one cluster. Where a cell breaks it, the next gets a new one.
  private func measure(
    _ wanted: [FailoverCommand], _ cells: inout [FailoverReport], _ broken: inout [MatrixReport.Broken]
  ) throws {
    var left = wanted[...]
    while let first = left.first {
      do {
        try options.withCluster(first.settings()) { cluster in
          while let cell = left.first {
            cells.append(FailoverReport(command: cell, partition: cell.partition, skein: try cell.measure(on: cluster), peers: []))
            left.removeFirst()
          }
        }
      } catch LabError.interrupted { throw LabError.interrupted } catch {
        broken.append(.init(left.removeFirst(), "\(error)"))
      }
    }
  }

  private func measurePeer(_ seconds: Double) throws -> [MatrixReport.Peer] {
    try Topology.with(memberCount: options.members, console: options.console) { topology in
      let cluster = try KeepalivedCluster(topology: topology, advertSeconds: seconds)
      return try Failure.allCases.map { .init(how: $0, figures: try cell(.master, $0, detections.first ?? 200).measure(on: cluster)) }
    }
  }
}

/// What `skein lab matrix` found.
public struct MatrixReport: LabReport, Equatable {
  /// A rival's figures for one way to fail. Its victim is whoever holds the address.
  struct Peer: Codable, Equatable, Sendable {
    var how: Failure
    var figures: PeerReport
  }
  /// A cell that could not be measured to its end, and why.
  struct Broken: Codable, Equatable, Sendable {
    var victim: Victim
    var how: Failure
    var detectionMilliseconds: Int
    var reason: String

    init(_ cell: FailoverCommand, _ reason: String) {
      victim = cell.victim
      how = cell.failure
      detectionMilliseconds = cell.detectionMilliseconds
      self.reason = reason
    }
  }
  var mode: DeliveryMode
  var family: AddressFamily
  var runs: Int
  var cells: [FailoverReport]
  var broken: [Broken]
  var peers: [Peer]
  /// No cell broke off, and every one succeeded; keepalived does not count.
  public var succeeded: Bool
  /// No cell broke off, and in each that did not succeed a daemon stood still.
  public var stoodStill: Bool

  init(command: MatrixCommand, cells: [FailoverReport], broken: [Broken], peers: [Peer]) {
    mode = command.mode
    family = command.family
    runs = command.runs
    self.cells = cells
    self.broken = broken
    self.peers = peers
    succeeded = broken.isEmpty && cells.allSatisfy(\.succeeded)
    stoodStill = broken.isEmpty && !succeeded && cells.allSatisfy { $0.succeeded || $0.stoodStill }
  }

  private static let widths = [11, 8, 11, 9, 9, 9, 11, 9, 9]

  private static func line(_ columns: [String]) -> String {
    zip(columns, widths).map { $0.count >= $1 ? $0 + " " : $0.padding($1) }.joined()
  }

  /// Writes the table, a row for each cell and each of keepalived's, times in milliseconds.
  public func render(to output: inout some TextOutputStream) {
    print("each way to fail \(runs) times, delivery by \(mode.rawValue), IPv\(family.rawValue), times in ms", to: &output)
    print("", to: &output)
    print(
      "        "
        + Self.line(["detection", "who", "how", "silence:", "worst", "answered", "lost on", "after", "on"]), to: &output)
    print("        " + Self.line(["", "", "", "median", "", "twice", "survivors", "recovery", "return"]), to: &output)
    for cell in cells {
      let silence = cell.silenceMilliseconds
      let columns =
        ["\(cell.detectionMilliseconds) ms", cell.victim.rawValue, cell.how.rawValue]
        + [silence.median, silence.worst].map { $0.formatted(digits: 0) }
        + [cell.answeredTwice, cell.lostOnSurvivors, cell.lostAfterRecovery, cell.lostOnReturn].map(String.init)
      print(verdict(cell.succeeded, Self.line(columns)), to: &output)
      for fault in cell.faults { print("          \(fault)", to: &output) }
      for line in cell.losses.lines(of: cell.lost, answersUnseen: cell.answersUnseen) { print("  \(line)", to: &output) }
    }
    for cell in broken {
      print(
        verdict(false, Self.line(["\(cell.detectionMilliseconds) ms", cell.victim.rawValue, cell.how.rawValue, cell.reason])), to: &output)
    }
    if !peers.isEmpty { print("", to: &output) }
    for peer in peers {
      let figures = peer.figures
      let columns =
        [PeerReport.interval(figures.advertSeconds), figures.name, peer.how.rawValue]
        + [figures.silenceMilliseconds.median, figures.silenceMilliseconds.worst].map { $0.formatted(digits: 0) } + [
          "\(figures.answeredTwice)"
        ]
      let holders = figures.addressHolders > 1 ? "  \(figures.addressHolders) machines held the address" : ""
      print("        " + Self.line(columns) + holders, to: &output)
    }
  }
}
