// What the API answers about a virtual gateway, and `skein gateway …` shows: plain values with the field names of the JSON.

/// `skein gateway status`: this machine's part in its group.
public struct GatewayReport: Codable, Sendable {
  /// The group's number, 0 to 1023.
  public var group: Int
  /// The hosts' default gateway.
  public var addresses: [String]
  /// The interface towards the hosts.
  public var interface: String
  /// This machine's own address.
  public var address: String
  /// alone, or cluster: whose election and lease count.
  public var mode: String
  /// listen, speak, standby, active, down or left.
  public var state: String
  /// The active virtual gateway, which answers the hosts' questions.
  public var activeGateway: String?
  /// The gateway that takes the active role over when it becomes free; nil while there is none, and inside a cluster.
  public var standby: String?
  /// Its rank in the election, 1 to 255: the higher is preferred, then the higher address. It decides nothing inside a cluster.
  public var priority: Int
  /// This gateway's weight now, 0 to 254: its maximum less what is subtracted for tracked objects that are down.
  public var weight: Int
  /// How often this gateway says hello, in milliseconds, as configured.
  public var helloMilliseconds: Double
  /// How long this gateway may be silent before the others take it for dead, in milliseconds, as configured.
  public var holdMilliseconds: Double
  /// How hosts are answered: round-robin, random, weighted, host-dependent or least-traffic.
  public var answers: String
  /// How traffic is brought to its target: answers, moves or hybrid.
  public var steering: String
  /// Where the packet path runs; inside a cluster it is the cluster's.
  public var packetPath: PacketPathReport
  /// Who routes: xdp or kernel.
  public var routing: String
  /// How much longer this machine may forward without renewing its lease; 0 when it has run out.
  public var leaseMilliseconds: Double
  /// The gateways that this one hears, itself included, by address.
  public var gateways: [GatewayPeerReport]
  /// Every virtual MAC address that was ever assigned, by number.
  public var forwarders: [ForwarderReport]
  /// How many hosts this gateway remembers to have answered, at most 65,536; only the active one answers.
  public var clients: Int
  /// Seconds since the daemon started, time asleep included.
  public var uptimeSeconds: Double
  /// Octets of memory that the daemon occupies.
  public var residentBytes: Int
  /// The newest events, newest last.
  public var events: [EventReport]
  /// What an operator should know now, in sentences; empty when all is well.
  public var warnings: [String]
}

/// One gateway of the group, as this machine sees it.
public struct GatewayPeerReport: Codable, Sendable {
  /// Its own address in the hosts' network, by which the others know it.
  public var address: String
  /// listen, speak, standby, active or draining; down or left only of this gateway itself.
  public var state: String
  /// Its rank in the election, 1 to 255, as it says itself.
  public var priority: Int
  /// Its weight now, as it says itself.
  public var weight: Int
  /// Whether it speaks GLBP alone.
  public var isForeign: Bool
  /// How many virtual MAC addresses it holds.
  public var forwarders: Int
  /// Octets a second over the virtual MAC addresses that it holds, smoothed over `steering.window`.
  public var octetsPerSecond: Double
  /// Packets a second, smoothed likewise.
  public var packetsPerSecond: Double
  /// Percent of the group's traffic.
  public var share: Double
  /// Percent that it should have.
  public var target: Double
  /// How long ago this machine heard it, in milliseconds; nil for this machine itself.
  public var heardMillisecondsAgo: Double?
}

/// One virtual MAC address.
public struct ForwarderReport: Codable, Sendable {
  /// Its number in the group, 1 to 255.
  public var forwarder: Int
  /// 00:07:b4, six bits of zero, ten of the group's number, eight of the forwarder's; lowercase with colons.
  public var virtualMac: String
  /// The gateway that it was given to first.
  public var home: String?
  /// The gateway that forwards for it now.
  public var holder: String?
  /// What it is on this machine: forwarding, holding, elsewhere.
  public var here: String
  /// Whether hosts are still answered with it.
  public var isHandedOut: Bool
  /// Octets a second, smoothed over `steering.window`; of one that another gateway holds, as that one said last.
  public var octetsPerSecond: Double
  /// Packets a second, likewise.
  public var packetsPerSecond: Double
  /// Percent of the group's traffic.
  public var share: Double
  /// What this machine has forwarded for it since its packet path was started.
  public var packets: UInt64
  /// The whole octets of the frames in `packets`.
  public var octets: UInt64
  /// How many hosts were answered with it.
  public var clients: Int
}

/// `skein gateway clients`: which host was answered with what.
public struct GatewayClientsReport: Codable, Sendable {
  /// One host, and what it was told last.
  public struct Client: Codable, Sendable {
    /// The host's own MAC address: six pairs of lowercase digits with colons.
    public var ethernetAddress: String
    /// The host's own address.
    public var address: String
    /// The number of the forwarder that it was answered with.
    public var forwarder: Int
    /// That forwarder's virtual MAC address, which the host has for its gateway.
    public var virtualMac: String
    /// The address of the gateway that forwards for it now; nil when nobody does.
    public var holder: String?
    /// How many seconds ago it asked last.
    public var askedSecondsAgo: Double
    /// How often it has asked since it has been remembered.
    public var questions: Int
  }
  /// The hosts, those that asked last first; as many as were asked for, 1,000 when no number was given. Only who answers hosts has any.
  public var clients: [Client]
  /// Hosts known in all; the list may be cut.
  public var total: Int
  /// Hosts forgotten because there was no room.
  public var forgotten: UInt64
}

/// `skein gateway plan`: what would be moved now, and why.
public struct GatewayMovesReport: Codable, Sendable {
  /// One virtual MAC address that would go to another gateway.
  public struct Move: Codable, Sendable {
    /// The address of the gateway that has it.
    public var from: String
    /// The address of the gateway that would get it.
    public var to: String
    /// Its number, 1 to 255.
    public var forwarder: Int
    /// Percent of the group's traffic.
    public var load: Double
  }
  /// The gateways that take part, by address, and in this order in the lists below; those that drain, leave or are too weak do not.
  public var gateways: [String]
  /// Percent of the group's traffic, by gateway.
  public var before: [Double]
  /// The same after the moves.
  public var after: [Double]
  /// The same as it should be, by the gateways' shares.
  public var target: [Double]
  /// The moves; empty when nothing would be better, or nothing needs to be. They need not be due: `why` says when they are.
  public var moves: [Move]
  /// Why nothing would be moved, or what the moves are for.
  public var why: String
}
