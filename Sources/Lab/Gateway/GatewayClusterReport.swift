/// What `skein lab gateway-cluster` found.
public struct GatewayClusterReport: LabReport, Equatable {
  var members: Int
  var packets = 0
  /// Packets that came out nowhere, by operation: move, drain, leave, return, crash (of a daemon that is started again at once), restart.
  var lost: [String: Int] = [:]
  /// Moves that the plan made.
  var moves = 0
  /// For how long hosts of a failed member were without service: member and master killed, a member's daemon hung.
  var silenceMilliseconds: [String: Figures] = [:]
  /// Packets to the other members' virtual MAC addresses that were lost meanwhile.
  var lostOfSurvivors = 0
  /// What took those that were lost, and how many nothing explains.
  var losses: [Loss] = []
  var unexplained = 0
  /// Of those, in whichever operation, those that were lost while a member's lease had run out because the machine did not let its daemon
  /// run: no hand-over could have held them. And the longest such time, by the daemon's own clock.
  var lostInStandstills = 0
  var standstillMilliseconds = 0
  /// The longest that this machine stopped the sender, a thread of real-time priority that runs every millisecond.
  var stallMilliseconds = 0.0
  var forwardedTwice = 0
  /// Packets that a member whose daemon hung put on the wire after its lease had run out, and those that it dropped for that.
  var forwardedAfterLease = 0
  var leaseExpired = 0
  /// Pings of a host that had to ask for its gateway each time, of the gateway itself and of a machine behind it.
  var pings = 0
  var pingsAnswered = 0
  /// All pings were answered, nothing was forwarded twice or after a lease, the plan moved a virtual MAC address at least once, and each
  /// lost packet, but for those of a failed member's hosts, is the host's or its virtual wires' doing.
  public var succeeded = false
  /// Nothing is amiss but lost packets, and a daemon's standstill took all that the host and its virtual wires did not.
  public var stoodStill = false

  init(members: Int) { self.members = members }

  /// Enters what is known when all is over.
  mutating func conclude(_ ledger: ProbeLedger, _ known: Losses) {
    packets = ledger.probeCount
    (losses, unexplained, _) = known.told(of: allLost)
    lostInStandstills = known.inStandstills
    stallMilliseconds = ledger.standstills(longerThan: GatewayClusterStream.leastStandstill).map(\.nanoseconds.milliseconds).max() ?? 0
    forwardedTwice = ledger.answeredTwice
    let allElse = pingsAnswered == pings && forwardedTwice == 0 && forwardedAfterLease == 0 && moves > 0
    (succeeded, stoodStill) = known.judge(allLost, besides: allElse)
  }

  private var allLost: Int { lost.values.reduce(lostOfSurvivors, +) }

  /// Writes the losses of each operation, what took them, and how long hosts of a failed member were without service.
  public var lines: [String] {
    "a virtual gateway inside a cluster of \(members), under 10,000 packets a second, \(packets) in all"
    verdict(forwardedTwice == 0, "forwarded twice: \(forwardedTwice)")
    for (operation, count) in lost.sorted(by: { $0.key < $1.key }) {
      verdict(count == 0 || losses.excuse(allLost), "\(operation): lost \(count)")
    }
    verdict(pingsAnswered == pings, "pings of a host that asks who its gateway is: \(pingsAnswered) of \(pings) answered")
    verdict(moves > 0, "virtual MAC addresses moved by the plan: \(moves)")
    verdict(lostOfSurvivors == 0 || losses.excuse(allLost), "lost on other members' virtual MAC addresses: \(lostOfSurvivors)")
    losses.lines(of: allLost)
    verdict(forwardedAfterLease == 0, "forwarded after the lease of a daemon that hung: \(forwardedAfterLease), dropped: \(leaseExpired)")
    if stallMilliseconds > 0 {
      "        the machine did not let the sender run for up to \(stallMilliseconds.formatted(digits: 0)) ms"
    }
    for (what, figures) in silenceMilliseconds.sorted(by: { $0.key < $1.key }) {
      "        without service when a \(what) failed: \(figures.text)"
    }
  }
}
