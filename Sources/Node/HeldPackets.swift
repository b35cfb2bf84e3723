import Wire

/// Packets that wait until a unit's owner has acknowledged it (WO 00/31945, figure 9, steps 937–943), bounded in packets, octets and time.
/// What does not fit, or waits too long, is dropped and counted: the sender's own retransmission repairs it.
struct HeldPackets {
  struct Packet {
    var frame: [UInt8]
    var interface: UInt32
    var expires: Instant
  }

  var limits: ClusterSection.Hold
  private var byUnit: [Int: [Packet]] = [:]
  private var fragments: [Packet] = []
  private(set) var packetCount = 0
  private(set) var byteCount = 0
  /// Packets refused because a bound was reached.
  private(set) var overflowed: UInt64 = 0
  /// Packets dropped because they had waited too long.
  private(set) var expired: UInt64 = 0
  /// Packets sent on to their member.
  private(set) var released: UInt64 = 0

  init(limits: ClusterSection.Hold) { self.limits = limits }

  var isEmpty: Bool { packetCount == 0 }

  /// Keeps a copy of a frame until its unit is released; false when there is no room.
  @discardableResult
  mutating func hold(_ frame: UnsafeRawBufferPointer, unit: Int, interface: UInt32, at now: Instant) -> Bool {
    guard packetCount < limits.packetCount, byteCount + frame.count <= limits.byteCount else {
      overflowed += 1
      return false
    }
    byUnit[unit, default: []].append(Packet(frame: Array(frame), interface: interface, expires: now + limits.duration))
    packetCount += 1
    byteCount += frame.count
    return true
  }

  /// Takes out the packets of a unit, oldest first.
  mutating func release(_ unit: Int, at now: Instant) -> [Packet] {
    guard let packets = byUnit.removeValue(forKey: unit) else { return [] }
    packetCount -= packets.count
    byteCount -= packets.reduce(0) { $0 + $1.frame.count }
    let fresh = packets.filter { $0.expires > now }
    expired += UInt64(packets.count - fresh.count)
    released += UInt64(fresh.count)
    return fresh
  }

  /// Drops what has waited too long.
  mutating func expire(at now: Instant) {
    for (unit, packets) in byUnit where packets.contains(where: { $0.expires <= now }) {
      let kept = packets.filter { $0.expires > now }
      expired += UInt64(packets.count - kept.count)
      packetCount -= packets.count - kept.count
      byteCount -= packets.reduce(0) { $0 + $1.frame.count } - kept.reduce(0) { $0 + $1.frame.count }
      byUnit[unit] = kept.isEmpty ? nil : kept
    }
  }

  // Later fragments that came before their first: their unit is not known yet.

  var hasFragments: Bool { !fragments.isEmpty }

  mutating func holdFragment(_ frame: UnsafeRawBufferPointer, interface: UInt32, at now: Instant) {
    keepFragment(Packet(frame: Array(frame), interface: interface, expires: now + min(limits.duration, .milliseconds(100))), at: now)
  }

  /// Keeps a fragment until its first one has come, within the bounds.
  mutating func keepFragment(_ packet: Packet, at now: Instant) {
    guard packet.expires > now else { return expired += 1 }
    guard packetCount < limits.packetCount, byteCount + packet.frame.count <= limits.byteCount else { return overflowed += 1 }
    fragments.append(packet)
    packetCount += 1
    byteCount += packet.frame.count
  }

  /// Takes out all fragments, to try them once more.
  mutating func takeFragments() -> [Packet] {
    packetCount -= fragments.count
    byteCount -= fragments.reduce(0) { $0 + $1.frame.count }
    defer { fragments = [] }
    return fragments
  }

  /// Drops everything: this machine is the master no longer.
  mutating func removeAll() {
    expired += UInt64(packetCount)
    byUnit = [:]
    fragments = []
    packetCount = 0
    byteCount = 0
  }
}
