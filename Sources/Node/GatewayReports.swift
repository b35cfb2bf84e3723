// What the API answers about a virtual gateway, and `skein gateway …` shows: plain values with the field names of the JSON.

/// `skein gateway status`: this machine's part in its group.
public struct GatewayReport: Codable, Sendable {
  public var group: Int
  /// The hosts' default gateway.
  public var addresses: [String]
  public var interface: String
  /// This machine's own address.
  public var address: String
  /// alone, or cluster: whose election and lease count.
  public var mode: String
  /// listen, speak, standby, active, down or left.
  public var state: String
  /// The active virtual gateway, which answers the hosts' questions.
  public var activeGateway: String?
  public var standby: String?
  public var priority: Int
  public var weight: Int
  public var helloMilliseconds: Double
  public var holdMilliseconds: Double
  public var answers: String
  public var steering: String
  public var packetPath: PacketPathReport
  /// Who routes: xdp or kernel.
  public var routing: String
  /// How much longer this machine may forward without renewing its lease; 0 when it has run out.
  public var leaseMilliseconds: Double
  public var gateways: [GatewayPeerReport]
  public var forwarders: [ForwarderReport]
  public var clients: Int
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
  public var address: String
  /// active, standby, listen, silent, draining.
  public var state: String
  public var priority: Int
  public var weight: Int
  /// Whether it speaks GLBP alone.
  public var isForeign: Bool
  /// How many virtual MAC addresses it holds.
  public var forwarders: Int
  public var octetsPerSecond: Double
  public var packetsPerSecond: Double
  /// Percent of the group's traffic.
  public var share: Double
  /// Percent that it should have.
  public var target: Double
  public var heardMillisecondsAgo: Double?
}

/// One virtual MAC address.
public struct ForwarderReport: Codable, Sendable {
  public var forwarder: Int
  public var virtualMac: String
  /// The gateway that it was given to first.
  public var home: String?
  /// The gateway that forwards for it now.
  public var holder: String?
  /// What it is on this machine: forwarding, holding, elsewhere.
  public var here: String
  /// Whether hosts are still answered with it.
  public var isHandedOut: Bool
  public var octetsPerSecond: Double
  public var packetsPerSecond: Double
  /// Percent of the group's traffic.
  public var share: Double
  /// What this machine has forwarded for it since its packet path was started.
  public var packets: UInt64
  public var octets: UInt64
  /// How many hosts were answered with it.
  public var clients: Int
}

/// `skein gateway clients`: which host was answered with what.
public struct GatewayClientsReport: Codable, Sendable {
  public struct Client: Codable, Sendable {
    public var ethernetAddress: String
    public var address: String
    public var forwarder: Int
    public var virtualMac: String
    public var holder: String?
    public var askedSecondsAgo: Double
    public var questions: Int
  }
  public var clients: [Client]
  /// Hosts known in all; the list may be cut.
  public var total: Int
  /// Hosts forgotten because there was no room.
  public var forgotten: UInt64
}

/// `skein gateway plan`: what would be moved now, and why.
public struct GatewayMovesReport: Codable, Sendable {
  public struct Move: Codable, Sendable {
    public var from: String
    public var to: String
    public var forwarder: Int
    /// Percent of the group's traffic.
    public var load: Double
  }
  public var gateways: [String]
  /// Percent of the group's traffic, by gateway.
  public var before: [Double]
  public var after: [Double]
  public var target: [Double]
  public var moves: [Move]
  /// Why nothing would be moved, or what the moves are for.
  public var why: String
}
