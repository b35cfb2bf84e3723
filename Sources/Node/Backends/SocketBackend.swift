import CPacketPath
import Host
import Linux
import PacketPath
import Wire

/// The packet path as the native build of the same source, on packet sockets: for kernels and interfaces without XDP. The kernel's own
/// stack is kept from what is for the cluster (`StackGuard`); what this machine takes reaches it by a TAP device.
final class SocketBackend: PathBackend {
  let choice: PathChoice
  let tables: PacketTables
  let tablesWereReused = false
  private let path: NativePacketPath
  private let socket: PacketSocket
  private let tap: TapDevice
  private let interface: NetworkInterface
  private let addresses: [InternetAddress]
  private let buffer: UnsafeMutableRawBufferPointer
  private var sysctls = SysctlChanges()
  private var upcall: ((skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void)?
  /// Room for a segment as large as the kernel's offloads make them.
  private static let bufferByteCount = 1 << 17

  init(_ place: PathPlace, _ choice: PathChoice) throws {
    self.choice = choice
    interface = place.interface
    addresses = place.guarded
    path = NativePacketPath(sizes: place.sizes)
    tables = path.tables
    buffer = .allocate(byteCount: Self.bufferByteCount, alignment: 64)
    // What is taken keeps the interface's own MAC address, so the TAP device has the same.
    tap = try TapDevice(name: "skein\(place.number)", ethernetAddress: place.interface.ethernetAddress)
    socket = try PacketSocket(interface: place.interface.index)
    // Loose: the answer leaves by another interface. The kernel takes the larger of this and `all`, so 0 would not do.
    try sysctls.set("net/ipv4/conf/skein\(place.number)/rp_filter", to: "2")
    // Without an address of its own even a loose check of the source refuses what comes in (fib_validate_source).
    // Before there is an address for the stack to take packets by.
    try StackGuard.install(on: interface.name, addresses: addresses)
    let routes = try RouteSocket()
    for address in addresses where address.ipv4 != nil { try routes.addAddress(address, prefixLength: 32, to: tap.interface) }
    for membership in place.heard { try socket.join(membership) }
  }

  deinit { buffer.deallocate() }

  func start(
    on poller: Poller, upcall: @escaping (skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void
  ) throws(LinuxError) {
    self.upcall = upcall
    try poller.watch(socket.descriptor) { [weak self] _ in self?.receive(limit: 64) }
    let tap = self.tap
    // What the stack answers goes out by its routes, not here; a TAP device that nobody reads fills up.
    try poller.watch(tap.descriptor) { _ in _ = try? tap.receive { _ in } }
  }

  /// What waits in the socket has arrived before now, and a handover that passes over it would see it again, as the next owner's.
  func drain() {
    // As many as the socket's buffer holds at most, so that a flood cannot keep the daemon here.
    for _ in 0..<16 where receive(limit: 1024) < 1024 { return }
  }

  @discardableResult
  private func receive(limit: Int) -> Int {
    guard let upcall else { return 0 }
    return (try? socket.receive(limit: limit) { frame in process(frame, upcall) }) ?? 0
  }

  private func process(_ frame: ReceivedFrame, _ upcall: (skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void) {
    guard frame.vlanTag == nil else { return tables.raise(.taggedFrame) }
    guard !frame.isTruncated, frame.bytes.count <= buffer.count else { return tables.raise(.malformed) }
    buffer.copyMemory(from: frame.bytes)
    var length = frame.bytes.count
    let outcome = path.process(buffer, length: &length, now: BootClock.now().nanoseconds)
    let result = UnsafeRawBufferPointer(rebasing: buffer[..<length])
    switch outcome.verdict {
    case .drop: break
    case .transmit: try? socket.send(result, offload: frame.offload)
    // The native build has no routes of its own.
    case .redirect: break
    case .pass where outcome.counter.isTaken: try? tap.send(result, offload: frame.offload)
    // Everything else the kernel's stack has received already.
    case .pass: break
    case .up: if let reason = outcome.counter.upcallReason { upcall(reason, Int(outcome.unit), interface.index, result) }
    }
  }

  func deliver(_ frame: [UInt8], interface: UInt32) throws(LinuxError) {
    var failure: LinuxError?
    frame.withUnsafeBytes { bytes in
      do throws(LinuxError) { try tap.send(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  func transmit(_ frame: [UInt8]) throws(LinuxError) { try socket.send(frame) }

  func stop(keeping: Bool) throws(LinuxError) {
    tables.leaseDeadline = .zero
    // The device goes with this process; until then its addresses would have the stack answer for every member.
    let routes = try RouteSocket()
    for address in addresses where address.ipv4 != nil { try routes.removeAddress(address, prefixLength: 32, from: tap.interface) }
    try StackGuard.remove(from: interface.name)
  }
}

extension PacketCounter {
  /// Whether the packet is the cluster's and this machine's to process.
  fileprivate var isTaken: Bool {
    switch self {
    case .taken, .routed, .fragmentTaken, .routedByKernel, .routeExpired, .gatewayAddress, .serviceByKernel: true
    default: false
    }
  }
}
