/// A member's number in its cluster, 1…65,534: fixed in its configuration and named by its certificate.
public struct MemberIdentifier: RawRepresentable, Hashable, Comparable, Sendable {
  /// The number.
  public var rawValue: UInt16
  /// The number as it is; whether it may be one is checked where it enters.
  public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// By number.
  public static func < (left: MemberIdentifier, right: MemberIdentifier) -> Bool { left.rawValue < right.rawValue }
}

/// A cluster's number, 1…65,535; two clusters on one network need two.
public struct ClusterIdentifier: RawRepresentable, Hashable, Sendable {
  /// The number.
  public var rawValue: UInt16
  /// The number as it is; whether it may be one is checked where it enters.
  public init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// The reign of one master. It only grows: a new master takes one more than the highest term it has seen.
public struct Term: RawRepresentable, Hashable, Comparable, Sendable {
  /// The number; 0 is before the first reign.
  public var rawValue: UInt64
  /// The number as it is; whether it may be one is checked where it enters.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// By number.
  public static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }
  /// Before the first reign.
  public static let none = Term(rawValue: 0)
}

/// An Ethernet address: 48 bits, the first octet on the wire in bits 40…47.
public struct EthernetAddress: Hashable, Sendable {
  /// The 48 bits; the upper 16 are 0.
  public var bits: UInt64
  /// The lower 48 of `bits`.
  public init(bits: UInt64) { self.bits = bits & 0xffff_ffff_ffff }
  /// The six octets, in the order of the wire.
  public var octets: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: bits >> UInt64(40 - 8 * $0)) } }
}

/// An IPv4 or IPv6 address. IPv4 is held as the IPv4-mapped ::ffff:a.b.c.d, so that both have one shape (RFC 4291, 2.5.5.2).
public struct InternetAddress: Hashable, Sendable {
  /// The first and last eight octets, each in host byte order.
  public var high: UInt64
  /// See `high`.
  public var low: UInt64

  /// The two halves, each in host byte order.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// An IPv4 address; 192.0.2.1 is 0xc0000201.
  public init(ipv4 bits: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(bits)) }

  /// The IPv4 address, if this is one.
  public var ipv4: UInt32? { high == 0 && low >> 32 == 0xffff ? UInt32(truncatingIfNeeded: low) : nil }
  /// `::`.
  public static let unspecified = InternetAddress(high: 0, low: 0)
}

extension InternetAddress: Comparable {
  /// In the order of the octets; IPv4 among itself by number.
  public static func < (left: InternetAddress, right: InternetAddress) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

/// A set of work units out of the 1,024 (WO 00/31945, "work unit" number between 0 and 1023).
public struct UnitSet: Hashable, Sendable {
  /// How many work units there are.
  public static let unitCount = 1024

  /// Sixteen words of 64 units, unit 0 in the lowest bit of the first.
  public internal(set) var words: [UInt64]

  /// No unit.
  public init() { words = Array(repeating: 0, count: Self.unitCount / 64) }
  /// These units, each 0…1,023.
  public init(_ units: some Sequence<Int>) {
    self.init()
    for unit in units { insert(unit) }
  }

  /// All 1,024.
  public static let all = UnitSet(0..<unitCount)

  /// Whether no unit is in it.
  public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
  /// How many units are in it.
  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
  /// Whether the unit, 0…1,023, is in it.
  public func contains(_ unit: Int) -> Bool { words[unit >> 6] >> UInt64(unit & 63) & 1 == 1 }
  /// Adds the unit, 0…1,023.
  public mutating func insert(_ unit: Int) { words[unit >> 6] |= 1 << UInt64(unit & 63) }
  /// Takes the unit, 0…1,023, out.
  public mutating func remove(_ unit: Int) { words[unit >> 6] &= ~(1 << UInt64(unit & 63)) }
  /// Adds what is in the other.
  public mutating func formUnion(_ other: UnitSet) { for i in words.indices { words[i] |= other.words[i] } }
  /// Takes out what is in the other.
  public mutating func subtract(_ other: UnitSet) { for i in words.indices { words[i] &= ~other.words[i] } }
  /// Keeps only what is in the other too.
  public mutating func formIntersection(_ other: UnitSet) { for i in words.indices { words[i] &= other.words[i] } }
  /// What is in either.
  public func union(_ other: UnitSet) -> UnitSet {
    var result = self
    result.formUnion(other)
    return result
  }
  /// What is in this and not in the other.
  public func subtracting(_ other: UnitSet) -> UnitSet {
    var result = self
    result.subtract(other)
    return result
  }
  /// What is in both.
  public func intersection(_ other: UnitSet) -> UnitSet {
    var result = self
    result.formIntersection(other)
    return result
  }
}

extension UnitSet: Sequence {
  /// The units in rising order.
  public func makeIterator() -> AnyIterator<Int> {
    var word = 0
    var rest = words[0]
    return AnyIterator { [words] in
      while rest == 0 {
        word += 1
        guard word < words.count else { return nil }
        rest = words[word]
      }
      defer { rest &= rest &- 1 }
      return word << 6 + rest.trailingZeroBitCount
    }
  }
}
