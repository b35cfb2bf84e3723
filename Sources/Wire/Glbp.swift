// GLBP, the protocol between the routers that share a virtual gateway (WO 2005/018176, and Cisco's GLBP as public dissectors read it).
//
// One UDP payload is a header of 12 octets and then TLVs: type (1), length (1) including these two, body. Each TLV is in a file of its own,
// GlbpTlv….swift for GLBP's and GlbpOwn….swift for those that we say only among ourselves; `GlbpTlv.swift` lists them. Types that we do not
// know survive a round trip. Octets that nobody has named are sent as 0 and not looked at. docs/wire-format.md has every octet.

/// A view of a GLBP payload. The header is there and sound, and the TLVs have been walked, once it exists; their bodies are not looked at.
public struct GlbpDatagram: Sendable {
  enum Field {
    static let version = 0
    static let group = 2
    static let owner = 6..<12
    static let tlvs = 12
    static let tlvHeaderByteCount = 2
  }

  /// The version that there is.
  public static let version: UInt8 = 1

  /// The whole payload.
  public let octets: ArraySlice<UInt8>
  /// The TLVs in the order in which they came: the number of the type, and the body without type and length.
  public let tlvs: [(type: UInt8, body: ArraySlice<UInt8>)]

  /// Throws `truncated` when it does not end with a TLV, `unknownVersion`, `oversized` for more than `GlbpLimits.tlvCount` TLVs, or `badValue`
  /// for a group beyond 1,023 or a TLV shorter than its own header.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    guard octets.count >= Field.tlvs else { throw .truncated(needed: Field.tlvs, available: octets.count) }
    let version: UInt8 = octets.integer(at: Field.version)
    guard version == Self.version else { throw .unknownVersion(version) }
    self.octets = octets
    tlvs = try Self.walk(octets.dropFirst(Field.tlvs))
    guard GlbpLimits.groups.contains(group) else { throw .badValue(field: "GLBP group") }
  }

  private static func walk(_ octets: ArraySlice<UInt8>) throws(WireError) -> [(type: UInt8, body: ArraySlice<UInt8>)] {
    var tlvs: [(type: UInt8, body: ArraySlice<UInt8>)] = []
    var reader = OctetReader(octets)
    while !reader.rest.isEmpty {
      guard tlvs.count < GlbpLimits.tlvCount else { throw .oversized(byteCount: tlvs.count + 1, limit: GlbpLimits.tlvCount) }
      let type: UInt8 = try reader.integer()
      let length = Int(try reader.integer(UInt8.self))
      guard length >= Field.tlvHeaderByteCount else { throw .badValue(field: "GLBP TLV length") }
      tlvs.append((type, try reader.octets(length - Field.tlvHeaderByteCount)))
    }
    return tlvs
  }

  /// The group, 0…1,023.
  public var group: UInt16 { octets.integer(at: Field.group) }
  /// The sender's own Ethernet address, whichever virtual one its frame comes from.
  public var owner: EthernetAddress { EthernetAddress(octets.octets(Field.owner)) }
}

/// A GLBP payload as a value.
public struct GlbpPacket: Hashable, Sendable {
  /// The group, 0…1,023.
  public var group: UInt16
  /// The sender's own Ethernet address.
  public var owner: EthernetAddress
  /// What it says, in order.
  public var tlvs: [GlbpTlv]

  /// A packet.
  public init(group: UInt16, owner: EthernetAddress, tlvs: [GlbpTlv]) {
    self.group = group
    self.owner = owner
    self.tlvs = tlvs
  }

  /// The packet that a view sees. Throws what a body's decoder throws, or `badValue` for a second TLV of a type that may stand there once,
  /// or for a seal that is not the last TLV.
  public init(_ datagram: GlbpDatagram) throws(WireError) {
    self.init(group: datagram.group, owner: datagram.owner, tlvs: [])
    for (type, body) in datagram.tlvs { tlvs.append(try GlbpTlv(type: type, body: body)) }
    try checkOrder()
  }

  /// The packet that a UDP payload holds. Throws as the view and the other initialiser do.
  public init(decoding payload: ArraySlice<UInt8>) throws(WireError) { try self.init(GlbpDatagram(payload)) }

  /// The payload's octets. A group, or a TLV, beyond its limit is a mistake of the caller.
  public func encode() -> [UInt8] {
    precondition(GlbpLimits.groups.contains(group), "GLBP group \(group)")
    precondition(tlvs.count <= GlbpLimits.tlvCount, "\(tlvs.count) GLBP TLVs")
    var octets: [UInt8] = [GlbpDatagram.version, 0]
    octets.append(integer: group)
    octets.append(contentsOf: [0, 0])
    owner.encode(into: &octets)
    for tlv in tlvs { tlv.encode(into: &octets) }
    return octets
  }

  private func checkOrder() throws(WireError) {
    for type in GlbpTlvType.allCases where type.standsOnce {
      guard tlvs.count(where: { $0.knownType == type }) <= 1 else { throw .badValue(field: "GLBP TLVs: a second \(type)") }
    }
    let families = tlvs.compactMap { tlv -> InternetFamily? in if case .hello(let body) = tlv { body.virtualAddress.family } else { nil } }
    guard Set(families).count == families.count else { throw .badValue(field: "GLBP TLVs: a second hello of a family") }
    guard tlvs.dropLast().allSatisfy({ $0.knownType != .seal }) else { throw .badValue(field: "GLBP seal: not the last TLV") }
  }
}

extension GlbpPacket {
  /// The hello for the virtual address of this family, if there is one.
  public func hello(_ family: InternetFamily) -> GlbpHello? { hellos.first { $0.virtualAddress.family == family } }
  /// The hellos: one, or one for each family.
  public var hellos: [GlbpHello] { tlvs.compactMap { if case .hello(let body) = $0 { body } else { nil } } }
  /// The forwarders that it speaks of.
  public var forwarders: [GlbpForwarder] { tlvs.compactMap { if case .forwarder(let body) = $0 { body } else { nil } } }
  /// GLBP's own authentication, if there is one.
  public var authentication: GlbpAuthentication? {
    tlvs.lazy.compactMap { if case .authentication(let body) = $0 { body } else { nil } }.first
  }
  /// Our seal, if there is one.
  public var seal: GlbpSeal? { tlvs.lazy.compactMap { if case .seal(let body) = $0 { body } else { nil } }.first }
  /// Who speaks, if it is one of us.
  public var member: GlbpMember? { tlvs.lazy.compactMap { if case .member(let body) = $0 { body } else { nil } }.first }
  /// The measured traffic, of all its TLVs.
  public var traffic: [GlbpTraffic.Entry] {
    tlvs.flatMap { tlv -> [GlbpTraffic.Entry] in if case .traffic(let body) = tlv { body.entries } else { [] } }
  }
  /// The parts of the table of forwarders.
  public var table: [GlbpTable] { tlvs.compactMap { if case .table(let body) = $0 { body } else { nil } } }
}

extension GlbpPacket {
  /// As many packets as it takes: each has all TLVs of `common`, in front, and room is left in each for a seal; those of `parts` are
  /// spread over them in order. One packet at least. TLVs that do not fit beside the common ones are a mistake of the caller.
  public static func packets(
    group: UInt16, owner: EthernetAddress, common: [GlbpTlv], parts: [GlbpTlv], byteLimit: Int = GlbpLimits.payloadByteCount
  ) -> [GlbpPacket] {
    let limit = byteLimit - GlbpSeal.byteCount
    let commonByteCount = GlbpDatagram.Field.tlvs + common.reduce(0) { $0 + $1.byteCount }
    var packets: [GlbpPacket] = []
    var current = GlbpPacket(group: group, owner: owner, tlvs: common)
    var byteCount = commonByteCount
    for part in parts {
      if byteCount + part.byteCount > limit || current.tlvs.count + 1 == GlbpLimits.tlvCount {
        packets.append(current)
        current.tlvs = common
        byteCount = commonByteCount
      }
      current.tlvs.append(part)
      byteCount += part.byteCount
      precondition(byteCount <= limit, "\(byteCount) octets of GLBP TLVs in one packet, where \(limit) fit")
    }
    return packets + [current]
  }
}

/// What no packet may exceed.
public enum GlbpLimits {
  /// The groups there are: 10 bits.
  public static let groups: ClosedRange<UInt16> = 0...1023
  /// TLVs in one packet; a receiver refuses more.
  public static let tlvCount = 64
  /// Octets of payload that we send in one packet: it fits an Ethernet frame under any of the usual tunnels.
  public static let payloadByteCount = 1400
  /// Octets of a TLV's body.
  public static let bodyByteCount = 253
  /// Octets of the secret in GLBP's own authentication.
  public static let secretByteCount = bodyByteCount - 2
  /// Forwarders in one traffic TLV.
  public static let trafficEntryCount = 19
  /// Gateways that one part of a table names, if all are IPv4; of IPv6 13 fit.
  public static let tableGatewayCount = 39
  /// Forwarders that one part of a table names.
  public static let tableEntryCount = 29
}
