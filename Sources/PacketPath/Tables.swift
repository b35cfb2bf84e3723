import CPacketPath

/// The memory that the packet path works on: maps in the kernel, any allocation in the native build. Same records, same indexes.
protocol Tables {
  var settings: UnsafePointer<skein_settings> { get }
  /// CLOCK_BOOTTIME, nanoseconds. Read only where time decides: it is half the price of a packet.
  var now: UInt64 { get }
  /// The same in the units of flows' times, as of the last tick: nearly free.
  var flowTime: UInt32 { get }
  var leaseDeadline: UInt64 { get }
  /// When the kernel's routes changed last; 0 when nobody watches them.
  var routesChanged: UInt64 { get }
  /// Kernel number of the interface that the frame came in by.
  var interface: UInt32 { get }
  /// Below `skein_unit_count`.
  func unit(_ index: UInt32) -> UnsafeMutablePointer<skein_unit>
  /// Below `skein_member_count`.
  func member(_ index: UInt32) -> UnsafeMutablePointer<skein_member>
  /// Below twice `skein_role_count`.
  func role(_ index: UInt32) -> UnsafeMutablePointer<skein_known_address>
  /// Below `skein_virtual_server_count`.
  func virtualServer(_ index: UInt32) -> UnsafeMutablePointer<skein_virtual_server>
  /// Below `skein_server_count`.
  func server(_ index: UInt32) -> UnsafeMutablePointer<skein_server>
  /// Below twice `skein_endpoint_bucket_count`.
  func endpoints(_ bucket: UInt32) -> UnsafeMutablePointer<skein_service_bucket>?
  /// Nil beyond the last; of flows and their index likewise.
  func choices(_ block: UInt32) -> UnsafeMutablePointer<skein_choices>?
  func flowBucket(_ index: UInt32) -> UnsafeMutablePointer<skein_flow_bucket>?
  func flow(_ index: UInt32) -> UnsafeMutablePointer<skein_flow>?
  /// A line for a new flow; nil when none is ready.
  func spareFlow() -> UInt32?
  func fragment(_ index: UInt32) -> UnsafeMutablePointer<skein_fragment>?
  func count(_ counter: PacketCounter)
  func count(octets: UInt64, of unit: UInt32)
  /// False when there is no room.
  func sendUp(_ frame: Packet, unit: UInt32, reason: skein_upcall_reason) -> Bool
  /// The frame, longer or shorter at its end by so much; nil when it cannot be. Every earlier `Packet` of it is void.
  func resized(_ frame: Packet, by octets: Int32) -> Packet?
  /// Of this processor's memory of routes, below `skein_route_memo_count`; nil where nothing is remembered.
  func routeMemo(_ index: UInt32) -> UnsafeMutablePointer<skein_route_memo>?
  /// What the kernel's routes say.
  func route(_ question: skein_route_question) -> skein_route
  /// Where the frame goes when its verdict is `redirect`.
  func redirect(to interface: UInt32)
}

/// Whether a loop's index is below a count from the settings. The index is opaque, or the optimiser would end the loop by inequality with
/// the lesser of count and limit, from which verifiers before Linux 6.8 learn nothing: they would follow the loop without end.
@inline(__always) func isWithin(_ index: UInt32, _ count: UInt32) -> Bool { skein_opaque(UInt(index)) < UInt(count) }

/// A packet path over its tables. A value of a moment: made for one packet.
struct Path<Memory: Tables> {
  let memory: Memory
  let settings: UnsafePointer<skein_settings>
  let flags: UInt64

  @inline(__always) init(_ memory: Memory, flags: UInt64) {
    self.memory = memory
    settings = memory.settings
    self.flags = flags
  }

  @inline(__always) init(_ memory: Memory) { self.init(memory, flags: memory.settings.pointee.flags) }

  @inline(__always) func has(_ flag: skein_flags) -> Bool { flags & UInt64(flag.rawValue) != 0 }
  @inline(__always) var hash: WorkUnitHash { WorkUnitHash(settings: settings) }
  @inline(__always) var leaseIsValid: Bool { memory.now < memory.leaseDeadline }
}
