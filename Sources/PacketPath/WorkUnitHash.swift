import CPacketPath

/// The finalizer that mixes every field: Ellis's "lowbias32", a bijection of 32 bits.
@inline(__always) func mixed(_ value: UInt32) -> UInt32 {
  var x = value
  x ^= x >> 16
  x = x &* 0x7feb_352d
  x ^= x >> 15
  x = x &* 0x846c_a68b
  return x ^ (x >> 16)
}

/// Header fields to one of the 1,024 work units (WO 00/31945, filter function).
///
/// The seed combines raw fields by XOR. Whoever chooses its own address and port could then keep the result still and pour all its
/// connections on one unit; so each field is first mixed under a key of its own, drawn from the cluster's hash seed, and the
/// combination is mixed again. Equal on every member; all of them are little-endian, and fields enter as they lie in the packet.
struct WorkUnitHash {
  let settings: UnsafePointer<skein_settings>

  @inline(__always) private func key(_ index: UInt32, high: Bool) -> UInt32 {
    let word = skein_hash_key(settings, index)
    return UInt32(truncatingIfNeeded: high ? word >> 32 : word)
  }

  /// An address in 32 bits, by a multilinear sum under 64-bit keys (Lemire and Kaser: strongly universal).
  /// The specification folds by XOR of the four words; the owner of any /64 chooses two of them and could aim at one unit with each of
  /// its addresses. Here it would have to guess the keys. An IPv4 address is its mapped form.
  @inline(__always) private func folded(_ address: Address) -> UInt32 {
    let words = address.words
    var sum = skein_hash_key(settings, 3)
    sum = sum &+ skein_hash_key(settings, 4) &* UInt64(words.0)
    sum = sum &+ skein_hash_key(settings, 5) &* UInt64(words.1)
    sum = sum &+ skein_hash_key(settings, 6) &* UInt64(words.2)
    sum = sum &+ skein_hash_key(settings, 7) &* UInt64(words.3)
    return UInt32(truncatingIfNeeded: sum >> 32)
  }

  @inline(__always) func source(_ address: Address) -> UInt32 { mixed(folded(address) ^ key(0, high: false)) }
  @inline(__always) func destination(_ address: Address) -> UInt32 { mixed(folded(address) ^ key(0, high: true)) }
  @inline(__always) func port(_ port: UInt16) -> UInt32 { mixed(UInt32(port) ^ key(1, high: false)) }
  @inline(__always) func tunnel(_ id: UInt16) -> UInt32 { mixed(UInt32(id) ^ key(1, high: true)) }
  @inline(__always) func session(_ id: UInt16) -> UInt32 { mixed(UInt32(id) ^ key(2, high: false)) }

  /// The collapse to 10 bits.
  @inline(__always) func unit(_ combination: UInt32) -> UInt32 { mixed(combination ^ key(2, high: true)) >> 22 }

  /// The same for both directions: both ends are mixed under one key.
  @inline(__always) func forwarding(_ one: Address, _ other: Address) -> UInt32 { unit(source(one) ^ source(other)) }
}
