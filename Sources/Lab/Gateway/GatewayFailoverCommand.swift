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
  var routers = 3
  var hosts = 9
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
    guard 1...1000 ~= runs, 0...100 ~= peerRuns else { throw LabError.badOption("--runs is 1 to 1,000, --peer-runs 0 to 100") }
    guard victim != .both || routers >= 3 else { throw LabError.badOption("--victim both needs at least three routers") }
    let own = try withGroup { try measure(on: $0) }
    let peers = try peerRuns == 0 ? [] : VrrpGateway.Kind.all.map { kind in try withPeer(kind) { try measure(on: $0) } }
    return GatewayFailoverReport(command: self, runs: own, peers: peers)
  }

  /// Builds a group that is measured on, hands it over, and removes it.
  func withGroup<Result>(_ body: (GatewayGroup) throws -> Result) throws -> Result {
    try GatewayTopology.with(routers: routers, hosts: hosts, console: options.console) { topology in
      var settings = GatewaySettings(helloMilliseconds: helloMilliseconds, holdMilliseconds: holdMilliseconds)
      settings.packetPath = options.packetPath
      settings.program = options.program
      // Nothing but the failure moves anything.
      (settings.method, settings.deadBand) = (.moves, 100)
      // As many hosts as virtual MAC addresses, answered with one after the other: every router has hosts to lose.
      settings.forwarders = max(1, hosts / routers)
      settings.lines = ["answers: round-robin"]
      return try body(GatewayGroup(topology: topology, settings: settings))
    }
  }

  /// Builds the same with a rival.
  func withPeer<Result>(_ kind: VrrpGateway.Kind, _ body: (VrrpGateway) throws -> Result) throws -> Result {
    try GatewayTopology.with(routers: routers, hosts: hosts, console: options.console) { topology in
      try body(VrrpGateway(topology: topology, kind: kind))
    }
  }

  func measure(on group: GatewayGroup) throws -> [GatewayFailoverRun] {
    try measure(group, runs, "\(runs) × \(victim.words): \(failure.sentence); hold \(holdMilliseconds) ms")
  }

  func measure(on peer: VrrpGateway) throws -> GatewayPeerFigures {
    GatewayPeerFigures(peer.kind, try measure(peer, peerRuns, "\(peerRuns) × \(peer.kind.words): \(failure.sentence)"))
  }

  private func measure(_ gateway: some GatewayUnderTest, _ runs: Int, _ title: String) throws -> [GatewayFailoverRun] {
    try gateway.waitUntilReady(Array(gateway.topology.plan.routers))
    options.console.say(title)
    return try (0..<runs).map { _ in try gateway.measureFailover(gateway.victims(victim), by: failure, console: options.console) }
  }
}

/// A rival's figures.
struct GatewayPeerFigures: Codable, Equatable, Sendable {
  var name: String
  var advertSeconds: Double
  var silenceMilliseconds: Figures
  var answersSilenceMilliseconds: Figures
  var forwardedTwice: Int
  /// The most routers that had the address at once. It is one router's; with two, who gets a host's packets is chance.
  var addressHolders: Int
  var secondsPerRun: Double

  init(_ kind: VrrpGateway.Kind, _ runs: [GatewayFailoverRun]) {
    name = kind.daemon.rawValue
    advertSeconds = kind.advertSeconds
    silenceMilliseconds = Figures(runs.map(\.figures.silenceMilliseconds))
    answersSilenceMilliseconds = Figures(runs.map(\.answersSilenceMilliseconds))
    forwardedTwice = runs.reduce(0) { $0 + $1.figures.answeredTwice }
    addressHolders = runs.compactMap(\.addressHolders).max() ?? 1
    secondsPerRun = Figures(runs.map(\.seconds)).median
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
  var peers: [GatewayPeerFigures]
  /// Nothing was forwarded twice, all hosts got through again, and each lost packet that counts is the host's or its virtual wires' doing.
  /// What the failed router's hosts lost until another had taken over is not counted.
  public var succeeded: Bool

  init(command: GatewayFailoverCommand, runs: [GatewayFailoverRun], peers: [GatewayPeerFigures]) {
    victim = command.victim
    how = command.failure
    helloMilliseconds = command.helloMilliseconds
    holdMilliseconds = command.holdMilliseconds
    self.runs = runs.count
    let figures = runs.map(\.figures)
    silenceMilliseconds = Figures(figures.map(\.silenceMilliseconds))
    answersSilenceMilliseconds = Figures(runs.map(\.answersSilenceMilliseconds))
    survivorsSilenceMilliseconds = Figures(figures.map(\.survivorsSilenceMilliseconds))
    func sum(_ figure: KeyPath<FailoverRun, Int>) -> Int { figures.reduce(0) { $0 + $1[keyPath: figure] } }
    forwardedTwice = sum(\.answeredTwice)
    lostOnSurvivors = sum(\.lostOnSurvivors)
    lostAfterRecovery = sum(\.lostAfterRecovery)
    lostOnReturn = sum(\.lostOnReturn)
    let known = Losses.sum(runs.map(\.figures.losses))
    let lost = lostOnSurvivors + lostAfterRecovery + lostOnReturn
    (losses, unexplained) = (known.causes, known.unexplained(of: lost))
    neverRecovered = sum(\.neverRecovered)
    packets = sum(\.probes)
    stallMilliseconds = figures.map(\.stallMilliseconds).max() ?? 0
    secondsPerRun = Figures(runs.map(\.seconds)).median
    self.peers = peers
    succeeded = forwardedTwice == 0 && known.excuse(lost) && neverRecovered == 0
  }

  /// Writes the times without service beside those of the rivals, then each check with its verdict.
  public func render(to output: inout some TextOutputStream) {
    print("\n\(runs) × \(victim.words): \(how.sentence)", to: &output)
    print(
      "hello \(helloMilliseconds) ms, hold \(holdMilliseconds) ms; \(packets) packets, seen at the server's wires; this machine stood still for up to "
        + "\(stallMilliseconds.formatted(digits: 1)) ms\n",
      to: &output)
    print("  silence of its hosts    \(silenceMilliseconds.text)", to: &output)
    print("  silence of ARP answers  \(answersSilenceMilliseconds.text)", to: &output)
    for peer in peers {
      let name = "\(peer.name), \(PeerReport.interval(peer.advertSeconds))"
      print("    \(name.padding(20))  \(peer.silenceMilliseconds.text); all hosts", to: &output)
    }
    print("", to: &output)
    print(verdict(forwardedTwice == 0, "forwarded twice: \(forwardedTwice)"), to: &output)
    let lost = lostOnSurvivors + lostAfterRecovery + lostOnReturn
    let excused = losses.excuse(lost)
    print(verdict(lostOnSurvivors == 0 || excused, "lost by the other routers' hosts: \(lostOnSurvivors)"), to: &output)
    print(
      verdict((lostAfterRecovery == 0 || excused) && neverRecovered == 0, "lost once another had taken over: \(lostAfterRecovery)"),
      to: &output)
    print(verdict(lostOnReturn == 0 || excused, "lost while it came back: \(lostOnReturn)"), to: &output)
    for line in losses.lines(of: lost) { print(line, to: &output) }
  }
}
