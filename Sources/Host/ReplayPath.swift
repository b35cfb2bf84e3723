import CPacketPath
public import PacketPath
public import Wire

/// The native packet path over the running one's tables, for packets that were held: it may forward in every mode of delivery, since the
/// member saw such a packet when it was not yet its own, and dropped it. A frame to a virtual MAC address that another gateway has now is
/// sent on to it. The native build leaves all routing to the kernel.
public final class ReplayPath {
  /// What becomes of a held packet.
  public enum Decision: Sendable {
    /// This machine's own stack takes the frame.
    case deliver([UInt8])
    /// The frame goes out of the interface.
    case transmit([UInt8])
    case drop
    /// It still has to wait.
    case undecided
  }

  private let path: NativePacketPath
  private let running: PacketTables
  private let settings = UnsafeMutablePointer<skein_settings>.allocate(capacity: 1)

  /// A path over these tables, with settings of its own; the tables must live as long as it does.
  public init(_ tables: PacketTables) {
    running = tables
    path = NativePacketPath(tables: tables.with(settings: settings))
  }

  deinit { settings.deallocate() }

  /// Decides about a held packet once more.
  public func decide(_ packet: HeldPackets.Packet, at now: Instant) -> Decision {
    settings.initialize(to: running.settings.pointee)
    settings.pointee.flags |= UInt64(skein_flag_forwarding.rawValue | skein_flag_replay.rawValue)
    var frame = packet.frame
    // The native build routes nothing itself.
    switch frame.withUnsafeMutableBytes({ path.process($0, now: now.nanoseconds).verdict }) {
    case .pass: return .deliver(frame)
    case .transmit: return .transmit(frame)
    case .drop, .redirect: return .drop
    case .up: return .undecided
    }
  }
}
