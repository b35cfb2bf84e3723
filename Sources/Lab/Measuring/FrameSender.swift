import Foundation

/// Sends frames as they are out of one interface.
final class FrameSender {
  private let socket: Descriptor
  private let address: [UInt8]

  /// Opened in the namespace that the calling thread is in.
  init(interface: String) throws {
    socket = try Descriptor.socket(AF_PACKET, SOCK_RAW)
    var address = [UInt8](repeating: 0, count: 20)  // sockaddr_ll: family, protocol (none), interface
    address.withUnsafeMutableBytes {
      $0.storeBytes(of: UInt16(AF_PACKET), as: UInt16.self)
      $0.storeBytes(of: if_nametoindex(interface), toByteOffset: 4, as: UInt32.self)
    }
    self.address = address
  }

  func send(_ frame: [UInt8]) throws {
    let sent = address.withUnsafeBytes { buffer -> Int in
      guard let base = buffer.baseAddress else { preconditionFailure("20 octets have an address") }
      return sendto(socket.number, frame, frame.count, 0, base.assumingMemoryBound(to: sockaddr.self), 20)
    }
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
    let source = Self.address(Plan.clientAddress(number % Plan.clientAddressCount, .four))
    let addresses = source + Self.address(Plan.clusterAddress(.four))
    var header: [UInt8] = [0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0] + addresses
    let sum = stride(from: 0, to: header.count, by: 2).reduce(0) { $0 + Int(header[$1]) << 8 + Int(header[$1 + 1]) }
    let checksum = ~UInt16(truncatingIfNeeded: sum & 0xffff + sum >> 16)
    (header[10], header[11]) = (UInt8(checksum >> 8), UInt8(checksum & 0xff))
    let port = UInt16(20_000 + number)
    let datagram: [UInt8] = [UInt8(port >> 8), UInt8(port & 0xff), 0, 9, 0, 16, 0, 0] + [UInt8](repeating: 0, count: 8)
    octets = ethernet + [0x02, 0, 0, 0, 0, 0x99, 0x81, 0, 0, 5, 0x08, 0] + header + datagram
  }

  private static func address(_ text: String) -> [UInt8] { text.split(separator: ".").compactMap { UInt8($0) } }
}
