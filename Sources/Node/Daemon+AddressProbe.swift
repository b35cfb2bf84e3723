import Cluster
import Host
import Linux
import Logging
import Wire

/// Who has the cluster addresses? Asked like any neighbour, before a machine that nobody answered begins a reign (RFC 5227, 2.1, and
/// RFC 4862, 5.4, in spirit): a cluster of another number or authority, or behind a firewall, is found by what it cannot hide.
final class AddressProbe {
  let socket: PacketSocket
  let timer: DeadlineTimer
  /// This machine's: another card of its own on the same wire is nobody else.
  let own: Set<EthernetAddress>

  init(interface: UInt32, own: Set<EthernetAddress>, _ timer: DeadlineTimer) throws(LinuxError) {
    socket = try PacketSocket(interface: interface)
    self.own = own
    self.timer = timer
  }

  /// What was heard last.
  struct Claim {
    var address: InternetAddress
    var claimant: EthernetAddress
    /// It is a cluster's shared Ethernet address, or other clusters' messages were heard beside it.
    var isCluster: Bool
  }
}

extension Daemon {
  /// Asks, and listens until the first lease's length is over.
  func probeAddresses(_ cluster: Membership) {
    endAddressProbe(cluster)
    do {
      let timer = try poller.makeTimer {
        self.endAddressProbe(cluster)
        cluster.addressClaim = nil
      }
      timer.deadline = BootClock.now() + cluster.section.detection
      let probe = try AddressProbe(
        interface: cluster.machine.interface.index, own: cluster.machine.ownEthernetAddresses(), timer)
      try poller.watch(probe.socket.descriptor) { _ in self.hearOwners(cluster) }
      for question in addressQuestions(cluster) { try probe.socket.send(question) }
      cluster.addressProbe = probe
    } catch { logger.warning("nobody could be asked for the cluster addresses: \(error)") }
  }

  /// One frame for each address of a family in which this machine has an address to ask from.
  private func addressQuestions(_ cluster: Membership) -> [[UInt8]] {
    let shared = cluster.section.addresses
    let own = (try? cluster.machine.ownAddresses(besides: shared, onlyHere: true)) ?? []
    return shared.map(\.address).compactMap { address in
      let asker = own.first { ($0.ipv4 == nil) == (address.ipv4 == nil) }
      return asker.map { Doctor.question(address, from: $0, cluster.machine.interface.ethernetAddress) }
    }
  }

  private func hearOwners(_ cluster: Membership) {
    guard let probe = cluster.addressProbe else { return }
    var claims: [AddressProbe.Claim] = []
    _ = try? probe.socket.receive { frame in
      if let claim = claim(in: ArraySlice(frame.bytes), own: probe.own, cluster) { claims.append(claim) }
    }
    guard let claim = claims.first(where: \.isCluster) ?? claims.first else { return }
    endAddressProbe(cluster)
    cluster.addressClaim = claim
    handle(.member(.addressInUse(claim.address, by: claim.claimant, isCluster: claim.isCluster)))
  }

  /// The cluster address that the frame says is somebody else's, and whose. In the shared modes all owners name one Ethernet address;
  /// the frame's own source tells them apart.
  private func claim(in octets: ArraySlice<UInt8>, own: Set<EthernetAddress>, _ cluster: Membership) -> AddressProbe.Claim? {
    guard let frame = try? EthernetFrame(octets), !own.contains(frame.source) else { return nil }
    let (claimed, named): (InternetAddress, EthernetAddress)
    switch frame.type {
    case .arp:
      guard let packet = try? ArpPacket(frame.payload) else { return nil }
      (claimed, named) = (packet.senderAddress, packet.senderEthernet)
    case .ipv6:
      guard let packet = try? IPv6Packet(frame.payload), case .advertisement(let message) = try? NeighbourMessage(in: packet) else {
        return nil
      }
      (claimed, named) = (message.target, message.targetLinkLayer ?? frame.source)
    default: return nil
    }
    guard cluster.section.addresses.contains(where: { $0.address == claimed }) else { return nil }
    return AddressProbe.Claim(address: claimed, claimant: frame.source, isCluster: isOfCluster(named, cluster))
  }

  /// Whether the answer is a cluster's. In forwarding mode it names the master's own Ethernet address; then its messages tell, if they arrive.
  private func isOfCluster(_ named: EthernetAddress, _ cluster: Membership) -> Bool {
    let address = cluster.section.addresses[0].address
    let heardAt = cluster.foreignHeardAt
    return named.isSharedByMembers(of: address) || heardAt != .zero && BootClock.now() - heardAt < .seconds(10)
  }

  private func endAddressProbe(_ cluster: Membership) {
    guard let probe = cluster.addressProbe else { return }
    cluster.addressProbe = nil
    poller.unwatch(probe.socket.descriptor)
  }
}
