import CPacketPath

// Addresses and ports are exchanged in place. Checksums follow from the difference alone (RFC 1624), so what was wrong with a packet stays
// wrong, and its receiver sees it.

/// What a checksum that covers some words must be changed by when they change (RFC 1624, equation 3).
struct ChecksumChange {
  private var sum: UInt64 = 0

  @inline(__always) init() {}
  @inline(__always) init(from old: UInt16, to new: UInt16) { add(from: old, to: new) }

  @inline(__always) mutating func add(from old: UInt16, to new: UInt16) { sum = sum &+ UInt64(~old) &+ UInt64(new) }

  /// Sixteen-bit words are summed by twos: the carries come out the same.
  @inline(__always) mutating func add(from old: UInt32, to new: UInt32) { sum = sum &+ UInt64(~old) &+ UInt64(new) }

  @inline(__always) mutating func add(from old: Address, to new: Address) {
    let (old, new) = (old.words, new.words)
    add(from: old.0, to: new.0)
    add(from: old.1, to: new.1)
    add(from: old.2, to: new.2)
    add(from: old.3, to: new.3)
  }

  @inline(__always) mutating func add(_ other: ChecksumChange) { sum = sum &+ other.sum }

  @inline(__always) func applied(to checksum: UInt16) -> UInt16 {
    var sum = sum &+ UInt64(~checksum)
    sum = (sum & 0xffff_ffff) &+ (sum >> 32)
    sum = (sum & 0xffff) &+ (sum >> 16)
    sum = (sum & 0xffff) &+ (sum >> 16)
    sum = (sum & 0xffff) &+ (sum >> 16)
    return ~UInt16(truncatingIfNeeded: sum)
  }
}

extension PlainPacket {
  /// The transport's checksum. A datagram without one (RFC 768) keeps none, and none comes out as 0, which would say so.
  @inline(__always) fileprivate func apply(_ change: ChecksumChange, to frame: Packet) {
    let offset = transportOffset &+ (isTCP ? 16 : 6)
    let checksum: UInt16 = frame.load(offset)
    if !isTCP && checksum == 0 { return }
    let changed = change.applied(to: checksum)
    frame.store(!isTCP && changed == 0 ? 0xffff : changed, at: offset)
  }
}

extension PlainV4 {
  @inline(__always) func rewriteSource(_ address: Address, port: UInt16) { rewrite(26, 34, address, port) }
  @inline(__always) func rewriteDestination(_ address: Address, port: UInt16) { rewrite(30, 36, address, port) }

  @inline(__always) private func rewrite(_ addressOffset: UInt, _ portOffset: UInt, _ address: Address, _ port: UInt16) {
    let word = address.words.3
    var change = ChecksumChange()
    change.add(from: frame.load(addressOffset, as: UInt32.self), to: word)
    frame.store(change.applied(to: frame.load(24)), at: 24)
    change.add(from: frame.load(portOffset, as: UInt16.self), to: port)
    apply(change, to: frame)
    frame.store(word, at: addressOffset)
    frame.store(port, at: portOffset)
  }

  @inline(__always) func loseHop() -> Bool {
    let hops: UInt8 = frame.load(22)
    guard hops > 1 else { return false }
    frame.store(hops &- 1, at: 22)
    let sum = UInt32(frame.load(24, as: UInt16.self)) &+ 1
    frame.store(UInt16(truncatingIfNeeded: sum &+ (sum >= 0xffff ? 1 : 0)), at: 24)
    return true
  }
}

extension PlainV6 {
  @inline(__always) func rewriteSource(_ address: Address, port: UInt16) { rewrite(22, 54, address, port) }
  @inline(__always) func rewriteDestination(_ address: Address, port: UInt16) { rewrite(38, 56, address, port) }

  @inline(__always) private func rewrite(_ addressOffset: UInt, _ portOffset: UInt, _ address: Address, _ port: UInt16) {
    var change = ChecksumChange()
    change.add(from: frame.loadAddress(addressOffset), to: address)
    change.add(from: frame.load(portOffset, as: UInt16.self), to: port)
    apply(change, to: frame)
    frame.storeAddress(address, at: addressOffset)
    frame.store(port, at: portOffset)
  }

  @inline(__always) func loseHop() -> Bool {
    let hops: UInt8 = frame.load(21)
    guard hops > 1 else { return false }
    frame.store(hops &- 1, at: 21)
    return true
  }
}
