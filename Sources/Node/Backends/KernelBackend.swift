import CPacketPath
import Host
import Linux
import Logging
import PacketPath
import Wire

/// The packet path as an XDP program: what is known never leaves the kernel.
final class KernelBackend: PathBackend {
  private let program: KernelProgram
  private let interface: NetworkInterface
  private let ring: RingBuffer
  private let sender: PacketSocket
  private let injector: FrameInjector
  /// The maps in memory; they live as long as these do.
  private let maps: [MappedMemory]
  private let instance: String
  private let requested: XDPMode
  private let logger: Logger
  private(set) var choice: PathChoice
  private var upcall: ((skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void)?
  let tables: PacketTables

  var tablesWereReused: Bool { program.mapsWereReused }

  init(_ place: PathPlace, mode: XDPMode, _ choice: PathChoice, _ logger: Logger) throws(LinuxError) {
    instance = place.instance
    interface = place.interface
    requested = mode
    self.choice = choice
    self.logger = logger
    program = try KernelProgram(
      object: EmbeddedProgram.object, .packetPath(instance: instance, programName: EmbeddedProgram.name, sizes: place.sizes))
    var maps: [MappedMemory] = []
    tables = try PacketTables(sizes: place.sizes) { [program] name, octets throws(LinuxError) in
      let map = try program.memory(of: name, octets: octets)
      maps.append(map)
      return map.start
    }
    self.maps = maps
    injector = try FrameInjector()
    ring = try program.ring("upcalls")
    sender = try PacketSocket(interface: interface.index, receives: false)
  }

  func start(
    on poller: Poller, upcall: @escaping (skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void
  ) throws(LinuxError) {
    let mode = try program.attach(to: interface.name, mode: requested)
    choice.running = mode == .native ? "xdp" : "xdp-generic"
    if let refusal = program.nativeRefusal {
      choice.refusal = refusal
      choice.reason = "the driver of \(interface.name) has no XDP of its own: \(refusal.operation): \(refusal.code)".sentence
    }
    self.upcall = upcall
    try poller.watch(ring.descriptor) { [weak self] _ in self?.drain() }
    if let replacement = program.replacement { try replace(by: replacement) }
  }

  /// An older build's program goes on until this build's has passed the verifier: that takes longer than the lease that it runs under.
  private func replace(by replacement: ProgramReplacement) throws(LinuxError) {
    try NativeThread.start(name: "skein-verifier") { [logger] in
      do {
        try replacement.run()
        logger.notice("the kernel program of an older build is replaced by this build's")
      } catch { logger.error("the kernel program of an older build goes on, for this build's could not take its place: \(error)") }
    }
  }

  func drain() {
    guard let upcall else { return }
    _ = try? ring.consume(limit: .max) { record in Self.read(record, upcall) }
  }

  /// Takes an upcall apart: the header, then as much of the frame as was copied.
  private static func read(_ record: UnsafeRawBufferPointer, _ upcall: (skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void) {
    let headerByteCount = MemoryLayout<skein_upcall>.size - Int(skein_frame_limit)
    guard record.count >= headerByteCount else { return }
    let interface = record.load(fromByteOffset: 0, as: UInt32.self)
    let unit = record.load(fromByteOffset: 4, as: UInt16.self)
    let reason = record.load(fromByteOffset: 6, as: UInt16.self)
    let whole = record.load(fromByteOffset: 8, as: UInt32.self)
    let copied = record.load(fromByteOffset: 12, as: UInt32.self)
    // A frame that was cut cannot be sent on; its sender repeats it.
    guard whole == copied, headerByteCount + Int(copied) <= record.count else { return }
    let frame = UnsafeRawBufferPointer(rebasing: record[headerByteCount..<headerByteCount + Int(copied)])
    upcall(skein_upcall_reason(rawValue: UInt32(reason)), Int(unit), interface, frame)
  }

  func deliver(_ frame: [UInt8], interface: UInt32) throws(LinuxError) {
    var failure: LinuxError?
    frame.withUnsafeBytes { bytes in
      do throws(LinuxError) { try injector.inject(bytes, interface: interface) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  func transmit(_ frame: [UInt8]) throws(LinuxError) { try sender.send(frame) }

  func stop(keeping: Bool) throws(LinuxError) {
    // Nobody listens to the kernel any more.
    tables.setRoutesChanged(at: 0)
    if keeping { return }
    tables.leaseDeadline = .zero
    tables.set(flag: skein_flag_enabled, false)
    // By what is pinned: the interface may be gone, or have another name.
    try KernelProgram.removeAll(instance: instance)
  }
}
