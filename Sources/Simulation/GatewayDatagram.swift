import CPacketPath
import PacketPath
import Wire

/// A datagram on the simulated wire. Instead of a seal it carries what the seal would prove.
struct GatewayDatagram {
  var packet: GlbpPacket
  var sender: InternetAddress
  var incarnation: UInt64
  var sequence: UInt64
  var origin: Int
  /// The Ethernet address that its frame comes from: a forwarder's, or the sender's own.
  var source: EthernetAddress
  /// Made by somebody who has no key.
  var isForged = false
}

extension Machine {
  /// What the kernel would decide of a frame to this virtual MAC now.
  func forwards(_ forwarder: Int, at time: UInt64) -> Bool {
    native.tables.units[forwarder].mine == UInt8(skein_mine) && hasLease(at: time)
  }

  /// Whether it is the active gateway: broadcast questions go up.
  var isActive: Bool { native.tables.settings.pointee.flags & UInt64(skein_flag_answers.rawValue) != 0 }
}
