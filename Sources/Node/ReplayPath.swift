import CPacketPath
import PacketPath
import Wire

/// The native packet path over the running one's tables, for packets that were held: it may forward in every mode of delivery, since the
/// member saw such a packet when it was not yet its own, and dropped it.
final class ReplayPath {
  private let tables: PathTables
  private let settings = UnsafeMutablePointer<skein_settings>.allocate(capacity: 1)

  init(_ tables: PathTables) { self.tables = tables }

  deinit { settings.deallocate() }

  /// Decides about a frame, and rewrites it for its way.
  func process(_ frame: inout [UInt8], interface: UInt32, at now: Instant) -> Verdict {
    settings.initialize(to: tables.settings.pointee)
    settings.pointee.flags |= UInt64(skein_flag_forwarding.rawValue)
    // A held frame is judged as the cluster's, whatever MAC address it was sent to.
    let memory = tables.nativeTables(settings: settings)
    return frame.withUnsafeMutableBytes { bytes in
      NativePacketPath(memory).process(frame: bytes, interface: interface, now: now.nanoseconds).verdict
    }
  }
}
