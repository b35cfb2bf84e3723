import Foundation
import Linux
import Wire

/// What the daemon changes of the machine around it, and takes back when it goes for good: addresses, filters, kernel variables.
struct Machine: WatchedMachine {
  var interface: NetworkInterface
  /// This machine's own address in the cluster's network.
  let ownAddress: InternetAddress
  private(set) var sharedAddress: EthernetAddress
  let routes: RouteSocket
  var changes: MachineChanges
  var fate = MachineSight.Fate.goesOn
  private var membership: SolicitedNodeMembership?
  private let isSharedAddressOwn: Bool

  init(_ section: ClusterSection) throws {
    routes = try RouteSocket()
    interface = try present(section.interface, routes)
    changes = try MachineChanges(named: PathPlace.instance(of: section), on: interface)
    ownAddress = try Self.ownAddress(section, interface, routes)
    isSharedAddressOwn = section.delivery == .forwarding
    sharedAddress =
      switch section.delivery {
      case .forwarding: interface.ethernetAddress
      case .unicast, .multicast:
        EthernetAddress.shared(
          cluster: section.identifier, address: section.addresses.first?.address ?? .unspecified, multicast: section.delivery == .multicast)
      }
  }

  private static func ownAddress(_ section: ClusterSection, _ interface: NetworkInterface, _ routes: RouteSocket) throws -> InternetAddress
  {
    let shared = Set(section.addresses.map(\.address))
    let all = try routes.addresses(of: interface.index)
    try refuse("cluster.addresses", section.addresses.map(\.address), in: all, of: interface.name)
    let present = all.filter { !$0.isTentative }.map(\.address).filter { !shared.contains($0) && !$0.isLinkLocal }
    if let wanted = section.address { return try present.find(wanted, "cluster.address", interface) }
    guard let first = present.first(where: { $0.ipv4 != nil }) ?? present.first else {
      throw StartError("\(interface.name) has no address of this machine's own; give it one, the members talk by it", mayCome: true)
    }
    return first
  }

  /// The addresses that are this machine's alone; `onlyHere` those of the cluster's interface.
  func ownAddresses(besides shared: [InternetPrefix], onlyHere: Bool = false) throws -> [InternetAddress] {
    let shared = Set(shared.map(\.address))
    return try routes.addresses(of: onlyHere ? interface.index : nil).map(\.address).filter { !shared.contains($0) }
  }

  /// Those of all its interfaces.
  func ownEthernetAddresses() throws -> Set<EthernetAddress> { Set(try routes.interfaces().map(\.ethernetAddress)) }

  /// The interface has another MAC address: where the members share none of their own making, it is the one that packets come to.
  mutating func followEthernetAddress() { if isSharedAddressOwn { sharedAddress = interface.ethernetAddress } }

  /// Makes the machine fit for the cluster addresses. They stand on `lo`: there the kernel neither announces nor defends them, and never
  /// puts them into a neighbour solicitation of its own, which would tell the network this machine's MAC address for them.
  mutating func prepare(_ section: ClusterSection) throws {
    try changes.switchLoopbackOn()
    try changes.keepSilent(on: interface)
    for prefix in section.addresses { try changes.add(prefix.address) }
    if !isSharedAddressOwn { try changes.accept([sharedAddress]) }
    let ipv6 = section.addresses.map(\.address).filter { $0.ipv4 == nil }
    if !ipv6.isEmpty { membership = try SolicitedNodeMembership(of: ipv6, on: interface.index) }
  }

  /// Brings the cluster addresses in line with another configuration.
  mutating func changeAddresses(from old: ClusterSection, to new: ClusterSection) throws {
    for prefix in old.addresses where !new.addresses.contains(where: { $0.address == prefix.address }) {
      try changes.remove(prefix.address)
    }
    for prefix in new.addresses { try changes.add(prefix.address) }
    let ipv6 = new.addresses.map(\.address).filter { $0.ipv4 == nil }
    membership = ipv6.isEmpty ? nil : try SolicitedNodeMembership(of: ipv6, on: interface.index)
  }

  /// Takes it all back; what could not be taken back is returned.
  mutating func restore() -> [LinuxError] {
    membership = nil
    return changes.restore()
  }
}

/// Why the daemon cannot start, for people.
struct StartError: Error, CustomStringConvertible {
  var description: String
  /// What is missing may come by itself, and is waited for.
  let mayCome: Bool

  init(_ description: String, mayCome: Bool = false) {
    self.description = description
    self.mayCome = mayCome
  }
}

extension [InternetAddress] {
  /// The address that the configuration names, among those of the interface.
  func find(_ wanted: InternetAddress, _ setting: String, _ interface: NetworkInterface) throws(StartError) -> InternetAddress {
    guard !contains(wanted) else { return wanted }
    let others = isEmpty ? "no address" : map(\.description).joined(separator: ", ")
    throw StartError("\(setting) is \(wanted), but \(interface.name) has \(others)", mayCome: true)
  }
}

/// The interface that the configuration names.
func present(_ name: String, _ routes: RouteSocket) throws -> NetworkInterface {
  do throws(LinuxError) { return try routes.interface(named: name) } catch {
    guard error.code == .noSuchDevice else { throw error }
    throw StartError("there is no interface \(name)", mayCome: true)
  }
}

extension MachineChanges {
  /// Has the kernel neither answer for an address that stands on `lo` nor ask in its name, by whichever interface: another card in the same
  /// network would lead clients around the packet path.
  mutating func keepSilent(on interface: NetworkInterface) throws(LinuxError) {
    for scope in ["all", interface.name] {
      try set("net/ipv4/conf/\(scope)/arp_ignore", to: "1", atLeast: scope == "all")
      try set("net/ipv4/conf/\(scope)/arp_announce", to: "2")
    }
  }
}
