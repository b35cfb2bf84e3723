/// How often routers say that they live, and how long a silent one keeps its part.
public enum GatewayTimers: String, CaseIterable, Codable, Sendable {
  /// Cisco's defaults.
  case cisco
  /// The house's own.
  case skein
  /// The fastest.
  case fast

  /// How often a router says that it lives, in milliseconds: GLBP's hello time.
  public var helloMilliseconds: Int { self == .cisco ? 3000 : self == .skein ? 200 : 20 }
  /// How long a silent router keeps its part, in milliseconds: GLBP's hold time.
  public var holdMilliseconds: Int { self == .cisco ? 10_000 : self == .skein ? 650 : 65 }
}

/// `skein lab gateway-failover`: routers fail, again and again. How long do their hosts get nothing through, is nobody answered, is a packet
/// forwarded twice, and do the hosts of the others notice? Beside it the same failure under VRRP.
public struct GatewayFailoverCommand: LabCommand {
  var victim: GatewayVictim
  var failure: GatewayFailure
  var helloMilliseconds: Int
  var holdMilliseconds: Int
  var runs: Int
  /// How many runs keepalived and FRR's vrrpd get at each of their intervals; 0 leaves them out.
  var peerRuns: Int
  var options: LabOptions

  /// `runs` is 1 to 1,000 and `peerRuns` 0 to 100, which `run()` checks; the timers, when not said, are those of `GatewayTimers.skein`.
  public init(
    victim: GatewayVictim = .avf, failure: GatewayFailure = .kill, helloMilliseconds: Int = 200, holdMilliseconds: Int = 650,
    runs: Int = 10, peerRuns: Int = 0, options: LabOptions
  ) {
    self.victim = victim
    self.failure = failure
    self.helloMilliseconds = helloMilliseconds
    self.holdMilliseconds = holdMilliseconds
    self.runs = runs
    self.peerRuns = peerRuns
    self.options = options
  }

  /// Measures all runs on one group of three routers and nine hosts, then as many as asked for under keepalived and FRR's vrrpd, each at
  /// 1 s and at 10 ms.
  public func run() throws -> GatewayFailoverReport {
    try checkRuns(runs, peerRuns)
    let own = try withGroup(measure(on:))
    let peers = try peerRuns == 0 ? [] : VrrpDaemons.Kind.all.map { try withPeer($0, measure(on:)) }
    return GatewayFailoverReport(command: self, runs: own, peers: peers)
  }

  private static let routers = 3
  private static let hosts = 9

  /// Builds a group that is measured on, hands it over, and removes it.
  func withGroup<Result>(_ body: (GatewayGroup) throws -> Result) throws -> Result {
    try TestBed.with(try GatewayTopology(routers: Self.routers, hosts: Self.hosts, console: options.console)) { topology in
      // Nothing but the failure moves anything.
      var settings = GatewaySettings.unsteered(options)
      (settings.helloMilliseconds, settings.holdMilliseconds) = (helloMilliseconds, holdMilliseconds)
      // As many hosts as virtual MAC addresses, answered with one after the other: every router has hosts to lose.
      settings.forwarders = Self.hosts / Self.routers
      settings.lines = ["answers: round-robin"]
      return try body(GatewayGroup(topology: topology, settings: settings))
    }
  }

  /// Builds the same with a rival.
  func withPeer<Result>(_ kind: VrrpDaemons.Kind, _ body: (VrrpGateway) throws -> Result) throws -> Result {
    try TestBed.with(try GatewayTopology(routers: Self.routers, hosts: Self.hosts, console: options.console)) { topology in
      try body(VrrpGateway(topology: topology, kind: kind))
    }
  }

  func measure(on group: GatewayGroup) throws -> [FailoverRun] {
    try group.measure(victim, by: failure, runs: runs, "\(victim.words): \(failure.sentence); hold \(holdMilliseconds) ms")
  }

  func measure(on peer: VrrpGateway) throws -> PeerReport {
    let kind = peer.vrrp.kind
    return PeerReport(kind, routers: try peer.measure(victim, by: failure, runs: peerRuns, "\(kind.words): \(failure.sentence)"))
  }
}

/// What `skein lab gateway-failover` found.
public struct GatewayFailoverReport: LabReport, Equatable {
  var victim: GatewayVictim
  var how: GatewayFailure
  var helloMilliseconds: Int
  var holdMilliseconds: Int
  var runs: Int
  /// How long the failed router's hosts got nothing through: the worst of them, in each run.
  var silenceMilliseconds: Figures
  /// How long nobody was answered who asked for the gateway.
  var answersSilenceMilliseconds: Figures
  /// How long the other routers' hosts got nothing through; about the time between two packets if they noticed nothing.
  var survivorsSilenceMilliseconds: Figures
  /// Packets that came out of more than one router.
  var forwardedTwice: Int
  var lostOnSurvivors: Int
  /// Packets of the failed router's hosts that were lost although another had taken over.
  var lostAfterRecovery: Int
  var lostOnReturn: Int
  /// What took the lost ones of these three, and how many nothing explains.
  var losses: [Loss]
  var unexplained: Int
  /// Hosts that never got through again.
  var neverRecovered: Int
  var packets: Int
  /// The longest that this machine stopped the sender, a thread of real-time priority that runs every millisecond.
  var stallMilliseconds: Double
  var secondsPerRun: Double
  var peers: [PeerReport]
  /// Nothing was forwarded twice, all hosts got through again, and each lost packet that counts is the host's or its virtual wires' doing.
  /// What the failed router's hosts lost until another had taken over is not counted.
  public var succeeded: Bool

  init(command: GatewayFailoverCommand, runs: [FailoverRun], peers: [PeerReport]) {
    victim = command.victim
    how = command.failure
    helloMilliseconds = command.helloMilliseconds
    holdMilliseconds = command.holdMilliseconds
    self.runs = runs.count
    silenceMilliseconds = Figures(runs.map(\.silenceMilliseconds))
    answersSilenceMilliseconds = Figures(runs.map(\.answersSilenceMilliseconds))
    survivorsSilenceMilliseconds = Figures(runs.map(\.survivorsSilenceMilliseconds))
    forwardedTwice = runs.sum(\.answeredTwice)
    lostOnSurvivors = runs.sum(\.lostOnSurvivors)
    lostAfterRecovery = runs.sum(\.lostAfterRecovery)
    lostOnReturn = runs.sum(\.lostOnReturn)
    let lost = lostOnSurvivors + lostAfterRecovery + lostOnReturn
    (losses, unexplained, _) = Losses.sum(runs.map(\.losses)).told(of: lost)
    neverRecovered = runs.sum(\.neverRecovered)
    packets = runs.sum(\.probes)
    stallMilliseconds = runs.map(\.stallMilliseconds).max() ?? 0
    secondsPerRun = Figures(runs.map(\.seconds)).median
    self.peers = peers
    succeeded = forwardedTwice == 0 && losses.excuse(lost) && neverRecovered == 0
  }

  /// The times without service beside those of the rivals, then each check with its verdict.
  public var lines: [String] {
    "\n\(runs) × \(victim.words): \(how.sentence)"
    "hello \(helloMilliseconds) ms, hold \(holdMilliseconds) ms; \(packets) packets, seen at the server's wires; this machine stood still for up to "
      + "\(stallMilliseconds.formatted(digits: 1)) ms\n"
    "  silence of its hosts    \(silenceMilliseconds.text)"
    "  silence of ARP answers  \(answersSilenceMilliseconds.text)"
    peers.map { "\($0.line); all hosts" }
    ""
    verdict(forwardedTwice == 0, "forwarded twice: \(forwardedTwice)")
    let lost = lostOnSurvivors + lostAfterRecovery + lostOnReturn
    let excused = losses.excuse(lost)
    verdict(lostOnSurvivors == 0 || excused, "lost by the other routers' hosts: \(lostOnSurvivors)")
    verdict((lostAfterRecovery == 0 || excused) && neverRecovered == 0, "lost once another had taken over: \(lostAfterRecovery)")
    verdict(lostOnReturn == 0 || excused, "lost while it came back: \(lostOnReturn)")
    losses.lines(of: lost)
  }
}
