#if !hasFeature(Embedded)
  public import CPacketPath

  /// The tables of a packet path in memory: the kernel program's maps, mapped, or an allocation of the same layout.
  ///
  /// Pointers only: whoever made the memory keeps it alive. Each `set` is one store that the packet path sees whole, while it runs.
  public struct PacketTables: @unchecked Sendable {
    /// Where each table is.
    private var all: skein_tables
    /// How many records the tables have that are not of one size.
    public let sizes: skein_sizes
    /// Possible processors: `traffic`, `routes` and `spares` are there for each.
    public var processorCount: Int { Int(sizes.processors) }

    /// One record.
    public var settings: UnsafeMutablePointer<skein_settings> { all.settings }
    /// One record.
    public var lease: UnsafeMutablePointer<skein_lease> { all.lease }
    /// `skein_unit_count` records.
    public var units: UnsafeMutablePointer<skein_unit> { all.units }
    /// `skein_member_count` records.
    public var members: UnsafeMutablePointer<skein_member> { all.members }
    /// Twice `skein_role_count` records.
    public var roles: UnsafeMutablePointer<skein_known_address> { all.roles }
    /// `skein_virtual_server_count` records.
    public var virtualServers: UnsafeMutablePointer<skein_virtual_server> { all.virtual_servers }
    /// `skein_server_count` records.
    public var servers: UnsafeMutablePointer<skein_server> { all.servers }
    /// Twice `skein_endpoint_bucket_count` records.
    public var endpoints: UnsafeMutablePointer<skein_service_bucket> { all.endpoints }
    /// `sizes.choice_blocks` records.
    public var choices: UnsafeMutablePointer<skein_choices> { all.choices }
    /// `sizes.flow_buckets` records.
    public var flowBuckets: UnsafeMutablePointer<skein_flow_bucket> { all.flow_buckets }
    /// `sizes.flows` records.
    public var flows: UnsafeMutablePointer<skein_flow> { all.flows }
    /// A record for each processor.
    public var spares: UnsafeMutablePointer<skein_spares> { all.spares }
    /// `counterRows` times `skein_counter_count` words: a row for each processor, as far as there are rows.
    public var counters: UnsafeMutablePointer<UInt64> { all.counters }
    /// Rows of `counters` that are in use.
    public var counterRows: Int { min(processorCount, Int(skein_counter_rows)) }
    /// `skein_traffic_count` records for each processor: the work units', then the forwarders'.
    public var traffic: UnsafeMutablePointer<skein_traffic> { all.traffic }
    /// `skein_fragment_count` records.
    public var fragments: UnsafeMutablePointer<skein_fragment> { all.fragments }
    /// `skein_route_memo_count` records for each processor, which are its own.
    public var routes: UnsafeMutablePointer<skein_route_memo> { all.routes }

    /// Tables in memory that the caller keeps: `memory` is asked for each of the kernel program's maps, by its name and all of its octets, and answers an
    /// address that is a multiple of 64 octets.
    public init<Failure: Error>(
      sizes: skein_sizes, memory: (_ name: String, _ octets: Int) throws(Failure) -> UnsafeMutableRawPointer
    ) throws(Failure) {
      var places: [UnsafeMutableRawPointer] = []
      for index in 0..<Int32(skein_map_count) {
        let map = skein_map_number(index, sizes)
        places.append(try memory(String(cString: map.name), map.octets * map.entries))
      }
      all = skein_tables_at(places)
      self.sizes = sizes
    }

    /// The same tables with other settings.
    public func with(settings: UnsafeMutablePointer<skein_settings>) -> PacketTables {
      var copy = self
      copy.all.settings = settings
      return copy
    }

    /// A work unit's state. `owner` is an index among the members, nil when it has none.
    public func setUnit(_ unit: Int, owner: UInt16?, isAcknowledged: Bool, isMine: Bool, isMoving: Bool = false) {
      precondition(unit >= 0 && unit < Int(skein_unit_count), "there is no work unit \(unit)")
      let record = skein_unit(
        owner: owner ?? UInt16(skein_no_member), acknowledged: isAcknowledged ? 1 : 0,
        mine: UInt8(isMoving ? skein_mine_moving : isMine ? skein_mine : skein_not_mine), padding: 0)
      skein_unit_store(units + unit, record)
    }

    /// A member's hardware address: six octets, the first lowest; nil when it is none any more.
    public func setMember(_ index: Int, ethernetAddress: UInt64?) {
      precondition(index >= 0 && index < Int(skein_member_count), "there is no member \(index)")
      let word = ethernetAddress.map { $0 & 0xffff_ffff_ffff | 1 << 48 } ?? 0
      UnsafeMutableRawPointer(members + index).withMemoryRebound(to: UInt64.self, capacity: 1) { skein_word_store($0, word) }
    }

    /// CLOCK_BOOTTIME in nanoseconds from which on this machine processes nothing; 0 ends the lease at once.
    public func setLease(deadline: UInt64) { skein_word_store(&lease.pointee.deadline, deadline) }

    /// When the kernel's routes, rules, neighbours or interfaces changed last, or were heard to, CLOCK_BOOTTIME in nanoseconds: what the
    /// packet path learnt of them before is void. With 0 it learns nothing: nobody listens to the kernel.
    public func setRoutesChanged(at time: UInt64) { skein_word_store(&lease.pointee.routes_changed, time) }

    /// How long this machine has been suspended since it was started, nanoseconds: what CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC.
    public func setSuspended(_ time: UInt64) { skein_word_store(&settings.pointee.suspended, time) }

    /// The packet path's switches, `skein_flags`.
    public func setFlags(_ flags: UInt64) { skein_word_store(&settings.pointee.flags, flags) }

    /// A counter, over all processors.
    public func total(of counter: PacketCounter) -> UInt64 {
      (0..<counterRows).reduce(0) { $0 &+ skein_word_load(counters + ($1 * Int(skein_counter_count) + Int(counter.rawValue))) }
    }

    /// What was taken of a work unit, over all processors.
    public func traffic(of unit: Int) -> (packets: UInt64, octets: UInt64) {
      precondition(unit >= 0 && unit < Int(skein_unit_count), "there is no work unit \(unit)")
      return traffic(inRow: unit)
    }

    /// What was forwarded for a forwarder of the virtual gateway, whether here or by the kernel: frames and their whole octets, over all
    /// processors. It only grows, but starts from 0 with new maps.
    public func traffic(ofForwarder forwarder: UInt8) -> (packets: UInt64, octets: UInt64) {
      traffic(inRow: Int(skein_unit_count) + Int(forwarder))
    }

    private func traffic(inRow row: Int) -> (packets: UInt64, octets: UInt64) {
      var sum: (packets: UInt64, octets: UInt64) = (0, 0)
      for processor in 0..<processorCount {
        let record = traffic + (processor * Int(skein_traffic_count) + row)
        sum.packets &+= record.pointee.packets
        sum.octets &+= record.pointee.octets
      }
      return sum
    }
  }

  extension skein_address {
    /// From 4 or 16 octets in network order; nil for any other number.
    public init?(octets: some Collection<UInt8>) {
      self.init()
      guard octets.count == 4 || octets.count == 16 else { return nil }
      let mapped = octets.count == 4 ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] + Array(octets) : Array(octets)
      withUnsafeMutableBytes(of: &self) { $0.copyBytes(from: mapped) }
    }
  }

  extension UInt64 {
    /// A hardware address of six octets as the packet path holds it; nil for any other number of octets.
    public init?(ethernetOctets octets: some Collection<UInt8>) {
      guard octets.count == 6 else { return nil }
      self = octets.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
  }
#endif
