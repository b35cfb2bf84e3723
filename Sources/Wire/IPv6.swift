// IPv6 (RFC 8200).

/// A view of an IPv6 packet. Header and payload are there once it exists, and the extension headers have been walked; what follows the
/// packet in the frame is cut off. Jumbograms (RFC 2675) are not understood, and IPv4-mapped addresses are refused: they have no business on
/// a wire (RFC 4942, 2.2), and `InternetAddress` would take them for IPv4.
public struct IPv6Packet: Sendable {
  enum Field {
    static let versionAndClass = 0
    static let payloadByteCount = 4
    static let nextHeader = 6
    static let hopLimit = 7
    static let source = 8
    static let destination = 24
    static let byteCount = 40
  }

  /// Extension headers before the walk gives up: nobody sends more in earnest, and an attacker shall not make us walk far.
  public static let extensionHeaderLimit = 8

  /// The packet without padding.
  public let octets: ArraySlice<UInt8>
  /// What the packet carries, behind the extension headers.
  public let upperLayer: InternetProtocol
  /// The fragment header, if there is one.
  public let fragment: IPv6Fragment?
  private let upperLayerOffset: Int

  /// A whole packet. Throws `truncated`, `unknownVersion`, or `badValue` for too many extension headers or an IPv4-mapped address.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) { try self.init(octets, isQuoted: false) }

  /// The packet in an ICMPv6 error, of which all that follows the headers may be missing.
  public init(quoted octets: ArraySlice<UInt8>) throws(WireError) { try self.init(octets, isQuoted: true) }

  private init(_ octets: ArraySlice<UInt8>, isQuoted: Bool) throws(WireError) {
    guard octets.count >= Field.byteCount else { throw .truncated(needed: Field.byteCount, available: octets.count) }
    let version = octets.integer(at: Field.versionAndClass, UInt8.self) >> 4
    guard version == 6 else { throw .unknownVersion(version) }
    let total = Field.byteCount + Int(octets.integer(at: Field.payloadByteCount, UInt16.self))
    guard isQuoted || octets.count >= total else { throw .truncated(needed: total, available: octets.count) }
    self.octets = octets.prefix(total)
    var walk = IPv6ExtensionWalk(
      next: InternetProtocol(rawValue: octets.integer(at: Field.nextHeader)), rest: self.octets.dropFirst(Field.byteCount))
    try walk.run()
    upperLayer = walk.next
    fragment = walk.fragment
    upperLayerOffset = self.octets.count - walk.rest.count
    guard source.family == .ipv6, destination.family == .ipv6 else { throw .badValue(field: "IPv6 address") }
  }

  /// Differentiated services and congestion notification.
  public var service: UInt8 { UInt8(truncatingIfNeeded: firstWord >> 20) }
  /// The flow label, 20 bits.
  public var flowLabel: UInt32 { firstWord & 0xf_ffff }
  /// What follows the fixed header: an extension header, or the upper layer.
  public var nextHeader: InternetProtocol { InternetProtocol(rawValue: octets.integer(at: Field.nextHeader)) }
  /// How many routers it may still pass.
  public var hopLimit: UInt8 { octets.integer(at: Field.hopLimit) }
  /// The sender.
  public var source: InternetAddress { address(at: Field.source) }
  /// The receiver, or the next stop of a routing header.
  public var destination: InternetAddress { address(at: Field.destination) }
  /// The extension headers' octets.
  public var extensionHeaders: ArraySlice<UInt8> { octets.octets(Field.byteCount..<upperLayerOffset) }
  /// What follows the extension headers.
  public var payload: ArraySlice<UInt8> { octets.dropFirst(upperLayerOffset) }

  private var firstWord: UInt32 { octets.integer(at: Field.versionAndClass) }
  private func address(at offset: Int) -> InternetAddress {
    InternetAddress(high: octets.integer(at: offset), low: octets.integer(at: offset + 8))
  }
}

/// An IPv6 fragment header (RFC 8200, 4.5).
public struct IPv6Fragment: Hashable, Sendable {
  /// What the fragments have in common.
  public var identification: UInt32
  /// Where the fragment belongs, in octets.
  public var offset: Int
  /// Whether another follows.
  public var moreFragments: Bool
}

/// Goes from one extension header to the next, and stops at the upper layer, at a fragment that is not the first, or at its limit.
private struct IPv6ExtensionWalk {
  var next: InternetProtocol
  var rest: ArraySlice<UInt8>
  var fragment: IPv6Fragment?

  mutating func run() throws(WireError) {
    for _ in 0..<IPv6Packet.extensionHeaderLimit {
      guard !isLaterFragment, let byteCount = try currentByteCount() else { return }
      guard rest.count >= byteCount else { throw .truncated(needed: byteCount, available: rest.count) }
      if next == .fragment { fragment = currentFragment() }
      next = InternetProtocol(rawValue: rest.integer(at: 0))
      rest = rest.dropFirst(byteCount)
    }
    if isLaterFragment { return }
    guard try currentByteCount() == nil else { throw .badValue(field: "extension headers") }
  }

  private var isLaterFragment: Bool { (fragment?.offset ?? 0) != 0 }

  /// The current extension header's length; nil when there is none.
  private func currentByteCount() throws(WireError) -> Int? {
    switch next {
    case .hopByHop, .routing, .destinationOptions, .authentication, .fragment:
      guard rest.count >= 8 else { throw .truncated(needed: 8, available: rest.count) }
    default: return nil
    }
    let length = Int(rest.integer(at: 1, UInt8.self))
    switch next {
    case .fragment: return 8
    case .authentication: return (length + 2) * 4
    default: return (length + 1) * 8
    }
  }

  private func currentFragment() -> IPv6Fragment {
    let field: UInt16 = rest.integer(at: 2)
    return IPv6Fragment(identification: rest.integer(at: 4), offset: Int(field & 0xfff8), moreFragments: field & 1 == 1)
  }
}

/// An IPv6 header as a value.
public struct IPv6Header: Hashable, Sendable {
  /// The sender.
  public var source: InternetAddress
  /// The receiver.
  public var destination: InternetAddress
  /// What follows: an extension header, or the upper layer.
  public var nextHeader: InternetProtocol
  /// How many routers it may still pass.
  public var hopLimit: UInt8
  /// Differentiated services and congestion notification.
  public var service: UInt8 = 0
  /// The flow label; the upper 12 bits are not sent.
  public var flowLabel: UInt32 = 0

  /// A header.
  public init(source: InternetAddress, destination: InternetAddress, nextHeader: InternetProtocol, hopLimit: UInt8 = 64) {
    self.source = source
    self.destination = destination
    self.nextHeader = nextHeader
    self.hopLimit = hopLimit
  }

  /// The fixed header that a view sees; `packet.extensionHeaders` is then part of what it carries.
  public init(_ packet: IPv6Packet) {
    self.init(source: packet.source, destination: packet.destination, nextHeader: packet.nextHeader, hopLimit: packet.hopLimit)
    service = packet.service
    flowLabel = packet.flowLabel
  }

  /// A whole packet. A payload longer than 65,535 octets is a mistake of the caller.
  public func packet(carrying payload: some Collection<UInt8>) -> [UInt8] {
    precondition(payload.count <= 0xffff, "an IPv6 payload of \(payload.count) octets")
    var octets: [UInt8] = []
    octets.append(integer: 0x6000_0000 | UInt32(service) << 20 | flowLabel & 0xf_ffff)
    octets.append(integer: UInt16(payload.count))
    octets.append(contentsOf: [nextHeader.rawValue, hopLimit])
    source.encode(into: &octets)
    destination.encode(into: &octets)
    octets.append(contentsOf: payload)
    return octets
  }
}
