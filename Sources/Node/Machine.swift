import Foundation
import Linux
import Wire

/// What the daemon changes of the machine around it, and takes back when it goes for good: addresses, filters, kernel variables.
struct Machine {
  let interface: NetworkInterface
  /// This machine's own address in the cluster's network.
  let ownAddress: InternetAddress
  let sharedAddress: EthernetAddress
  private let routes: RouteSocket
  private(set) var original: OriginalState
  private var membership: SolicitedNodeMembership?
  private let loopback: NetworkInterface

  init(_ section: ClusterSection) throws {
    routes = try RouteSocket()
    interface = try routes.interface(named: section.interface)
    loopback = try routes.interface(named: "lo")
    original = OriginalState(named: PathPlace.instance(of: section))
    ownAddress = try Self.ownAddress(section, interface, routes)
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
    let present = all.map(\.address).filter { !shared.contains($0) && !$0.isLinkLocal }
    if let wanted = section.address {
      guard present.contains(wanted) else {
        throw StartError(
          "cluster.address is \(wanted), but \(interface.name) has \(present.isEmpty ? "no address" : present.map(\.description).joined(separator: ", "))"
        )
      }
      return wanted
    }
    guard let first = present.first(where: { $0.ipv4 != nil }) ?? present.first else {
      throw StartError("\(interface.name) has no address of this machine's own; give it one, the members talk by it")
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

  /// Whether the interface has a carrier now.
  func hasCarrier() throws -> Bool {
    let state = try routes.interface(index: interface.index)
    return state.isUp && state.hasCarrier
  }

  /// Makes the machine fit for the cluster addresses. They stand on `lo`: there the kernel neither announces nor defends them, and never
  /// puts them into a neighbour solicitation of its own, which would tell the network this machine's MAC address for them.
  mutating func prepare(_ section: ClusterSection) throws {
    let conf = "net/ipv4/conf"
    try original.set("\(conf)/\(interface.name)/arp_ignore", to: "1")
    try original.set("\(conf)/\(interface.name)/arp_announce", to: "2")
    for prefix in section.addresses { try original.add(prefix.address, to: loopback, routes) }
    if sharedAddress != interface.ethernetAddress { _ = try routes.addFilterAddress(sharedAddress, interface: interface.index) }
    let ipv6 = section.addresses.map(\.address).filter { $0.ipv4 == nil }
    if !ipv6.isEmpty { membership = try SolicitedNodeMembership(of: ipv6, on: interface.index) }
  }

  /// Brings the cluster addresses in line with another configuration.
  mutating func changeAddresses(from old: ClusterSection, to new: ClusterSection) throws {
    for prefix in old.addresses where !new.addresses.contains(where: { $0.address == prefix.address }) {
      try original.remove(prefix.address, from: loopback, routes)
    }
    for prefix in new.addresses { try original.add(prefix.address, to: loopback, routes) }
    let ipv6 = new.addresses.map(\.address).filter { $0.ipv4 == nil }
    membership = ipv6.isEmpty ? nil : try SolicitedNodeMembership(of: ipv6, on: interface.index)
  }

  /// Takes it all back; what could not be taken back is returned.
  mutating func restore() -> [LinuxError] {
    var errors: [LinuxError] = []
    func attempt(_ body: () throws(LinuxError) -> Void) {
      do { try body() } catch { errors.append(error) }
    }
    if sharedAddress != interface.ethernetAddress {
      attempt { () throws(LinuxError) in _ = try routes.removeFilterAddress(sharedAddress, interface: interface.index) }
    }
    membership = nil
    return errors + original.restore(loopback, routes)
  }
}

/// Why the daemon cannot start, for people.
public struct StartError: Error, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}
