import Foundation
import Synchronization

/// Sees every frame that an interface receives, with the kernel's time of it: an AF_PACKET socket with a ring that is shared with the
/// kernel (packet(7), TPACKET_V2). This is what "counted on the wire" means: no server and no socket of the client's is asked.
final class WireTap {
  private static let frameOctets = 256
  private static let blockOctets = 1 << 20
  private static let blockCount = 8
  private static var frameCount: Int { blockOctets / frameOctets * blockCount }

  private let socket: Descriptor
  private let ring: UnsafeMutableRawPointer
  private let realTimeOffset = BootClock.realTimeOffset
  private var next = 0

  /// Opened in the namespace that the calling thread is in.
  init(interface: String) throws {
    socket = try Descriptor.socket(AF_PACKET, SOCK_RAW)
    let packetLevel: Int32 = 263
    try socket.set(packetLevel, 10, 1)  // PACKET_VERSION, TPACKET_V2
    try socket.set(packetLevel, 23, 1)  // PACKET_IGNORE_OUTGOING
    let request = [Self.blockOctets, Self.blockCount, Self.frameOctets, Self.frameCount].map { UInt32($0) }
    try checked(setsockopt(socket.number, packetLevel, 5, request, 16), "set up a packet ring")  // PACKET_RX_RING
    let memory = mmap(nil, Self.blockOctets * Self.blockCount, PROT_READ | PROT_WRITE, MAP_SHARED, socket.number, 0)
    guard let memory, memory != MAP_FAILED else { throw LabError.systemCall("map the packet ring", errno: errno) }
    ring = memory

    try socket.bind(to: SocketAddress(interface: interface, everyProtocol: true))
  }

  deinit { munmap(ring, Self.blockOctets * Self.blockCount) }

  /// Hands over every frame that has come in since, with its time on the boot clock in nanoseconds.
  func drain(_ body: (UnsafeRawBufferPointer, UInt64) -> Void) {
    while true {
      let header = ring + next * Self.frameOctets
      guard header.load(as: UInt32.self) & 1 == 1 else { return }  // TP_STATUS_USER
      atomicMemoryFence(ordering: .acquiring)
      let captured = Int(header.load(fromByteOffset: 8, as: UInt32.self))
      let start = Int(header.load(fromByteOffset: 12, as: UInt16.self))
      let seconds = Int64(header.load(fromByteOffset: 16, as: UInt32.self))
      let nanoseconds = Int64(header.load(fromByteOffset: 20, as: UInt32.self))
      let time = UInt64(seconds * 1_000_000_000 + nanoseconds + realTimeOffset)
      body(UnsafeRawBufferPointer(start: header + start, count: min(captured, Self.frameOctets - start)), time)
      atomicMemoryFence(ordering: .releasing)
      header.storeBytes(of: 0, as: UInt32.self)
      next = (next + 1) % Self.frameCount
    }
  }

  /// - Throws: if the kernel had to leave frames out: then "never answered twice" would only mean "not seen".
  func checkComplete() throws {
    var statistics: [UInt32] = [0, 0]
    var length = socklen_t(8)
    try checked(getsockopt(socket.number, 263, 6, &statistics, &length), "read packet statistics")
    guard statistics[1] == 0 else { throw LabError.observation("the wire tap missed \(statistics[1]) frames; the figures mean nothing") }
  }
}
