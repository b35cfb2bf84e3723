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
