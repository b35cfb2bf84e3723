// UDP (RFC 768) over IPv4 and IPv6.

/// A view of a UDP datagram. Header and as many octets as its length says are there once it exists; the checksum is not looked at until
/// asked for.
public struct UdpDatagram: Sendable {
  enum Field {
    static let sourcePort = 0
    static let destinationPort = 2
    static let byteCount = 4
    static let checksum = 6
    static let payload = 8
  }

  /// The datagram without what follows it.
  public let octets: ArraySlice<UInt8>

  /// Throws `truncated`, or `badValue` for a length below the header's.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    guard octets.count >= Field.payload else { throw .truncated(needed: Field.payload, available: octets.count) }
    let byteCount = Int(octets.integer(at: Field.byteCount, UInt16.self))
    guard byteCount >= Field.payload else { throw .badValue(field: "UDP length") }
    guard octets.count >= byteCount else { throw .truncated(needed: byteCount, available: octets.count) }
    self.octets = octets.prefix(byteCount)
  }

  /// The sender's port.
  public var sourcePort: UInt16 { octets.integer(at: Field.sourcePort) }
  /// The receiver's port.
  public var destinationPort: UInt16 { octets.integer(at: Field.destinationPort) }
  /// What follows the header.
  public var payload: ArraySlice<UInt8> { octets.dropFirst(Field.payload) }

  /// Whether the checksum matches. Over IPv4 it may be left out (0); over IPv6 it must not (RFC 8200, 8.1).
  public func isChecksumRight(from source: InternetAddress, to destination: InternetAddress) -> Bool {
    guard octets.integer(at: Field.checksum, UInt16.self) != 0 else { return destination.family == .ipv4 }
    return InternetChecksum.value(of: octets, protocolNumber: .udp, from: source, to: destination) == 0
  }
}

/// A UDP header as a value.
public struct UdpHeader: Hashable, Sendable {
  /// The sender's port.
  public var sourcePort: UInt16
  /// The receiver's port.
  public var destinationPort: UInt16

  /// A header.
  public init(sourcePort: UInt16, destinationPort: UInt16) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }

  /// The header that a view sees.
  public init(_ datagram: UdpDatagram) {
    self.init(sourcePort: datagram.sourcePort, destinationPort: datagram.destinationPort)
  }

  /// A whole datagram with the right length and checksum. A payload that does not fit is a mistake of the caller.
  public func datagram(
    carrying payload: some Collection<UInt8>, from source: InternetAddress, to destination: InternetAddress
  ) -> [UInt8] {
    let byteCount = UdpDatagram.Field.payload + payload.count
    precondition(byteCount <= 0xffff, "a UDP payload of \(payload.count) octets")
    var octets: [UInt8] = []
    octets.append(integer: sourcePort)
    octets.append(integer: destinationPort)
    octets.append(integer: UInt16(byteCount))
    octets.append(contentsOf: [0, 0])
    octets.append(contentsOf: payload)
    let checksum = InternetChecksum.value(of: octets[...], protocolNumber: .udp, from: source, to: destination)
    octets.replace(at: UdpDatagram.Field.checksum, with: checksum == 0 ? 0xffff : checksum)
    return octets
  }

  /// A whole IPv4 or IPv6 packet: the destination's family decides.
  public func packet(
    carrying payload: some Collection<UInt8>, from source: InternetAddress, to destination: InternetAddress, hopLimit: UInt8 = 64
  ) -> [UInt8] {
    let datagram = datagram(carrying: payload, from: source, to: destination)
    return InternetPacket.encode(datagram, protocolNumber: .udp, from: source, to: destination, hopLimit: hopLimit)
  }

  /// A whole Ethernet frame from and to these addresses, such as a probe of the path between two members.
  public func frame(
    carrying payload: some Collection<UInt8>, from source: (InternetAddress, EthernetAddress),
    to destination: (InternetAddress, EthernetAddress), tags: [VlanTag] = [], hopLimit: UInt8 = 64
  ) -> [UInt8] {
    let packet = packet(carrying: payload, from: source.0, to: destination.0, hopLimit: hopLimit)
    return EthernetHeader(destination: destination.1, source: source.1, tags: tags, type: destination.0.family.etherType)
      .frame(carrying: packet)
  }
}

extension InternetFamily {
  /// What an Ethernet frame that carries it says.
  public var etherType: EtherType {
    switch self {
    case .ipv4: .ipv4
    case .ipv6: .ipv6
    }
  }
}

extension InternetChecksum {
  /// The checksum of an upper layer's octets with their pseudo-header.
  static func value(
    of octets: ArraySlice<UInt8>, protocolNumber: InternetProtocol, from source: InternetAddress, to destination: InternetAddress
  ) -> UInt16 {
    var checksum = InternetChecksum()
    checksum.addPseudoHeader(source: source, destination: destination, protocolNumber: protocolNumber, byteCount: octets.count)
    checksum.add(octets)
    return checksum.value
  }
}

/// Whole IP packets of either family.
public enum InternetPacket {
  /// A packet without options or extension headers: the destination's family decides which.
  public static func encode(
    _ payload: some Collection<UInt8>, protocolNumber: InternetProtocol, from source: InternetAddress,
    to destination: InternetAddress, hopLimit: UInt8
  ) -> [UInt8] {
    switch destination.family {
    case .ipv4:
      IPv4Header(source: source, destination: destination, protocolNumber: protocolNumber, hopLimit: hopLimit)
        .packet(carrying: payload)
    case .ipv6:
      IPv6Header(source: source, destination: destination, nextHeader: protocolNumber, hopLimit: hopLimit)
        .packet(carrying: payload)
    }
  }
}
