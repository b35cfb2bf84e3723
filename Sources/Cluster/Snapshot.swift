import Wire

extension ClusterMember {
  /// What `skein status`, `members` and `units` show.
  public struct Snapshot: Sendable {
    public var phase: Phase
    public var term: Term
    /// The master that this member follows or is.
    public var master: MemberIdentifier?
    /// When this machine's lease runs out.
    public var leaseDeadline: Instant
    public var members: [Member]
    /// Owner and acknowledgement of each of the 1,024 units, as far as this machine knows. A member that is not the master knows its own
    /// at once and the others' up to a second late.
    public var units: [Unit]
    /// Where units are placed, as this machine's gateway said last.
    public var places: [Int: MemberIdentifier] = [:]
    /// Units that this machine processes.
    public var ownUnits: UnitSet
    public var keepaliveInterval: Interval
    /// n, 2…20.
    public var toleratedLosses: Int
    /// P, the loss average from which n comes: the worst member's on a master, its own on a member.
    public var lossAverage: Double
    public var epoch: UInt32
    public var isDraining: Bool
    /// Draining has finished: this machine owns nothing.
    public var isDrained: Bool
    public var isLeaving: Bool

    public struct Member: Sendable {
      public var profile: MemberProfile
      public var unitCount: Int
      public var lossAverage: Double
      /// When the master last heard it; nil on a member, which does not listen for the others.
      public var lastHeard: Instant?
      public var isDraining: Bool
      public var packetsPerSecond: UInt32
    }

    public struct Unit: Hashable, Sendable {
      public var owner: MemberIdentifier?
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
