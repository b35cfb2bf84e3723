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
  private var findings: Findings

  /// No fragment.
  @inline(__always) var isWhole: Bool { findings.isDisjoint(.firstFragment, .laterFragment) }
  @inline(__always) var isLaterFragment: Bool { findings.has(.laterFragment) }
  @inline(__always) var isMalformed: Bool { findings.has(.malformed) }
  @inline(__always) var hasTooManyHeaders: Bool { findings.has(.tooManyHeaders) }
  @inline(__always) var isFaulty: Bool { !findings.isDisjoint(.malformed, .tooManyHeaders) }
  /// Nothing stands between the fixed header and the transport header.
  @inline(__always) var isPlain: Bool { !findings.has(.notPlain) }

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
    findings = Findings()
    if fragment & 0x3fff != 0 { findings.add(fragment & 0x1fff != 0 ? .laterFragment : .firstFragment) }
    transport = packet.from(headerLength)
    transportLength = totalLength &- headerLength
    // Version 4 and 20 to 60 octets of header in one comparison; a length that is too short wraps to one that is too long.
    let fits = first &- 0x45 <= 10 && transportLength <= 0xffff && totalLength <= packet.length
    if !fits { findings.add(.malformed) }
  }

  /// IPv6, of which the frame holds the fixed header. Follows at most eight extension headers.
  @inline(__always) init(v6 packet: Packet) {
    source = packet.loadAddress(8)
    destination = packet.loadAddress(24)
    let totalLength = UInt(packet.load(4, as: UInt16.self).byteSwapped) &+ 40
    var chain = HeaderChain(number: packet.load(6))
    if packet.load(0, as: UInt8.self) >> 4 != 6 || totalLength > packet.length {
      chain.findings.add(.malformed)
    } else {
      chain.follow(packet)
      if chain.offset > totalLength { chain.findings.add(.malformed) }
    }
    // Eight headers of at most 2,056 octets lie within 16,383 of the first.
    transport = packet.from(merging: chain.offset, limit: 0x7fff)
    transportLength = totalLength &- chain.offset
    transportProtocol = chain.number
    fragmentedProtocol = chain.fragmentedProtocol
    identification = chain.identification
    findings = chain.findings.merged(packet)
  }
}

/// What was found on the way to the transport header.
struct Findings {
  private var bits: UInt = 0

  struct Finding {
    let bit: UInt
    @inline(__always) static var firstFragment: Self { Self(bit: 1) }
    @inline(__always) static var laterFragment: Self { Self(bit: 2) }
    @inline(__always) static var malformed: Self { Self(bit: 4) }
    @inline(__always) static var tooManyHeaders: Self { Self(bit: 8) }
    @inline(__always) static var notPlain: Self { Self(bit: 16) }
  }

  @inline(__always) init() {}
  @inline(__always) func has(_ finding: Finding) -> Bool { bits & finding.bit != 0 }
  @inline(__always) func isDisjoint(_ one: Finding, _ other: Finding) -> Bool { bits & (one.bit | other.bit) == 0 }
  @inline(__always) mutating func add(_ finding: Finding) { bits |= finding.bit }

  /// The same, and one way through the program instead of one for each combination. Two octets of the packet must be held.
  @inline(__always) func merged(_ packet: Packet) -> Findings {
    var merged = self
    merged.bits = skein_forget(bits, packet.start) & 31
    return merged
  }
}

/// IPv6's chain of headers, as far as it has been followed.
struct HeaderChain {
  /// Octets from the start of the packet to where the chain has got.
  var offset: UInt = 40
  /// What is there.
  var number: UInt8
  var fragmentedProtocol: UInt8 = 0
  var identification: UInt32 = 0
  var findings = Findings()

  @inline(__always) init(number: UInt8) { self.number = number }

  @inline(__always) mutating func follow(_ packet: Packet) {
    for _ in 0..<8 {
      guard IPProtocol.isExtension(number), !findings.has(.laterFragment) else { return }
      let header = packet.from(offset)
      guard header.holds(8) else {
        findings.add(.malformed)
        return
      }
      offset = offset &+ step(header)
    }
    if IPProtocol.isExtension(number) && !findings.has(.laterFragment) { findings.add(.tooManyHeaders) }
  }

  /// One extension header of which eight octets are there; answers its length.
  @inline(__always) private mutating func step(_ header: Packet) -> UInt {
    let kind = number
    number = header.load(0)
    findings.add(.notPlain)
    if kind == IPProtocol.fragment {
      let fragment = header.load(2, as: UInt16.self).byteSwapped
      identification = header.load(4)
      fragmentedProtocol = number
      if fragment & 0xfff9 != 0 { findings.add(fragment & 0xfff8 != 0 ? .laterFragment : .firstFragment) }
    }
    // Without a branch, or the verifier would follow two ways for each header. The second octet counts units of eight behind the first
    // eight octets; of four in an authentication header; a fragment header has none.
    let fours = UInt(header.load(1, as: UInt8.self)) << 2 & maskUnlessZero(kind ^ IPProtocol.fragment)
    return 8 &+ fours &+ (fours & maskUnlessZero(kind ^ IPProtocol.authentication))
  }

  /// No bits for zero, all bits otherwise; by arithmetic that the optimiser does not see through.
  @inline(__always) private func maskUnlessZero(_ value: UInt8) -> UInt { ((skein_opaque(UInt(value)) &- 1) >> 63) &- 1 }
}
