import Foundation
import Linux
import Wire

extension Doctor {
  /// Listens on the wire for a moment, after asking who has the cluster addresses.
  func examineNetwork(_ interface: NetworkInterface, _ own: [InterfaceAddress]) -> [Finding] {
    guard let section = configuration?.cluster, interface.isUp, interface.hasCarrier else { return [] }
    do {
      var heard = HeardOnTheWire(section, own: interface.ethernetAddress)
      try heard.listen(on: interface, asking: Self.questions(section, interface, own), for: Self.listeningTime(section))
      return [heard.owners, heard.sharedSource, heard.members, heard.masters, heard.namesakes].compactMap(\.self)
    } catch {
      return [.unknown("network", error)]
    }
  }

  /// Long enough for several keepalives, short enough for a person who waits.
  private static func listeningTime(_ section: ClusterSection) -> Interval {
    min(max(section.detection * 2, .milliseconds(600)), .seconds(3))
  }

  /// One frame for each cluster address of a family in which this machine has an address to ask from.
  private static func questions(_ section: ClusterSection, _ interface: NetworkInterface, _ own: [InterfaceAddress]) -> [[UInt8]] {
    let shared = Set(section.addresses.map(\.address))
    let askers = own.map(\.address).filter { !shared.contains($0) }
    return section.addresses.map(\.address).compactMap { address in
      askers.first { ($0.ipv4 == nil) == (address.ipv4 == nil) }.map { question(address, from: $0, interface.ethernetAddress) }
    }
  }

  static func question(_ address: InternetAddress, from asker: InternetAddress, _ ethernet: EthernetAddress) -> [UInt8] {
    guard address.ipv4 == nil else {
      let request = ArpMessage(
        operation: .request, senderEthernet: ethernet, senderAddress: asker, targetEthernet: EthernetAddress(bits: 0),
        targetAddress: address)
      return EthernetHeader(destination: .broadcast, source: ethernet, type: .arp).frame(carrying: request.encode())
    }
    let solicitation = NeighbourMessage.solicitation(NeighbourSolicitation(target: address, sourceLinkLayer: ethernet))
    let group = address.solicitedNode
    return EthernetHeader(destination: EthernetAddress(group: group), source: ethernet, type: .ipv6)
      .frame(carrying: solicitation.packet(from: asker, to: group))
  }
}

/// What was heard, and what to think of it.
struct HeardOnTheWire {
  private let section: ClusterSection
  private let addresses: Set<InternetAddress>
  /// The shared Ethernet address; none in forwarding mode.
  private let shared: Set<EthernetAddress>
  private let own: EthernetAddress

  /// Who claims each cluster address.
  private(set) var claims: [InternetAddress: Set<EthernetAddress>] = [:]
  /// Frames from a shared address.
  private(set) var sharedSourceCount = 0
  /// Members of this cluster, and where their messages come from.
  private(set) var senders: [MemberIdentifier: Set<EthernetAddress>] = [:]
  /// Members that spoke as master.
  private(set) var masterSenders: Set<MemberIdentifier> = []

  init(_ section: ClusterSection, own: EthernetAddress) {
    self.section = section
    self.own = own
    addresses = Set(section.addresses.map(\.address))
    shared =
      section.delivery == .forwarding
      ? []
      : Set(
        section.addresses.prefix(1).map {
          EthernetAddress.shared(cluster: section.identifier, address: $0.address, multicast: section.delivery == .multicast)
        })
  }

  /// Sends the questions and hears what comes for a while, whomever it is addressed to.
  mutating func listen(on interface: NetworkInterface, asking questions: [[UInt8]], for duration: Interval) throws(LinuxError) {
    let socket = try PacketSocket(interface: interface.index)
    try socket.join(.promiscuous)
    for question in questions { try socket.send(question) }
    let end = BootClock.now() + duration
    while BootClock.now() < end {
      let count = try socket.receive { frame in hear(ArraySlice(frame.bytes)) }
      if count == 0 { Thread.sleep(forTimeInterval: 0.005) }
    }
  }

  /// Takes one frame into account.
  mutating func hear(_ octets: ArraySlice<UInt8>) {
    guard let frame = try? EthernetFrame(octets) else { return }
    if shared.contains(frame.source) { sharedSourceCount += 1 }
    switch frame.type {
    case .arp:
      guard let packet = try? ArpPacket(frame.payload) else { return }
      claim(packet.senderAddress, by: packet.senderEthernet)
    case .ipv4:
      guard let packet = try? IPv4Packet(frame.payload), packet.protocolNumber == .udp, packet.fragmentOffset == 0 else { return }
      hear(datagram: packet.payload, from: frame.source)
    case .ipv6:
      guard let packet = try? IPv6Packet(frame.payload) else { return }
      if packet.upperLayer == .udp { return hear(datagram: packet.payload, from: frame.source) }
      guard case .advertisement(let message) = try? NeighbourMessage(in: packet) else { return }
      claim(message.target, by: message.targetLinkLayer ?? frame.source)
    default: break
    }
  }

  private mutating func claim(_ address: InternetAddress, by ethernet: EthernetAddress) {
    if addresses.contains(address) { claims[address, default: []].insert(ethernet) }
  }

  /// What it says is not authenticated: only the daemon has the keys. For a finding it will do.
  private mutating func hear(datagram octets: ArraySlice<UInt8>, from source: EthernetAddress) {
    guard let datagram = try? UdpDatagram(octets), datagram.destinationPort == section.port, source != own,
      let header = try? ClusterHeader(decoding: datagram.payload), header.cluster == section.identifier
    else { return }
    senders[header.sender, default: []].insert(source)
    if header.type == .masterKeepalive { masterSenders.insert(header.sender) }
  }
}

// MARK: Judgements

extension HeardOnTheWire {
  /// Two owners of one address.
  var owners: Finding {
    let name = "address-owners"
    for (address, claimants) in claims.sorted(by: { $0.key < $1.key }) {
      let foreign = shared.isEmpty ? (claimants.count > 1 ? claimants : []) : claimants.subtracting(shared)
      guard !foreign.isEmpty else { continue }
      let listed = foreign.map(\.description).sorted().joined(separator: ", ")
      return Finding(
        name, .problem,
        shared.isEmpty
          ? "\(address) is claimed by several: \(listed)."
          : "\(address) is claimed by \(listed), which is not the cluster's shared Ethernet address.",
        advice: "Take the address from that machine, or see that all members have the same `delivery` and cluster id.")
    }
    let count = claims.values.reduce(0) { $0 + $1.count }
    return Finding(
      name, .ok,
      count == 0
        ? "Nobody else answers for the cluster addresses: no master runs, or it is this machine."
        : "Only the cluster answers for its addresses.")
  }

  /// One frame from it, and a switch sends all of the cluster's traffic to one port.
  var sharedSource: Finding? {
    if shared.isEmpty { return nil }
    if sharedSourceCount == 0 { return Finding("shared-source", .ok, "Nobody sends from the shared Ethernet address.") }
    let frames = sharedSourceCount == 1 ? "A frame" : "\(sharedSourceCount) frames"
    return Finding(
      "shared-source", .problem, "\(frames) came from the shared Ethernet address: switches learn it and no longer send to all members.",
      advice: "Find who uses it as its own (a macvlan, a bridge); on a Linux bridge, `bridge link set dev PORT learning off`.")
  }

  /// Whether the members can be heard.
  var members: Finding {
    let others = senders.keys.filter { $0 != section.member }.sorted()
    if !others.isEmpty {
      return Finding(
        "members", .ok, "Heard \(others.count == 1 ? "member" : "members") \(others.map { "\($0.rawValue)" }.joined(separator: ", ")).")
    }
    let advice =
      section.peers.isEmpty
      ? "If others run: a firewall, or a switch that snoops IGMP without a querier? `peers:` does without multicast."
      : "If others run, see whether a firewall lets UDP port \(section.port) through."
    return Finding("members", .unknown, "No other member was heard.", advice: advice)
  }

  /// Two clusters of one number, or a cluster in two.
  var masters: Finding? {
    guard masterSenders.count > 1 else { return nil }
    let listed = masterSenders.sorted().map { "\($0.rawValue)" }.joined(separator: " and ")
    return Finding(
      "masters", .problem, "Members \(listed) both speak as the master of cluster \(section.identifier.rawValue).",
      advice: "If that lasts, they are of two clusters with one number (give one another `id`), or hear us but not each other.")
  }

  /// Two machines with one member number.
  var namesakes: Finding? {
    let doubled = senders.filter { $0.key == section.member || $0.value.count > 1 }
    guard let (member, sources) = doubled.min(by: { $0.key < $1.key }) else { return nil }
    let listed = sources.map(\.description).sorted().joined(separator: " and ")
    let found =
      member == section.member
      ? "Another machine, at \(listed), speaks as member \(member.rawValue), which is this one."
      : "Member \(member.rawValue) speaks from \(listed)."
    return Finding(
      "member-number", .problem, found,
      advice: "Each member needs its own number and certificate; or another cluster on this network has the same `id`.")
  }
}
