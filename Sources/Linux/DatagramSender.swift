import CLinux
import Glibc
import Wire

/// A UDP socket that only sends, to one place, by whatever way the machine's routes have.
public final class DatagramSender {
  private let socket: Descriptor
  private let place: String

  /// - Throws: `.networkUnreachable` without a route.
  public init(to address: InternetAddress, port: UInt16) throws(LinuxError) {
    place = "\(address.text) port \(port)"
    let family = Int32(address.family)
    let number = Glibc.socket(family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    if number < 0 { throw LinuxError("open a socket to \(place)", .current) }
    socket = Descriptor(owning: number)
    // AF_INET: family, port, address; AF_INET6: family, port, flow, address, scope. All but the family in network byte order.
    var octets = withUnsafeBytes(of: sa_family_t(family)) { Array($0) } + bigEndianOctets(port)
    if family == AF_INET6 { octets += [0, 0, 0, 0] }
    octets += address.octets
    octets += [UInt8](
      repeating: 0, count: (family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size) - octets.count)
    let result = octets.withUnsafeBytes { bytes in
      bytes.withMemoryRebound(to: sockaddr.self) { connect(number, $0.baseAddress, socklen_t(bytes.count)) }
    }
    if result < 0 { throw LinuxError("reach \(place)", .current) }
  }

  /// Sends one datagram at once.
  /// - Throws: `.wouldBlock` and `.noBuffers` (it is lost), "connection refused" for an earlier one that nobody took.
  public func send(_ bytes: [UInt8]) throws(LinuxError) {
    let count = bytes.withUnsafeBytes { Glibc.send(socket.rawValue, $0.baseAddress, $0.count, 0) }
    if count < 0 { throw LinuxError("send to \(place)", .current) }
  }
}
