/// `skein services`: the virtual servers of this cluster as this machine has them.
public struct ServicesReport: Codable, Sendable {
  /// In the order of the configuration.
  public var services: [ServiceReport]
  /// Flows that this machine remembers, counted at most a second ago.
  public var flows: Int
  /// How many it can remember.
  public var flowLimit: Int
}

/// A virtual server.
public struct ServiceReport: Codable, Sendable {
  /// What the configuration calls it.
  public var name: String
  /// The cluster address that clients use.
  public var address: String
  /// The port that clients use.
  public var port: Int
  /// tcp or udp.
  public var `protocol`: String
  /// How packets reach the servers: nat.
  public var forwarding: String
  /// The real servers.
  public var servers: [ServerReport]
}

/// A real server.
public struct ServerReport: Codable, Sendable {
  /// Its address.
  public var address: String
  /// Its port.
  public var port: Int
  /// What the configuration gives it.
  public var weight: Int
  /// How much of the new flows it gets, 0 to 1.
  public var share: Double
  /// By which hardware address it is reached; nil while the kernel does not know it.
  public var ethernetAddress: String?
  /// Flows of this machine that it has, counted at most a second ago.
  public var flows: Int
}
