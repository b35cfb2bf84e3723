import Linux
import Wire

/// How cluster messages travel: by multicast, or to a list of unicast peers where multicast is not carried.
final class Messenger {
  let socket: DatagramSocket
  private let own: InternetAddress
  private let interface: UInt32
  private let port: UInt16
  private let everyone: [Endpoint]
  /// Datagrams that the kernel did not take.
  private(set) var failures: UInt64 = 0
  private(set) var lastFailure: LinuxError?

  init(_ section: ClusterSection, own: InternetAddress, interface: NetworkInterface) throws(LinuxError) {
    let group: InternetAddress? =
      section.peers.isEmpty
      ? (own.ipv4 == nil ? ClusterTransport.ipv6Group(of: section.identifier) : ClusterTransport.ipv4Group(of: section.identifier)) : nil
    self.own = own
    self.interface = interface.index
    port = section.port
    socket = try DatagramSocket(
      .init(interface: interface.name, localAddress: own, port: section.port, group: group, hopLimit: ClusterTransport.hopLimit))
    let index = interface.index
    let destinations = group.map { [$0] } ?? section.peers.filter { $0 != own }
    everyone = destinations.map { Endpoint($0, port: section.port, interface: own.ipv4 == nil ? index : 0) }
  }

  /// Sends a datagram to every machine of the cluster.
  func sendToEveryone(_ datagram: [UInt8]) { for endpoint in everyone { send(datagram, to: endpoint) } }

  /// Sends a datagram to one machine.
  func send(_ datagram: [UInt8], to address: InternetAddress) {
    send(datagram, to: Endpoint(address, port: port, interface: address.isLinkLocal ? interface : 0))
  }

  private func send(_ datagram: [UInt8], to endpoint: Endpoint) {
    do { try socket.send(datagram, to: endpoint) } catch {
      // A link that is down or a full queue: the protocol repeats what matters.
      failures += 1
      lastFailure = error
    }
  }
}
