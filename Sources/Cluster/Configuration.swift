import Wire

extension ClusterMember {
  /// What a member has to know before it starts. Nothing here changes while it runs but weight and personality, which have events.
  public struct Configuration: Sendable {
    /// This machine, as the others shall know it. The incarnation must be fresh for each start of the daemon.
    public var profile: MemberProfile
    /// How long a member may be silent before it is taken for dead: the lease of its units. 20 ms or more.
    public var detectionInterval: Interval
    /// What this machine does when it hears too few of the others; all members must be given the same.
    public var partition: PartitionPolicy
    /// Version of the personality (signed configuration bundle).
    public var personalityVersion: UInt64
    /// Digest of the settings that all members must share.
    public var settingsDigest: UInt64
    /// Whether units that lost their owner get a new one at once, or as their next packet arrives (figure 8E).
    public var assignsEagerly = true
    /// What balancing evens out (figure 8D).
    public var balance = BalanceRule.unitCount
    /// How often the master balances; 2 s in the seed.
    public var balanceInterval = Interval.seconds(2)
    /// How often the master repeats its announcement of the cluster addresses.
    public var announceInterval = Interval.seconds(30)
    /// Whether applications on this machine have state to hand over: then assignments wait for `Event.stateComplete`,
    /// de-assignments for `Event.stateHandedOver`.
    public var hasApplicationState = false
    /// Whether applications are asked before a machine may join (figure 8F): then `Action.askApplications` waits for its answer.
    public var asksApplications = false
    /// For tests of the checker only: the safety rules in force.
    public var safetyRules = SafetyRules.all

    /// A configuration with the seed's intervals.
    public init(
      profile: MemberProfile, detectionInterval: Interval = .milliseconds(200), partition: PartitionPolicy = .serve,
      personalityVersion: UInt64 = 0, settingsDigest: UInt64 = 0
    ) {
      self.profile = profile
      self.detectionInterval = detectionInterval
      self.partition = partition
      self.personalityVersion = personalityVersion
      self.settingsDigest = settingsDigest
    }
  }

  /// What a side does that has lost sight of the other members.
  public enum PartitionPolicy: Hashable, Sendable {
    /// Each side serves what reaches it: right where the members hear each other on the wire that the clients use.
    case serve
    /// Only a side with a majority of this many members serves.
    case majority(of: Int)
  }

  /// What balancing evens out. Weights apply to both.
  public enum BalanceRule: Hashable, Sendable {
    case unitCount
    /// Packets per second, as the members report them.
    case measuredTraffic
  }

  /// The four safety rules (specification 1, "Safety that we add"). Each can be switched off to prove that the simulator's checker notices.
  public struct SafetyRules: OptionSet, Hashable, Sendable {
    /// One bit for each rule that is in force.
    public let rawValue: UInt8
    /// The rules of these bits; bits beyond the five rules' mean nothing.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// A member processes only until a deadline.
    public static let lease = SafetyRules(rawValue: 1)
    /// State in, then own, then announce.
    public static let order = SafetyRules(rawValue: 2)
    /// A returning member owns nothing until its state is complete, and gets units one by one.
    public static let `return` = SafetyRules(rawValue: 4)
    /// Messages that are not authentic change nothing.
    public static let authentication = SafetyRules(rawValue: 8)
    /// Whoever gives a unit up stores that first, and then empties the ring and hands over what was in it.
    public static let handover = SafetyRules(rawValue: 16)
    /// All five rules: what every real member runs with.
    public static let all: SafetyRules = [.lease, .order, .return, .authentication, .handover]
  }
}

extension ClusterMember.Configuration {
  /// How long the word of a master counts: its own lease, a member's watchdog on it and a member's promise not to follow another.
  /// Half the lease of a unit, so that a new master is found while the survivors' leases still run.
  public var authorityInterval: Interval { detectionInterval / 2 }
  /// What is added to every wait for somebody else's deadline: clocks that run up to 6 % apart, and a daemon's own delay.
  public var guardInterval: Interval { detectionInterval / 16 + .milliseconds(1) }
}
