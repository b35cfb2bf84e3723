import Wire

extension GatewayRouter {
  /// GLBP's states of a gateway, and those around them.
  public enum Phase: String, Sendable { case starting, listen, speak, standby, active, down, left }

  /// What `skein gateway status` and `forwarders` show.
  public struct Snapshot: Sendable {
    /// This gateway's own state.
    public var phase: Phase
    /// The active virtual gateway, if one is known.
    public var activeGateway: InternetAddress?
    /// Who is next in line, this gateway itself perhaps; nil while nobody is known to be.
    public var standbyGateway: InternetAddress?
    /// All that are heard, this one included, by address.
    public var gateways: [Gateway]
    /// By number; those that were ever assigned.
    public var forwarders: [Forwarder]
    /// This gateway's weight, 0…255: what is configured less what the tracked objects that are down subtract.
    public var weight: UInt8
    /// False from when the weight falls below the lower threshold until it has come back to the upper one; it then gives away.
    public var isForwarding: Bool
    /// It gives its forwarders away and is given none, because it was told to drain or to leave.
    public var isDraining: Bool
    /// This gateway has given everything away.
    public var isDrained: Bool
    var isLeaving: Bool
    /// Until when the packet path serves virtual MACs; zero without a lease, and always so inside a cluster, whose lease counts there.
    public var leaseDeadline: Instant
  }

  /// One gateway of the group.
  public struct Gateway: Hashable, Sendable {
    /// Its own address, by which the group knows it.
    public var address: InternetAddress
    /// Its own MAC address, as its newest hello has it.
    public var ethernetAddress: EthernetAddress
    /// Its state, as its newest hello has it; what GLBP knows beyond `speak`, `standby` and `active` is `listen` here.
    public var phase: Phase
    /// Its priority in the election, as its newest hello has it; 0 for one that gives the election up.
    public var priority: UInt8
    /// Its weight, as its newest hello has it; 100 while it has said none.
    public var weight: UInt8
    /// After so long a silence it is counted out: its own hold time, not this gateway's.
    public var hold: Interval
    /// It speaks GLBP and nothing of ours.
    public var isForeign: Bool
    /// It drains, leaves, or is below its threshold.
    public var givesAway: Bool
    /// Nil for this gateway itself.
    public var lastHeard: Instant?
  }

  /// One forwarder of the group.
  public struct Forwarder: Hashable, Sendable {
    /// 1…255: the last octet of its virtual MAC.
    public var number: UInt8
    /// The gateway that it goes back to when that works; nil where there is none, as of a retired one.
    public var home: InternetAddress?
    /// The gateway that is to forward for it; inside a cluster the member that owns the unit and has acknowledged it. Nil if there is none.
    public var holder: InternetAddress?
    /// What this gateway itself does with it.
    public var state: ForwarderState
    /// Handed out to hosts no more.
    public var isRedirectEnded: Bool
    /// Timed out; nobody serves it.
    public var isRetired: Bool
    /// Smoothed, as far as this gateway knows.
    public var packetsPerSecond: Double
    /// The same in octets per second.
    public var octetsPerSecond: Double
  }

  /// What this gateway does with a forwarder.
  public enum ForwarderState: String, Sendable {
    /// Another gateway has it, or nobody.
    case listen
    /// It is coming: frames are held.
    case arriving
    case active
    /// It is active and about to go.
    case departing
  }
}
