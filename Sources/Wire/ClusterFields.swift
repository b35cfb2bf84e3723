// The fields that several cluster messages share.

extension MemberIdentifier {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(rawValue: try reader.integer())
    guard isValid else { throw .badValue(field: "member") }
  }

  /// Whether it is a member's number: 0 and 65,535 are not.
  public var isValid: Bool { rawValue != 0 && rawValue != .max }
}

extension Term {
  init(from reader: inout OctetReader) throws(WireError) { self.init(rawValue: try reader.integer()) }
}

extension EthernetAddress {
  init(from reader: inout OctetReader) throws(WireError) {
    let high: UInt16 = try reader.integer()
    let low: UInt32 = try reader.integer()
    self.init(bits: UInt64(high) << 32 | UInt64(low))
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: UInt16(truncatingIfNeeded: bits >> 32))
    octets.append(integer: UInt32(truncatingIfNeeded: bits))
  }
}

extension InternetAddress {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(high: try reader.integer(), low: try reader.integer())
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: high)
    octets.append(integer: low)
  }
}

extension UnitSet {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init()
    for index in words.indices { words[index] = try reader.integer() }
  }

  func encode(into octets: inout [UInt8]) {
    for word in words { octets.append(integer: word) }
  }
}

extension MemberProfile {
  init(from reader: inout OctetReader) throws(WireError) {
    self.init(
      identifier: try MemberIdentifier(from: &reader), incarnation: try reader.integer(), address: try InternetAddress(from: &reader),
      ethernetAddress: try EthernetAddress(from: &reader), weight: try reader.integer(),
      agreementKey: Array(try reader.octets(ClusterLimits.agreementKeyByteCount)))
    guard weight != 0 else { throw .badValue(field: "weight") }
  }

  func encode(into octets: inout [UInt8]) {
    precondition(agreementKey.count == ClusterLimits.agreementKeyByteCount, "an agreement key of \(agreementKey.count) octets")
    octets.append(integer: identifier.rawValue)
    octets.append(integer: incarnation)
    address.encode(into: &octets)
    ethernetAddress.encode(into: &octets)
    octets.append(integer: weight)
    octets.append(contentsOf: agreementKey)
  }
}

/// Which part of how many: 8 bits each.
struct Part {
  var number: UInt8
  var count: UInt8

  init(_ number: UInt8, of count: UInt8) {
    self.number = number
    self.count = count
  }

  init(from reader: inout OctetReader) throws(WireError) {
    number = try reader.integer()
    count = try reader.integer(upTo: ClusterLimits.partCount, "part count")
    guard number < count else { throw .badValue(field: "part") }
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(number)
    octets.append(count)
  }
}

extension OctetReader {
  /// An octet of flags, the first in the lowest bit. Those that are not used must be 0.
  mutating func flags(_ count: Int) throws(WireError) -> UInt8 {
    let flags: UInt8 = try integer()
    guard flags >> UInt8(count) == 0 else { throw .badValue(field: "flags") }
    return flags
  }

  mutating func unit() throws(WireError) -> UInt16 { try integer(upTo: UnitSet.unitCount - 1, "unit") }

  /// `decode` as often as an 8-bit count says, which must not be above `limit`.
  mutating func list<Element>(
    limit: Int, of decode: (inout OctetReader) throws(WireError) -> Element
  ) throws(WireError) -> [Element] {
    let count = try count(limit: limit)
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try decode(&self)) }
    return elements
  }
}

extension [UInt8] {
  /// Appends an octet of flags, the first in the lowest bit.
  mutating func append(flags: Bool...) {
    var octet: UInt8 = 0
    for (bit, flag) in flags.enumerated() where flag { octet |= 1 << UInt8(bit) }
    append(octet)
  }
}
