// Addresses as people write them.

extension EthernetAddress: CustomStringConvertible {
  /// Six pairs of lowercase digits with colons: "02:00:5e:10:00:01".
  public var description: String {
    stride(from: 40, through: 0, by: -8)
      .map { Hexadecimal.text(of: UInt8(truncatingIfNeeded: bits >> UInt64($0))) }
      .joined(separator: ":")
  }

  /// Six pairs of hexadecimal digits, with colons or hyphens between them; nil for anything else.
  public init?(text: some StringProtocol) {
    let separator: Character = text.contains("-") ? "-" : ":"
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.count == 6 else { return nil }
    var bits: UInt64 = 0
    for part in parts {
      guard part.count == 2, let octet = Hexadecimal.number(part, digitLimit: 2) else { return nil }
      bits = bits << 8 | octet
    }
    self.init(bits: bits)
  }
}

extension InternetAddress: CustomStringConvertible {
  /// IPv4 in dotted decimal, IPv6 as RFC 5952 has it. An IPv4-mapped IPv6 address is the IPv4 address (see the type).
  public var description: String { ipv4.map(Self.dotted) ?? Self.compressed(groups) }

  /// The eight 16-bit groups of the IPv6 form.
  private var groups: [UInt16] {
    [high, low].flatMap { half in
      stride(from: 48, through: 0, by: -16).map { UInt16(truncatingIfNeeded: half >> UInt64($0)) }
    }
  }

  private static func dotted(_ bits: UInt32) -> String {
    stride(from: 24, through: 0, by: -8).map { String(bits >> UInt32($0) & 0xff) }.joined(separator: ".")
  }

  /// RFC 5952, 4.2: the longest run of zero groups, the first of equals, but never a single one, becomes "::".
  private static func compressed(_ groups: [UInt16]) -> String {
    func text(_ part: some Sequence<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
    var longest = 0..<0
    var start = 0
    for index in 0...groups.count where index == groups.count || groups[index] != 0 {
      if index - start > longest.count { longest = start..<index }
      start = index + 1
    }
    guard longest.count > 1 else { return text(groups) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
  }
}

extension InternetAddress {
  /// An IPv4 address in dotted decimal (four numbers without leading zeros), or an IPv6 address in any of RFC 4291's forms.
  /// Nil for anything else, a zone ("%eth0") included.
  public init?(text: some StringProtocol) {
    guard text.contains(":") else {
      guard let bits = Self.dotted(text) else { return nil }
      self.init(ipv4: bits)
      return
    }
    guard let groups = Self.expanded(text) else { return nil }
    let halves = [groups[..<4], groups[4...]].map { $0.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
    self.init(high: halves[0], low: halves[1])
  }

  private static func dotted(_ text: some StringProtocol) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bits: UInt32 = 0
    for part in parts {
      guard let octet = octet(part) else { return nil }
      bits = bits << 8 | UInt32(octet)
    }
    return bits
  }

  /// A decimal number up to 255 without leading zeros: with them, some read it as octal.
  private static func octet(_ text: some StringProtocol) -> UInt8? {
    guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard text.utf8.count == 1 || text.utf8.first != 0x30 else { return nil }
    return UInt8(text)
  }

  /// The eight groups of an IPv6 address, "::" filled in.
  private static func expanded(_ text: some StringProtocol) -> [UInt16]? {
    guard let gap = firstGap(in: text) else {
      guard let groups = groups(text, mayEndDotted: true), groups.count == 8 else { return nil }
      return groups
    }
    let front = text[..<gap.lowerBound]
    let back = text[gap.upperBound...]
    guard let left = groups(front, mayEndDotted: false), let right = groups(back, mayEndDotted: true), left.count + right.count < 8
    else { return nil }
    return left + Array(repeating: 0, count: 8 - left.count - right.count) + right
  }

  private static func firstGap<Text: StringProtocol>(in text: Text) -> Range<Text.Index>? {
    var previous: Text.Index?
    for index in text.indices {
      if text[index] == ":", let previous, text[previous] == ":" { return previous..<text.index(after: index) }
      previous = index
    }
    return nil
  }

  /// Groups with single colons between them; the last two may be a dotted IPv4 address. No text is no groups.
  private static func groups(_ text: some StringProtocol, mayEndDotted: Bool) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    var groups: [UInt16] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if mayEndDotted, index == parts.count - 1, part.contains("."), let bits = dotted(part) {
        groups += [UInt16(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits)]
      } else {
        guard let group = Hexadecimal.number(part, digitLimit: 4) else { return nil }
        groups.append(UInt16(group))
      }
    }
    return groups
  }
}

/// An address and how many of its leading bits name the network: "192.0.2.10/24". The address keeps its host bits.
public struct InternetPrefix: Hashable, Sendable {
  /// The address, host bits included.
  public let address: InternetAddress
  /// Bits of the network: 0…32 for IPv4, 0…128 for IPv6.
  public let length: Int

  /// Nil when `length` is more than the address has bits, or negative.
  public init?(address: InternetAddress, length: Int) {
    guard (0...Self.bitCount(of: address)).contains(length) else { return nil }
    self.address = address
    self.length = length
  }

  /// "address/length"; nil for anything else.
  public init?(text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = InternetAddress(text: parts[0]) else { return nil }
    guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard parts[1].utf8.count == 1 || parts[1].utf8.first != 0x30, let length = Int(parts[1]) else { return nil }
    self.init(address: address, length: length)
  }

  private static func bitCount(of address: InternetAddress) -> Int { address.ipv4 == nil ? 128 : 32 }

  /// The network's first address.
  public var network: InternetAddress {
    let hostBits = Self.bitCount(of: address) - length
    let lowMask = UInt64.max << min(hostBits, 64)
    let highMask = UInt64.max << max(hostBits - 64, 0)
    return InternetAddress(high: address.high & highMask, low: address.low & lowMask)
  }

  /// The network's last address, to which IPv4 sends what is for all of its machines.
  public var last: InternetAddress {
    let hostBits = Self.bitCount(of: address) - length
    let lowMask = UInt64.max << min(hostBits, 64)
    let highMask = UInt64.max << max(hostBits - 64, 0)
    return InternetAddress(high: address.high | ~highMask, low: address.low | ~lowMask)
  }

  /// Whether `other` is an address of this network. An IPv4 address is in no IPv6 network, nor the other way round.
  public func contains(_ other: InternetAddress) -> Bool {
    guard (other.ipv4 == nil) == (address.ipv4 == nil) else { return false }
    return InternetPrefix(address: other, length: length)?.network == network
  }
}

extension InternetPrefix: CustomStringConvertible {
  /// "address/length".
  public var description: String { "\(address)/\(length)" }
}

extension Interval {
  /// The units in which times are written, the longest first, in nanoseconds.
  private static let units: [(name: Substring, nanoseconds: UInt64)] = [
    ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000),
  ]

  /// Reads `200ms`, `2s`, `1m`, `500us`, `1h`; nil for anything else, and for more than 64 bits of nanoseconds, which are 584 years.
  public init?(text: some StringProtocol) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let name = text.dropFirst(digits.count)
    guard let count = UInt64(digits), let unit = Self.units.first(where: { $0.name == name || $0.name == "m" && name == "min" })
    else { return nil }
    let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
    guard !overflow else { return nil }
    self.init(nanoseconds: nanoseconds)
  }

  /// As `init(text:)` reads it, in the longest unit that leaves a whole number: `200ms`, `60s`, `10m`. Less than a microsecond is cut off.
  public var text: String {
    // One minute and one hour are better known as 60 of the next unit.
    let unit = Self.units.first {
      nanoseconds % $0.nanoseconds == 0 && nanoseconds / $0.nanoseconds > ($0.nanoseconds >= 60_000_000_000 ? 1 : 0)
    }
    return unit.map { "\(nanoseconds / $0.nanoseconds)\($0.name)" } ?? "\(nanoseconds / 1000)us"
  }
}
