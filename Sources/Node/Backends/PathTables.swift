import CPacketPath
import Host
import PacketPath
import Wire

extension PacketTables {
  /// Counts a packet that the daemon dropped before its own packet path.
  func raise(_ counter: PacketCounter) { counters[Int(counter.rawValue)] &+= 1 }
}

/// What the packet path is told of the virtual gateway.
struct GatewaySettings {
  /// 0…1023.
  var group: UInt16
  /// The virtual addresses: at most one of each family.
  var addresses: [InternetAddress]
  /// Kernel numbers of the interfaces that frames may be routed out of without the kernel's stack, at most 16; none: the kernel routes all.
  var fastInterfaces: [UInt32] = []
}

extension EthernetAddress {
  /// A virtual MAC address of the gateway: 00:07:b4, six bits of zero, ten of the group, eight of the forwarder.
  fileprivate static func virtual(group: UInt16, forwarder: UInt8) -> EthernetAddress {
    EthernetAddress(bits: 0x0007_b4 << 24 | UInt64(group & 0x3ff) << 8 | UInt64(forwarder))
  }
}

extension GatewaySettings {
  /// Writes them: off before anything else of it changes, on after.
  func write(to tables: PacketTables) {
    let record = tables.settings
    if record.pointee.virtual_mac.3 & 3 != UInt8(group >> 8) || record.pointee.virtual_mac.4 != UInt8(group & 0xff) {
      tables.set(flag: skein_flag_gateway, false)
    }
    record.pointee.virtual_mac = EthernetAddress.virtual(group: group, forwarder: 0).record
    tables.setAddresses(addresses.map(\.record), of: skein_role_virtual)
    if fastInterfaces.isEmpty { tables.set(flag: skein_flag_fast_routing, false) }
    PathSettings.write(
      Array(fastInterfaces.prefix(Int(skein_fast_interface_count))), &record.pointee.fast_interfaces, &record.pointee.fast_interface_count)
    tables.set(flag: skein_flag_fast_routing, !fastInterfaces.isEmpty)
    tables.set(flag: skein_flag_gateway, true)
  }
}

/// The settings that follow from the configuration and from what the machine is.
struct PathSettings {
  var ownAddress: EthernetAddress
  var sharedAddress: EthernetAddress
  var clusterAddresses: [InternetAddress]
  /// The machine's own addresses: what is for them is never the cluster's work.
  var ownAddresses: [InternetAddress]
  var delivery: ClusterSection.Delivery
  var routing: Bool
  var l2tpSessions: Bool
  var sourceOnly: [ClusterSection.SourceOnlyService]
  var gateway: GatewaySettings?

  /// Writes them. The program may run meanwhile: lists are written before their counts when they grow, after when they shrink.
  func write(to tables: PacketTables) {
    let record = tables.settings
    record.pointee.own_mac = ownAddress.record
    record.pointee.shared_mac = sharedAddress.record
    tables.setAddresses(clusterAddresses.map(\.record), of: skein_role_cluster)
    tables.setAddresses(ownAddresses.prefix(Int(skein_own_address_count)).map(\.record), of: skein_role_own)
    let sourceOnly = sourceOnly.map { skein_source_only(protocol: $0.ipProtocol, in_use: 1, port: $0.port.bigEndian, padding: 0) }
    Self.write(sourceOnly, &record.pointee.source_only, &record.pointee.source_only_count)
    tables.set(flag: skein_flag_source_only, !sourceOnly.isEmpty)
    tables.set(flag: skein_flag_forwarding, delivery == .forwarding)
    tables.set(flag: skein_flag_routing, routing)
    tables.set(flag: skein_flag_l2tp_ids, l2tpSessions)
    tables.set(flag: skein_flag_hold, true)
    if let gateway { gateway.write(to: tables) } else { tables.set(flag: skein_flag_gateway, false) }
  }

  fileprivate static func write<List, Element>(_ elements: [Element], _ list: inout List, _ count: inout UInt16) {
    count = min(count, UInt16(elements.count))
    withUnsafeMutableBytes(of: &list) { memory in
      let slots = memory.bindMemory(to: Element.self)
      for (index, element) in elements.prefix(slots.count).enumerated() { slots[index] = element }
    }
    count = UInt16(elements.count)
  }
}

extension EthernetAddress {
  /// The MAC address that the members share: locally administered, from the cluster's number and its first address; multicast or unicast.
  static func shared(cluster: ClusterIdentifier, address: InternetAddress, multicast: Bool) -> EthernetAddress {
    let folded = address.high ^ address.low
    let mixed = (folded ^ folded >> 32) &* 0x9e37_79b9_7f4a_7c15
    return EthernetAddress(bits: (multicast ? 0x03 : 0x02) << 40 | UInt64(cluster.rawValue) << 24 | mixed >> 40)
  }

  /// Whether it is what the members of any cluster at this address may share. No card has a multicast address of its own.
  func isSharedByMembers(of address: InternetAddress) -> Bool {
    let others = bits & ~(UInt64(UInt16.max) << 24)
    let none = ClusterIdentifier(rawValue: 0)
    return bits >> 40 & 1 == 1 || others == EthernetAddress.shared(cluster: none, address: address, multicast: false).bits
  }
}
