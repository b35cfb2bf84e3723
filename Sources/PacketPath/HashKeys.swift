import CPacketPath

#if !hasFeature(Embedded)
  /// Eight 64-bit words, as `skein_settings.hash_keys` holds them.
  public typealias HashKeys = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  /// Goes up when the same packet becomes another unit's under the same seed. Machines that differ in it cannot be in one cluster.
  public let workUnitHashVersion = 2

  /// The keys of the work unit hash, from the seed that the cluster shares: the first eight outputs of splitmix64.
  public func deriveHashKeys(seed: UInt64) -> HashKeys {
    var state = seed
    func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
    return (next(), next(), next(), next(), next(), next(), next(), next())
  }

  extension PacketTables {
    /// The work unit hash is of this seed from now on.
    public func setHashSeed(_ seed: UInt64) {
      let keys = deriveHashKeys(seed: seed)
      settings.pointee.hash_keys = keys
      settings.pointee.hash_base_v4 = keys.3 &+ keys.6 &* 0xffff_0000
    }
  }
#endif
