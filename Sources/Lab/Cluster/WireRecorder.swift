import Foundation
import Synchronization

/// What the members say to all, octet by octet, as a stranger on their network hears it: a socket that has joined their group.
final class WireRecorder: Sendable {
  static let port: UInt16 = 31945
  /// So many of each kind are kept, the newest.
  private static let capacity = 256

  /// One who listens needs no key: what is signed is in clear, what is sealed can still be said again.
  struct Recording: Sendable {
    var signed: [[UInt8]] = []
    var sealed: [[UInt8]] = []
  }

  private let recording = Mutex(Recording())
  private let stopping = Flag()
  private let worker = Mutex<Worker<Void>?>(nil)

  /// The group of a cluster, in text.
  static func group(cluster: Int) -> String { "239.255.\(cluster >> 8).\(cluster & 255)" }

  init(namespace: Namespace, cluster: Int) throws {
    let socket = try namespace.enter { try Self.join(cluster) }
    worker.withLock { $0 = Worker { [self] in listen(socket) } }
  }

  var heard: Recording { recording.withLock { $0 } }

  func stop() throws {
    stopping.raise()
    try worker.withLock { $0 }?.value()
  }

  private static func join(_ cluster: Int) throws -> Descriptor {
    guard let all = SocketAddress("0.0.0.0", port: port), let group = SocketAddress(group(cluster: cluster), port: port),
      let own = SocketAddress(Plan.clientAddress(0, .four), port: port)
    else { preconditionFailure("addresses written in this file can be read") }
    let socket = try Descriptor.socket(AF_INET, SOCK_DGRAM)
    try socket.set(SOL_SOCKET, SO_REUSEADDR)
    try socket.bind(to: all)
    // struct ip_mreq: the group, and the interface by its address.
    let request = Array(group.octets[4..<8] + own.octets[4..<8])
    try checked(setsockopt(socket.number, Int32(IPPROTO_IP), IP_ADD_MEMBERSHIP, request, 8), "join the cluster's group")
    try socket.setPatience(milliseconds: 100)
    return socket
  }

  private func listen(_ socket: Descriptor) {
    var buffer = [UInt8](repeating: 0, count: 2048)
    while !stopping.isRaised {
      let count = recv(socket.number, &buffer, buffer.count, 0)
      guard count > ForgedHeader.byteCount else { continue }
      let datagram = Array(buffer[0..<count])
      recording.withLock { Self.keep(datagram, in: &$0) }
    }
  }

  private static func keep(_ datagram: [UInt8], in recording: inout Recording) {
    let kind: WritableKeyPath<Recording, [[UInt8]]> = datagram[ForgedHeader.protection] == ForgedHeader.signed ? \.signed : \.sealed
    if recording[keyPath: kind].count == capacity { recording[keyPath: kind].removeFirst() }
    recording[keyPath: kind].append(datagram)
  }
}

/// Where a forger writes: offsets in the header that docs/wire-format.md describes. The lab knows the format from there alone.
enum ForgedHeader {
  static let byteCount = 32
  static let type = 3
  static let protection = 4
  static let sender = 10..<12
  static let incarnation = 16..<24
  static let sequence = 24..<32
  static let signed: UInt8 = 1
}
