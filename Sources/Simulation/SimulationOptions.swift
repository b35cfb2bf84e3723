import Cluster
import Wire

/// One simulated run: everything that happens in it follows from these.
public struct SimulationOptions: Sendable {
  /// How many machines the cluster has; their members are numbered from 1.
  public var memberCount = 16
  /// Replays the run to the last message.
  public var seed: UInt64 = 1
  /// How long the run is in virtual time, `settling` included.
  public var duration = Interval.seconds(60)
  /// D, the detection interval of the members.
  public var detection = Interval.milliseconds(200)
  /// What every member is configured to do when it hears too few of the others.
  public var partition = ClusterMember.PartitionPolicy.serve
  /// Share of datagrams lost, 0…1.
  public var loss = 0.0
  /// Share of datagrams delivered twice.
  public var duplication = 0.0
  /// Each datagram takes between these; so they overtake one another.
  public var delay = Interval.microseconds(50)...Interval.milliseconds(1)
  /// Clocks run up to this much fast or slow: 0.02 is 2 %.
  public var clockSkew = 0.0
  /// The faults that may strike.
  public var faults: FaultKinds = .all
  /// Mean time between two faults.
  public var faultInterval = Interval.seconds(2)
  /// How much of the end stays without faults; by then the cluster must be whole.
  public var settling = Interval.seconds(10)
  /// Within this after the last fault has healed there must be one master, and one owner of every unit.
  public var convergence = Interval.seconds(6)
  /// One packet of a random unit is sent by a random client so often.
  public var packetInterval = Interval.milliseconds(5)
  /// Whether packets in flight are handed over while units move.
  public var handsOver = true
  /// Safety rules that are in force; a run without one of them must fail.
  public var safetyRules = ClusterMember.SafetyRules.all
  var balance = ClusterMember.BalanceRule.unitCount
  var assignsEagerly = true
  /// A virtual gateway is inside the cluster: its routers say where units should be, instead of chance (`FaultKinds.placements`).
  public var hasGateway = false

  /// Sixteen members for a minute, with every kind of fault.
  public init() {}
}

/// The faults that a run may have. Each lasts for a while and heals.
public struct FaultKinds: OptionSet, Hashable, Sendable {
  /// One bit for each kind.
  public let rawValue: UInt32
  /// The kinds of these bits; bits beyond the sixteen kinds' mean nothing.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// The process stops (SIGSTOP); its packet path does not.
  public static let pause = FaultKinds(rawValue: 1)
  /// The machine loses power and comes back.
  public static let crash = FaultKinds(rawValue: 2)
  /// The process dies and is started again; its packet path stays.
  public static let restart = FaultKinds(rawValue: 4)
  /// A machine is cut off in both directions.
  public static let isolation = FaultKinds(rawValue: 8)
  /// A machine receives nothing, or nothing it sends arrives.
  public static let oneWay = FaultKinds(rawValue: 16)
  /// The network falls into two, for both directions or one.
  public static let partition = FaultKinds(rawValue: 32)
  /// Single links between machines fail, in one direction; with the policy `majority` only, where clients may be elsewhere.
  public static let links = FaultKinds(rawValue: 64)
  /// The loss rises to a half for a while.
  public static let lossBurst = FaultKinds(rawValue: 128)
  /// The machine sees its carrier go and come.
  public static let carrier = FaultKinds(rawValue: 256)
  /// Operators drain, undrain, reweigh members, make them leave and come back.
  public static let operators = FaultKinds(rawValue: 512)
  /// Somebody on the wire forges and replays messages, all the time.
  public static let attacker = FaultKinds(rawValue: 1024)
  /// A gateway places units on members, anew every few seconds; the members hear of it one after the other.
  public static let placements = FaultKinds(rawValue: 2048)
  /// The interface goes, and comes back with another MAC address.
  public static let interface = FaultKinds(rawValue: 4096)
  /// The interface gets another MAC address.
  public static let ethernetAddress = FaultKinds(rawValue: 8192)
  /// The machine's own address goes and comes.
  public static let ownAddress = FaultKinds(rawValue: 16384)
  /// The cluster address is taken off the machine and put back: meanwhile its stack takes no packet. A cluster's members only.
  public static let clusterAddress = FaultKinds(rawValue: 32768)
  /// All sixteen kinds.
  public static let all = FaultKinds(rawValue: 65535)
  /// No faults at all.
  public static let none: FaultKinds = []
}

/// What a run came to.
public struct SimulationResult: Sendable {
  /// The seed that it ran with: the same options with it give the same run.
  public var seed: UInt64
  /// The rules that were broken, in the order in which that was seen; no more than the first 20 are kept.
  public var violations: [Violation] = []
  /// What happened in it.
  public var statistics = Statistics()
  /// No rule was broken.
  public var isClean: Bool { violations.isEmpty }

  /// A rule that was broken, and when.
  public struct Violation: Hashable, Sendable, CustomStringConvertible {
    var kind: Kind
    /// Since the run began.
    public var time: Interval
    var text: String
    /// One line, with the time since the run began in milliseconds.
    public var description: String { "at \(Double(time.nanoseconds / 1000) / 1000) ms: \(kind.rawValue): \(text)" }

    enum Kind: String, Hashable, Sendable {
      case twoOwners, announcedFirst, ownedWithoutState, notConverged, badAction
      /// A decision maker's or a host's own book-keeping contradicts itself: `checkInvariants`.
      case brokenInvariant
      /// A packet was lost by a move, and nothing else happened.
      case lostInMove
      /// Of gateways: two forward for one virtual MAC.
      case twoForwarders
    }
  }

  /// What happened in a run, counted.
  public struct Statistics: Hashable, Sendable {
    var events = 0
    /// One more for each datagram that a process sent; one to everybody counts once.
    public var datagrams = 0
    var delivered = 0
    /// One more for each packet that a client sent.
    public var packets = 0
    /// One more for each packet of a client that was answered in time.
    public var answered = 0
    /// Nobody processed it, or the answer did not reach the client.
    public var unanswered = 0
    /// One more each time that a machine became the master or, of gateways, the active one.
    public var mastersMade = 0
    var joins = 0
    /// One more for each unit that a master began to move or, of gateways, each forwarder that one of them began to forward for.
    public var unitsMoved = 0
    /// One more for each fault that was drawn, also if it found its machine down or cut off already.
    public var faults = 0
    /// One more for each datagram that the attacker put on the wire, forged or said again.
    public var forged = 0
    var conflictingClaims = 0
    /// From the healing of the last fault to a whole cluster.
    public var convergence = Interval.zero
    /// Sum of members × simulated time.
    public var memberSeconds = 0.0

    init() {}
  }
}
