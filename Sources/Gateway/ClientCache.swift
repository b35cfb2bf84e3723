import Wire

/// Which host was answered with which virtual MAC: bounded; the host that asked longest ago goes first.
public struct ClientCache: Sendable {
  /// What is known of one host.
  public struct Client: Hashable, Sendable {
    /// The host.
    public var host: GatewayHost
    /// The forwarder whose virtual MAC it was answered with last.
    public var forwarder: UInt8
    /// When it asked last.
    public var askedAt: Instant
    /// How often it has asked.
    public var askCount: Int
  }

  /// How many hosts are known.
  public var count: Int { 0 }
  /// How many were forgotten because others came.
  public private(set) var evictionCount: UInt64 = 0

  /// Room for so many hosts, at least one.
  public init(capacity: Int = 65_536) {}

  /// What is known of the host.
  public func client(_ host: GatewayHost) -> Client? { nil }

  /// The host was answered.
  public mutating func record(_ host: GatewayHost, forwarder: UInt8, at now: Instant) {}

  /// How many of the known hosts were last answered with this forwarder.
  public func hostCount(of forwarder: UInt8) -> Int { 0 }

  /// The known hosts, the one that asked last first.
  public func clients(limit: Int = .max) -> [Client] { [] }
}
