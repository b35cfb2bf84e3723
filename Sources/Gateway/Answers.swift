import Wire

/// A host of the LAN, as it asks for its gateway.
public struct GatewayHost: Hashable, Sendable {
  /// Its own Ethernet address.
  public var ethernet: EthernetAddress
  /// Its own address.
  public var address: InternetAddress

  /// The host with these two addresses.
  public init(ethernet: EthernetAddress, address: InternetAddress) {
    self.ethernet = ethernet
    self.address = address
  }
}

/// How hosts are answered (WO 2005/018176, "The AVG may reply to ARP requests … in various ways").
public enum AnswerMethod: String, CaseIterable, Sendable {
  /// One virtual MAC after the other.
  case roundRobin = "round-robin"
  /// Any.
  case random
  /// Each gateway as often as its weight says, and its virtual MACs in turn.
  case weighted
  /// The same host always gets the same virtual MAC while the set is unchanged.
  case hostDependent = "host-dependent"
  /// The lowest-traffic virtual MAC of the lowest-traffic gateway (Figure 5).
  case leastTraffic = "least-traffic"
}

/// What the answers need to know of one gateway.
public struct AnsweringGateway: Hashable, Sendable {
  /// One of its virtual MACs.
  public struct Forwarder: Hashable, Sendable {
    /// Its number in the group.
    public var number: UInt8
    /// Its measured traffic, in any unit, the same everywhere.
    public var load: Double
    /// Whether it may be handed out: its holder forwards and its redirect time has not ended.
    public var mayBeAnswered: Bool

    /// A virtual MAC.
    public init(number: UInt8, load: Double, mayBeAnswered: Bool = true) {
      self.number = number
      self.load = load
      self.mayBeAnswered = mayBeAnswered
    }
  }

  /// Its virtual MACs.
  public var forwarders: [Forwarder]
  /// Its weight now, for `.weighted`.
  public var weight: UInt8
  /// What it should carry beside the shares of the others, for `.leastTraffic`.
  public var share: Double

  /// A gateway.
  public init(_ forwarders: [Forwarder], weight: UInt8 = 100, share: Double = 1) {
    self.forwarders = forwarders
    self.weight = weight
    self.share = share
  }
}

/// Which virtual MAC a host is answered with.
public struct Answers: Sendable {
  /// How; may change at any time.
  public var method: AnswerMethod
  /// `.leastTraffic` goes round robin while every gateway is within this share of the total from its target (0.05: for two, at least 45 %).
  public var threshold = 0.05

  /// Nobody to answer with yet.
  public init(method: AnswerMethod = .leastTraffic) { self.method = method }

  /// Takes in a measurement, or who holds what now. Hosts answered before count no longer by estimate: they are in the measurement.
  /// `hostCount` is how many hosts share the traffic (`ClientCache.count`).
  public mutating func update(_ gateways: [AnsweringGateway], hostCount: Int, at now: Instant) {}

  /// The forwarder whose virtual MAC the host is answered with; nil if none may be handed out. `last` is what the host was told before, if that
  /// is known (`ClientCache`).
  public mutating func answer(
    _ host: GatewayHost, last: ClientCache.Client?, using generator: inout some RandomNumberGenerator
  ) -> UInt8? { nil }
}
