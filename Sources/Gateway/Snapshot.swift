import Wire

extension GatewayRouter {
  /// GLBP's states of a gateway, and those around them.
  public enum Phase: String, Sendable { case starting, listen, speak, standby, active, down, left }

  /// What `skein gateway status` and `forwarders` show.
  public struct Snapshot: Sendable {
    public var phase: Phase
    /// The active virtual gateway, if one is known.
    public var activeGateway: InternetAddress?
    public var standbyGateway: InternetAddress?
    /// All that are heard, this one included, by address.
    public var gateways: [Gateway]
    /// By number; those that were ever assigned.
    public var forwarders: [Forwarder]
    public var weight: UInt8
    public var isForwarding: Bool
    public var isDraining: Bool
    /// This gateway has given everything away.
    public var isDrained: Bool
    public var isLeaving: Bool
    public var leaseDeadline: Instant
  }

  /// One gateway of the group.
  public struct Gateway: Hashable, Sendable {
    public var address: InternetAddress
    public var ethernetAddress: EthernetAddress
    public var phase: Phase
    public var priority: UInt8
    public var weight: UInt8
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
    public var number: UInt8
    public var home: InternetAddress?
    public var holder: InternetAddress?
    public var state: ForwarderState
    /// Handed out to hosts no more.
    public var isRedirectEnded: Bool
    /// Timed out; nobody serves it.
    public var isRetired: Bool
    /// Smoothed, as far as this gateway knows.
    public var packetsPerSecond: Double
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
