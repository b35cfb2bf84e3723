// GLBP's hello, type 1: 28 octets for IPv4, 40 for IPv6.

/// What a gateway, or a forwarder, is doing. Unknown numbers survive.
public struct GlbpState: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: UInt8
  /// Any number.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// It listens: neither active nor standby, or a forwarder that somebody else carries.
  public static let listen = GlbpState(rawValue: 0x04)
  /// It takes part in the election.
  public static let speak = GlbpState(rawValue: 0x08)
  /// It takes over when the active one falls silent.
  public static let standby = GlbpState(rawValue: 0x10)
  /// It answers for the virtual address, or forwards.
  public static let active = GlbpState(rawValue: 0x20)
}

/// A gateway's hello.
public struct GlbpHello: Hashable, Sendable, GlbpBody {
  /// What the gateway is doing.
  public var state: GlbpState
  /// Who is to be active: the highest, 1…255; default 100.
  public var priority: UInt8
  /// How often it says hello.
  public var helloMilliseconds: UInt32
  /// How long it may be silent.
  public var holdMilliseconds: UInt32
  /// How long the forwarders of a dead gateway are still handed out.
  public var redirectSeconds: UInt16
  /// How long they are still forwarded for.
  public var timeoutSeconds: UInt16
  /// The address that the gateways share; its family is the group's.
  public var virtualAddress: InternetAddress

  /// A hello.
  public init(
    state: GlbpState, priority: UInt8, helloMilliseconds: UInt32, holdMilliseconds: UInt32, redirectSeconds: UInt16,
    timeoutSeconds: UInt16, virtualAddress: InternetAddress
  ) {
    self.state = state
    self.priority = priority
    self.helloMilliseconds = helloMilliseconds
    self.holdMilliseconds = holdMilliseconds
    self.redirectSeconds = redirectSeconds
    self.timeoutSeconds = timeoutSeconds
    self.virtualAddress = virtualAddress
  }

  init(from reader: inout OctetReader) throws(WireError) {
    _ = try reader.octets(1)
    state = GlbpState(rawValue: try reader.integer())
    _ = try reader.octets(1)
    priority = try reader.integer()
    _ = try reader.octets(2)
    helloMilliseconds = try reader.integer()
    holdMilliseconds = try reader.integer()
    redirectSeconds = try reader.integer()
    timeoutSeconds = try reader.integer()
    _ = try reader.octets(2)
    virtualAddress = try InternetAddress(typedFrom: &reader)
    guard helloMilliseconds != 0 else { throw .badValue(field: "GLBP hello time") }
    guard holdMilliseconds != 0 else { throw .badValue(field: "GLBP hold time") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(contentsOf: [0, state.rawValue, 0, priority, 0, 0])
    octets.append(integer: helloMilliseconds)
    octets.append(integer: holdMilliseconds)
    octets.append(integer: redirectSeconds)
    octets.append(integer: timeoutSeconds)
    octets.append(contentsOf: [0, 0])
    virtualAddress.encodeTyped(into: &octets)
  }
}

extension InternetAddress {
  /// An address as GLBP has it: type (1 IPv4, 2 IPv6), length, octets.
  init(typedFrom reader: inout OctetReader) throws(WireError) {
    let type: UInt8 = try reader.integer()
    let byteCount: UInt8 = try reader.integer()
    switch (type, byteCount) {
    case (1, 4): self.init(ipv4: try reader.integer())
    case (2, 16):
      try self.init(from: &reader)
      // An IPv4-mapped address has no business on a wire (RFC 4942, 2.2), and would be taken for IPv4.
      guard family == .ipv6 else { throw .badValue(field: "GLBP address") }
    case (1, _), (2, _): throw .badValue(field: "GLBP address length")
    default: throw .badValue(field: "GLBP address type")
    }
  }

  func encodeTyped(into octets: inout [UInt8]) {
    let address = packetOctets
    octets.append(family == .ipv4 ? 1 : 2)
    octets.append(UInt8(address.count))
    octets.append(contentsOf: address)
  }
}
