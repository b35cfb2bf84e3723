// IPv6 neighbour discovery (RFC 4861): solicitations and advertisements with their link-layer address options. Router messages and
// redirects are refused as unknown types.

/// A view of a neighbour solicitation or advertisement (an ICMPv6 packet). Its 24 octets are there and its options have been walked once
/// it exists; the checksum is not looked at until asked for.
public struct NeighbourPacket: Sendable {
  enum Field {
    static let type = 0
    static let code = 1
    static let flags = 4
    static let target = 8..<24
    static let options = 24
  }
  enum Number {
    static let solicitation: UInt8 = 135
    static let advertisement: UInt8 = 136
    static let sourceLinkLayer: UInt8 = 1
    static let targetLinkLayer: UInt8 = 2
  }

  /// The whole packet.
  public let octets: ArraySlice<UInt8>
  /// Its type: 135 or 136.
  public let type: UInt8

  /// Throws `truncated`, `unknownType`, or `badValue` for what RFC 4861, 7.1 says must be dropped: another code, a group as the
  /// target (or an IPv4-mapped address, see `IPv6Packet`), an option of length 0.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    guard octets.count >= Field.options else { throw .truncated(needed: Field.options, available: octets.count) }
    type = octets.integer(at: Field.type)
    guard type == Number.solicitation || type == Number.advertisement else { throw .unknownType(Int(type)) }
    guard octets.integer(at: Field.code, UInt8.self) == 0 else { throw .badValue(field: "ICMPv6 code") }
    self.octets = octets
    guard !target.isMulticast, target.family == .ipv6 else { throw .badValue(field: "neighbour target") }
    try checkOptions()
  }

  /// The address that is asked for or advertised.
  public var target: InternetAddress {
    let field = octets.octets(Field.target)
    return InternetAddress(high: field.integer(at: 0), low: field.integer(at: 8))
  }
  /// The flags of an advertisement.
  var flags: UInt8 { octets.integer(at: Field.flags) }

  /// The link-layer address in the first option of this type that has the length for Ethernet; other options are passed over.
  func linkLayerAddress(_ type: UInt8) -> EthernetAddress? {
    var rest = octets.dropFirst(Field.options)
    while rest.count >= 8 {
      let byteCount = Int(rest.integer(at: 1, UInt8.self)) * 8
      if rest.integer(at: 0) == type, byteCount == 8 { return EthernetAddress(rest.octets(2..<8)) }
      rest = rest.dropFirst(byteCount)
    }
    return nil
  }

  private func checkOptions() throws(WireError) {
    var rest = octets.dropFirst(Field.options)
    while !rest.isEmpty {
      guard rest.count >= 2 else { throw .truncated(needed: 2, available: rest.count) }
      let byteCount = Int(rest.integer(at: 1, UInt8.self)) * 8
      guard byteCount > 0 else { throw .badValue(field: "neighbour option length") }
      guard rest.count >= byteCount else { throw .truncated(needed: byteCount, available: rest.count) }
      rest = rest.dropFirst(byteCount)
    }
  }
}

/// A neighbour discovery message as a value.
public enum NeighbourMessage: Hashable, Sendable {
  /// Who has the target?
  case solicitation(NeighbourSolicitation)
  /// The sender has the target.
  case advertisement(NeighbourAdvertisement)

  /// The message that a view sees.
  public init(_ packet: NeighbourPacket) {
    if packet.type == NeighbourPacket.Number.solicitation {
      let source = packet.linkLayerAddress(NeighbourPacket.Number.sourceLinkLayer)
      self = .solicitation(NeighbourSolicitation(target: packet.target, sourceLinkLayer: source))
    } else {
      self = .advertisement(NeighbourAdvertisement(packet))
    }
  }

  /// The message in a whole IPv6 packet, if it is valid in every respect of RFC 4861, 7.1: hop limit 255, checksum, options.
  public init(in packet: IPv6Packet) throws(WireError) {
    guard packet.upperLayer == .icmpv6 else { throw .unknownType(Int(packet.upperLayer.rawValue)) }
    guard packet.hopLimit == 255 else { throw .badValue(field: "hop limit") }
    // RFC 6980, 5: fragmented neighbour discovery is dropped.
    guard packet.fragment == nil else { throw .badValue(field: "fragment") }
    let view = try NeighbourPacket(packet.payload)
    guard try IcmpPacket(packet.payload, family: .ipv6).isChecksumRight(from: packet.source, to: packet.destination) else {
      throw .badChecksum
    }
    self.init(view)
    try check(source: packet.source, destination: packet.destination)
  }

  private func check(source: InternetAddress, destination: InternetAddress) throws(WireError) {
    switch self {
    case .solicitation(let solicitation) where source == .unspecified:
      guard solicitation.sourceLinkLayer == nil, destination == solicitation.target.solicitedNode else {
        throw .badValue(field: "solicitation without a source")
      }
    case .advertisement(let advertisement) where destination.isMulticast:
      guard !advertisement.isSolicited else { throw .badValue(field: "solicited flag") }
    case .solicitation, .advertisement: break
    }
  }

  /// A whole IPv6 packet with hop limit 255 and the right checksum.
  public func packet(from source: InternetAddress, to destination: InternetAddress) -> [UInt8] {
    let icmp = message.encode(from: source, to: destination)
    return IPv6Header(source: source, destination: destination, nextHeader: .icmpv6, hopLimit: 255).packet(carrying: icmp)
  }

  private var message: IcmpMessage {
    switch self {
    case .solicitation(let solicitation):
      let body = Self.body(solicitation.target, NeighbourPacket.Number.sourceLinkLayer, solicitation.sourceLinkLayer)
      return .other(type: NeighbourPacket.Number.solicitation, code: 0, rest: 0, body: body)
    case .advertisement(let advertisement):
      let body = Self.body(advertisement.target, NeighbourPacket.Number.targetLinkLayer, advertisement.targetLinkLayer)
      return .other(type: NeighbourPacket.Number.advertisement, code: 0, rest: advertisement.flags, body: body)
    }
  }

  private static func body(_ target: InternetAddress, _ option: UInt8, _ linkLayer: EthernetAddress?) -> [UInt8] {
    var octets: [UInt8] = []
    target.encode(into: &octets)
    guard let linkLayer else { return octets }
    octets.append(contentsOf: [option, 1])
    linkLayer.encode(into: &octets)
    return octets
  }
}

/// Neighbour solicitation (RFC 4861, 4.3).
public struct NeighbourSolicitation: Hashable, Sendable {
  /// The address that is asked for.
  public var target: InternetAddress
  /// The asker's Ethernet address, if it says it.
  public var sourceLinkLayer: EthernetAddress?

  /// A solicitation.
  public init(target: InternetAddress, sourceLinkLayer: EthernetAddress?) {
    self.target = target
    self.sourceLinkLayer = sourceLinkLayer
  }
}

/// Neighbour advertisement (RFC 4861, 4.4).
public struct NeighbourAdvertisement: Hashable, Sendable {
  /// The address that is advertised.
  public var target: InternetAddress
  /// Where it is.
  public var targetLinkLayer: EthernetAddress?
  /// Whether the sender routes.
  public var isRouter: Bool
  /// Whether it answers a solicitation; never to a group.
  public var isSolicited: Bool
  /// Whether it replaces what the receiver knows.
  public var overrides: Bool

  /// An advertisement.
  public init(target: InternetAddress, targetLinkLayer: EthernetAddress?, isRouter: Bool, isSolicited: Bool, overrides: Bool) {
    self.target = target
    self.targetLinkLayer = targetLinkLayer
    self.isRouter = isRouter
    self.isSolicited = isSolicited
    self.overrides = overrides
  }

  init(_ packet: NeighbourPacket) {
    self.init(
      target: packet.target, targetLinkLayer: packet.linkLayerAddress(NeighbourPacket.Number.targetLinkLayer),
      isRouter: packet.flags & 0x80 != 0, isSolicited: packet.flags & 0x40 != 0, overrides: packet.flags & 0x20 != 0)
  }

  var flags: UInt32 { (isRouter ? 0x8000_0000 : 0) | (isSolicited ? 0x4000_0000 : 0) | (overrides ? 0x2000_0000 : 0) }
}
