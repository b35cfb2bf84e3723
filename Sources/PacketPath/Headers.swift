import CPacketPath

/// Numbers of the protocols that are told apart (IANA protocol numbers).
enum IPProtocol {
  @inline(__always) static var hopByHop: UInt8 { 0 }
  @inline(__always) static var icmp: UInt8 { 1 }
  @inline(__always) static var tcp: UInt8 { 6 }
  @inline(__always) static var udp: UInt8 { 17 }
  @inline(__always) static var routing: UInt8 { 43 }
  @inline(__always) static var fragment: UInt8 { 44 }
  @inline(__always) static var authentication: UInt8 { 51 }
  @inline(__always) static var icmpv6: UInt8 { 58 }
  @inline(__always) static var destinationOptions: UInt8 { 60 }

  /// Whether an IPv6 header chain goes on behind it.
  @inline(__always) static func isExtension(_ number: UInt8) -> Bool {
    number == hopByHop || number == routing || number == fragment || number == authentication || number == destinationOptions
  }

  @inline(__always) static func hasPorts(_ number: UInt8) -> Bool { number == tcp || number == udp }
}

/// Which part of its datagram a packet carries.
enum Part: UInt8 {
  case whole, first, later
}

/// What is wrong with a packet.
enum Fault: UInt8 {
  case none, malformed, tooManyHeaders
}

/// What is read of an IP packet, whichever its version.
struct Headers {
  var source: Address
  var destination: Address
  /// From the transport header on; nothing is known of its length but `transportLength`.
  var transport: Packet
  /// Octets from the transport header to the end of the IP packet, all of which the frame holds.
  var transportLength: UInt
  /// What the transport header is; of a later fragment, what follows the fragment header.
  var transportProtocol: UInt8
  /// What follows the fragment header; the same in every fragment of a datagram.
  var fragmentedProtocol: UInt8
  var identification: UInt32
  var part: Part
  var fault: Fault
  /// Nothing stands between the fixed header and the transport header.
  var isPlain: Bool

  /// IPv4, of which the frame holds the fixed header.
  @inline(__always) init(v4 packet: Packet) {
    source = Address(v4: packet.load(12))
    destination = Address(v4: packet.load(16))
    let first: UInt8 = packet.load(0)
    let headerLength = UInt(first & 15) << 2
    let totalLength = UInt(packet.load(2, as: UInt16.self).byteSwapped)
    let fragment = packet.load(6, as: UInt16.self).byteSwapped
    transportProtocol = packet.load(9)
    fragmentedProtocol = transportProtocol
    identification = UInt32(packet.load(4, as: UInt16.self))
    part = fragment & 0x1fff != 0 ? .later : fragment & 0x2000 != 0 ? .first : .whole
    isPlain = headerLength == 20
    transport = packet.from(headerLength)
    transportLength = totalLength &- headerLength
    let fits = first >> 4 == 4 && headerLength >= 20 && totalLength >= headerLength && totalLength <= packet.length
    fault = fits ? .none : .malformed
  }

  /// IPv6, of which the frame holds the fixed header. Follows at most eight extension headers.
  @inline(__always) init(v6 packet: Packet) {
    source = packet.loadAddress(8)
    destination = packet.loadAddress(24)
    transport = packet
    transportLength = 0
    transportProtocol = packet.load(6)
    fragmentedProtocol = 0
    identification = 0
    part = .whole
    isPlain = true
    let first: UInt8 = packet.load(0)
    let totalLength = UInt(packet.load(4, as: UInt16.self).byteSwapped) &+ 40
    guard first >> 4 == 6, totalLength <= packet.length else {
      fault = .malformed
      return
    }
    fault = .none
    var offset: UInt = 40
    for _ in 0..<8 {
      guard IPProtocol.isExtension(transportProtocol), part != .later else { break }
      let header = packet.from(offset)
      guard header.holds(8) else {
        fault = .malformed
        return
      }
      offset = offset &+ follow(header)
    }
    // Eight headers of at most 2,056 octets lie within 16,383 of the first.
    transport = packet.from(merging: offset, limit: 0x7fff)
    transportLength = totalLength &- offset
    if offset > totalLength {
      fault = .malformed
    } else if part != .later && IPProtocol.isExtension(transportProtocol) {
      fault = .tooManyHeaders
    }
  }

  /// One extension header of which eight octets are there; answers its length.
  @inline(__always) private mutating func follow(_ header: Packet) -> UInt {
    let number = transportProtocol
    transportProtocol = header.load(0)
    isPlain = false
    if number == IPProtocol.fragment {
      let fragment = header.load(2, as: UInt16.self).byteSwapped
      identification = header.load(4)
      fragmentedProtocol = transportProtocol
      part = fragment & 0xfff8 != 0 ? .later : fragment & 1 != 0 ? .first : .whole
    }
    // Without a branch, or the verifier would follow two ways for each header. The second octet counts units of eight behind the first
    // eight octets; of four in an authentication header; a fragment header has none.
    let fours = UInt(header.load(1, as: UInt8.self)) << 2 & maskUnlessZero(number ^ IPProtocol.fragment)
    return 8 &+ fours &+ (fours & maskUnlessZero(number ^ IPProtocol.authentication))
  }

  /// No bits for zero, all bits otherwise; by arithmetic that the optimiser does not see through.
  @inline(__always) private func maskUnlessZero(_ value: UInt8) -> UInt { ((skein_opaque(UInt(value)) &- 1) >> 63) &- 1 }
}
