import CPacketPath

// What an address is: the cluster's, this machine's, the gateway's. The daemon looks for a multiplier under which each address that it
// knows has a place of its own, so one look tells, however many there are. The table has two halves, and the key says which is in force:
// the packet path runs on while the other is filled.

/// What a key multiplies. Addresses that are folded to the same can be told apart by no key.
@inline(__always) func roleFold(_ address: Address) -> UInt64 { address.low ^ address.high &* 0x9e37_79b9_7f4a_7c15 }

/// Where an address is, under a key: its lowest bit says in which half of the table.
@inline(__always) func rolePlace(of address: Address, key: UInt64) -> UInt32 {
  let place = UInt32(truncatingIfNeeded: (roleFold(address) &* (key | 1)) >> UInt64(64 - skein_role_bits))
  return place | UInt32(truncatingIfNeeded: key & 1) << UInt32(skein_role_bits)
}

extension Path {
  /// The sum of `skein_role`s that an address has.
  @inline(__always) func roles(of address: Address) -> UInt32 {
    let entry = memory.role(rolePlace(of: address, key: settings.pointee.role_key))
    let isIt = address == Address(at: &entry.pointee.address)
    return isIt ? entry.pointee.roles : 0
  }

  @inline(__always) func isCluster(_ address: Address) -> Bool { roles(of: address) & skein_role_cluster.rawValue != 0 }
  @inline(__always) func isOwn(_ address: Address) -> Bool { roles(of: address) & skein_role_own.rawValue != 0 }
  @inline(__always) func isVirtual(_ address: Address) -> Bool { roles(of: address) & skein_role_virtual.rawValue != 0 }
}

#if !hasFeature(Embedded)
  extension PacketTables {
    /// The addresses that have a role, in no order.
    public func addresses(of role: skein_role) -> [skein_address] { known.filter { $0.roles & role.rawValue != 0 }.map(\.address) }

    /// Gives a role to these addresses and to no others. The packet path may run meanwhile: it sees all of it at once.
    /// - Precondition: no more than `skein_address_count`, `skein_own_address_count` and `skein_virtual_address_count`.
    public func setAddresses(_ addresses: [skein_address], of role: skein_role) {
      precondition(addresses.count <= Int(skein_own_address_count), "\(addresses.count) addresses are too many")
      let present = self.addresses(of: role)
      if present.count == addresses.count, addresses.allSatisfy({ wanted in present.contains { Address($0) == Address(wanted) } }) {
        return
      }
      var wanted = known
      for index in wanted.indices { wanted[index].roles &= ~role.rawValue }
      for address in addresses {
        if let index = wanted.firstIndex(where: { Address($0.address) == Address(address) }) {
          wanted[index].roles |= role.rawValue
        } else {
          wanted.append(skein_known_address(address: address, roles: role.rawValue, padding: (0, 0, 0)))
        }
      }
      if role == skein_role_cluster { settings.pointee.main_address = 0 }
      install(wanted.filter { $0.roles != 0 })
      if role == skein_role_cluster { settings.pointee.main_address = addresses.first(where: \.isIPv4)?.words.3 ?? 0 }
    }

    /// What the half in force holds.
    private var known: [skein_known_address] {
      let half = Int(settings.pointee.role_key & 1) * Int(skein_role_count)
      return (half..<half + Int(skein_role_count)).map { roles[$0] }.filter { $0.roles != 0 }
    }

    /// Fills the half that nobody looks at, under a key that gives each address a place of its own; then this half and key are in force.
    /// With as many addresses as there may be, one key in a dozen does.
    ///
    /// A router advertisement can give this machine an address that is folded as another is. The cluster's is the one that stays: without
    /// its role, an own address's packets go to the stack all the same.
    private func install(_ addresses: [skein_known_address]) {
      var folds: Set<UInt64> = []
      let wanted = addresses.sorted { $0.roles & ~skein_role_own.rawValue > $1.roles & ~skein_role_own.rawValue }
        .filter { folds.insert(roleFold(Address($0.address))).inserted }
      let half = settings.pointee.role_key & 1 ^ 1
      var state = settings.pointee.role_key
      var places: [Int] = []
      var key: UInt64
      repeat {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        key = (state ^ state >> 29) & ~1 | half
        places = wanted.map { Int(rolePlace(of: Address($0.address), key: key)) }
      } while Set(places).count < wanted.count
      (roles + Int(half) * Int(skein_role_count)).update(repeating: skein_known_address(), count: Int(skein_role_count))
      for (place, entry) in zip(places, wanted) { roles[place] = entry }
      skein_word_store(&settings.pointee.role_key, key)
    }
  }

  extension skein_address {
    fileprivate var isIPv4: Bool { words.0 | words.1 == 0 && words.2 == UInt32(0xffff).bigEndian }
  }
#endif
