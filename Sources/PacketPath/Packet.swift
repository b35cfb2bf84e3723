import CPacketPath

/// A stretch of a frame: two addresses.
///
/// Guarantees: nothing here checks bounds by itself; every load and store is preceded by a `holds` on the same value, which is what
/// the kernel's verifier demands and what keeps the native build honest. `from` makes a value of its own, with checks of its own.
struct Packet {
  let start: UInt
  let end: UInt

  @inline(__always) init(start: UInt, end: UInt) {
    self.start = start
    self.end = end
  }

  @inline(__always) var length: UInt { end &- start }

  @inline(__always) func holds(_ octets: UInt) -> Bool { start &+ octets <= end }

  /// What follows the first `octets`. May lie beyond the end: `holds` tells.
  @inline(__always) func from(_ octets: UInt) -> Packet { Packet(start: skein_opaque(start &+ octets), end: end) }

  /// As `from`, for an offset that is a constant: what is held of this is held of that, and no register is spent on it.
  @inline(__always) func from(constant octets: UInt) -> Packet { Packet(start: start &+ octets, end: end) }

  /// As `from`, for an offset that several ways lead to, at most `limit`, one less than a power of two. Two octets must be held.
  @inline(__always) func from(merging octets: UInt, limit: UInt) -> Packet { from(skein_forget(octets, start) & limit) }

  /// `pointee`, not `load(as:)`: it is one machine load at any address, where the others split into octets or trap.
  @inline(__always) func load<T>(_ offset: UInt, as _: T.Type = T.self) -> T {
    UnsafeRawPointer(skein_pointer(start &+ offset)).assumingMemoryBound(to: T.self).pointee
  }

  @inline(__always) func store<T>(_ value: T, at offset: UInt) {
    skein_pointer(start &+ offset).assumingMemoryBound(to: T.self).pointee = value
  }

  /// Six octets of a hardware address, as they lie in memory.
  @inline(__always) func loadMAC(_ offset: UInt) -> UInt64 {
    UInt64(load(offset, as: UInt32.self)) | UInt64(load(offset &+ 4, as: UInt16.self)) << 32
  }

  @inline(__always) func storeMAC(_ address: UInt64, at offset: UInt) {
    store(UInt32(truncatingIfNeeded: address), at: offset)
    store(UInt16(truncatingIfNeeded: address >> 32), at: offset &+ 4)
  }

  @inline(__always) func loadAddress(_ offset: UInt) -> Address { Address(high: load(offset), low: load(offset &+ 8)) }

  @inline(__always) func storeAddress(_ address: Address, at offset: UInt) {
    store(address.high, at: offset)
    store(address.low, at: offset &+ 8)
  }
}

/// An IPv6 address, or an IPv4 address as `::ffff:a.b.c.d`; halves as they lie in memory.
struct Address: Equatable {
  var high: UInt64
  var low: UInt64

  @inline(__always) init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// As it lies in a table.
  @inline(__always) init(at record: UnsafePointer<skein_address>) {
    self.init(high: skein_address_half(record, 0), low: skein_address_half(record, 1))
  }

  @inline(__always) init(v4: UInt32) { self.init(high: 0, low: 0xffff_0000 | UInt64(v4) << 32) }

  @inline(__always) var words: (UInt32, UInt32, UInt32, UInt32) {
    (
      UInt32(truncatingIfNeeded: high), UInt32(truncatingIfNeeded: high >> 32),
      UInt32(truncatingIfNeeded: low), UInt32(truncatingIfNeeded: low >> 32)
    )
  }

  @inline(__always) static func == (a: Self, b: Self) -> Bool { (a.high ^ b.high) | (a.low ^ b.low) == 0 }

  @inline(__always) var isUnspecified: Bool { high | low == 0 }

  /// Addresses that a router never forwards to: multicast, broadcast, link-local.
  @inline(__always) var staysOnLink: Bool {
    if high == 0 && UInt32(truncatingIfNeeded: low) == 0xffff_0000 {
      let first = UInt8(truncatingIfNeeded: low >> 32)
      return first >= 224 || UInt16(truncatingIfNeeded: low >> 32) == 0xfea9
    }
    return UInt8(truncatingIfNeeded: high) == 0xff || UInt16(truncatingIfNeeded: high) & 0xc0ff == 0x80fe
  }
}
