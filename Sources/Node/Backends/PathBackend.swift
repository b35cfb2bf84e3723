import CPacketPath
import Linux
import PacketPath

/// Where the packet path runs, and why there.
struct PathChoice: Equatable, Sendable {
  var wanted: Configuration.PacketPathChoice
  /// `xdp`, `xdp-generic`, `packet-socket`.
  var running: String
  /// In a sentence.
  var reason: String
  /// Why `automatic` did not get what it tried first; nil when it did, or when there was nothing to choose.
  var refusal: LinuxError?

  /// What that costs, in a sentence.
  var cost: String {
    switch running {
    case "xdp": "Packets are decided in the driver, before the kernel makes anything of them."
    case "xdp-generic": "The kernel makes a buffer for each packet before it is decided, for those too that are dropped."
    default: "Every packet is copied to the daemon and decided on its one thread, and the path stops with it."
    }
  }

  /// What an operator should know of it; nil when `automatic` had what it tried first, or when the configuration chose.
  var warning: String? { refusal == nil ? nil : "the packet path runs by \(running): \(reason) \(cost)" }

  /// The same as an event.
  var event: Event? {
    guard refusal != nil else { return nil }
    return Event(.packetPathFallback, nil, .init { ($0.packetPath, $0.explanation) = (running, "\(reason) \(cost)") })
  }

  /// As `--json` shows it.
  var report: PacketPathReport {
    PacketPathReport(wanted: wanted.rawValue, running: running, reason: reason, cost: cost, isFallback: refusal != nil)
  }
}

/// Where the packet path runs. Two of them, one behaviour: the kernel program, and the native build of the same source.
/// Belongs to the daemon's thread.
protocol PathBackend: AnyObject {
  /// Which of them runs, and why; final once `start` has returned.
  var choice: PathChoice { get }
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
