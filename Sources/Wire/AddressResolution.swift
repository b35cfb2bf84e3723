// Who asks for an address, what to answer, and how to announce one unasked: ARP and neighbour discovery behind one face.

/// A question "who has this address?", taken from a frame.
public struct AddressQuery: Hashable, Sendable {
  /// The address asked for.
  public var asked: InternetAddress
  /// Who asks; the unspecified address of its family when it only probes whether the address is taken.
  public var asker: InternetAddress
  /// Where the answer goes.
  public var askerEthernet: EthernetAddress
  /// The VLANs that the question came in, and the answer goes out in.
  public var tags: [VlanTag]

  /// A question.
  public init(asked: InternetAddress, asker: InternetAddress, askerEthernet: EthernetAddress, tags: [VlanTag] = []) {
    self.asked = asked
    self.asker = asker
    self.askerEthernet = askerEthernet
    self.tags = tags
  }

  /// The question in a frame: nil when the frame is sound but asks nothing. Throws what the frame's decoders throw.
  public static func find(in frame: ArraySlice<UInt8>) throws(WireError) -> AddressQuery? {
    let frame = try EthernetFrame(frame)
    switch frame.type {
    case .arp: return query(ArpMessage(try ArpPacket(frame.payload)), in: frame)
    case .ipv6:
      let packet = try IPv6Packet(frame.payload)
      guard packet.upperLayer == .icmpv6, packet.payload.first == NeighbourPacket.Number.solicitation else { return nil }
      return query(try NeighbourMessage(in: packet), from: packet.source, in: frame)
    default: return nil
    }
  }

  private static func query(_ message: ArpMessage, in frame: EthernetFrame) -> AddressQuery? {
    guard message.operation == .request, message.senderAddress != message.targetAddress, !message.senderEthernet.isMulticast else {
      return nil
    }
    return AddressQuery(
      asked: message.targetAddress, asker: message.senderAddress, askerEthernet: message.senderEthernet, tags: frame.tags)
  }

  private static func query(_ message: NeighbourMessage, from source: InternetAddress, in frame: EthernetFrame) -> AddressQuery? {
    guard case .solicitation(let solicitation) = message else { return nil }
    let ethernet = solicitation.sourceLinkLayer ?? frame.source
    guard !ethernet.isMulticast else { return nil }
    return AddressQuery(asked: solicitation.target, asker: source, askerEthernet: ethernet, tags: frame.tags)
  }

  /// The frame that answers: the address asked for is at `ethernet`. It is sent from `source`, which differs where `ethernet` is shared
  /// and switches must not learn it.
  public func answer(at ethernet: EthernetAddress, from source: EthernetAddress, isRouter: Bool = false) -> [UInt8] {
    switch asked.family {
    case .ipv4: arpAnswer(at: ethernet, from: source)
    case .ipv6: neighbourAnswer(at: ethernet, from: source, isRouter: isRouter)
    }
  }

  private func arpAnswer(at ethernet: EthernetAddress, from source: EthernetAddress) -> [UInt8] {
    let reply = ArpMessage(
      operation: .reply, senderEthernet: ethernet, senderAddress: asked, targetEthernet: askerEthernet, targetAddress: asker)
    return EthernetHeader(destination: askerEthernet, source: source, tags: tags, type: .arp).frame(carrying: reply.encode())
  }

  /// RFC 4861, 7.2.4: a probe, which has no address to answer to, is answered to all nodes. These keep what they know: `ethernet` may be one
  /// of several, and was chosen for the asker.
  private func neighbourAnswer(at ethernet: EthernetAddress, from source: EthernetAddress, isRouter: Bool) -> [UInt8] {
    let isProbe = asker == .unspecified
    let message = NeighbourMessage.advertisement(
      NeighbourAdvertisement(
        target: asked, targetLinkLayer: ethernet, isRouter: isRouter, isSolicited: !isProbe, overrides: !isProbe))
    let destination = isProbe ? EthernetAddress(group: .allNodes) : askerEthernet
    return EthernetHeader(destination: destination, source: source, tags: tags, type: .ipv6)
      .frame(carrying: message.packet(from: asked, to: isProbe ? .allNodes : asker))
  }
}

/// "This address is at this Ethernet address", unasked.
public struct AddressAnnouncement: Hashable, Sendable {
  /// The address.
  public var address: InternetAddress
  /// Where it is: what goes into the neighbours' tables.
  public var ethernet: EthernetAddress
  /// The Ethernet source of the frame: what goes into the switches' tables.
  public var source: EthernetAddress
  /// The VLANs to say it in.
  public var tags: [VlanTag]
  /// Whether the sender routes (IPv6).
  public var isRouter: Bool

  /// An announcement.
  public init(
    address: InternetAddress, ethernet: EthernetAddress, source: EthernetAddress, tags: [VlanTag] = [], isRouter: Bool = false
  ) {
    self.address = address
    self.ethernet = ethernet
    self.source = source
    self.tags = tags
    self.isRouter = isRouter
  }

  /// The frames to send: for IPv4 a gratuitous ARP request and a reply to everyone, for IPv6 an unsolicited neighbour advertisement to
  /// all nodes that overrides what they know (RFC 4861, 7.2.6).
  public var frames: [[UInt8]] {
    switch address.family {
    case .ipv4: [arp(.request), arp(.reply)]
    case .ipv6: [advertisement(to: .allNodes, at: EthernetAddress(group: .allNodes))]
    }
  }

  /// The same for one neighbour alone: a gratuitous ARP request (a reply is not heeded within a second of another, Linux' `locktime`), or
  /// an unsolicited advertisement.
  public func frame(to neighbour: InternetAddress, at destination: EthernetAddress) -> [UInt8] {
    switch address.family {
    case .ipv4: arp(.request, to: destination)
    case .ipv6: advertisement(to: neighbour, at: destination)
    }
  }

  private func arp(_ operation: ArpOperation, to destination: EthernetAddress = .broadcast) -> [UInt8] {
    EthernetHeader(destination: destination, source: source, tags: tags, type: .arp)
      .frame(carrying: ArpMessage.announcement(of: address, at: ethernet, as: operation).encode())
  }

  private func advertisement(to neighbour: InternetAddress, at destination: EthernetAddress) -> [UInt8] {
    let message = NeighbourMessage.advertisement(
      NeighbourAdvertisement(target: address, targetLinkLayer: ethernet, isRouter: isRouter, isSolicited: false, overrides: true))
    return EthernetHeader(destination: destination, source: source, tags: tags, type: .ipv6)
      .frame(carrying: message.packet(from: address, to: neighbour))
  }
}
