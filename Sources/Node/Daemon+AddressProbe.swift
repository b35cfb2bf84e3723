import Cluster
import Linux
import Logging
import Wire

/// Who has the cluster addresses? Asked like any neighbour, before a machine that nobody answered begins a reign (RFC 5227, 2.1, and
/// RFC 4862, 5.4, in spirit): a cluster of another number or authority, or behind a firewall, is found by what it cannot hide.
final class AddressProbe {
  let socket: PacketSocket
  let timer: DeadlineTimer

  init(interface: UInt32, _ timer: DeadlineTimer) throws(LinuxError) {
    socket = try PacketSocket(interface: interface)
    self.timer = timer
  }
}

extension Daemon {
  /// Asks, and listens until the first lease's length is over.
  func probeAddresses() {
    endAddressProbe()
    do {
      let timer = try poller.makeTimer { self.endAddressProbe() }
      timer.deadline = BootClock.now() + configuration.cluster.detection
      let probe = try AddressProbe(interface: machine.interface.index, timer)
      try poller.watch(probe.socket.descriptor) { _ in self.hearOwners() }
      for question in addressQuestions { try probe.socket.send(question) }
      addressProbe = probe
    } catch { logger.warning("nobody could be asked for the cluster addresses: \(error)") }
  }

  /// One frame for each address of a family in which this machine has an address to ask from.
  private var addressQuestions: [[UInt8]] {
    let shared = configuration.cluster.addresses
    let own = (try? machine.ownAddresses(besides: shared, onlyHere: true)) ?? []
    return shared.map(\.address).compactMap { address in
      let asker = own.first { ($0.ipv4 == nil) == (address.ipv4 == nil) }
      return asker.map { Doctor.question(address, from: $0, machine.interface.ethernetAddress) }
    }
  }

  private func hearOwners() {
    guard let probe = addressProbe else { return }
    var claims: [(InternetAddress, EthernetAddress)] = []
    _ = try? probe.socket.receive { frame in
      if let claim = claim(in: ArraySlice(frame.bytes)) { claims.append(claim) }
    }
    guard let (address, ethernet) = claims.first else { return }
    endAddressProbe()
    handle(.addressInUse(address, by: ethernet))
  }

  /// The cluster address that the frame says is somebody else's, and whose. In the shared modes all owners name one Ethernet address;
  /// the frame's own source tells them apart.
  private func claim(in octets: ArraySlice<UInt8>) -> (InternetAddress, EthernetAddress)? {
    guard let frame = try? EthernetFrame(octets), frame.source != machine.interface.ethernetAddress else { return nil }
    let claimed: InternetAddress
    switch frame.type {
    case .arp:
      guard let packet = try? ArpPacket(frame.payload) else { return nil }
      claimed = packet.senderAddress
    case .ipv6:
      guard let packet = try? IPv6Packet(frame.payload), case .advertisement(let message) = try? NeighbourMessage(in: packet) else {
        return nil
      }
      claimed = message.target
    default: return nil
    }
    return configuration.cluster.addresses.contains { $0.address == claimed } ? (claimed, frame.source) : nil
  }

  private func endAddressProbe() {
    guard let probe = addressProbe else { return }
    addressProbe = nil
    poller.unwatch(probe.socket.descriptor)
  }
}
