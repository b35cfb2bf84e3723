import CPacketPath
import Linux
import PacketPath
import Wire

/// The native packet path over the running one's tables, for packets that were held: it may forward in every mode of delivery, since the
/// member saw such a packet when it was not yet its own, and dropped it. A frame to a virtual MAC address that another gateway has now is
/// sent on to it. The native build leaves all routing to the kernel.
final class ReplayPath {
  private let path: NativePacketPath
  private let running: PacketTables
  private let settings = UnsafeMutablePointer<skein_settings>.allocate(capacity: 1)

  init(_ tables: PacketTables) {
    running = tables
    path = NativePacketPath(tables: tables.with(settings: settings))
  }

  deinit { settings.deallocate() }

  /// Decides about a frame, and rewrites it for its way.
  func process(_ frame: inout [UInt8], at now: Instant) -> Verdict {
    settings.initialize(to: running.settings.pointee)
    settings.pointee.flags |= UInt64(skein_flag_forwarding.rawValue | skein_flag_replay.rawValue)
    return frame.withUnsafeMutableBytes { path.process($0, now: now.nanoseconds).verdict }
  }

  /// Decides about a held packet and does what was decided. In every mode of delivery it may be forwarded: the member has seen it already,
  /// and dropped it as not its own.
  /// - Returns: false when it still cannot be decided.
  /// - Throws: when the kernel did not take it.
  func rerun(_ packet: HeldPackets.Packet, _ backend: any PathBackend) throws(LinuxError) -> Bool {
    var frame = packet.frame
    switch process(&frame, at: BootClock.now()) {
    case .pass: try backend.deliver(frame, interface: packet.interface)
    case .transmit: try backend.transmit(frame)
    // The native build routes nothing itself.
    case .drop, .redirect: break
    case .up: return false
    }
    return true
  }
}
