// IPFIX (RFC 7011): messages of templates and of the data that they describe.

/// A view of an IPFIX message. The header is there, the length matches, and the sets have been walked, once it exists.
public struct IpfixDatagram: Sendable {
  enum Field {
    static let version = 0
    static let byteCount = 2
    static let exportTime = 4
    static let sequence = 8
    static let observationDomain = 12
    static let sets = 16
    static let setHeaderByteCount = 4
  }

  /// The version that there is.
  public static let version: UInt16 = 10
  /// The port of collectors, UDP.
  public static let port: UInt16 = 4739

  /// The whole message.
  public let octets: ArraySlice<UInt8>
  /// The sets: number, and octets without number and length.
  public let sets: [(identifier: UInt16, body: ArraySlice<UInt8>)]

  /// Throws `truncated`, `trailingOctets`, `badValue` for another version or a set shorter than its own header.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    guard octets.count >= Field.sets else { throw .truncated(needed: Field.sets, available: octets.count) }
    guard octets.integer(at: Field.version) == Self.version else { throw .badValue(field: "IPFIX version") }
    let byteCount = Int(octets.integer(at: Field.byteCount, UInt16.self))
    guard byteCount >= Field.sets else { throw .badValue(field: "IPFIX length") }
    guard octets.count >= byteCount else { throw .truncated(needed: byteCount, available: octets.count) }
    guard octets.count == byteCount else { throw .trailingOctets(count: octets.count - byteCount) }
    self.octets = octets
    sets = try Self.walk(octets.dropFirst(Field.sets))
  }

  private static func walk(_ octets: ArraySlice<UInt8>) throws(WireError) -> [(identifier: UInt16, body: ArraySlice<UInt8>)] {
    var sets: [(identifier: UInt16, body: ArraySlice<UInt8>)] = []
    var reader = OctetReader(octets)
    while !reader.rest.isEmpty {
      let identifier: UInt16 = try reader.integer()
      let byteCount = Int(try reader.integer(UInt16.self))
      guard byteCount >= Field.setHeaderByteCount else { throw .badValue(field: "IPFIX set length") }
      sets.append((identifier, try reader.octets(byteCount - Field.setHeaderByteCount)))
    }
    return sets
  }

  /// When the message left, in seconds since 1970.
  public var exportTime: UInt32 { octets.integer(at: Field.exportTime) }
  /// How many data records the sender has sent before, modulo 2^32.
  public var sequence: UInt32 { octets.integer(at: Field.sequence) }
  /// Which of the sender's sources it is about.
  public var observationDomain: UInt32 { octets.integer(at: Field.observationDomain) }
}

/// One field of a template.
public struct IpfixField: Hashable, Sendable {
  /// The length that means "each record says it".
  public static let variableByteCount: UInt16 = 0xffff

  /// IANA's number of the information element, or the enterprise's own, at most 32,767.
  public var element: UInt16
  /// Octets in each record, or `variableByteCount`.
  public var byteCount: UInt16
  /// Whose element it is, by IANA's private enterprise number; nil for IANA's own.
  public var enterprise: UInt32?

  /// A field.
  public init(_ element: UInt16, byteCount: UInt16, enterprise: UInt32? = nil) {
    self.element = element
    self.byteCount = byteCount
    self.enterprise = enterprise
  }

  private static let enterpriseBit: UInt16 = 0x8000

  init(from reader: inout OctetReader) throws(WireError) {
    let element: UInt16 = try reader.integer()
    byteCount = try reader.integer()
    self.element = element & ~Self.enterpriseBit
    if element & Self.enterpriseBit != 0 { enterprise = try reader.integer() }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: element | (enterprise == nil ? 0 : Self.enterpriseBit))
    octets.append(integer: byteCount)
    if let enterprise { octets.append(integer: enterprise) }
  }
}

/// What the records of one kind look like.
public struct IpfixTemplate: Hashable, Sendable {
  /// The number of the sets of such records, 256…65,535.
  public var identifier: UInt16
  /// The fields, in order.
  public var fields: [IpfixField]

  /// A template.
  public init(identifier: UInt16, fields: [IpfixField]) {
    self.identifier = identifier
    self.fields = fields
  }

  init(from reader: inout OctetReader) throws(WireError) {
    identifier = try reader.integer()
    guard identifier >= 256 else { throw .badValue(field: "IPFIX template identifier") }
    fields = []
    for _ in 0..<(try reader.integer(UInt16.self)) { fields.append(try IpfixField(from: &reader)) }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: identifier)
    octets.append(integer: UInt16(fields.count))
    for field in fields { field.encode(into: &octets) }
  }
}

/// A set.
public enum IpfixSet: Hashable, Sendable {
  /// Templates.
  case templates([IpfixTemplate])
  /// Records as the template of this number describes them.
  case data(template: UInt16, octets: [UInt8])
  /// Options templates and numbers that nobody has assigned, as they came.
  case other(identifier: UInt16, octets: [UInt8])

  private static let templateSet: UInt16 = 2

  init(identifier: UInt16, body: ArraySlice<UInt8>) throws(WireError) {
    switch identifier {
    case Self.templateSet:
      var reader = OctetReader(body)
      var templates: [IpfixTemplate] = []
      // Less than a template's own header is padding (RFC 7011, 3.3.1).
      while reader.rest.count >= IpfixDatagram.Field.setHeaderByteCount { templates.append(try IpfixTemplate(from: &reader)) }
      self = .templates(templates)
    case 256...: self = .data(template: identifier, octets: Array(body))
    default: self = .other(identifier: identifier, octets: Array(body))
    }
  }

  func encode(into octets: inout [UInt8]) {
    var body: [UInt8] = []
    let identifier: UInt16
    switch self {
    case .templates(let templates):
      identifier = Self.templateSet
      for template in templates { template.encode(into: &body) }
    case .data(let template, let records): (identifier, body) = (template, records)
    case .other(let number, let rest): (identifier, body) = (number, rest)
    }
    octets.append(integer: identifier)
    octets.append(integer: UInt16(IpfixDatagram.Field.setHeaderByteCount + body.count))
    octets.append(contentsOf: body)
  }
}

/// An IPFIX message as a value.
public struct IpfixMessage: Hashable, Sendable {
  /// When it leaves, in seconds since 1970.
  public var exportTime: UInt32
  /// How many data records were sent before, modulo 2^32.
  public var sequence: UInt32
  /// Which of the sender's sources it is about.
  public var observationDomain: UInt32
  /// The sets, in order.
  public var sets: [IpfixSet]

  /// A message.
  public init(exportTime: UInt32, sequence: UInt32, observationDomain: UInt32, sets: [IpfixSet]) {
    self.exportTime = exportTime
    self.sequence = sequence
    self.observationDomain = observationDomain
    self.sets = sets
  }

  /// The message that a view sees. Throws what a template's decoder throws.
  public init(_ datagram: IpfixDatagram) throws(WireError) {
    self.init(
      exportTime: datagram.exportTime, sequence: datagram.sequence, observationDomain: datagram.observationDomain, sets: [])
    for (identifier, body) in datagram.sets { sets.append(try IpfixSet(identifier: identifier, body: body)) }
  }

  /// The message's octets. More than 65,535 are a mistake of the caller.
  public func encode() -> [UInt8] {
    var body: [UInt8] = []
    for set in sets { set.encode(into: &body) }
    var octets: [UInt8] = []
    octets.append(integer: IpfixDatagram.version)
    octets.append(integer: UInt16(IpfixDatagram.Field.sets + body.count))
    octets.append(integer: exportTime)
    octets.append(integer: sequence)
    octets.append(integer: observationDomain)
    return octets + body
  }
}
