import Foundation
import Synchronization

/// A TCP connection from a host to the server through the gateway, at a steady rate: is what arrives what was sent?
final class TransferCheck: Sendable {
  struct Outcome: Equatable, Sendable {
    var octets = 0
    /// FNV-1a.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func take(_ piece: some Collection<UInt8>) {
      for octet in piece { hash = (hash ^ UInt64(octet)) &* 0x0000_0100_0000_01b3 }
      octets += piece.count
    }
  }

  private static let port: UInt16 = 7778
  private static let blockOctets = 16_384
  private let stopping = Flag()
  private let receiver: Worker<Outcome>
  private let sender: Worker<Outcome>

  /// Connects and begins to send, about 3 MB a second.
  init(plan: GatewayPlan, host: Int) throws {
    let listener = try plan.serverNamespace.enter { try Self.listen() }
    receiver = Worker { try Self.receive(on: listener) }
    let socket = try plan.namespace(ofHost: host).enter { try Descriptor.socket(AF_INET, SOCK_STREAM) }
    sender = Worker { [stopping] in try Self.send(on: socket, until: stopping) }
  }

  deinit { stopping.raise() }

  /// Ends the transfer.
  /// - Returns: what was sent and what arrived.
  func finish() throws -> (sent: Outcome, received: Outcome) {
    stopping.raise()
    return (try sender.value(), try receiver.value())
  }

  private static func address() -> SocketAddress {
    guard let address = SocketAddress(GatewayPlan.serverAddress(.four), port: port) else {
      preconditionFailure("the server has an address")
    }
    return address
  }

  private static func listen() throws -> Descriptor {
    let socket = try Descriptor.socket(AF_INET, SOCK_STREAM)
    try socket.set(SOL_SOCKET, SO_REUSEADDR)
    try socket.bind(to: address())
    try checked(Glibc.listen(socket.number, 4), "listen")
    return socket
  }

  private static func send(on socket: Descriptor, until stopping: Flag) throws -> Outcome {
    try socket.connect(to: address())
    var outcome = Outcome()
    var block = (0..<blockOctets).map { _ in UInt8.random(in: 0...255) }
    while !stopping.isRaised {
      block.withUnsafeMutableBytes { $0.storeBytes(of: UInt64(outcome.octets), as: UInt64.self) }
      var sent = 0
      while sent < block.count {
        let count = block.withUnsafeBytes { buffer in
          Glibc.send(socket.number, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
        }
        sent += Int(try checked(Int32(count), "send on the transfer's connection"))
      }
      outcome.take(block)
      BootClock.sleep(until: BootClock.nanoseconds + 5_000_000)
    }
    shutdown(socket.number, Int32(SHUT_WR))
    return outcome
  }

  private static func receive(on listener: Descriptor) throws -> Outcome {
    let socket = Descriptor(try checked(accept(listener.number, nil, nil), "accept the transfer's connection"))
    var outcome = Outcome()
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Int(try checked(Int32(recv(socket.number, &piece, piece.count, 0)), "receive the transfer"))
      guard count > 0 else { return outcome }
      outcome.take(piece[0..<count])
    }
  }
}
