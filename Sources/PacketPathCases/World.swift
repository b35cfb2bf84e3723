public import CPacketPath
public import PacketPath

/// What a packet path has been told, in the terms of a test: this machine is member 0, and all units are in one state.
public struct World: Sendable {
  /// The state of all work units.
  public enum Units: Sendable {
    case mine, acknowledged, unacknowledged, unassigned, comingToMe, moving, ofNobodyKnown
  }

  /// The virtual servers: TCP port 80 of both cluster addresses, and UDP port 53 of the first, each with one real server at port 8080 or 53.
  public enum Services: Sendable {
    case none, there
    /// Nobody knows the servers' hardware address yet.
    case unresolved
    /// There is no server.
    case withoutServers
    /// No flow can be remembered.
    case withoutFlows
    /// The client's flow is being decided elsewhere.
    case deciding
  }

  /// `skein_flags`, besides "enabled".
  public var flags: UInt32
  /// The state of all work units.
  public var units: Units
  /// Whether the lease is valid.
  public var hasLease: Bool
  /// Forwarding mode: no shared hardware address.
  public var isForwarding: Bool
  /// Protocol and port of what is hashed by its source alone.
  public var sourceOnly: [(protocol: UInt8, port: UInt16)]
  /// From which the hash keys are derived.
  public var seed: UInt64
  /// The other member's hardware address.
  public var memberMAC: [UInt8]
  /// Kernel numbers of the interfaces that may be routed out of in the packet path.
  public var fastInterfaces: [UInt32]
  /// Virtual servers and real servers.
  public var services: Services

  /// A member with its lease, in multicast mode, that owns all units.
  @inline(never) public init(
    flags: UInt32 = 0, units: Units = .mine, hasLease: Bool = true, isForwarding: Bool = false,
    sourceOnly: [(protocol: UInt8, port: UInt16)] = [], seed: UInt64 = 7, memberMAC: [UInt8] = Frames.memberMAC,
    fastInterfaces: [UInt32] = [], services: Services = .none
  ) {
    self.flags = flags
    self.units = units
    self.hasLease = hasLease
    self.isForwarding = isForwarding
    self.sourceOnly = sourceOnly
    self.seed = seed
    self.memberMAC = memberMAC
    self.fastInterfaces = fastInterfaces
    self.services = services
  }

  /// Sizes of tables that hold the virtual servers and some flows.
  public static func sizes(processors: Int) -> skein_sizes {
    skein_sizes(processors: UInt32(processors), choice_blocks: 8, flow_buckets: 512, flows: 2_048)
  }

  /// A gateway's flags, with what else is wanted.
  public static func gateway(_ more: skein_flags...) -> UInt32 { more.reduce(skein_flag_gateway.rawValue) { $0 | $1.rawValue } }

  /// The master's flags, with what else is wanted.
  public static func master(_ more: skein_flags...) -> UInt32 { more.reduce(skein_flag_master.rawValue) { $0 | $1.rawValue } }

  /// Writes all of it into the tables, and forgets every fragment.
  public func apply(to tables: PacketTables) {
    let forwarding = isForwarding ? skein_flag_forwarding.rawValue : 0
    var settings = skein_settings()
    let hashing = sourceOnly.isEmpty ? 0 : skein_flag_source_only.rawValue
    settings.flags = UInt64(skein_flag_enabled.rawValue | flags | forwarding | hashing)
    settings.role_key = tables.settings.pointee.role_key
    settings.endpoint_key = tables.settings.pointee.endpoint_key
    if services != .none { settings.flags |= UInt64(skein_flag_virtual_servers.rawValue) }
    settings.main_address = tables.settings.pointee.main_address
    settings.source_only_count = UInt16(sourceOnly.count)
    copy(Frames.ownMAC, to: &settings.own_mac)
    copy(isForwarding ? Frames.ownMAC : Frames.sharedMAC, to: &settings.shared_mac)
    copy(Frames.virtualMAC(0), to: &settings.virtual_mac)
    settings.fast_interface_count = UInt16(fastInterfaces.count)
    withUnsafeMutableBytes(of: &settings.fast_interfaces) {
      $0.copyBytes(from: fastInterfaces.flatMap { withUnsafeBytes(of: $0, Array.init) })
    }
    withUnsafeMutableBytes(of: &settings.source_only) { octets in
      for (only, offset) in zip(sourceOnly, stride(from: 0, to: octets.count, by: MemoryLayout<skein_source_only>.stride)) {
        let record = skein_source_only(protocol: only.protocol, in_use: 1, port: only.port.bigEndian, padding: 0)
        octets.storeBytes(of: record, toByteOffset: offset, as: skein_source_only.self)
      }
    }
    tables.settings.pointee = settings
    tables.setHashSeed(seed)
    tables.setAddresses([Frames.cluster4, Frames.cluster6].compactMap { skein_address(octets: $0) }, of: skein_role_cluster)
    tables.setAddresses([Frames.own4, Frames.own6].compactMap { skein_address(octets: $0) }, of: skein_role_own)
    tables.setAddresses([Frames.virtual4, Frames.virtual6].compactMap { skein_address(octets: $0) }, of: skein_role_virtual)
    tables.setLease(deadline: hasLease ? .max : 1)
    tables.setMember(0, ethernetAddress: UInt64(ethernetOctets: Frames.ownMAC))
    tables.setMember(1, ethernetAddress: UInt64(ethernetOctets: memberMAC))
    tables.setMember(2, ethernetAddress: nil)
    for unit in 0..<Int(skein_unit_count) { apply(to: tables, unit) }
    tables.fragments.update(repeating: skein_fragment(), count: Int(skein_fragment_count))
    applyServices(to: tables)
  }

  private func applyServices(to tables: PacketTables) {
    tables.flows.update(repeating: skein_flow(), count: Int(tables.sizes.flows))
    tables.flowBuckets.update(repeating: skein_flow_bucket(), count: Int(tables.sizes.flow_buckets))
    tables.spares.update(repeating: skein_spares(), count: tables.processorCount)
    var keys = KnownKeys()
    tables.prepareFlows(&keys)
    var endpoints: [skein_service_endpoint] = []
    let all: [(address: [UInt8], port: UInt16, server: [UInt8], serverPort: UInt16, protocol: UInt8)] = [
      (Frames.cluster4, 80, Frames.server4, 8080, 6), (Frames.cluster6, 80, Frames.server6, 8080, 6),
      (Frames.cluster4, 53, Frames.server4, 53, 17),
    ]
    for (index, entry) in (services == .none ? [] : all).enumerated() {
      guard let virtual = skein_address(octets: entry.address), let real = skein_address(octets: entry.server) else { continue }
      func endpoint(_ address: skein_address, _ port: UInt16, _ kind: Int) -> skein_service_endpoint {
        skein_service_endpoint(
          address: address, port: port.bigEndian, protocol: entry.protocol, kind: UInt8(kind), index: UInt16(index),
          padding: (0, 0, 0, 0, 0))
      }
      endpoints += [endpoint(virtual, entry.port, skein_endpoint_virtual), endpoint(real, entry.serverPort, skein_endpoint_server)]
      var record = skein_virtual_server()
      record.choices = services == .withoutServers ? 0 : UInt64(skein_choice_count - 1) << 32 | UInt64(index)
      record.address = virtual
      record.port = entry.port.bigEndian
      record.protocol = entry.protocol
      (record.established, record.half_open, record.closing) = (53_644, 298, 596)
      tables.virtualServers[index] = record
      var server = skein_server()
      server.address = real
      server.port = entry.serverPort.bigEndian
      server.virtual_server = UInt16(index)
      if services != .unresolved { copy(Frames.serverMAC, to: &server.ethernet_address) }
      tables.servers[index] = server
      withUnsafeMutableBytes(of: &tables.choices[index].servers) { octets in
        for slot in octets.bindMemory(to: UInt16.self).indices { octets.bindMemory(to: UInt16.self)[slot] = UInt16(index) }
      }
    }
    _ = tables.setEndpoints(endpoints)
    if services != .withoutFlows && services != .none { _ = FlowKeeper(tables) }
    if services == .deciding, let client = skein_address(octets: Frames.client4) {
      NativePacketPath(tables: tables).remember(client: client, port: 40000, virtualServer: 0, server: nil, deadline: .max >> 1)
    }
  }

  /// The same in both builds.
  private struct KnownKeys: RandomNumberGenerator {
    var state = 0x5eed as UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 31
    }
  }

  private func apply(to tables: PacketTables, _ unit: Int) {
    switch units {
    case .mine: tables.setUnit(unit, owner: 0, isAcknowledged: true, isMine: true)
    case .acknowledged: tables.setUnit(unit, owner: 1, isAcknowledged: true, isMine: false)
    case .unacknowledged: tables.setUnit(unit, owner: 1, isAcknowledged: false, isMine: false)
    case .unassigned: tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false)
    case .comingToMe: tables.setUnit(unit, owner: 0, isAcknowledged: true, isMine: false)
    case .moving: tables.setUnit(unit, owner: 1, isAcknowledged: true, isMine: false, isMoving: true)
    case .ofNobodyKnown: tables.setUnit(unit, owner: 2, isAcknowledged: true, isMine: false)
    }
  }

  private func copy<Octets>(_ octets: [UInt8], to field: inout Octets) {
    withUnsafeMutableBytes(of: &field) { $0.copyBytes(from: octets) }
  }
}
