// How every decoder reads and every encoder writes: big-endian, in order, every length checked.

/// Takes octets apart from the front. Reading past the end throws; nothing traps.
struct OctetReader {
  private(set) var rest: ArraySlice<UInt8>

  init(_ octets: ArraySlice<UInt8>) { rest = octets }

  mutating func octets(_ count: Int) throws(WireError) -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw .truncated(needed: count, available: rest.count) }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  mutating func integer<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type = Number.self) throws(WireError) -> Number {
    try octets(Number.bitWidth / 8).integer(at: 0)
  }

  /// A number that must not be above `limit`.
  mutating func integer<Number: FixedWidthInteger & UnsignedInteger>(upTo limit: Int, _ field: String) throws(WireError) -> Number {
    let number: Number = try integer()
    guard number <= limit else { throw .badValue(field: field) }
    return number
  }

  /// A 16-bit length that must not be above `limit`, and as many octets.
  mutating func countedOctets(limit: Int) throws(WireError) -> ArraySlice<UInt8> {
    let count = Int(try integer(UInt16.self))
    guard count <= limit else { throw .oversized(byteCount: count, limit: limit) }
    return try octets(count)
  }

  /// An 8-bit count that must not be above `limit`.
  mutating func count(limit: Int) throws(WireError) -> Int {
    let count = Int(try integer(UInt8.self))
    guard count <= limit else { throw .oversized(byteCount: count, limit: limit) }
    return count
  }

  func end() throws(WireError) {
    guard rest.isEmpty else { throw .trailingOctets(count: rest.count) }
  }
}

extension ArraySlice<UInt8> {
  /// The big-endian number `offset` octets from the start of the slice, which the caller has checked to be there.
  func integer<Number: FixedWidthInteger & UnsignedInteger>(at offset: Int, _ type: Number.Type = Number.self) -> Number {
    let first = startIndex + offset
    var number: Number = 0
    for index in first..<first + Number.bitWidth / 8 { number = number << 8 | Number(self[index]) }
    return number
  }

  /// The octets in a range that is counted from the start of the slice, which the caller has checked to be there.
  func octets(_ range: Range<Int>) -> ArraySlice<UInt8> {
    self[startIndex + range.lowerBound..<startIndex + range.upperBound]
  }
}

extension [UInt8] {
  /// Appends the number, first octet first.
  mutating func append(integer number: some FixedWidthInteger & UnsignedInteger) {
    var shift = type(of: number).bitWidth
    while shift > 0 {
      shift -= 8
      append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  /// Overwrites 16 bits that are there already.
  mutating func replace(at offset: Int, with number: UInt16) {
    self[offset] = UInt8(truncatingIfNeeded: number >> 8)
    self[offset + 1] = UInt8(truncatingIfNeeded: number)
  }

  /// Appends a 16-bit length and the octets. More than `limit` is a mistake of the caller.
  mutating func append(counted octets: some Collection<UInt8>, limit: Int) {
    precondition(octets.count <= limit, "\(octets.count) octets where at most \(limit) fit")
    append(integer: UInt16(octets.count))
    append(contentsOf: octets)
  }

  /// Appends an 8-bit count. More than `limit` is a mistake of the caller.
  mutating func append(count: Int, limit: Int) {
    precondition(count <= limit, "\(count) entries where at most \(limit) fit")
    append(UInt8(count))
  }
}
