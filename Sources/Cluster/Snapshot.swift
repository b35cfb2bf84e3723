import Wire

extension ClusterMember {
  /// What `skein status`, `members` and `units` show.
  public struct Snapshot: Sendable {
    /// What this machine is in the cluster at present.
    public var phase: Phase
    /// The term of the reign that it follows or holds; `none` while it has no master.
    public var term: Term
    /// The master that this member follows or is.
    public var master: MemberIdentifier?
    /// When this machine's lease runs out.
    public var leaseDeadline: Instant
    /// The members as the newest list has them, on a master itself first; empty while this machine has no master.
    public var members: [Member]
    /// Owner and acknowledgement of each of the 1,024 units, as far as this machine knows. A member that is not the master knows its own
    /// at once and the others' up to a second late.
    public var units: [Unit]
    /// Where units are placed, as this machine's gateway said last.
    public var places: [Int: MemberIdentifier] = [:]
    /// Units that this machine processes.
    public var ownUnits: UnitSet
    /// How often this member sends its keepalives: P/(n + 1), as the master last set it; zero while it has no master.
    public var keepaliveInterval: Interval
    /// n, 2…20.
    public var toleratedLosses: Int
    /// P, the loss average from which n comes: the worst member's on a master, its own on a member.
    public var lossAverage: Double
    /// The epoch of the group key that this machine seals under; 0 before the first.
    public var epoch: UInt32
    /// The operator has this machine drained: it gives its units away and is given none.
    public var isDraining: Bool
    /// Draining has finished: this machine owns nothing.
    public var isDrained: Bool
    var isLeaving: Bool

    /// A member, as this machine knows it: a master by the members' keepalives, a member by the master's list.
    public struct Member: Sendable {
      /// Who it is: its number, its run, its addresses and its weight.
      public var profile: MemberProfile
      /// How many units it owns and has acknowledged; of others, a member knows it up to a second late.
      public var unitCount: Int
      /// P, 0…1: the smoothed loss of its keepalives. A master has it of every other member, a member only of itself; otherwise 0.
      public var lossAverage: Double
      /// When the master last heard it; nil on a member, which does not listen for the others.
      public var lastHeard: Instant?
      /// It is given no units: it drains, or leaves, or its personality is older than the master's.
      public var isDraining: Bool
      /// Packets per second that it processes, smoothed. A master has it of every member, a member only of itself; otherwise 0.
      public var packetsPerSecond: UInt32
    }

    /// What is known of one unit.
    public struct Unit: Hashable, Sendable {
      /// Who processes it or, as long as that is not acknowledged, is to do so; nil while nobody has it.
      public var owner: MemberIdentifier?
      /// The owner has said that it processes the unit. Of others' units, a member knows only of such.
      public var isAcknowledged: Bool
    }
  }

  /// The states of figure 6, and those around it.
  public enum Phase: String, Sendable {
    case starting, joining, offering
    /// A machine that was refused rests before it tries again; one with an older personality waits for the newer.
    case waiting
    /// Its master fell silent; a successor is being found.
    case electing
    case member, master, left
    /// No carrier.
    case down
  }
}
