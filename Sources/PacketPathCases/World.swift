public import CPacketPath
public import PacketPath

/// What a packet path has been told, in the terms of a test: this machine is member 0, and all units are in one state.
public struct World: Sendable {
  /// The state of all work units.
  public enum Units: Sendable {
    case mine, acknowledged, unacknowledged, unassigned, comingToMe, moving, ofNobodyKnown
  }

  /// `skein_flags`, besides "enabled".
  public var flags: UInt32
  /// The state of all work units.
  public var units: Units
  /// Whether the lease is valid.
  public var hasLease: Bool
  /// Forwarding mode: no shared hardware address.
  public var isForwarding: Bool
  /// Protocol and port of services hashed by their source alone.
  public var services: [(protocol: UInt8, port: UInt16)]
  /// From which the hash keys are derived.
  public var seed: UInt64
  /// The other member's hardware address.
  public var memberMAC: [UInt8]
  /// Kernel numbers of the interfaces that may be routed out of in the packet path.
  public var fastInterfaces: [UInt32]

  /// A member with its lease, in multicast mode, that owns all units.
  @inline(never) public init(
    flags: UInt32 = 0, units: Units = .mine, hasLease: Bool = true, isForwarding: Bool = false,
    services: [(protocol: UInt8, port: UInt16)] = [], seed: UInt64 = 7, memberMAC: [UInt8] = Frames.memberMAC,
    fastInterfaces: [UInt32] = []
  ) {
    self.flags = flags
    self.units = units
    self.hasLease = hasLease
    self.isForwarding = isForwarding
    self.services = services
    self.seed = seed
    self.memberMAC = memberMAC
    self.fastInterfaces = fastInterfaces
  }

  /// A gateway's flags, with what else is wanted.
  public static func gateway(_ more: skein_flags...) -> UInt32 { more.reduce(skein_flag_gateway.rawValue) { $0 | $1.rawValue } }

  /// The master's flags, with what else is wanted.
  public static func master(_ more: skein_flags...) -> UInt32 { more.reduce(skein_flag_master.rawValue) { $0 | $1.rawValue } }

  /// Writes all of it into the tables, and forgets every fragment.
  public func apply(to tables: PacketTables) {
    let forwarding = isForwarding ? skein_flag_forwarding.rawValue : 0
    var settings = skein_settings()
    let hashing = services.isEmpty ? 0 : skein_flag_services.rawValue
    settings.flags = UInt64(skein_flag_enabled.rawValue | flags | forwarding | hashing)
    settings.role_key = tables.settings.pointee.role_key
    settings.main_address = tables.settings.pointee.main_address
    settings.service_count = UInt16(services.count)
    copy(Frames.ownMAC, to: &settings.own_mac)
    copy(isForwarding ? Frames.ownMAC : Frames.sharedMAC, to: &settings.shared_mac)
    copy(Frames.virtualMAC(0), to: &settings.virtual_mac)
    settings.fast_interface_count = UInt16(fastInterfaces.count)
    withUnsafeMutableBytes(of: &settings.fast_interfaces) {
      $0.copyBytes(from: fastInterfaces.flatMap { withUnsafeBytes(of: $0, Array.init) })
    }
    withUnsafeMutableBytes(of: &settings.services) { octets in
      for (service, offset) in zip(services, stride(from: 0, to: octets.count, by: MemoryLayout<skein_service>.stride)) {
        let record = skein_service(protocol: service.protocol, in_use: 1, port: service.port.bigEndian, padding: 0)
        octets.storeBytes(of: record, toByteOffset: offset, as: skein_service.self)
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
