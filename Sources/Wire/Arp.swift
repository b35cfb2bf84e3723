// ARP for IPv4 over Ethernet (RFC 826, RFC 5227).

/// A view of an ARP packet. Its 28 octets are there, and it is about Ethernet and IPv4, once it exists.
public struct ArpPacket: Sendable {
  enum Field {
    static let hardwareType = 0
    static let protocolType = 2
    static let hardwareByteCount = 4
    static let protocolByteCount = 5
    static let operation = 6
    static let senderEthernet = 8..<14
    static let senderAddress = 14
    static let targetEthernet = 18..<24
    static let targetAddress = 24
    static let byteCount = 28
  }

  /// The packet without padding.
  public let octets: ArraySlice<UInt8>

  /// Throws `truncated`, or `badValue` for another hardware or protocol.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    guard octets.count >= Field.byteCount else { throw .truncated(needed: Field.byteCount, available: octets.count) }
    guard octets.integer(at: Field.hardwareType, UInt16.self) == 1, octets.integer(at: Field.hardwareByteCount, UInt8.self) == 6 else {
      throw .badValue(field: "ARP hardware")
    }
    guard octets.integer(at: Field.protocolType) == EtherType.ipv4.rawValue,
      octets.integer(at: Field.protocolByteCount, UInt8.self) == 4
    else { throw .badValue(field: "ARP protocol") }
    self.octets = octets.prefix(Field.byteCount)
  }

  /// Request, reply, or a number that is neither.
  public var operation: ArpOperation { ArpOperation(rawValue: octets.integer(at: Field.operation)) }
  /// The sender's Ethernet address.
  public var senderEthernet: EthernetAddress { EthernetAddress(octets.octets(Field.senderEthernet)) }
  /// The sender's IPv4 address; 0.0.0.0 in a probe.
  public var senderAddress: InternetAddress { InternetAddress(ipv4: octets.integer(at: Field.senderAddress)) }
  /// The target's Ethernet address; without meaning in a request.
  public var targetEthernet: EthernetAddress { EthernetAddress(octets.octets(Field.targetEthernet)) }
  /// The target's IPv4 address.
  public var targetAddress: InternetAddress { InternetAddress(ipv4: octets.integer(at: Field.targetAddress)) }
}

/// What an ARP packet does. Unknown numbers survive.
public struct ArpOperation: RawRepresentable, Hashable, Sendable {
  /// IANA's number.
  public var rawValue: UInt16
  /// Any number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }
  /// Who has the target address?
  public static let request = ArpOperation(rawValue: 1)
  /// The sender has the sender address.
  public static let reply = ArpOperation(rawValue: 2)
  /// Which address has the target? (RFC 903)
  public static let reverseRequest = ArpOperation(rawValue: 3)
}

/// An ARP packet as a value.
public struct ArpMessage: Hashable, Sendable {
  /// Request, reply, or a number that is neither.
  public var operation: ArpOperation
  /// The sender's Ethernet address.
  public var senderEthernet: EthernetAddress
  /// The sender's IPv4 address.
  public var senderAddress: InternetAddress
  /// The target's Ethernet address.
  public var targetEthernet: EthernetAddress
  /// The target's IPv4 address.
  public var targetAddress: InternetAddress

  /// A message. Both addresses must be IPv4; of any other the last 32 bits are sent.
  public init(
    operation: ArpOperation, senderEthernet: EthernetAddress, senderAddress: InternetAddress, targetEthernet: EthernetAddress,
    targetAddress: InternetAddress
  ) {
    self.operation = operation
    self.senderEthernet = senderEthernet
    self.senderAddress = senderAddress
    self.targetEthernet = targetEthernet
    self.targetAddress = targetAddress
  }

  /// The message that a view sees.
  public init(_ packet: ArpPacket) {
    self.init(
      operation: packet.operation, senderEthernet: packet.senderEthernet, senderAddress: packet.senderAddress,
      targetEthernet: packet.targetEthernet, targetAddress: packet.targetAddress)
  }

  /// A gratuitous ARP: `address` is at `ethernet`, said as a request or as a reply, since some neighbours heed only the one or the other.
  /// The target is the address itself (RFC 5944, 4.6).
  public static func announcement(
    of address: InternetAddress, at ethernet: EthernetAddress, as operation: ArpOperation
  ) -> ArpMessage {
    ArpMessage(
      operation: operation, senderEthernet: ethernet, senderAddress: address,
      targetEthernet: operation == .reply ? .broadcast : EthernetAddress(bits: 0), targetAddress: address)
  }

  /// The reply to this request: the address it asks for is at `ethernet`.
  public func reply(at ethernet: EthernetAddress) -> ArpMessage {
    ArpMessage(
      operation: .reply, senderEthernet: ethernet, senderAddress: targetAddress, targetEthernet: senderEthernet,
      targetAddress: senderAddress)
  }

  /// A whole frame from an Ethernet address that tells the switches where it is, and hosts nothing: a reverse ARP request (RFC 903).
  public static func whereabouts(of ethernet: EthernetAddress) -> [UInt8] {
    let none = InternetAddress(ipv4: 0)
    let message = ArpMessage(
      operation: .reverseRequest, senderEthernet: ethernet, senderAddress: none, targetEthernet: ethernet, targetAddress: none)
    return EthernetHeader(destination: .broadcast, source: ethernet, type: .reverseArp).frame(carrying: message.encode())
  }

  /// The packet's 28 octets.
  public func encode() -> [UInt8] {
    var octets: [UInt8] = []
    octets.append(integer: UInt16(1))
    octets.append(integer: EtherType.ipv4.rawValue)
    octets.append(contentsOf: [6, 4])
    octets.append(integer: operation.rawValue)
    senderEthernet.encode(into: &octets)
    octets.append(integer: UInt32(truncatingIfNeeded: senderAddress.low))
    targetEthernet.encode(into: &octets)
    octets.append(integer: UInt32(truncatingIfNeeded: targetAddress.low))
    return octets
  }
}
