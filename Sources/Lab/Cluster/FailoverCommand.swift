/// `skein lab failover`: a member fails, again and again, in one of five ways. How long do its clients hear nothing, does anybody
/// answer twice, and do the clients of the others notice? Beside it, the same failure under keepalived.
public struct FailoverCommand: LabCommand {
  var victim: Victim
  var failure: Failure
  var runs: Int
  /// How many runs keepalived gets at each of its intervals; 0 leaves it out.
  var peerRuns: Int
  var options: LabOptions

  /// `runs` is 1 to 1,000 and `peerRuns` 0 to 100, which `run()` checks.
  public init(victim: Victim, failure: Failure, runs: Int = 10, peerRuns: Int = 3, options: LabOptions) {
    self.victim = victim
    self.failure = failure
    self.runs = runs
    self.peerRuns = peerRuns
    self.options = options
  }

  /// Measures all runs on one cluster, which is whole again before each, then as many as asked for under keepalived at its default and
  /// at its fastest interval, 1 s and 10 ms.
  public func run() throws -> FailoverReport {
    try checkRuns(runs, peerRuns)
    let runs = try options.withCluster(settings(), measure(on:))
    let peers = try peerRuns == 0 ? [] : VrrpDaemons.Kind.advertSeconds.map { try withPeer($0, measure(on:)) }
    return FailoverReport(command: self, runs: runs, peers: peers)
  }

  /// Both sides of a partition serve what reaches them, so at the moment it heals two may have the same unit. Where that must not be,
  /// the side without a majority serves nothing, and that is what is measured.
  var partition: PartitionPolicy { failure == .partition ? .majority : .serve }

  /// What the members are told.
  func settings() throws -> SkeinSettings { try options.settings(partition: partition) }

  /// Builds the same lab with keepalived, hands it over, and removes it.
  func withPeer<Result>(_ advertSeconds: Double, _ body: (KeepalivedCluster) throws -> Result) throws -> Result {
    try TestBed.with(try Topology(memberCount: options.members, console: options.console)) { topology in
      try body(KeepalivedCluster(topology: topology, advertSeconds: advertSeconds, slowness: options.slowness))
    }
  }

  /// Measures on a cluster that has these settings.
  func measure(on cluster: SkeinCluster) throws -> [FailoverRun] {
    let title = "\(victim.words): \(failure.sentence); detection \(options.detectionMilliseconds) ms"
    return try cluster.measure(victim, by: failure, runs: runs, title)
  }

  func measure(on peer: KeepalivedCluster) throws -> PeerReport {
    let kind = peer.vrrp.kind
    return PeerReport(kind, members: try peer.measure(victim, by: failure, runs: peerRuns, "\(kind.words): \(failure.sentence)"))
  }
}

/// What `skein lab failover` found.
public struct FailoverReport: LabReport, Equatable {
  var mode: DeliveryMode
  var family: AddressFamily
  var victim: Victim
  var how: Failure
  var detectionMilliseconds: Int
  var partition: PartitionPolicy
  var runs: Int
  /// How long the failed member's clients heard nothing: the worst of them, in each run.
  var silenceMilliseconds: Figures
  /// How long the other members' clients heard nothing; about the 2 ms between probes if they noticed nothing.
  var survivorsSilenceMilliseconds: Figures
  /// How long after it failed the member still answered. Its lease is no longer than the detection interval, and its own kernel
  /// keeps it to that, whatever has become of its daemon.
  var stillAnsweredMilliseconds: Figures
  /// Forwarding only, when the master fails: how long everybody heard nothing, until the next master had announced itself.
  var masterGapMilliseconds: Figures?
  /// Probes with more than one answer on the wire, at any time.
  var answeredTwice: Int
  /// Probes to units of the other members that nobody answered, between the failure and the repair.
  var lostOnSurvivors: Int
  /// Probes to the failed member's units that nobody answered although a survivor had begun to.
  var lostAfterRecovery: Int
  /// Probes that nobody answered while the member came back and was balanced into.
  var lostOnReturn: Int
  /// Flows that no survivor took over.
  var neverRecovered: Int
  /// Where only its daemon failed: packets that the member still processed, between the end of its lease and its repair, by the count of
  /// its own packet path, read from the kernel without the daemon.
  var takenAfterLease: Int?
  /// By the same count: its own packets that it dropped because its lease had run out. With none, nothing would be shown. The fewest of
  /// all runs.
  var leaseExpired: Int?
  var probes: Int
  /// What took the lost ones of these three, and how many nothing explains.
  var losses: [Loss]
  var unexplained: Int
  /// Of those that nothing explains: they were answered, and the answer was not seen.
  var answersUnseen: Int
  /// How often a survivor's lease ran out: none should, but where the machine stops a daemon for longer than its lease, it must.
  var survivorsLapses: Int
  /// The longest that this machine stopped the prober, a process of real-time priority that runs every 2 ms.
  var stallMilliseconds: Double
  var peers: [PeerReport]
  /// Whether the member's own counters bear out that it processed nothing without a lease.
  var leaseWasKept: Bool
  /// Nothing was answered twice, the member answered for no longer than the detection interval and kept to its lease, all its flows were
  /// taken over, and each lost probe that counts is the host's or its virtual wires' doing. Where everybody waits for the next master of
  /// a cluster that delivers by forwarding, the survivors' losses do not count.
  public var succeeded: Bool
  /// Nothing is amiss but lost probes, and a daemon's standstill took all that the host and its virtual wires did not.
  public var stoodStill: Bool

  init(command: FailoverCommand, runs: [FailoverRun], peers: [PeerReport]) {
    mode = command.options.mode
    family = command.options.family
    victim = command.victim
    how = command.failure
    detectionMilliseconds = command.options.detectionMilliseconds
    partition = command.partition
    self.runs = runs.count
    silenceMilliseconds = Figures(runs.map(\.silenceMilliseconds))
    survivorsSilenceMilliseconds = Figures(runs.map(\.survivorsSilenceMilliseconds))
    stillAnsweredMilliseconds = Figures(runs.map(\.stillAnsweredMilliseconds))
    // Everything goes through the master here, so when it fails everybody waits for the next: a figure, not a fault.
    let everybodyWaits = mode == .forwarding && victim == .master
    masterGapMilliseconds = everybodyWaits ? survivorsSilenceMilliseconds : nil
    answeredTwice = runs.sum(\.answeredTwice)
    lostOnSurvivors = runs.sum(\.lostOnSurvivors)
    lostAfterRecovery = runs.sum(\.lostAfterRecovery)
    lostOnReturn = runs.sum(\.lostOnReturn)
    neverRecovered = runs.sum(\.neverRecovered)
    probes = runs.sum(\.probes)
    survivorsLapses = runs.sum(\.survivorsLapses)
    stallMilliseconds = runs.map(\.stallMilliseconds).max() ?? 0
    self.peers = peers
    let afterLease = runs.compactMap(\.afterLease)
    takenAfterLease = afterLease.isEmpty ? nil : afterLease.reduce(0) { $0 + $1.taken }
    leaseExpired = afterLease.map(\.leaseExpired).min()
    // By forwarding, a member sees nothing more once the master, or the next one, has forgotten it.
    leaseWasKept = takenAfterLease ?? 0 == 0 && (mode == .forwarding || leaseExpired != 0)
    let known = Losses.sum(runs.map(\.losses))
    let lost = lostAfterRecovery + lostOnReturn + (everybodyWaits ? 0 : lostOnSurvivors)
    (losses, unexplained, answersUnseen) = known.told(of: lost)
    let allElse =
      leaseWasKept && answeredTwice == 0 && stillAnsweredMilliseconds.worst <= Double(detectionMilliseconds) && neverRecovered == 0
    (succeeded, stoodStill) = known.judge(lost, besides: allElse)
  }

  /// Probes lost that should not have been.
  var lost: Int { lostAfterRecovery + lostOnReturn + (masterGapMilliseconds == nil ? lostOnSurvivors : 0) }

  private var answeredTooLong: Bool { stillAnsweredMilliseconds.worst > Double(detectionMilliseconds) }

  /// What else went wrong, in words, than a table shows.
  @Lines var faults: [String] {
    if answeredTooLong { "it still answered after \(stillAnsweredMilliseconds.worst.formatted(digits: 1)) ms" }
    if !leaseWasKept { "taken after its lease: \(takenAfterLease ?? 0), refused: \(leaseExpired ?? 0)" }
    if survivorsLapses > 0 {
      "a survivor's lease ran out \(survivorsLapses) times; the prober was stopped for up to \(stallMilliseconds.formatted(digits: 1)) ms"
    }
    if neverRecovered > 0 { "\(neverRecovered) flows were never taken over" }
  }

  /// The times without service beside keepalived's, then each check with its verdict.
  public var lines: [String] {
    "\(runs) × \(victim.words) fails: \(how.sentence)"
    "delivery by \(mode.rawValue), IPv\(family.rawValue), detection \(detectionMilliseconds) ms"
    "\(probes) probes, a flow's every 2 ms, answers counted on the wire"
    if partition == .majority { "partition: majority, so that not even the healing can give a unit two owners" }
    ""
    "  silence of its clients  \(silenceMilliseconds.text)"
    for peer in peers {
      peer.line
      if peer.addressHolders > 1 {
        "    \("".padding(20))  but \(peer.addressHolders) machines held the address: who answers is chance"
      }
    }
    if let gap = masterGapMilliseconds { "  silence of everybody    \(gap.text): forwarding needs the master" }
    ""
    verdict(answeredTwice == 0, "answered twice, at any time: \(answeredTwice)")
    let worst = stillAnsweredMilliseconds.worst.formatted(digits: 1)
    verdict(!answeredTooLong, "it still answered for at most \(worst) ms of the \(detectionMilliseconds) that its lease may last")
    if let takenAfterLease, let leaseExpired {
      let own = "by its own counters, read from the kernel: taken after its lease \(takenAfterLease), refused at least \(leaseExpired)"
      verdict(leaseWasKept, own)
    }
    let excused = losses.excuse(lost)
    verdict(
      masterGapMilliseconds != nil || lostOnSurvivors == 0 || excused, "lost on the other members' clients: \(lostOnSurvivors)")
    verdict((lostAfterRecovery == 0 || excused) && neverRecovered == 0, "lost once a survivor had taken over: \(lostAfterRecovery)")
    if neverRecovered > 0 { "          \(neverRecovered) flows were never taken over" }
    verdict(lostOnReturn == 0 || excused, "lost while it came back: \(lostOnReturn)")
    losses.lines(of: lost, answersUnseen: answersUnseen)
  }
}
