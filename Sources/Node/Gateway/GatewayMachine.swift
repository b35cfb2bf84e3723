import Linux
import PacketPath
import Wire

/// What a gateway changes of the machine around it, and takes back when it goes for good: forwarding, addresses, filters, kernel variables.
struct GatewayMachine: WatchedMachine {
  var interface: NetworkInterface
  let ownAddress: InternetAddress
  let section: GatewaySection
  let routes: RouteSocket
  var changes: MachineChanges
  var fate = MachineSight.Fate.goesOn
  private var membership: SolicitedNodeMembership?

  /// - Parameter name: what the record of the machine's original state is called.
  init(_ section: GatewaySection, named name: String) throws {
    self.section = section
    routes = try RouteSocket()
    interface = try present(section.interface, routes)
    changes = try MachineChanges(named: name, on: interface)
    ownAddress = try Self.ownAddress(section, interface, routes)
  }

  private static func ownAddress(_ section: GatewaySection, _ interface: NetworkInterface, _ routes: RouteSocket) throws -> InternetAddress
  {
    let all = try routes.addresses(of: interface.index)
    try refuse("gateway.address", section.addresses, in: all, of: interface.name)
    let present = all.filter { !$0.isTentative }.map(\.address).filter { !section.addresses.contains($0) }
    if let wanted = section.ownAddress { return try present.find(wanted, "gateway.ownAddress", interface) }
    let wantsIPv4 = section.addresses.contains { $0.ipv4 != nil }
    let usable = present.filter { ($0.ipv4 != nil) == wantsIPv4 }
    guard let first = wantsIPv4 ? usable.first : usable.first(where: \.isLinkLocal) ?? usable.first else {
      throw StartError(
        "\(interface.name) has no \(wantsIPv4 ? "IPv4" : "IPv6") address of this machine's own; give it one, the gateways talk by it",
        mayCome: true)
    }
    return first
  }

  /// The addresses that are this machine's alone.
  func ownAddresses() throws -> [InternetAddress] {
    try routes.addresses(of: nil).map(\.address).filter { !section.addresses.contains($0) }
  }

  /// Makes this machine a router that keeps silent about the virtual addresses: the packet path answers for them.
  mutating func prepare() throws {
    // No host may be given a virtual MAC address that this machine cannot hear.
    try changes.tryToHear(.virtual(group: section.group, forwarder: .max))
    let conf = "net/ipv4/conf"
    try changes.switchLoopbackOn()
    try changes.keepSilent(on: interface)
    // A redirect would tell a host to leave the virtual gateway.
    try changes.set("\(conf)/all/send_redirects", to: "0")
    try changes.set("\(conf)/\(interface.name)/send_redirects", to: "0")
    try changes.set("net/ipv4/ip_forward", to: "1")
    // An IPv4 address stands on `lo`, where the kernel neither announces nor defends it.
    for address in section.addresses where address.ipv4 != nil { try changes.add(address) }
    let ipv6 = section.addresses.filter { $0.ipv4 == nil }
    guard !ipv6.isEmpty else { return }
    try changes.set("net/ipv6/conf/all/forwarding", to: "1")
    membership = try SolicitedNodeMembership(of: ipv6, on: interface.index)
  }

  /// Lets the interface hear these virtual MAC addresses, and no others of the group.
  mutating func hear(_ addresses: Set<EthernetAddress>) throws(LinuxError) { try changes.accept(addresses) }

  /// Takes it all back; what could not be taken back is returned.
  mutating func restore() -> [LinuxError] {
    membership = nil
    return changes.restore()
  }
}
