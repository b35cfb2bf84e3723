// ICMP (RFC 792) and ICMPv6 (RFC 4443): echo, and errors with the packet that they quote.

/// A view of an ICMP or ICMPv6 packet. Its first 8 octets are there once it exists; the checksum is not looked at until asked for.
public struct IcmpPacket: Sendable {
  enum Field {
    static let type = 0
    static let code = 1
    static let checksum = 2
    static let rest = 4
    static let body = 8
  }

  /// The whole packet.
  public let octets: ArraySlice<UInt8>
  /// ICMP's or ICMPv6's numbers.
  public let family: InternetFamily

  /// Throws `truncated` below 8 octets.
  public init(_ octets: ArraySlice<UInt8>, family: InternetFamily) throws(WireError) {
    guard octets.count >= Field.body else { throw .truncated(needed: Field.body, available: octets.count) }
    self.octets = octets
    self.family = family
  }

  /// The message's type.
  public var type: UInt8 { octets.integer(at: Field.type) }
  /// What it is more exactly.
  public var code: UInt8 { octets.integer(at: Field.code) }
  /// The second four octets: identifier and sequence of an echo, next-hop MTU of "too big", pointer of "parameter problem".
  public var rest: UInt32 { octets.integer(at: Field.rest) }
  /// What follows: an echo's data, or the packet that an error quotes.
  public var body: ArraySlice<UInt8> { octets.dropFirst(Field.body) }

  /// Whether it reports an error of the packet that it quotes.
  public var isError: Bool {
    switch family {
    case .ipv4: [3, 4, 5, 11, 12].contains(type)
    case .ipv6: type < 128
    }
  }

  /// Whether the checksum matches. ICMP's does not cover the addresses, ICMPv6's does.
  public func isChecksumRight(from source: InternetAddress, to destination: InternetAddress) -> Bool {
    IcmpMessage.checksum(of: octets, family: family, from: source, to: destination) == 0
  }
}

/// An ICMP or ICMPv6 message as a value.
public enum IcmpMessage: Hashable, Sendable {
  /// A ping.
  case echoRequest(IcmpEcho)
  /// Its answer.
  case echoReply(IcmpEcho)
  /// An error report.
  case error(IcmpError)
  /// Anything else; its numbers survive.
  case other(type: UInt8, code: UInt8, rest: UInt32, body: [UInt8])

  /// The message that a view sees.
  public init(_ packet: IcmpPacket) {
    let numbers = IcmpEchoNumbers(family: packet.family)
    if packet.isError {
      self = .error(IcmpError(type: packet.type, code: packet.code, parameter: packet.rest, quoted: Array(packet.body)))
    } else if packet.type == numbers.request, packet.code == 0 {
      self = .echoRequest(IcmpEcho(packet))
    } else if packet.type == numbers.reply, packet.code == 0 {
      self = .echoReply(IcmpEcho(packet))
    } else {
      self = .other(type: packet.type, code: packet.code, rest: packet.rest, body: Array(packet.body))
    }
  }

  /// The packet's octets with the right checksum; the destination's family decides which numbers.
  public func encode(from source: InternetAddress, to destination: InternetAddress) -> [UInt8] {
    let numbers = IcmpEchoNumbers(family: destination.family)
    switch self {
    case .echoRequest(let echo):
      return Self.encode((numbers.request, 0), echo.rest, echo.payload, from: source, to: destination)
    case .echoReply(let echo):
      return Self.encode((numbers.reply, 0), echo.rest, echo.payload, from: source, to: destination)
    case .error(let error):
      return Self.encode((error.type, error.code), error.parameter, error.quoted, from: source, to: destination)
    case .other(let type, let code, let rest, let body):
      return Self.encode((type, code), rest, body, from: source, to: destination)
    }
  }

  private static func encode(
    _ kind: (type: UInt8, code: UInt8), _ rest: UInt32, _ body: [UInt8], from source: InternetAddress, to destination: InternetAddress
  ) -> [UInt8] {
    var octets: [UInt8] = [kind.type, kind.code, 0, 0]
    octets.append(integer: rest)
    octets.append(contentsOf: body)
    let checksum = checksum(of: octets[...], family: destination.family, from: source, to: destination)
    octets.replace(at: IcmpPacket.Field.checksum, with: checksum)
    return octets
  }

  static func checksum(
    of octets: ArraySlice<UInt8>, family: InternetFamily, from source: InternetAddress, to destination: InternetAddress
  ) -> UInt16 {
    switch family {
    case .ipv4:
      var checksum = InternetChecksum()
      checksum.add(octets)
      return checksum.value
    case .ipv6:
      return InternetChecksum.value(of: octets, protocolNumber: .icmpv6, from: source, to: destination)
    }
  }
}

private struct IcmpEchoNumbers {
  let request: UInt8
  let reply: UInt8

  init(family: InternetFamily) {
    switch family {
    case .ipv4: (request, reply) = (8, 0)
    case .ipv6: (request, reply) = (128, 129)
    }
  }
}

/// An echo request or reply.
public struct IcmpEcho: Hashable, Sendable {
  /// Which pinger.
  public var identifier: UInt16
  /// Which of its pings.
  public var sequence: UInt16
  /// Data to be sent back.
  public var payload: [UInt8]

  /// An echo.
  public init(identifier: UInt16, sequence: UInt16, payload: [UInt8]) {
    self.identifier = identifier
    self.sequence = sequence
    self.payload = payload
  }

  init(_ packet: IcmpPacket) {
    self.init(
      identifier: UInt16(truncatingIfNeeded: packet.rest >> 16), sequence: UInt16(truncatingIfNeeded: packet.rest),
      payload: Array(packet.body))
  }

  var rest: UInt32 { UInt32(identifier) << 16 | UInt32(sequence) }
}

/// An error report.
public struct IcmpError: Hashable, Sendable {
  /// ICMP's or ICMPv6's type number.
  public var type: UInt8
  /// What it is more exactly.
  public var code: UInt8
  /// The second four octets: next-hop MTU, pointer, gateway, or 0.
  public var parameter: UInt32
  /// The beginning of the packet that it is about.
  public var quoted: [UInt8]

  /// An error.
  public init(type: UInt8, code: UInt8, parameter: UInt32, quoted: [UInt8]) {
    self.type = type
    self.code = code
    self.parameter = parameter
    self.quoted = quoted
  }

  /// Whose packet it was. Throws as the packet's own decoder does; the ports are nil where there are none, or are not quoted.
  public func flow(family: InternetFamily) throws(WireError) -> QuotedFlow {
    switch family {
    case .ipv4:
      let packet = try IPv4Packet(quoted: quoted[...])
      let first = packet.fragmentOffset == 0
      return QuotedFlow(packet.source, packet.destination, packet.protocolNumber, first ? packet.payload : [])
    case .ipv6:
      let packet = try IPv6Packet(quoted: quoted[...])
      let first = (packet.fragment?.offset ?? 0) == 0
      return QuotedFlow(packet.source, packet.destination, packet.upperLayer, first ? packet.payload : [])
    }
  }
}

/// Whose packet an ICMP error quotes.
public struct QuotedFlow: Hashable, Sendable {
  /// The sender of the packet that failed.
  public var source: InternetAddress
  /// Where it was to go.
  public var destination: InternetAddress
  /// What it carried.
  public var protocolNumber: InternetProtocol
  /// The sender's UDP or TCP port.
  public var sourcePort: UInt16?
  /// The receiver's UDP or TCP port.
  public var destinationPort: UInt16?

  init(_ source: InternetAddress, _ destination: InternetAddress, _ protocolNumber: InternetProtocol, _ payload: ArraySlice<UInt8>) {
    self.source = source
    self.destination = destination
    self.protocolNumber = protocolNumber
    guard protocolNumber == .udp || protocolNumber == .tcp, payload.count >= 4 else { return }
    sourcePort = payload.integer(at: 0)
    destinationPort = payload.integer(at: 2)
  }
}
