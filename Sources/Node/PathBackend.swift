import CPacketPath
import Linux
import PacketPath

/// Where the packet path runs. Two of them, one behaviour: the kernel program, and the native build of the same source.
/// Belongs to the daemon's thread.
protocol PathBackend: AnyObject {
  /// For people: `xdp`, `xdp-generic`, `packet-socket`.
  var name: String { get }
  var tables: PacketTables { get }
  /// Whether the tables were found as an earlier daemon left them, with the packet path still running.
  var tablesWereReused: Bool { get }
  /// Starts handing up packets that need a decision; `upcall` gets the record's header and the frame.
  func start(
    on poller: Poller, upcall: @escaping (skein_upcall_reason, _ unit: Int, _ interface: UInt32, _ frame: UnsafeRawBufferPointer) -> Void)
    throws(LinuxError)
  /// Hands up, now, all that has been sent up so far.
  func drain()
  /// Runs a held frame through the packet path as if it had just arrived, so that this machine takes it.
  func deliver(_ frame: [UInt8], interface: UInt32) throws(LinuxError)
  /// Sends a frame out of the interface.
  func transmit(_ frame: [UInt8]) throws(LinuxError)
  /// Stops; `keeping` leaves a kernel program running under its lease, for the daemon that comes next.
  func stop(keeping: Bool) throws(LinuxError)
}
