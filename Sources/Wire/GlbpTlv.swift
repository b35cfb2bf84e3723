// The TLVs of GLBP, listed. To add one: a file with a `GlbpBody`, and its type, its case and its two lines here.

/// The types of TLV that we know.
public enum GlbpTlvType: UInt8, Hashable, Sendable, CaseIterable {
  /// The gateway's state and timers.
  case hello = 1
  /// A forwarder: a request for one, or the response.
  case forwarder = 2
  /// GLBP's own authentication.
  case authentication = 3
  // From here on ours, spoken only among ourselves: numbers as far away from GLBP's as there are, and each body begins with "SK".
  /// HMAC-SHA-256 of the whole packet. Always the last TLV.
  case seal = 0xf0
  /// Who speaks.
  case member = 0xf1
  /// What was measured.
  case traffic = 0xf2
  /// A part of the active virtual gateway's table of forwarders.
  case table = 0xf3

  /// Whether GLBP does not have it.
  public var isOurs: Bool { rawValue >= GlbpTlvType.seal.rawValue }

  /// Whether a packet may hold one of it at most. Of hellos there may be one for each family.
  var standsOnce: Bool {
    switch self {
    case .authentication, .seal, .member: true
    case .hello, .forwarder, .traffic, .table: false
    }
  }

  /// What the body begins with, so that nobody else's TLV of the same number is taken for ours.
  var marker: [UInt8] { isOurs ? [0x53, 0x4b] : [] }
}

/// One TLV.
public enum GlbpTlv: Hashable, Sendable {
  /// The gateway's state and timers.
  case hello(GlbpHello)
  /// A forwarder.
  case forwarder(GlbpForwarder)
  /// GLBP's own authentication.
  case authentication(GlbpAuthentication)
  /// HMAC-SHA-256 of the whole packet.
  case seal(GlbpSeal)
  /// Who speaks.
  case member(GlbpMember)
  /// What was measured.
  case traffic(GlbpTraffic)
  /// A part of the table of forwarders.
  case table(GlbpTable)
  /// A type that we do not know, or somebody else's of one of our numbers: at most 253 octets, as they came.
  case unknown(type: UInt8, octets: [UInt8])
}

/// A TLV's body.
protocol GlbpBody {
  /// Appends the body. A value above its limit is a mistake of the caller and stops the program.
  func encode(into octets: inout [UInt8])
  /// Reads the body. In GLBP's own TLVs, what follows the octets that we know is passed over; ours end where they should.
  init(from reader: inout OctetReader) throws(WireError)
}

extension GlbpTlv {
  /// The number of its type.
  public var type: UInt8 {
    switch self {
    case .unknown(let type, _): type
    case .hello, .forwarder, .authentication, .seal, .member, .traffic, .table: knownType?.rawValue ?? 0
    }
  }

  /// Its type, if we know it.
  public var knownType: GlbpTlvType? {
    switch self {
    case .hello: .hello
    case .forwarder: .forwarder
    case .authentication: .authentication
    case .seal: .seal
    case .member: .member
    case .traffic: .traffic
    case .table: .table
    case .unknown: nil
    }
  }

  /// A TLV from its type's number and its body, type and length taken off.
  init(type: UInt8, body: ArraySlice<UInt8>) throws(WireError) {
    guard let known = GlbpTlvType(rawValue: type), body.starts(with: known.marker) else {
      self = .unknown(type: type, octets: Array(body))
      return
    }
    var reader = OctetReader(body.dropFirst(known.marker.count))
    self = try Self.decode(known, from: &reader)
    // A later version of ours may tell more of a member than we know; GLBP's own bodies are open-ended too.
    if known.isOurs && known != .member { try reader.end() }
  }

  private static func decode(_ type: GlbpTlvType, from reader: inout OctetReader) throws(WireError) -> GlbpTlv {
    switch type {
    case .hello: .hello(try GlbpHello(from: &reader))
    case .forwarder: .forwarder(try GlbpForwarder(from: &reader))
    case .authentication: .authentication(try GlbpAuthentication(from: &reader))
    case .seal: .seal(try GlbpSeal(from: &reader))
    case .member: .member(try GlbpMember(from: &reader))
    case .traffic: .traffic(try GlbpTraffic(from: &reader))
    case .table: .table(try GlbpTable(from: &reader))
    }
  }

  /// The octets, type and length included.
  func encode(into octets: inout [UInt8]) {
    let body = encodedBody
    precondition(body.count <= GlbpLimits.bodyByteCount, "a GLBP TLV of type \(type) with a body of \(body.count) octets")
    octets.append(type)
    octets.append(UInt8(GlbpDatagram.Field.tlvHeaderByteCount + body.count))
    octets.append(contentsOf: body)
  }

  /// How many octets it takes in a packet.
  public var byteCount: Int { GlbpDatagram.Field.tlvHeaderByteCount + encodedBody.count }

  private var encodedBody: [UInt8] {
    if case .unknown(_, let octets) = self { return octets }
    var octets = knownType?.marker ?? []
    knownBody?.encode(into: &octets)
    return octets
  }

  private var knownBody: (any GlbpBody)? {
    switch self {
    case .hello(let body): body
    case .forwarder(let body): body
    case .authentication(let body): body
    case .seal(let body): body
    case .member(let body): body
    case .traffic(let body): body
    case .table(let body): body
    case .unknown: nil
    }
  }
}
