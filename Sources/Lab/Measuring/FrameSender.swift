import Foundation

/// Sends frames as they are out of one interface.
final class FrameSender {
  private let socket: Descriptor
  private let address: SocketAddress

  /// Opened in the namespace that the calling thread is in.
  init(interface: String) throws {
    socket = try Descriptor.socket(AF_PACKET, SOCK_RAW)
    address = SocketAddress(interface: interface)
  }

  func send(_ frame: [UInt8]) throws {
    let sent = address.withPointer { sendto(socket.number, frame, frame.count, 0, $0, $1) }
    guard sent == frame.count else { throw LabError.systemCall("send a frame", errno: errno) }
  }
}

/// A UDP datagram to the cluster address in a frame with an 802.1Q tag: VLAN 5. Nobody is meant to answer it.
struct TaggedDatagram {
  let octets: [UInt8]

  /// - Parameters:
  ///   - destination: an Ethernet address, as `ip neighbour` prints it.
  ///   - number: gives it a source address and port of its own.
  init(to destination: some StringProtocol, number: Int) {
    let ethernet = destination.split(separator: ":").compactMap { UInt8($0, radix: 16) }
    let source = LanFrame.address(Plan.clientAddress(number % Plan.clientAddressCount, .four))
    octets =
      ethernet + [0x02, 0, 0, 0, 0, 0x99, 0x81, 0, 0, 5, 0x08, 0]
      + datagram(
        from: (source, UInt16(20_000 + number)), to: (LanFrame.address(Plan.clusterAddress(.four)), 9), [UInt8](repeating: 0, count: 8))
  }
}
