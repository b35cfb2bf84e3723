public import Wire

/// How many packets may wait, how many octets of them, and for how long.
public struct HoldLimits: Hashable, Sendable {
  /// How many packets may wait, of all units and fragments together.
  public var packetCount: Int
  /// How many octets their frames may have together, Ethernet headers included.
  public var byteCount: Int
  /// How long each may wait; a fragment whose first has not come waits at most 100 ms.
  public var duration: Interval

  /// Limits that all hold at once: whichever is reached first refuses the next packet.
  public init(packetCount: Int, byteCount: Int, duration: Interval) {
    self.packetCount = packetCount
    self.byteCount = byteCount
    self.duration = duration
  }
}

/// Packets that wait until a unit's owner has acknowledged it (WO 00/31945, figure 9, steps 937–943), bounded in packets, octets and time.
/// What does not fit, or waits too long, is dropped and counted: the sender's own retransmission repairs it.
public struct HeldPackets: Sendable {
  /// A frame, the interface that it came by, and when it has waited too long.
  public struct Packet: Sendable {
    var frame: [UInt8]
    var interface: UInt32
    var expires: Instant
  }

  var limits: HoldLimits
  private var byUnit: [Int: Queue] = [:]
  private var fragments: [Packet] = []
  /// Packets that wait now, fragments included.
  public private(set) var packetCount = 0
  /// Octets of the frames that wait now, Ethernet headers included.
  public private(set) var byteCount = 0
  /// Packets refused because a bound was reached.
  public private(set) var overflowed: UInt64 = 0
  /// Packets dropped because they had waited too long.
  public private(set) var expired: UInt64 = 0
  /// Packets sent on to their member.
  public private(set) var released: UInt64 = 0

  /// Packets dropped because another machine has them, or because nobody may take them any more.
  public private(set) var forgotten: UInt64 = 0
  /// Packets that were let go, and that the packet path then dropped.
  public private(set) var refused: UInt64 = 0

  /// Copies of packets that were held already: two machines held the same one.
  public private(set) var duplicates: UInt64 = 0
  /// Packets sent on that the kernel did not take.
  public private(set) var unsent: UInt64 = 0

  /// What waits for one unit, and what it is recognised by.
  private struct Queue: Sendable {
    var packets: [Packet] = []
    var digests: Set<UInt64> = []
  }

  init(limits: HoldLimits) { self.limits = limits }

  var isEmpty: Bool { packetCount == 0 }

  /// Keeps a copy of a frame until its unit is released; false when there is no room.
  @discardableResult
  public mutating func hold(_ frame: [UInt8], unit: Int, interface: UInt32, at now: Instant) -> Bool {
    guard packetCount < limits.packetCount, byteCount + frame.count <= limits.byteCount else {
      overflowed += 1
      return false
    }
    var frame = frame
    frame.completeChecksum()
    guard byUnit[unit, default: Queue()].digests.insert(Self.digest(frame)).inserted else {
      duplicates += 1
      return false
    }
    byUnit[unit]?.packets.append(Packet(frame: frame, interface: interface, expires: now + limits.duration))
    packetCount += 1
    byteCount += frame.count
    return true
  }

  /// What is above Ethernet, folded (FNV-1a): the same for each machine that saw the packet, whatever MAC address it came to.
  private static func digest(_ frame: [UInt8]) -> UInt64 {
    frame.dropFirst(14).reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  mutating func countUnsent() { unsent += 1 }
  mutating func countForgotten() { forgotten += 1 }
  mutating func countRefused() { refused += 1 }

  /// Drops the packets of a unit: another machine has them too.
  public mutating func forget(_ unit: Int) {
    guard let packets = byUnit.removeValue(forKey: unit)?.packets else { return }
    forgotten += UInt64(packets.count)
    packetCount -= packets.count
    byteCount -= packets.reduce(0) { $0 + $1.frame.count }
  }

  /// Takes out the packets of a unit, oldest first.
  public mutating func release(_ unit: Int, at now: Instant) -> [Packet] {
    guard let packets = byUnit.removeValue(forKey: unit)?.packets else { return [] }
    packetCount -= packets.count
    byteCount -= packets.reduce(0) { $0 + $1.frame.count }
    let fresh = packets.filter { $0.expires > now }
    expired += UInt64(packets.count - fresh.count)
    released += UInt64(fresh.count)
    return fresh
  }

  /// Drops what has waited too long.
  public mutating func expire(at now: Instant) {
    for (unit, queue) in byUnit where queue.packets.contains(where: { $0.expires <= now }) {
      let packets = queue.packets
      let kept = packets.filter { $0.expires > now }
      expired += UInt64(packets.count - kept.count)
      packetCount -= packets.count - kept.count
      byteCount -= packets.reduce(0) { $0 + $1.frame.count } - kept.reduce(0) { $0 + $1.frame.count }
      byUnit[unit] = kept.isEmpty ? nil : Queue(packets: kept, digests: queue.digests)
    }
  }

  // Later fragments that came before their first: their unit is not known yet.

  var hasFragments: Bool { !fragments.isEmpty }

  mutating func holdFragment(_ frame: UnsafeRawBufferPointer, interface: UInt32, at now: Instant) {
    keepFragment(Packet(frame: Array(frame), interface: interface, expires: now + min(limits.duration, .milliseconds(100))), at: now)
  }

  /// Keeps a fragment until its first one has come, within the bounds.
  public mutating func keepFragment(_ packet: Packet, at now: Instant) {
    guard packet.expires > now else { return expired += 1 }
    guard packetCount < limits.packetCount, byteCount + packet.frame.count <= limits.byteCount else { return overflowed += 1 }
    fragments.append(packet)
    packetCount += 1
    byteCount += packet.frame.count
  }

  /// Takes out all fragments, to try them once more.
  public mutating func takeFragments() -> [Packet] {
    packetCount -= fragments.count
    byteCount -= fragments.reduce(0) { $0 + $1.frame.count }
    defer { fragments = [] }
    return fragments
  }

  /// What must hold of the counts that are kept beside the packets, and does not.
  var brokenInvariants: [String] {
    let all = byUnit.values.flatMap(\.packets) + fragments
    var broken: [String] = []
    if all.count != packetCount { broken.append("\(packetCount) packets are counted of \(all.count) that are held") }
    let octets = all.reduce(0) { $0 + $1.frame.count }
    if octets != byteCount { broken.append("\(byteCount) octets are counted of \(octets) that are held") }
    return broken
  }

  /// Drops everything: this machine is the master no longer.
  public mutating func removeAll() {
    forgotten += UInt64(packetCount)
    byUnit = [:]
    fragments = []
    packetCount = 0
    byteCount = 0
  }
}
