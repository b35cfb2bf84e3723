import CPacketPath
import KernelProgram
import Linux
import Wire

/// The packet path as an XDP program: what is known never leaves the kernel.
final class KernelBackend: PathBackend {
  private let program: Linux.KernelProgram
  private let interface: NetworkInterface
  private let ring: RingBuffer
  private let sender: PacketSocket
  private let arrays: (MappedArray<skein_settings>, MappedArray<skein_lease>, MappedArray<skein_unit>, MappedArray<skein_member>)
  private let countings: (MappedArray<UInt64>, MappedArray<skein_traffic>)
  private let instance: String
  private let requested: RequestedMode
  private(set) var name: String
  let tables: PathTables

  var tablesWereReused: Bool { program.mapsWereReused }

  init(instance: String, interface: NetworkInterface, mode: RequestedMode) throws(LinuxError) {
    let processors = Linux.KernelProgram.possibleProcessorCount
    self.instance = instance
    self.interface = interface
    requested = mode
    program = try Linux.KernelProgram(
      object: KernelProgramObject.bytes(),
      .init(
        instance: instance, programName: "skein",
        maximumEntries: [
          "counters": processors * Int(skein_counter_count.rawValue), "traffic": processors * Int(skein_unit_count.rawValue),
        ]))
    arrays = (
      try program.array("settings", of: skein_settings.self), try program.array("lease", of: skein_lease.self),
      try program.array("units", of: skein_unit.self), try program.array("members", of: skein_member.self)
    )
    countings = (try program.array("counters", of: UInt64.self), try program.array("traffic", of: skein_traffic.self))
    tables = PathTables(
      settings: arrays.0.pointer, lease: arrays.1.pointer, units: arrays.2.pointer, members: arrays.3.pointer,
      counters: countings.0.pointer, traffic: countings.1.pointer, processorCount: processors)
    ring = try program.ring("upcalls")
    sender = try PacketSocket(interface: interface.index, receives: false)
    name = "xdp"
  }

  func start(
    on poller: Poller, upcall: @escaping (skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void
  ) throws(LinuxError) {
    let mode = try program.attach(to: interface.name, mode: requested)
    name = mode == .native ? "xdp" : "xdp-generic"
    let ring = self.ring
    try poller.watch(ring.descriptor) { _ in
      _ = try? ring.consume { record in Self.read(record, upcall) }
    }
  }

  /// Takes an upcall apart: the header, then as much of the frame as was copied.
  private static func read(_ record: UnsafeRawBufferPointer, _ upcall: (skein_upcall_reason, Int, UInt32, UnsafeRawBufferPointer) -> Void) {
    let headerByteCount = MemoryLayout<skein_upcall>.size - Int(skein_frame_limit.rawValue)
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
    let program = self.program
    try frame.withUnsafeBytes { bytes throws(LinuxError) in try program.inject(bytes, interface: interface) }
  }

  func transmit(_ frame: [UInt8]) throws(LinuxError) { try sender.send(frame) }

  func stop(keeping: Bool) throws(LinuxError) {
    if keeping { return }
    tables.leaseDeadline = .zero
    tables.set(flag: skein_flag_enabled, false)
    try program.detach(from: interface.name)
    try Linux.KernelProgram.removeAll(instance: instance)
  }
}
