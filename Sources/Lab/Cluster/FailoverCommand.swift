/// `skein lab failover`: a member fails, again and again, in one of five ways. How long do its clients hear nothing, does anybody
/// answer twice, and do the clients of the others notice? Beside it, the same failure under keepalived.
public struct FailoverCommand: LabCommand {
  var mode: DeliveryMode
  var family: AddressFamily
  var victim: Victim
  var failure: Failure
  var detectionMilliseconds: Int
  var runs: Int
  /// How many runs keepalived gets at each of its intervals; 0 leaves it out.
  var peerRuns: Int
  /// The switch carries no multicast, and the members send to each other's addresses (`peers`).
  public var withoutMulticast = false
  var options: LabOptions

  /// `runs` is 1 to 1,000 and `peerRuns` 0 to 100, which `run()` checks; the detection interval, how long a silent member keeps its
  /// work, is 20 ms to 60 s.
  public init(
    mode: DeliveryMode = .multicast, family: AddressFamily = .four, victim: Victim, failure: Failure, detectionMilliseconds: Int = 200,
    runs: Int = 10, peerRuns: Int = 3, options: LabOptions
  ) {
    self.mode = mode
    self.family = family
    self.victim = victim
    self.failure = failure
    self.detectionMilliseconds = detectionMilliseconds
    self.runs = runs
    self.peerRuns = peerRuns
    self.options = options
  }

  /// What keepalived is measured at: its default and its fastest.
  static let peerAdvertSeconds = [1.0, 0.01]

  /// Measures all runs on one cluster, which is whole again before each, then as many as asked for under keepalived at its default and
  /// at its fastest interval, 1 s and 10 ms.
  public func run() throws -> FailoverReport {
    guard 1...1000 ~= runs, 0...100 ~= peerRuns else { throw LabError.badOption("--runs is 1 to 1,000") }
    let skein = try measureSkein()
    let peers = try peerRuns == 0 ? [] : Self.peerAdvertSeconds.map(measureKeepalived)
    return FailoverReport(command: self, partition: partition, skein: skein, peers: peers)
  }

  /// Both sides of a partition serve what reaches them, so at the moment it heals two may have the same unit. Where that must not be,
  /// the side without a majority serves nothing, and that is what is measured.
  var partition: PartitionPolicy { failure == .partition ? .majority : .serve }

  private func measureSkein() throws -> [FailoverRun] { try options.withCluster(settings(), measure(on:)) }

  /// What the members are told.
  func settings() throws -> SkeinSettings {
    var settings = try options.settings(delivery: mode, detectionMilliseconds: detectionMilliseconds, partition: partition)
    settings.withoutMulticast = withoutMulticast
    return settings
  }

  /// Measures on a cluster that has these settings and is whole; leaves it whole.
  func measure(on cluster: SkeinCluster) throws -> [FailoverRun] {
    options.console.say("\(runs) × \(victim.words): \(failure.sentence); detection \(detectionMilliseconds) ms")
    return try (0..<runs).map { _ in try measure(cluster, detectionMilliseconds: detectionMilliseconds, family: family) }
  }

  private func measureKeepalived(advertSeconds: Double) throws -> PeerReport {
    try Topology.with(memberCount: options.members, console: options.console) { topology in
      try measure(on: KeepalivedCluster(topology: topology, advertSeconds: advertSeconds))
    }
  }

  func measure(on peer: KeepalivedCluster) throws -> PeerReport {
    options.console.say("\(peerRuns) × keepalived, advertising every \(PeerReport.interval(peer.advertSeconds)): \(failure.sentence)")
    let runs = try (0..<peerRuns).map { _ in
      try measure(peer, detectionMilliseconds: Int(peer.advertSeconds * 3000) + 30, family: .four)
    }
    return PeerReport(name: "keepalived", advertSeconds: peer.advertSeconds, runs: runs)
  }

  private func measure(_ cluster: some ClusterUnderTest, detectionMilliseconds: Int, family: AddressFamily) throws -> FailoverRun {
    var settings = Prober.Settings(family: family)
    settings.silenceCertainAfterMilliseconds = detectionMilliseconds * 2
    settings.slowness = options.slowness
    return try cluster.measureFailover(
      victim, by: failure, settings: settings, patienceSeconds: Double(detectionMilliseconds) / 100 + 5, console: options.console)
  }
}

/// A rival in the same lab.
struct PeerReport: Codable, Equatable, Sendable {
  var name: String
  var advertSeconds: Double
  var silenceMilliseconds: Figures
  var answeredTwice: Int
  /// The most live machines that held the address at once. It is one machine's; with two, who gets a packet is chance.
  var addressHolders: Int

  init(name: String, advertSeconds: Double, runs: [FailoverRun]) {
    self.name = name
    self.advertSeconds = advertSeconds
    silenceMilliseconds = Figures(runs.map(\.silenceMilliseconds))
    answeredTwice = runs.reduce(0) { $0 + $1.answeredTwice }
    addressHolders = runs.compactMap(\.addressHolders).max() ?? 1
  }

  static func interval(_ seconds: Double) -> String {
    seconds < 1 ? "\((seconds * 1000).formatted(digits: 0)) ms" : "\(seconds.formatted(digits: 0)) s"
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

  init(command: FailoverCommand, partition: PartitionPolicy, skein runs: [FailoverRun], peers: [PeerReport]) {
    mode = command.mode
    family = command.family
    victim = command.victim
    how = command.failure
    detectionMilliseconds = command.detectionMilliseconds
    self.partition = partition
    self.runs = runs.count
    silenceMilliseconds = Figures(runs.map(\.silenceMilliseconds))
    survivorsSilenceMilliseconds = Figures(runs.map(\.survivorsSilenceMilliseconds))
    stillAnsweredMilliseconds = Figures(runs.map(\.stillAnsweredMilliseconds))
    // Everything goes through the master here, so when it fails everybody waits for the next: a figure, not a fault.
    let everybodyWaits = mode == .forwarding && victim == .master
    masterGapMilliseconds = everybodyWaits ? survivorsSilenceMilliseconds : nil
    func sum(_ figure: KeyPath<FailoverRun, Int>) -> Int { runs.reduce(0) { $0 + $1[keyPath: figure] } }
    answeredTwice = sum(\.answeredTwice)
    lostOnSurvivors = sum(\.lostOnSurvivors)
    lostAfterRecovery = sum(\.lostAfterRecovery)
    lostOnReturn = sum(\.lostOnReturn)
    neverRecovered = sum(\.neverRecovered)
    probes = sum(\.probes)
    survivorsLapses = sum(\.survivorsLapses)
    stallMilliseconds = runs.map(\.stallMilliseconds).max() ?? 0
    self.peers = peers
    let afterLease = runs.compactMap(\.afterLease)
    takenAfterLease = afterLease.isEmpty ? nil : afterLease.reduce(0) { $0 + $1.taken }
    leaseExpired = afterLease.map(\.leaseExpired).min()
    // By forwarding, a member sees nothing more once the master, or the next one, has forgotten it.
    leaseWasKept = takenAfterLease ?? 0 == 0 && (mode == .forwarding || leaseExpired != 0)
    let known = Losses.sum(runs.map(\.losses))
    let lost = lostAfterRecovery + lostOnReturn + (everybodyWaits ? 0 : lostOnSurvivors)
    (losses, unexplained, answersUnseen) = (known.causes, known.unexplained(of: lost), known.answersUnseen)
    let allElse =
      leaseWasKept && answeredTwice == 0 && stillAnsweredMilliseconds.worst <= Double(detectionMilliseconds) && neverRecovered == 0
    succeeded = allElse && known.excuse(lost)
    stoodStill = allElse && !succeeded && known.excuseOrStandstill(lost)
  }

  /// Probes lost that should not have been.
  var lost: Int { lostAfterRecovery + lostOnReturn + (masterGapMilliseconds == nil ? lostOnSurvivors : 0) }

  /// What else went wrong, in words, than a table shows.
  var faults: [String] {
    var faults: [String] = []
    let answered = stillAnsweredMilliseconds.worst
    if answered > Double(detectionMilliseconds) { faults.append("it still answered after \(answered.formatted(digits: 1)) ms") }
    if !leaseWasKept { faults.append("taken after its lease: \(takenAfterLease ?? 0), refused: \(leaseExpired ?? 0)") }
    if survivorsLapses > 0 {
      faults.append(
        "a survivor's lease ran out \(survivorsLapses) times; the prober was stopped for up to \(stallMilliseconds.formatted(digits: 1)) ms"
      )
    }
    if neverRecovered > 0 { faults.append("\(neverRecovered) flows were never taken over") }
    return faults
  }

  /// Writes the times without service beside keepalived's, then each check with its verdict.
  public func render(to output: inout some TextOutputStream) {
    print("\(runs) × \(victim.words) fails: \(how.sentence)", to: &output)
    print("delivery by \(mode.rawValue), IPv\(family.rawValue), detection \(detectionMilliseconds) ms", to: &output)
    print("\(probes) probes, a flow's every 2 ms, answers counted on the wire", to: &output)
    if partition == .majority { print("partition: majority, so that not even the healing can give a unit two owners", to: &output) }
    print("", to: &output)
    print("  silence of its clients  \(silenceMilliseconds.text)", to: &output)
    for peer in peers {
      let name = "\(peer.name), \(PeerReport.interval(peer.advertSeconds))"
      print("    \(name.padding(20))  \(peer.silenceMilliseconds.text)", to: &output)
      if peer.addressHolders > 1 {
        print("    \("".padding(20))  but \(peer.addressHolders) machines held the address: who answers is chance", to: &output)
      }
    }
    if let gap = masterGapMilliseconds { print("  silence of everybody    \(gap.text): forwarding needs the master", to: &output) }
    print("", to: &output)
    print(verdict(answeredTwice == 0, "answered twice, at any time: \(answeredTwice)"), to: &output)
    let lease =
      "it still answered for at most \(stillAnsweredMilliseconds.worst.formatted(digits: 1)) ms of the \(detectionMilliseconds) that its lease may last"
    print(verdict(stillAnsweredMilliseconds.worst <= Double(detectionMilliseconds), lease), to: &output)
    if let takenAfterLease, let leaseExpired {
      let own = "by its own counters, read from the kernel: taken after its lease \(takenAfterLease), refused at least \(leaseExpired)"
      print(verdict(leaseWasKept, own), to: &output)
    }
    let survivors = "lost on the other members' clients: \(lostOnSurvivors)"
    let excused = losses.excuse(lost)
    print(verdict(masterGapMilliseconds != nil || lostOnSurvivors == 0 || excused, survivors), to: &output)
    print(
      verdict((lostAfterRecovery == 0 || excused) && neverRecovered == 0, "lost once a survivor had taken over: \(lostAfterRecovery)"),
      to: &output)
    if neverRecovered > 0 { print("          \(neverRecovered) flows were never taken over", to: &output) }
    print(verdict(lostOnReturn == 0 || excused, "lost while it came back: \(lostOnReturn)"), to: &output)
    for line in losses.lines(of: lost, answersUnseen: answersUnseen) { print(line, to: &output) }
  }
}

extension String {
  /// The text, filled up with spaces to this many characters.
  func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
