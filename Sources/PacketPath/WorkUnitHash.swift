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
/// connections on one unit; so a client is first folded under keys drawn from the cluster's hash seed, what is not the client's is mixed
/// under keys of its own, and the combination is mixed again. Equal on every member; all of them are little-endian, and fields enter as they
/// lie in the packet.
struct WorkUnitHash {
  let settings: UnsafePointer<skein_settings>

  @inline(__always) private func key(_ index: UInt32, high: Bool) -> UInt32 {
    let word = skein_hash_key(settings, index)
    return UInt32(truncatingIfNeeded: high ? word >> 32 : word)
  }

  /// An address, by a multilinear sum under 64-bit keys (Lemire and Kaser: its upper half is strongly universal).
  /// The specification folds by XOR of the four words; the owner of any /64 chooses two of them and could aim at one unit with each of
  /// its addresses. Here it would have to guess the keys. An IPv4 address is its mapped form.
  @inline(__always) private func sum(_ address: Address) -> UInt64 {
    let words = address.words
    var sum = skein_hash_key(settings, 3)
    sum = sum &+ skein_hash_key(settings, 4) &* UInt64(words.0)
    sum = sum &+ skein_hash_key(settings, 5) &* UInt64(words.1)
    sum = sum &+ skein_hash_key(settings, 6) &* UInt64(words.2)
    return sum &+ skein_hash_key(settings, 7) &* UInt64(words.3)
  }

  @inline(__always) private func upperHalf(_ sum: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: sum >> 32) }
  @inline(__always) private func portTerm(_ port: UInt16) -> UInt64 { skein_hash_key(settings, 1) &* UInt64(port) }

  /// A client: its address and port are one sum's. Port 0: all of its ports.
  @inline(__always) func source(_ address: Address, port: UInt16) -> UInt32 { upperHalf(sum(address) &+ portTerm(port)) }

  /// The same for an IPv4 address, of whose four words only the last is its own.
  @inline(__always) func source(v4 address: UInt32, port: UInt16) -> UInt32 {
    upperHalf(settings.pointee.hash_base_v4 &+ skein_hash_key(settings, 7) &* UInt64(address) &+ portTerm(port))
  }

  @inline(__always) func destination(_ address: Address) -> UInt32 { mixed(upperHalf(sum(address)) ^ key(0, high: true)) }
  @inline(__always) func tunnel(_ id: UInt16) -> UInt32 { mixed(UInt32(id) ^ key(0, high: false)) }
  @inline(__always) func session(_ id: UInt16) -> UInt32 { mixed(UInt32(id) ^ key(2, high: false)) }

  /// The collapse to 10 bits.
  @inline(__always) func unit(_ combination: UInt32) -> UInt32 { mixed(combination ^ key(2, high: true)) >> 22 }

  /// Which of a virtual server's choices a client's is: of the same sum as its unit, mixed under another key. Equal on every member.
  @inline(__always) func choice(_ client: UInt32) -> UInt32 { mixed(client ^ key(0, high: false)) }

  /// The same for both directions: both ends are mixed under one key.
  @inline(__always) func forwarding(_ one: Address, _ other: Address) -> UInt32 { unit(destination(one) ^ destination(other)) }
}
