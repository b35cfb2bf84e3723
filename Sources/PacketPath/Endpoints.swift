import CPacketPath

// Which addresses with a port are a virtual server's, and which a real server's. As with roles, the daemon looks for a multiplier under which
// no bucket has more than its slots; a look is one bucket. The key says which half of the table is in force.

/// Where an endpoint is, under a key: its lowest bit says in which half of the table.
@inline(__always) func endpointPlace(_ address: Address, port: UInt16, protocol number: UInt8, key: UInt64) -> UInt32 {
  let fold = roleFold(address) &+ (UInt64(port) | UInt64(number) << 16) &* 0xd6e8_feb8_6659_fd93
  let place = UInt32(truncatingIfNeeded: (fold &* (key | 1)) >> UInt64(64 - skein_endpoint_bits))
  return place | UInt32(truncatingIfNeeded: key & 1) << UInt32(skein_endpoint_bits)
}

/// What an address with a port is.
enum Endpoint {
  case none
  /// A number among the virtual servers.
  case virtual(UInt32)
  /// A number among the real servers.
  case server(UInt32)
}

extension Path {
  /// What an address is with this very port. Ports are in network byte order.
  @inline(__always) func endpoint(_ address: Address, port: UInt16, protocol number: UInt8) -> Endpoint {
    let place = endpointPlace(address, port: port, protocol: number, key: settings.pointee.endpoint_key)
    guard let bucket = memory.endpoints(place) else { return .none }
    for index in 0..<UInt32(skein_endpoint_slot_count) {
      let slot = skein_endpoint_at(bucket, index)
      let kind = slot.pointee.kind
      let isIt = address == Address(at: &slot.pointee.address)
      guard isIt, slot.pointee.port == port, slot.pointee.protocol == number else { continue }
      if kind == UInt8(skein_endpoint_virtual) { return .virtual(UInt32(slot.pointee.index)) }
      if kind == UInt8(skein_endpoint_server) { return .server(UInt32(slot.pointee.index)) }
    }
    return .none
  }
}

#if !hasFeature(Embedded)
  extension PacketTables {
    /// These endpoints and no others. The packet path may run meanwhile: it sees all of it at once.
    /// - Returns: false, and nothing is changed, when they find no places: two of the same, or far more than `skein_endpoint_bucket_count`.
    public func setEndpoints(_ endpoints: [skein_service_endpoint]) -> Bool {
      let half = settings.pointee.endpoint_key & 1 ^ 1
      var state = settings.pointee.endpoint_key
      let base = self.endpoints + Int(half) * Int(skein_endpoint_bucket_count)
      attempts: for _ in 0..<2_000 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let key = (state ^ state >> 29) & ~1 | half
        base.update(repeating: skein_service_bucket(), count: Int(skein_endpoint_bucket_count))
        for endpoint in endpoints {
          let place = endpointPlace(Address(endpoint.address), port: endpoint.port, protocol: endpoint.protocol, key: key)
          guard Self.put(endpoint, into: self.endpoints + Int(place)) else { continue attempts }
        }
        skein_word_store(&settings.pointee.endpoint_key, key)
        return true
      }
      return false
    }

    private static func put(_ endpoint: skein_service_endpoint, into bucket: UnsafeMutablePointer<skein_service_bucket>) -> Bool {
      withUnsafeMutableBytes(of: &bucket.pointee.slots) { octets in
        let slots = octets.bindMemory(to: skein_service_endpoint.self)
        guard let free = slots.firstIndex(where: { $0.kind == UInt8(skein_endpoint_none) }) else { return false }
        let isThere = slots.contains {
          $0.kind != 0 && Address($0.address) == Address(endpoint.address) && $0.port == endpoint.port && $0.protocol == endpoint.protocol
        }
        if isThere { return false }
        slots[free] = endpoint
        return true
      }
    }
  }
#endif
