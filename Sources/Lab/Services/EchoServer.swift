import CLab
import Foundation
import Synchronization

/// The application behind a virtual server: on a server's own stack, a TCP echo. One thread serves all its connections. Urgent, as the
/// responder is: it stands for a machine with processors of its own.
final class EchoServer: Sendable {
  private let stopping: Flag
  private let counter: AcceptedCounter

  /// Listens in the server's namespace, at both families' addresses.
  init(in namespace: Namespace) throws {
    let listener = try namespace.enter { try Self.listen() }
    let (stopping, counter) = (Flag(), AcceptedCounter())
    self.stopping = stopping
    self.counter = counter
    _ = Worker(isUrgent: true) { try EchoLoop(listener, counter).run(until: stopping) }
  }

  deinit { stopping.raise() }

  /// How many connections it has accepted so far.
  var accepted: Int { counter.value.load(ordering: .relaxed) }

  private static func listen() throws -> Descriptor {
    guard let address = SocketAddress("::", port: Plan.echo.serverPort) else { preconditionFailure("the unspecified address can be read") }
    let socket = try Descriptor.socket(address.family, SOCK_STREAM, nonBlocking: true)
    try socket.set(SOL_SOCKET, SO_REUSEADDR)
    try socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)
    try socket.bind(to: address)
    try checked(Glibc.listen(socket.number, 4096), "listen")
    return socket
  }
}

private final class AcceptedCounter: Sendable { let value = Atomic<Int>(0) }

/// What an echo server's thread has.
private final class EchoLoop {
  private let listener: Descriptor
  private let counter: AcceptedCounter
  private let events: EventSet
  private var connections: [Int32: Descriptor] = [:]

  init(_ listener: Descriptor, _ counter: AcceptedCounter) throws {
    self.listener = listener
    self.counter = counter
    events = try EventSet()
    try events.add(listener, EPOLLIN.rawValue, tag: UInt64(listener.number))
  }

  func run(until stopping: Flag) throws {
    while !stopping.isRaised {
      try events.wait(milliseconds: 100) { tag in
        if tag == UInt64(listener.number) { try acceptAll() } else { echo(Int32(truncatingIfNeeded: tag)) }
      }
    }
  }

  private func acceptAll() throws {
    while true {
      let number = accept(listener.number, nil, nil)
      guard number >= 0 else { return }
      let socket = Descriptor(number)
      try checked(fcntl(number, F_SETFL, O_NONBLOCK), "fcntl")
      try checked(fcntl(number, F_SETFD, FD_CLOEXEC), "fcntl")
      try socket.set(Int32(IPPROTO_TCP), TCP_NODELAY)
      try events.add(socket, EPOLLIN.rawValue, tag: UInt64(number))
      connections[number] = socket
      counter.value.add(1, ordering: .relaxed)
    }
  }

  /// Clients wait for one echo before they ask for the next, so what there is to send always has room.
  private func echo(_ number: Int32) {
    withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 8) { buffer in
      let count = recv(number, buffer.baseAddress, buffer.count, 0)
      if count > 0, send(number, buffer.baseAddress, count, Int32(MSG_NOSIGNAL)) == count { return }
      if count < 0, errno == EAGAIN { return }
      connections[number] = nil
    }
  }
}
