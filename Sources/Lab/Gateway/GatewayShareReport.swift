/// What `skein lab gateway` found.
public struct GatewayShareReport: LabReport, Equatable {
  var routers: Int
  var hosts: Int
  var method: SteeringMethod
  /// Each router's part of the traffic in percent, as unequal as it was at first.
  var sharesBefore: [Double] = []
  var sharesAfter: [Double] = []
  /// From the first packet until every router was within 5 points of its target.
  var secondsToTarget = 0.0
  /// Virtual MAC addresses that the routers moved by themselves or for the drain.
  var moves = 0
  /// Of these, seen while a router was drained and returned.
  var movesByDrain = 0
  /// Numbered packets sent while virtual MAC addresses moved.
  var packets = 0
  var packetsLostByMoves = 0
  /// What took them.
  var losses: [Loss] = []
  /// Packets that came out of more than one router.
  var forwardedTwice = 0
  /// Of the TCP connection, and whether both ends have the same hash of it.
  var transferredOctets = 0
  var transferIsWhole = false
  /// Pings answered and pages fetched: one of each by every host and family.
  var pings = 0
  var pages = 0
  var iperfMegabitsPerSecond = 0.0
  /// The demonstration: how long the dead router's hosts got nothing through, and nobody was answered.
  var silenceMilliseconds: Double?
  var answersSilenceMilliseconds: Double?
  var lostOnSurvivors: Int?
  var lostOnReturn: Int?
  var seconds = 0.0

  init(command: GatewayCommand) {
    routers = command.routers
    hosts = command.hosts
    method = command.method ?? .hybrid
  }

  private var isNearTarget: Bool {
    !sharesAfter.isEmpty && sharesAfter.allSatisfy { abs($0 - 100 / Double(routers)) <= GatewayCommand.tolerance }
  }

  /// In the end every router was within 5 points of an equal part, all pings and pages were answered, the transfer is whole, nothing was
  /// forwarded twice, and each packet lost by moves is the host's or its virtual wires' doing. In the demonstration nothing else may be
  /// lost by the surviving routers' hosts or on the dead one's return.
  public var succeeded: Bool {
    isNearTarget && losses.excuse(packetsLostByMoves) && forwardedTwice == 0 && transferIsWhole && pings == hosts * 2 && pages == hosts * 2
      && iperfMegabitsPerSecond > 0 && (lostOnSurvivors ?? 0) == 0 && (lostOnReturn ?? 0) == 0
  }

  /// Writes what was seen, after the story that the command has told.
  public var lines: [String] {
    let list = { (shares: [Double]) in shares.map { $0.formatted(digits: 1) }.joined(separator: ", ") }
    "\nWhat was seen, steering by \(method.rawValue):"
    verdict(pings == hosts * 2, "pings to the virtual addresses answered: \(pings) of \(hosts * 2)")
    verdict(pages == hosts * 2, "pages fetched through the gateway: \(pages) of \(hosts * 2)")
    "        the routers' shares in percent: \(list(sharesBefore)) at first"
    verdict(isNearTarget, "\(list(sharesAfter)) in the end; within 5 points after \(secondsToTarget.formatted(digits: 1)) s")
    verdict(losses.excuse(packetsLostByMoves), "\(moves) moves, packets lost by them: \(packetsLostByMoves) of \(packets)")
    losses.lines(of: packetsLostByMoves)
    verdict(forwardedTwice == 0, "packets forwarded twice: \(forwardedTwice)")
    verdict(transferIsWhole, "TCP through the moves: \(transferredOctets >> 20) MiB, the same hash at both ends")
    if let silenceMilliseconds, let answersSilenceMilliseconds, let lostOnSurvivors, let lostOnReturn {
      "        the dead router's hosts got nothing through for \(silenceMilliseconds.formatted(digits: 0)) ms,"
      "        and no question was answered for \(answersSilenceMilliseconds.formatted(digits: 0)) ms"
      verdict(lostOnSurvivors == 0, "lost by the other routers' hosts: \(lostOnSurvivors)")
      verdict(lostOnReturn == 0, "lost while it came back: \(lostOnReturn)")
    }
    "        everything is removed; it took \(seconds.formatted(digits: 0)) s"
  }
}
