// IPv4 (RFC 791).

/// A view of an IPv4 packet. Header, options and as many octets as the total length says are there once it exists; what follows it in
/// the frame is cut off. The checksum is not looked at until asked for.
public struct IPv4Packet: Sendable {
  enum Field {
    static let versionAndLength = 0
    static let service = 1
    static let totalByteCount = 2
    static let identification = 4
    static let fragment = 6
    static let hopLimit = 8
    static let protocolNumber = 9
    static let checksum = 10
    static let source = 12
    static let destination = 16
    static let options = 20
  }

  /// The packet without padding.
  public let octets: ArraySlice<UInt8>
  let headerByteCount: Int

  /// A whole packet. Throws `truncated`, `unknownVersion`, or `badValue` for lengths that contradict each other.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) { try self.init(octets, isQuoted: false) }

  /// The packet in an ICMP error, of which all that follows the header may be missing.
  public init(quoted octets: ArraySlice<UInt8>) throws(WireError) { try self.init(octets, isQuoted: true) }

  private init(_ octets: ArraySlice<UInt8>, isQuoted: Bool) throws(WireError) {
    guard octets.count >= Field.options else { throw .truncated(needed: Field.options, available: octets.count) }
    let first: UInt8 = octets.integer(at: Field.versionAndLength)
    guard first >> 4 == 4 else { throw .unknownVersion(first >> 4) }
    headerByteCount = Int(first & 0xf) * 4
    let total = Int(octets.integer(at: Field.totalByteCount, UInt16.self))
    guard headerByteCount >= Field.options else { throw .badValue(field: "IPv4 header length") }
    guard total >= headerByteCount else { throw .badValue(field: "IPv4 total length") }
    let needed = isQuoted ? headerByteCount : total
    guard octets.count >= needed else { throw .truncated(needed: needed, available: octets.count) }
    self.octets = octets.prefix(total)
  }

  /// Differentiated services and congestion notification.
  public var service: UInt8 { octets.integer(at: Field.service) }
  /// What its fragments have in common.
  public var identification: UInt16 { octets.integer(at: Field.identification) }
  /// Whether it must not be fragmented.
  public var dontFragment: Bool { fragment & 0x4000 != 0 }
  /// Whether another fragment follows.
  public var moreFragments: Bool { fragment & 0x2000 != 0 }
  /// Where the fragment belongs, in octets.
  public var fragmentOffset: Int { Int(fragment & 0x1fff) * 8 }
  /// How many routers it may still pass.
  public var hopLimit: UInt8 { octets.integer(at: Field.hopLimit) }
  /// What it carries.
  public var protocolNumber: InternetProtocol { InternetProtocol(rawValue: octets.integer(at: Field.protocolNumber)) }
  /// The sender.
  public var source: InternetAddress { InternetAddress(ipv4: octets.integer(at: Field.source)) }
  /// The receiver.
  public var destination: InternetAddress { InternetAddress(ipv4: octets.integer(at: Field.destination)) }
  /// The options, padding included.
  public var options: ArraySlice<UInt8> { octets.octets(Field.options..<headerByteCount) }
  /// What follows the header.
  public var payload: ArraySlice<UInt8> { octets.dropFirst(headerByteCount) }
  /// Whether the header's checksum matches.
  public var isChecksumRight: Bool {
    var checksum = InternetChecksum()
    checksum.add(octets.prefix(headerByteCount))
    return checksum.value == 0
  }

  private var fragment: UInt16 { octets.integer(at: Field.fragment) }
}

/// An IPv4 header as a value. The reserved flag (RFC 3514) is dropped.
public struct IPv4Header: Hashable, Sendable {
  /// The sender.
  public var source: InternetAddress
  /// The receiver.
  public var destination: InternetAddress
  /// What it carries.
  public var protocolNumber: InternetProtocol
  /// How many routers it may still pass.
  public var hopLimit: UInt8
  /// Differentiated services and congestion notification.
  public var service: UInt8 = 0
  /// What its fragments have in common.
  public var identification: UInt16 = 0
  /// Whether it must not be fragmented.
  public var dontFragment = true
  /// Whether another fragment follows.
  public var moreFragments = false
  /// Where the fragment belongs: a multiple of 8 octets up to 65,528.
  public var fragmentOffset = 0
  /// At most 40 octets, a multiple of 4.
  public var options: [UInt8] = []

  /// The header of a whole packet without options.
  public init(source: InternetAddress, destination: InternetAddress, protocolNumber: InternetProtocol, hopLimit: UInt8 = 64) {
    self.source = source
    self.destination = destination
    self.protocolNumber = protocolNumber
    self.hopLimit = hopLimit
  }

  /// The header that a view sees.
  public init(_ packet: IPv4Packet) {
    self.init(
      source: packet.source, destination: packet.destination, protocolNumber: packet.protocolNumber, hopLimit: packet.hopLimit)
    service = packet.service
    identification = packet.identification
    dontFragment = packet.dontFragment
    moreFragments = packet.moreFragments
    fragmentOffset = packet.fragmentOffset
    options = Array(packet.options)
  }

  /// A whole packet with the right lengths and checksum. A payload or options beyond what IPv4 can say are a mistake of the caller.
  public func packet(carrying payload: some Collection<UInt8>) -> [UInt8] {
    precondition(options.count <= 40 && options.count % 4 == 0, "\(options.count) octets of IPv4 options")
    let headerByteCount = IPv4Packet.Field.options + options.count
    precondition(headerByteCount + payload.count <= 0xffff, "an IPv4 payload of \(payload.count) octets")
    var octets: [UInt8] = [0x40 | UInt8(headerByteCount / 4), service]
    octets.append(integer: UInt16(headerByteCount + payload.count))
    octets.append(integer: identification)
    octets.append(integer: fragmentField)
    octets.append(contentsOf: [hopLimit, protocolNumber.rawValue, 0, 0])
    octets.append(integer: UInt32(truncatingIfNeeded: source.low))
    octets.append(integer: UInt32(truncatingIfNeeded: destination.low))
    octets.append(contentsOf: options)
    var checksum = InternetChecksum()
    checksum.add(octets)
    octets.replace(at: IPv4Packet.Field.checksum, with: checksum.value)
    octets.append(contentsOf: payload)
    return octets
  }

  private var fragmentField: UInt16 {
    precondition((0...65_528).contains(fragmentOffset) && fragmentOffset % 8 == 0, "fragment offset \(fragmentOffset)")
    return (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | UInt16(fragmentOffset / 8)
  }
}
