// GLBP's request and response, type 2, 20 octets: a forwarder, who carries it and how well.

/// A forwarder, as the gateway that carries it, or listens for it, speaks of it.
public struct GlbpForwarder: Hashable, Sendable, GlbpBody {
  /// The priority that has been seen from the gateway that a forwarder was given to.
  public static let ownerPriority: UInt8 = 167

  /// The forwarder's number, 1…255; whether 0 is anybody's is for the receiver to judge.
  public var number: UInt8
  /// `active` or `listen`.
  public var state: GlbpState
  /// Who is to carry it: the highest.
  public var priority: UInt8
  /// How much of the traffic the sender can take.
  public var weight: UInt8
  /// The forwarder's Ethernet address.
  public var virtualEthernet: EthernetAddress

  /// A forwarder.
  public init(number: UInt8, state: GlbpState, priority: UInt8, weight: UInt8, virtualEthernet: EthernetAddress) {
    self.number = number
    self.state = state
    self.priority = priority
    self.weight = weight
    self.virtualEthernet = virtualEthernet
  }

  init(from reader: inout OctetReader) throws(WireError) {
    number = try reader.integer()
    state = GlbpState(rawValue: try reader.integer())
    _ = try reader.octets(1)
    priority = try reader.integer()
    weight = try reader.integer()
    _ = try reader.octets(7)
    virtualEthernet = try EthernetAddress(from: &reader)
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(contentsOf: [number, state.rawValue, 0, priority, weight])
    octets.append(contentsOf: repeatElement(0, count: 7))
    virtualEthernet.encode(into: &octets)
  }
}
