// What a virtual gateway tells an IPFIX collector: how much each forwarder carried, and who carries it. docs/wire-format.md has the records.

/// What one forwarder carried in a stretch of time.
public struct ForwarderTrafficRecord: Hashable, Sendable {
  /// The forwarder's Ethernet address.
  public var virtualEthernet: EthernetAddress
  /// What it carried in this time.
  public var octets: UInt64
  /// What it carried in this time.
  public var packets: UInt64
  /// From when, in milliseconds since 1970.
  public var startMilliseconds: UInt64
  /// Until when, in milliseconds since 1970.
  public var endMilliseconds: UInt64

  /// A record.
  public init(virtualEthernet: EthernetAddress, octets: UInt64, packets: UInt64, startMilliseconds: UInt64, endMilliseconds: UInt64) {
    self.virtualEthernet = virtualEthernet
    self.octets = octets
    self.packets = packets
    self.startMilliseconds = startMilliseconds
    self.endMilliseconds = endMilliseconds
  }

  /// destinationMacAddress, octetDeltaCount, packetDeltaCount, flowStartMilliseconds, flowEndMilliseconds.
  public static let template = IpfixTemplate(
    identifier: 256,
    fields: [
      IpfixField(80, byteCount: 6), IpfixField(1, byteCount: 8), IpfixField(2, byteCount: 8), IpfixField(152, byteCount: 8),
      IpfixField(153, byteCount: 8),
    ])

  func encode(into octets: inout [UInt8]) {
    virtualEthernet.encode(into: &octets)
    for number in [self.octets, packets, startMilliseconds, endMilliseconds] { octets.append(integer: number) }
  }
}

/// A gateway began or ceased to carry a forwarder.
public struct ForwarderEventRecord: Hashable, Sendable {
  /// The enterprise of our own element: IANA's number for examples (RFC 5612), since the house has none of its own.
  public static let enterprise: UInt32 = 32_473
  /// Our own element: what happened, in a word, UTF-8.
  public static let eventElement: UInt16 = 1

  /// When, in milliseconds since 1970.
  public var milliseconds: UInt64
  /// The forwarder's Ethernet address.
  public var virtualEthernet: EthernetAddress
  /// The gateway.
  public var gateway: InternetAddress
  /// What happened, in a word such as "forwarding"; cut at 254 octets.
  public var event: String

  /// A record.
  public init(milliseconds: UInt64, virtualEthernet: EthernetAddress, gateway: InternetAddress, event: String) {
    self.milliseconds = milliseconds
    self.virtualEthernet = virtualEthernet
    self.gateway = gateway
    self.event = event
  }

  /// observationTimeMilliseconds, destinationMacAddress, exporterIPv4Address or exporterIPv6Address, our event.
  public static func template(_ family: InternetFamily) -> IpfixTemplate {
    let address = family == .ipv4 ? IpfixField(130, byteCount: 4) : IpfixField(131, byteCount: 16)
    return IpfixTemplate(
      identifier: family == .ipv4 ? 257 : 258,
      fields: [
        IpfixField(323, byteCount: 8), IpfixField(80, byteCount: 6), address,
        IpfixField(eventElement, byteCount: IpfixField.variableByteCount, enterprise: enterprise),
      ])
  }

  func encode(into octets: inout [UInt8]) {
    octets.append(integer: milliseconds)
    virtualEthernet.encode(into: &octets)
    octets.append(contentsOf: gateway.packetOctets)
    // One octet of length, since it is below 255 (RFC 7011, 7).
    var event = event
    while event.utf8.count > 254 { event.unicodeScalars.removeLast() }
    octets.append(UInt8(event.utf8.count))
    octets.append(contentsOf: event.utf8)
  }
}

/// Makes messages of records and numbers them. Every message has its template with it: UDP loses some, and collectors come and go.
public struct IpfixExporter: Sendable {
  /// Octets in one message: it fits an Ethernet frame under any of the usual tunnels.
  public static let messageByteCount = 1400

  /// Which of the sender's sources: the group's number.
  public let observationDomain: UInt32
  /// How many data records have been sent, modulo 2^32.
  public private(set) var sequence: UInt32 = 0

  /// An exporter that has sent nothing.
  public init(observationDomain: UInt32) { self.observationDomain = observationDomain }

  /// As many messages as it takes for these; none for none. `time` is in seconds since 1970.
  public mutating func messages(_ records: [ForwarderTrafficRecord], at time: UInt32) -> [[UInt8]] {
    let encoded = records.map { record in
      var octets: [UInt8] = []
      record.encode(into: &octets)
      return octets
    }
    return messages(of: encoded, template: ForwarderTrafficRecord.template, at: time)
  }

  /// As many messages as it takes for these; none for none. `time` is in seconds since 1970.
  public mutating func messages(_ records: [ForwarderEventRecord], at time: UInt32) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for family in InternetFamily.allCases {
      let encoded = records.filter { $0.gateway.family == family }.map { record in
        var octets: [UInt8] = []
        record.encode(into: &octets)
        return octets
      }
      result += messages(of: encoded, template: ForwarderEventRecord.template(family), at: time)
    }
    return result
  }

  private mutating func messages(of records: [[UInt8]], template: IpfixTemplate, at time: UInt32) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var rest = records[...]
    while !rest.isEmpty {
      var message = IpfixMessage(
        exportTime: time, sequence: sequence, observationDomain: observationDomain, sets: [.templates([template])])
      let room = Self.messageByteCount - message.encode().count - IpfixDatagram.Field.setHeaderByteCount
      var data: [UInt8] = []
      while let record = rest.first, data.isEmpty || data.count + record.count <= room {
        data += record
        sequence &+= 1
        rest.removeFirst()
      }
      message.sets.append(.data(template: template.identifier, octets: data))
      result.append(message.encode())
    }
    return result
  }
}
