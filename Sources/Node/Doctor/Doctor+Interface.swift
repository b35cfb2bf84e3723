import CLinux
import Foundation
import Linux
import Wire

extension Doctor {
  /// The interface, its driver and its addresses; then the wire behind it.
  func examine(interface name: String) -> [Finding] {
    let routes: RouteSocket
    let interface: NetworkInterface
    do {
      routes = try RouteSocket()
      interface = try routes.interface(named: name)
    } catch {
      return [Finding("interface", .problem, "There is no interface \(name).", advice: "`ip link` lists those there are.")]
    }
    var findings = [Self.judge(interface), Self.judge(mtu: interface, isXDP: configuration?.packetPath != .packetSocket)]
    findings += examineDriver(interface) + examineVariables(interface, routes)
    do {
      let addresses = try routes.addresses()
      let names = Dictionary(try routes.interfaces().map { ($0.index, $0.name) }) { first, _ in first }
      findings += examineAddresses(interface, addresses, loopback: try routes.interface(named: "lo").index, names)
      findings += examineNetwork(interface, addresses.filter { $0.interface == interface.index })
    } catch {
      findings.append(.unknown("own-address", error))
    }
    return findings
  }

  /// Whose address is where.
  private func examineAddresses(
    _ interface: NetworkInterface, _ addresses: [InterfaceAddress], loopback: UInt32, _ names: [UInt32: String]
  ) -> [Finding] {
    guard let section = configuration?.cluster else {
      return [Self.judge(own: addresses.filter { $0.interface == interface.index }, wanted: nil, shared: [], on: interface.name)]
    }
    let shared = section.addresses.map(\.address)
    let present = addresses.filter { $0.interface == interface.index }
    let onLoopback = Set(addresses.filter { $0.interface == loopback }.map(\.address))
    let own = Self.judge(own: present, wanted: section.address, shared: shared, on: interface.name)
    // Without an address of its own a daemon that answers waits for one.
    let isRunning = own.state == .ok && (configuration.map { ControlServer.isListening(at: $0.api) } ?? false)
    return [
      own,
      Self.judge(missing: shared.filter { !onLoopback.contains($0) }, isRunning: isRunning),
      Self.judge(placed: addresses.filter { shared.contains($0.address) && $0.interface != loopback }, names),
      Self.judge(networks: present, of: section.addresses, on: interface.name),
    ]
  }

  // MARK: The driver

  private func examineDriver(_ interface: NetworkInterface) -> [Finding] {
    guard configuration?.packetPath != .packetSocket else { return [] }
    let driver = try? Ethtool.driver(of: interface.name)
    var findings = [attaching(interface, driver)]
    if driver == "veth", configuration?.packetPath == .xdp { findings.append(Self.virtualPair(interface.name)) }
    var flags: UInt32 = 0
    let largeReceive: UInt32 = 1 << 15  // ETH_FLAG_LRO
    if skein_ethtool_get(interface.name, UInt32(ETHTOOL_GFLAGS), &flags) == 0 {
      findings.append(
        flags & largeReceive == 0
          ? Finding("large-receive", .ok, "The card does not merge packets (LRO).")
          : Finding(
            "large-receive", .warning, "The card merges packets before anyone sees them (LRO), which no XDP program can take.",
            advice: "`ethtool -K \(interface.name) lro off`."))
    }
    return findings
  }

  /// Drivers with native XDP in Linux 6.1 and later.
  private static let nativeDrivers: Set<String> = [
    "veth", "virtio_net", "tun", "bonding", "ixgbe", "ixgbevf", "i40e", "ice", "igb", "igc", "mlx4_en", "mlx5_core", "bnxt_en", "ena",
    "nfp", "qede", "sfc", "gve", "hv_netvsc", "mana", "vif", "vmxnet3", "thunderx", "nicvf", "fsl_dpaa2_eth", "fsl_dpa", "fsl_enetc", "fec",
    "mvneta", "mvpp2", "stmmac", "st_gmac", "netsec", "cpsw", "cpsw-switch", "tsnep", "mtk_eth_soc", "lan966x-switch",
  ]
  /// Those that only change a pointer when a program comes and goes.
  private static let unharmedDrivers: Set<String> = ["veth", "tun"]

  private func attaching(_ interface: NetworkInterface, _ driver: String?) -> Finding {
    let name = "xdp-mode"
    if configuration?.packetPath == .xdpGeneric { return Finding(name, .ok, "Generic XDP, as configured, works with every driver.") }
    if configuration?.packetPath == .automatic, driver == "veth" {
      return Finding(name, .ok, "\(interface.name) is one end of a virtual pair, where the packet path runs as generic XDP.")
    }
    let wanted: Finding.State = configuration?.packetPath == .xdp ? .problem : .warning
    let advice = "The packet path runs as generic XDP there: the same behaviour, at a fraction of the speed."
    guard triesXDP || driver.map(Self.unharmedDrivers.contains) == true else {
      guard let driver else { return Finding(name, .unknown, "\(interface.name) does not name its driver.", advice: Self.tryIt) }
      return Self.nativeDrivers.contains(driver)
        ? Finding(name, .ok, "The driver \(driver) has native XDP, by its name; not tried, since that may restart the interface.")
        : Finding(name, .unknown, "The driver \(driver) is not known to have native XDP.", advice: Self.tryIt)
    }
    let refusal = KernelProbe.attaching(to: interface.name, .native)
    if refusal?.code == .busy || refusal?.code == .exists { return Finding(name, .ok, "An XDP program is on \(interface.name) already.") }
    return Finding(name, refusal: refusal, ok: "Native XDP attaches to \(interface.name).", otherwise: wanted, advice: advice)
  }

  private static let tryIt = "`skein doctor --try-xdp` tries; some drivers restart the interface for that."

  /// `automatic` knows this and takes generic XDP there.
  private static func virtualPair(_ name: String) -> Finding {
    Finding(
      "veth-peer", .warning,
      "\(name) is one end of a virtual pair: native XDP there sends only to an end with XDP, and TCP refuses what came by a shared address.",
      advice: "Leave packetPath out or set it to xdp-generic, which has neither trouble.")
  }

  // MARK: Kernel variables

  private func examineVariables(_ interface: NetworkInterface, _ routes: RouteSocket) -> [Finding] {
    let section = configuration?.cluster
    let isRunning = section.map { Self.isOnLoopback($0, routes) } ?? false
    var findings = [
      Self.judge(ignore: Self.effective("arp_ignore", interface.name), isRunning: isRunning),
      Self.judge(announce: Self.effective("arp_announce", interface.name), isRunning: isRunning),
    ]
    let byDefault = try? routes.defaultRoute(ipv6: false)
    let isDefaultHere = byDefault?.interface == interface.index
    findings.append(Self.judge(reversePath: Self.effective("rp_filter", interface.name), isDefaultHere: isDefaultHere))
    guard let section else { return findings }
    let families = Set(section.addresses.map { $0.address.ipv4 == nil })
    if section.routing {
      for ipv6 in families.sorted(by: { !$0 && $1 }) {
        let path = ipv6 ? "net/ipv6/conf/\(interface.name)/forwarding" : "net/ipv4/conf/\(interface.name)/forwarding"
        findings.append(Self.judge(routing: Self.number(path), ipv6: ipv6))
      }
    }
    if families.contains(true) { findings.append(Self.judge(disabled: Self.number("net/ipv6/conf/\(interface.name)/disable_ipv6"))) }
    return findings
  }

  /// The cluster addresses stand on `lo` while the daemon runs, and no longer.
  private static func isOnLoopback(_ section: ClusterSection, _ routes: RouteSocket) -> Bool {
    guard let loopback = try? routes.interface(named: "lo"), let present = try? routes.addresses(of: loopback.index) else { return false }
    let shared = Set(section.addresses.map(\.address))
    return present.contains { shared.contains($0.address) }
  }

  /// These variables hold by the larger of the interface's value and that of all (Documentation/networking/ip-sysctl.rst).
  private static func effective(_ variable: String, _ interface: String) -> Int? {
    let values = [number("net/ipv4/conf/all/\(variable)"), number("net/ipv4/conf/\(interface)/\(variable)")].compactMap(\.self)
    return values.max()
  }

  private static func number(_ path: String) -> Int? { (try? Sysctl.read(path)).flatMap { Int($0) } }
}

// MARK: Judgements

extension Doctor {
  static func judge(_ interface: NetworkInterface) -> Finding {
    let name = interface.name
    if interface.isLoopback {
      return Finding("interface", .problem, "\(name) is the loopback.", advice: "Name the interface that the clients' traffic arrives on.")
    }
    if interface.ethernetAddress.bits == 0 {
      return Finding("interface", .problem, "\(name) is no Ethernet.", advice: "The members must be neighbours on one Ethernet.")
    }
    if !interface.isUp { return Finding("interface", .problem, "\(name) is switched off.", advice: "`ip link set \(name) up`.") }
    if !interface.hasCarrier {
      return Finding("interface", .problem, "\(name) has no carrier.", advice: "See to the cable, or to the switch's port.")
    }
    return Finding("interface", .ok, "\(name) is up, at \(interface.ethernetAddress).")
  }

  /// A cluster datagram with its UDP and IPv6 headers.
  static let leastMTU = ClusterLimits.datagramByteCount + 48
  /// A page, less what XDP needs around the frame.
  static let nativeMTULimit = 3_498

  static func judge(mtu interface: NetworkInterface, isXDP: Bool) -> Finding {
    let mtu = interface.mtu
    if mtu < leastMTU {
      return Finding(
        "mtu", .problem, "\(interface.name) takes packets of up to \(mtu) octets; the members' messages have up to \(leastMTU).",
        advice: "`ip link set \(interface.name) mtu 1500`, on all members alike.")
    }
    if isXDP, mtu > nativeMTULimit {
      return Finding(
        "mtu", .warning, "With packets of up to \(mtu) octets most drivers refuse native XDP.",
        advice: "`ip link set \(interface.name) mtu \(nativeMTULimit)` or less, on all members alike; otherwise generic XDP is used.")
    }
    return Finding("mtu", .ok, "\(mtu) octets; the members' messages have up to \(leastMTU). It must be the same on all members.")
  }

  static func judge(own present: [InterfaceAddress], wanted: InternetAddress?, shared: [InternetAddress], on name: String) -> Finding {
    let own = present.filter { !shared.contains($0.address) && !$0.address.isLinkLocal }
    let listed = own.map(\.address.description).joined(separator: ", ")
    guard let used = wanted.map({ wanted in own.first { $0.address == wanted } }) ?? own.first else {
      let found =
        wanted.map { "\(name) does not have \($0), the configured address of this machine." }
        ?? "\(name) has no address of this machine's own."
      return Finding(
        "own-address", .problem, found,
        advice: own.isEmpty ? "Give it one: the members talk by it." : "It has \(listed): correct cluster.address.")
    }
    if used.isTentative {
      return Finding(
        "own-address", .warning, "\(used.address) is tentative: the kernel is still probing, or has found a duplicate.",
        advice: "Look again in two seconds; if it stays, another machine has it.")
    }
    return Finding("own-address", .ok, "\(listed).")
  }

  static func judge(placed misplaced: [InterfaceAddress], _ names: [UInt32: String]) -> Finding {
    guard let one = misplaced.first else {
      return Finding("cluster-address", .ok, "No cluster address stands where the kernel would announce it.")
    }
    let place = names[one.interface] ?? "interface \(one.interface)"
    return Finding(
      "cluster-address", .problem, "The cluster address \(one.address) stands on \(place), so that this kernel answers and announces it.",
      advice: "`ip address del \(one.address)/\(one.prefixLength) dev \(place)`; `skein run` puts it on lo, where it belongs.")
  }

  static func judge(missing addresses: [InternetAddress], isRunning: Bool) -> Finding {
    let name = "loopback-address"
    guard isRunning else { return Finding(name, .ok, "No daemon runs here, so no cluster address needs to be on lo.") }
    guard !addresses.isEmpty else { return Finding(name, .ok, "Every cluster address is on lo, while the daemon runs.") }
    let list = addresses.map(\.description).joined(separator: ", ")
    return Finding(
      name, .problem, "\(list) is not on lo while the daemon runs: what clients send there is refused.",
      advice: "The daemon puts it back each second: `skein events` says whether it can. Find what removes it (a network manager).")
  }

  static func judge(networks present: [InterfaceAddress], of prefixes: [InternetPrefix], on name: String) -> Finding {
    let strangers = prefixes.filter { prefix in !present.contains { prefix.contains($0.address) } }
    guard let stranger = strangers.first else {
      return Finding("cluster-network", .ok, "The cluster addresses are in networks of \(name).")
    }
    return Finding(
      "cluster-network", .warning, "\(name) has no address in the network of \(stranger).",
      advice: "Neighbours must think that it is on their link: correct its prefix length, or have them route it here.")
  }

  static func judge(ignore value: Int?, isRunning: Bool) -> Finding {
    let name = "arp-ignore"
    guard let value else { return Finding(name, .unknown, "This kernel does not say.") }
    if value > 2 {
      return Finding(
        name, .warning, "arp_ignore is \(value), by which this machine may not answer even for its own address.",
        advice: "1 is what Skein needs; see Documentation/networking/ip-sysctl.rst.")
    }
    if value == 0, isRunning {
      return Finding(
        name, .problem, "arp_ignore is 0 while the cluster's addresses are here: this kernel answers for them.",
        advice: "Something has reset what `skein run` set: find it (sysctl.d, a network manager), and restart skein.")
    }
    return Finding(name, .ok, value == 0 ? "arp_ignore is 0; `skein run` sets it to 1 while it runs." : "arp_ignore is \(value).")
  }

  static func judge(announce value: Int?, isRunning: Bool) -> Finding {
    let name = "arp-announce"
    guard let value else { return Finding(name, .unknown, "This kernel does not say.") }
    if value < 2, isRunning {
      return Finding(
        name, .problem, "arp_announce is \(value) while the cluster's addresses are here: this kernel may ask in their name.",
        advice: "Something has reset what `skein run` set: find it (sysctl.d, a network manager), and restart skein.")
    }
    return Finding(name, .ok, value < 2 ? "arp_announce is \(value); `skein run` sets it to 2 while it runs." : "arp_announce is \(value).")
  }

  static func judge(reversePath value: Int?, isDefaultHere: Bool) -> Finding {
    let name = "reverse-path"
    guard let value else { return Finding(name, .unknown, "This kernel does not say.") }
    if value == 1, !isDefaultHere {
      return Finding(
        name, .warning, "rp_filter is 1 (strict), and the default route is by another interface: clients beyond a router are dropped.",
        advice: "Set net.ipv4.conf.all.rp_filter and the interface's to 2 (loose), or route the clients' networks by this interface.")
    }
    return Finding(name, .ok, "rp_filter is \(value).")
  }

  static func judge(routing value: Int?, ipv6: Bool) -> Finding {
    let name = ipv6 ? "forwarding-ipv6" : "forwarding-ipv4"
    if value ?? 0 != 0 { return Finding(name, .ok, "This machine routes \(ipv6 ? "IPv6" : "IPv4").") }
    return Finding(
      name, .problem, "cluster.routing is on, but this kernel does not route \(ipv6 ? "IPv6" : "IPv4").",
      advice: "`sysctl -w \(ipv6 ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward")=1`, and in /etc/sysctl.d.")
  }

  static func judge(disabled value: Int?) -> Finding {
    guard let value, value == 0 else {
      return Finding(
        "ipv6", .problem, "The cluster has IPv6 addresses, but IPv6 is off on this interface.", advice: "Set disable_ipv6 to 0 there.")
    }
    return Finding("ipv6", .ok, "IPv6 is on.")
  }
}
