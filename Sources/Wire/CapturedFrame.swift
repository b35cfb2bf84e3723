// A frame taken apart as far as we understand it: what `skein trace` is given.

/// A frame and all that is known in it. Where a layer is unsound, its error stands in its place; what is below it is still shown.
public struct CapturedFrame: Hashable, Sendable {
  /// The Ethernet header.
  public var ethernet: EthernetHeader
  /// What the frame carries.
  public var content: Content

  /// What a frame carries.
  public enum Content: Hashable, Sendable {
    /// ARP.
    case arp(ArpMessage)
    /// IPv4 or IPv6.
    case packet(CapturedPacket)
    /// Anything else.
    case other(byteCount: Int)
    /// It ought to be one of the above, but is not sound.
    case unsound(WireError)
  }

  /// Throws only when not even the Ethernet header is there.
  public init(_ octets: ArraySlice<UInt8>) throws(WireError) {
    let frame = try EthernetFrame(octets)
    ethernet = EthernetHeader(frame)
    content = Self.content(of: frame)
  }

  private static func content(of frame: EthernetFrame) -> Content {
    do throws(WireError) {
      switch frame.type {
      case .arp: return .arp(ArpMessage(try ArpPacket(frame.payload)))
      case .ipv4: return .packet(CapturedPacket(try IPv4Packet(frame.payload)))
      case .ipv6: return .packet(CapturedPacket(try IPv6Packet(frame.payload)))
      default: return .other(byteCount: frame.payload.count)
      }
    } catch {
      return .unsound(error)
    }
  }
}

/// An IP packet and what it carries.
public struct CapturedPacket: Hashable, Sendable {
  /// The sender.
  public var source: InternetAddress
  /// The receiver.
  public var destination: InternetAddress
  /// What it carries.
  public var protocolNumber: InternetProtocol
  /// How many routers it may still pass.
  public var hopLimit: UInt8
  /// What it carries, taken apart.
  public var transport: Transport

  /// What a packet carries.
  public enum Transport: Hashable, Sendable {
    /// UDP.
    case udp(UdpHeader, payloadByteCount: Int)
    /// TCP.
    case tcp(TcpHeader, payloadByteCount: Int)
    /// ICMP or ICMPv6, neighbour discovery excepted.
    case icmp(IcmpMessage)
    /// IPv6 neighbour discovery.
    case neighbour(NeighbourMessage)
    /// A fragment: the first has a transport header too, but its checksum and length are of the whole.
    case fragment(offset: Int, more: Bool)
    /// Anything else.
    case other(byteCount: Int)
    /// It ought to be one of the above, but is not sound.
    case unsound(WireError)
  }

  /// From a view.
  public init(_ packet: IPv4Packet) {
    (source, destination, hopLimit) = (packet.source, packet.destination, packet.hopLimit)
    protocolNumber = packet.protocolNumber
    if !packet.isChecksumRight {
      transport = .unsound(.badChecksum)
    } else if packet.fragmentOffset != 0 || packet.moreFragments {
      transport = .fragment(offset: packet.fragmentOffset, more: packet.moreFragments)
    } else {
      transport = .other(byteCount: packet.payload.count)
      read(packet.payload)
    }
  }

  /// From a view.
  public init(_ packet: IPv6Packet) {
    (source, destination, hopLimit) = (packet.source, packet.destination, packet.hopLimit)
    protocolNumber = packet.upperLayer
    if let fragment = packet.fragment, fragment.offset != 0 || fragment.moreFragments {
      transport = .fragment(offset: fragment.offset, more: fragment.moreFragments)
    } else {
      transport = .other(byteCount: packet.payload.count)
      readNeighbour(packet)
    }
  }

  private mutating func readNeighbour(_ packet: IPv6Packet) {
    let neighbourTypes = [NeighbourPacket.Number.solicitation, NeighbourPacket.Number.advertisement]
    guard packet.upperLayer == .icmpv6, let type = packet.payload.first, neighbourTypes.contains(type) else {
      return read(packet.payload)
    }
    do throws(WireError) {
      transport = .neighbour(try NeighbourMessage(in: packet))
    } catch {
      transport = .unsound(error)
    }
  }

  private mutating func read(_ payload: ArraySlice<UInt8>) {
    do throws(WireError) {
      switch protocolNumber {
      case .udp: transport = try udp(payload)
      case .tcp: transport = try tcp(payload)
      case .icmp where source.family == .ipv4: transport = try icmp(payload)
      case .icmpv6 where source.family == .ipv6: transport = try icmp(payload)
      default: break
      }
    } catch {
      transport = .unsound(error)
    }
  }

  private func udp(_ payload: ArraySlice<UInt8>) throws(WireError) -> Transport {
    let view = try UdpDatagram(payload)
    guard view.isChecksumRight(from: source, to: destination) else { throw .badChecksum }
    return .udp(UdpHeader(view), payloadByteCount: view.payload.count)
  }

  private func tcp(_ payload: ArraySlice<UInt8>) throws(WireError) -> Transport {
    let view = try TcpSegment(payload)
    guard view.isChecksumRight(from: source, to: destination) else { throw .badChecksum }
    return .tcp(TcpHeader(view), payloadByteCount: view.payload.count)
  }

  private func icmp(_ payload: ArraySlice<UInt8>) throws(WireError) -> Transport {
    let view = try IcmpPacket(payload, family: source.family)
    guard view.isChecksumRight(from: source, to: destination) else { throw .badChecksum }
    return .icmp(IcmpMessage(view))
  }
}

extension CapturedFrame: CustomStringConvertible {
  /// One line for people.
  public var description: String {
    let tags = ethernet.tags.map { "vlan \($0.identifier) " }.joined()
    return "\(ethernet.source) > \(ethernet.destination) \(tags)\(content)"
  }
}

extension CapturedFrame.Content: CustomStringConvertible {
  /// The rest of the line.
  public var description: String {
    switch self {
    case .arp(let message): message.description
    case .packet(let packet): packet.description
    case .other(let byteCount): "other, \(byteCount) octets"
    case .unsound(let error): "unsound: \(error)"
    }
  }
}

extension ArpMessage: CustomStringConvertible {
  /// "ARP who has 192.0.2.10? tell 192.0.2.1".
  public var description: String {
    switch operation {
    case .request: "ARP who has \(targetAddress)? tell \(senderAddress)"
    case .reply: "ARP \(senderAddress) is at \(senderEthernet)"
    default: "ARP operation \(operation.rawValue)"
    }
  }
}

extension CapturedPacket: CustomStringConvertible {
  /// "192.0.2.1 > 192.0.2.10 UDP 53 > 40000, 12 octets".
  public var description: String { "\(source) > \(destination) \(protocolNumber) \(transport)" }
}

extension CapturedPacket.Transport: CustomStringConvertible {
  /// The rest of the line.
  public var description: String {
    switch self {
    case .udp(let header, let byteCount): "\(header.sourcePort) > \(header.destinationPort), \(byteCount) octets"
    case .tcp(let header, let byteCount): "\(header.sourcePort) > \(header.destinationPort) [\(header.flags)], \(byteCount) octets"
    case .icmp(let message): message.description
    case .neighbour(.solicitation(let message)): "who has \(message.target)?"
    case .neighbour(.advertisement(let message)): "\(message.target) is at \(message.targetLinkLayer.map(\.description) ?? "its sender")"
    case .fragment(let offset, let more): "fragment at \(offset)\(more ? ", more follow" : ", the last")"
    case .other(let byteCount): "\(byteCount) octets"
    case .unsound(let error): "unsound: \(error)"
    }
  }
}

extension IcmpMessage: CustomStringConvertible {
  /// "echo request 7/1".
  public var description: String {
    switch self {
    case .echoRequest(let echo): "echo request \(echo.identifier)/\(echo.sequence)"
    case .echoReply(let echo): "echo reply \(echo.identifier)/\(echo.sequence)"
    case .error(let error): "error type \(error.type) code \(error.code), quoting \(error.quoted.count) octets"
    case .other(let type, let code, _, _): "type \(type) code \(code)"
    }
  }
}
