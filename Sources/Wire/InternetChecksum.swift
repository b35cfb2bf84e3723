/// The one's complement sum of 16-bit words (RFC 1071) that IPv4, ICMP, UDP and TCP carry. Octets may be added in pieces of any length.
public struct InternetChecksum: Hashable, Sendable {
  private var sum: UInt64 = 0
  private var isOdd = false

  /// The sum of nothing.
  public init() {}

  /// Adds octets, continuing where the last ones ended.
  public mutating func add(_ octets: some Sequence<UInt8>) {
    for octet in octets {
      sum &+= isOdd ? UInt64(octet) : UInt64(octet) << 8
      isOdd.toggle()
    }
  }

  /// Adds a whole number, two octets at a time; only between whole words.
  mutating func add(number: UInt64) {
    for shift in stride(from: 48, through: 0, by: -16) { sum &+= number >> UInt64(shift) & 0xffff }
  }

  /// Adds the pseudo-header of an upper layer (RFC 768 for IPv4, RFC 8200, 8.1 for IPv6: the destination's family decides). Call it first.
  public mutating func addPseudoHeader(
    source: InternetAddress, destination: InternetAddress, protocolNumber: InternetProtocol, byteCount: Int
  ) {
    for address in [source, destination] {
      if destination.family == .ipv6 { add(number: address.high) }
      add(number: destination.family == .ipv6 ? address.low : address.low & 0xffff_ffff)
    }
    add(number: UInt64(protocolNumber.rawValue))
    add(number: UInt64(byteCount))
  }

  /// What to write into the checksum field, if the field was 0 in what was added; 0 if it was the right checksum.
  public var value: UInt16 {
    var folded = sum
    while folded > 0xffff { folded = folded & 0xffff + folded >> 16 }
    return ~UInt16(truncatingIfNeeded: folded)
  }
}

/// IPv4 or IPv6.
public enum InternetFamily: Hashable, Sendable, CaseIterable {
  /// RFC 791.
  case ipv4
  /// RFC 8200.
  case ipv6
}

extension InternetAddress {
  /// Which of the two it is an address of.
  public var family: InternetFamily { ipv4 == nil ? .ipv6 : .ipv4 }

  /// Whether it names a group: 224.0.0.0/4 or ff00::/8.
  public var isMulticast: Bool {
    guard let ipv4 else { return high >> 56 == 0xff }
    return ipv4 >> 28 == 0xe
  }

  /// ff02::1, all nodes of a link.
  public static let allNodes = InternetAddress(high: 0xff02_0000_0000_0000, low: 1)

  /// The group in which an IPv6 neighbour is looked for: ff02::1:ff and the address's last 24 bits (RFC 4291, 2.7.1).
  public var solicitedNode: InternetAddress {
    InternetAddress(high: 0xff02_0000_0000_0000, low: 0x1_ff00_0000 | low & 0xff_ffff)
  }

  /// The octets in a packet: 4 or 16.
  var packetOctets: [UInt8] {
    var octets: [UInt8] = []
    if let ipv4 { octets.append(integer: ipv4) } else { encode(into: &octets) }
    return octets
  }
}

/// A protocol above IP: the IPv4 protocol and IPv6 next-header number. Unknown numbers survive.
public struct InternetProtocol: RawRepresentable, Hashable, Sendable {
  /// IANA's number.
  public var rawValue: UInt8
  /// Any number.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// IPv6 hop-by-hop options.
  public static let hopByHop = InternetProtocol(rawValue: 0)
  /// ICMP for IPv4.
  public static let icmp = InternetProtocol(rawValue: 1)
  /// TCP.
  public static let tcp = InternetProtocol(rawValue: 6)
  /// UDP.
  public static let udp = InternetProtocol(rawValue: 17)
  /// IPv6 routing header.
  public static let routing = InternetProtocol(rawValue: 43)
  /// IPv6 fragment header.
  public static let fragment = InternetProtocol(rawValue: 44)
  /// GRE.
  public static let gre = InternetProtocol(rawValue: 47)
  /// IPsec's encapsulating security payload.
  public static let esp = InternetProtocol(rawValue: 50)
  /// IPsec's authentication header.
  public static let authentication = InternetProtocol(rawValue: 51)
  /// ICMP for IPv6.
  public static let icmpv6 = InternetProtocol(rawValue: 58)
  /// Nothing follows the IPv6 header.
  public static let noNext = InternetProtocol(rawValue: 59)
  /// IPv6 destination options.
  public static let destinationOptions = InternetProtocol(rawValue: 60)
}

extension InternetProtocol: CustomStringConvertible {
  /// The common name, or "protocol 99".
  public var description: String {
    switch self {
    case .icmp: "ICMP"
    case .tcp: "TCP"
    case .udp: "UDP"
    case .gre: "GRE"
    case .esp: "ESP"
    case .icmpv6: "ICMPv6"
    default: "protocol \(rawValue)"
    }
  }
}
