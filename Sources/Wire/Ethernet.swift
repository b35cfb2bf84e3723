// Ethernet II frames without preamble and frame check sequence, with up to two VLAN tags (IEEE 802.1Q, 802.1ad).

/// What an Ethernet frame carries. Unknown numbers survive; numbers below 0x600 are an IEEE 802.3 length.
public struct EtherType: RawRepresentable, Hashable, Sendable {
  /// IEEE's number.
  public var rawValue: UInt16
  /// Any number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// IPv4.
  public static let ipv4 = EtherType(rawValue: 0x0800)
  /// ARP.
  public static let arp = EtherType(rawValue: 0x0806)
  /// Reverse ARP (RFC 903).
  public static let reverseArp = EtherType(rawValue: 0x8035)
  /// A VLAN tag follows (802.1Q).
  public static let vlan = EtherType(rawValue: 0x8100)
  /// IPv6.
  public static let ipv6 = EtherType(rawValue: 0x86dd)
  /// A service VLAN tag follows (802.1ad, QinQ).
  public static let serviceVlan = EtherType(rawValue: 0x88a8)

  var isTag: Bool { self == .vlan || self == .serviceVlan }
}

/// A VLAN tag.
public struct VlanTag: Hashable, Sendable {
  /// `vlan` or `serviceVlan`.
  public var kind: EtherType
  /// Priority, drop eligibility and identifier as they stand in the frame.
  public var control: UInt16

  /// The VLAN, 0…4,095; 0 is a priority tag.
  public var identifier: UInt16 { control & 0x0fff }
  /// Priority, 0…7.
  public var priority: UInt8 { UInt8(control >> 13) }

  /// A tag of this kind.
  public init(kind: EtherType = .vlan, control: UInt16) {
    self.kind = kind
    self.control = control
  }
}

/// A view of a frame. The first 14 octets and the tags are there once it exists; a third tag counts as payload.
public struct EthernetFrame: Sendable {
  enum Field {
    static let destination = 0..<6
    static let source = 6..<12
    static let type = 12
    static let byteCount = 14
    static let tagByteCount = 4
    static let tagLimit = 2
  }

  /// The whole frame.
  public let octets: ArraySlice<UInt8>
  /// Octets before the payload.
  let headerByteCount: Int

  /// Throws `truncated` when the header, tags included, is not all there.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    var length = Field.byteCount
    func checkLength() throws(WireError) {
      guard octets.count >= length else { throw .truncated(needed: length, available: octets.count) }
    }
    try checkLength()
    while length < Field.byteCount + Field.tagLimit * Field.tagByteCount, EtherType(rawValue: octets.integer(at: length - 2)).isTag {
      length += Field.tagByteCount
      try checkLength()
    }
    self.octets = octets
    headerByteCount = length
  }

  /// Where the frame goes.
  public var destination: EthernetAddress { EthernetAddress(octets.octets(Field.destination)) }
  /// Where it comes from.
  public var source: EthernetAddress { EthernetAddress(octets.octets(Field.source)) }
  /// What it carries, behind the tags.
  public var type: EtherType { EtherType(rawValue: octets.integer(at: headerByteCount - 2)) }
  /// The tags, the outer one first.
  public var tags: [VlanTag] {
    stride(from: Field.type, to: headerByteCount - 2, by: Field.tagByteCount).map {
      VlanTag(kind: EtherType(rawValue: octets.integer(at: $0)), control: octets.integer(at: $0 + 2))
    }
  }
  /// What follows, padding included.
  public var payload: ArraySlice<UInt8> { octets.dropFirst(headerByteCount) }
}

/// A frame's header.
public struct EthernetHeader: Hashable, Sendable {
  /// The shortest frame without its check sequence; shorter payloads are padded with zeros.
  public static let leastFrameByteCount = 60

  /// Where the frame goes.
  public var destination: EthernetAddress
  /// Where it comes from.
  public var source: EthernetAddress
  /// The tags, the outer one first.
  public var tags: [VlanTag]
  /// What it carries.
  public var type: EtherType

  /// A header.
  public init(destination: EthernetAddress, source: EthernetAddress, tags: [VlanTag] = [], type: EtherType) {
    self.destination = destination
    self.source = source
    self.tags = tags
    self.type = type
  }

  /// The header that a view sees.
  public init(_ frame: EthernetFrame) {
    self.init(destination: frame.destination, source: frame.source, tags: frame.tags, type: frame.type)
  }

  /// Appends the header's octets.
  public func encode(into octets: inout [UInt8]) {
    destination.encode(into: &octets)
    source.encode(into: &octets)
    for tag in tags {
      octets.append(integer: tag.kind.rawValue)
      octets.append(integer: tag.control)
    }
    octets.append(integer: type.rawValue)
  }

  /// A whole frame, padded to the least length.
  public func frame(carrying payload: some Collection<UInt8>) -> [UInt8] {
    var octets: [UInt8] = []
    encode(into: &octets)
    octets.append(contentsOf: payload)
    octets.append(contentsOf: repeatElement(0, count: max(0, Self.leastFrameByteCount - octets.count)))
    return octets
  }
}

extension EthernetAddress {
  /// ff:ff:ff:ff:ff:ff.
  public static let broadcast = EthernetAddress(bits: 0xffff_ffff_ffff)

  /// Whether it names a group, the broadcast address included.
  public var isMulticast: Bool { bits >> 40 & 1 == 1 }

  /// Whether it was chosen here and not by a manufacturer.
  public var isLocallyAdministered: Bool { bits >> 40 & 2 == 2 }

  /// Where a multicast IP packet goes: 01:00:5e and 23 bits (RFC 1112, 6.4), or 33:33 and 32 bits (RFC 2464, 7).
  public init(group: InternetAddress) {
    switch group.family {
    case .ipv4: self.init(bits: 0x0100_5e00_0000 | group.low & 0x7f_ffff)
    case .ipv6: self.init(bits: 0x3333_0000_0000 | group.low & 0xffff_ffff)
    }
  }

  /// Six octets, which the caller has checked to be there.
  init(_ octets: ArraySlice<UInt8>) {
    self.init(bits: UInt64(octets.integer(at: 0, UInt16.self)) << 32 | UInt64(octets.integer(at: 2, UInt32.self)))
  }
}
