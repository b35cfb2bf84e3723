import Glibc
import Linux
import Testing
import Wire

extension Privileged {
  @Suite struct RouteSocketTests {
    @Test func interfacesAreDescribed() throws {
      let pair = try Pair()
      let (all, eth0) = try pair.inLeft { () throws in
        let routes = try RouteSocket()
        return (try routes.interfaces(), try routes.interface(named: "eth0"))
      }
      let loopback = try #require(all.first { $0.name == "lo" })
      #expect(loopback.isLoopback && loopback.isUp && loopback.index == 1)
      #expect(all.contains(eth0))
      #expect(eth0.mtu == 1500 && eth0.isUp && eth0.hasCarrier && !eth0.isLoopback)
      let shown = try shell("ip -n \(pair.left) -br link show dev eth0")
      #expect(shown.contains(text(eth0.ethernetAddress)))
    }

    @Test func anUnknownInterfaceIsAnError() throws {
      let error = #expect(throws: LinuxError.self) { try RouteSocket().interface(index: 99999) }
      #expect(error?.code == .noSuchDevice)
    }

    @Test(arguments: [clusterAddress, clusterAddress6]) func aClusterAddressOnLoopbackComesAndGoes(address: InternetAddress) throws {
      let pair = try Pair()
      let routes = try pair.inLeft { try RouteSocket() }
      #expect(try routes.addAddress(address, to: 1))
      #expect(try !routes.addAddress(address, to: 1))
      let found = try #require(try routes.addresses(of: 1).first { $0.address == address })
      #expect(found.prefixLength == (address.ipv4 == nil ? 128 : 32))
      #expect(!found.isTentative)
      // The kernel takes an IPv6 address into use a moment after it has accepted it.
      for _ in 0..<250 where try !routes.route(to: address).isLocal { usleep(20_000) }
      #expect(try routes.route(to: address).isLocal)
      #expect(try routes.removeAddress(address, from: 1))
      #expect(try !routes.removeAddress(address, from: 1))
      #expect(try !routes.addresses().contains { $0.address == address })
    }

    @Test func changesOfInterfacesAndAddressesAreHeardOf() throws {
      let pair = try Pair()
      let monitor = try pair.inLeft { try KernelMonitor(.interfaces) }
      for command in [
        "-n \(pair.right) link set eth0 down", "-n \(pair.right) link set eth0 up", "-n \(pair.left) addr add 192.0.2.55/24 dev eth0",
        "-n \(pair.left) addr del 192.0.2.55/24 dev eth0", "-n \(pair.left) addr add 2001:db8::55/64 dev eth0 nodad",
        "-n \(pair.left) link set eth0 address 02:00:00:00:00:88", "-n \(pair.left) link set eth0 mtu 1400",
        "-n \(pair.left) link set eth0 name eth7", "-n \(pair.right) link del eth0",
      ] {
        // What came before has been heard when nothing more comes.
        while try monitor.receive() { usleep(20_000) }
        try shell("ip \(command)")
        #expect(isReadable(monitor.descriptor), "\(command)")
        #expect(try monitor.receive(), "\(command)")
      }
    }

    @Test func firewallRulesAreHeardOfAndTheirHooksFound() throws {
      let pair = try Pair()
      let monitor = try pair.inLeft { try KernelMonitor(.firewall) }
      #expect(try pair.inLeft { try FirewallChain.all() } == [])
      try shell(
        """
        ip netns exec \(pair.left) nft -f - <<'E'
        table ip late { chain out { type nat hook postrouting priority 100; }; chain plain { accept; }; }
        table inet wall { chain through { type filter hook forward priority 0; }; chain in { type filter hook input priority 0; }; }
        table netdev early { chain first { type filter hook ingress device eth0 priority 0; }; }
        table arp a { chain asked { type filter hook input priority 0; }; }
        E
        """)
      #expect(isReadable(monitor.descriptor))
      #expect(try monitor.receive())
      let found = try pair.inLeft { try FirewallChain.all() }
      #expect(
        Set(found) == [
          .init(table: "late", name: "out", hook: .postrouting), .init(table: "wall", name: "through", hook: .forward),
          .init(table: "wall", name: "in", hook: .input), .init(table: "early", name: "first", hook: .ingress),
        ])
      try shell("ip netns exec \(pair.left) nft flush ruleset")
      #expect(isReadable(monitor.descriptor))
      #expect(try monitor.receive())
      #expect(try pair.inLeft { try FirewallChain.all() } == [])
    }

    @Test func whateverTheKernelRoutesByIsHeardOfWhenItChanges() throws {
      let pair = try Pair()
      let monitor = try pair.inLeft { try KernelMonitor(.routes) }
      for command in [
        "neigh replace 192.0.2.77 lladdr 02:00:00:00:00:77 dev eth0", "neigh del 192.0.2.77 dev eth0",
        "neigh replace 2001:db8::77 lladdr 02:00:00:00:00:77 dev eth0", "route add 198.51.100.0/24 via 192.0.2.2",
        "route del 198.51.100.0/24", "-6 route add 2001:db8:7::/48 via 2001:db8::2", "rule add from 192.0.2.99 table 7",
        "-6 rule add from 2001:db8::99 table 7", "addr add 192.0.2.55/24 dev eth0", "addr add 2001:db8::55/64 dev eth0 nodad",
        "nexthop add id 7 via 192.0.2.2 dev eth0", "link set eth0 mtu 1400", "link set eth0 address 02:00:00:00:00:88",
        "netns exec \(pair.left) sh -c 'echo 1 > /proc/sys/net/ipv4/conf/eth0/forwarding'",
        "netns exec \(pair.left) sh -c 'echo 1 > /proc/sys/net/ipv6/conf/eth0/forwarding'", "link set eth0 down",
      ] {
        // What came before has been heard when nothing more comes.
        while try monitor.receive() { usleep(20_000) }
        try shell(command.hasPrefix("netns") ? "ip \(command)" : "ip -n \(pair.left) \(command)")
        #expect(isReadable(monitor.descriptor), "\(command)")
        #expect(try monitor.receive(), "\(command)")
      }
    }

    @Test func theEthernetAddressCanBeSet() throws {
      let pair = try Pair()
      try pair.inLeft { () throws in
        let routes = try RouteSocket()
        let index = try routes.interface(named: "eth0").index
        let address = EthernetAddress(bits: 0x0200_0000_0777)
        try routes.setEthernetAddress(address, interface: index)
        #expect(try routes.interface(index: index).ethernetAddress == address)
      }
    }

    @Test(arguments: [EthernetAddress(bits: 0x0200_5e00_0007), EthernetAddress(bits: 0x0300_5e00_0007)])
    func theCardAcceptsASharedAddress(address: EthernetAddress) throws {
      let pair = try Pair()
      let (routes, index) = try pair.inLeft { () throws in
        let routes = try RouteSocket()
        return (routes, try routes.interface(named: "eth0").index)
      }
      #expect(try routes.addFilterAddress(address, interface: index))
      #expect(try !routes.addFilterAddress(address, interface: index))
      #expect(try shell("bridge -n \(pair.left) fdb show dev eth0").contains(text(address)))
      #expect(try routes.removeFilterAddress(address, interface: index))
      #expect(try !routes.removeFilterAddress(address, interface: index))
      #expect(try !shell("bridge -n \(pair.left) fdb show dev eth0").contains(text(address)))
    }

    @Test func routesAreFound() throws {
      let pair = try Pair()
      try shell(
        """
        set -e
        ip -n \(pair.left) route add default via 192.0.2.9 metric 50; ip -n \(pair.left) route add default via 192.0.2.8 metric 40
        ip -n \(pair.left) route add default via 2001:db8::9
        ip -n \(pair.left) route add 198.51.100.0/24 nexthop via 192.0.2.5 nexthop via 192.0.2.6
        """)
      let (routes, index) = try pair.inLeft { () throws in
        let routes = try RouteSocket()
        return (routes, try routes.interface(named: "eth0").index)
      }
      let onLink = try routes.route(to: rightAddress)
      #expect(onLink.gateway == nil && onLink.interface == index && onLink.source == leftAddress && !onLink.isLocal)
      let far = try routes.route(to: InternetAddress(ipv4: 0xcb00_7101))
      #expect(far.gateway == InternetAddress(ipv4: 0xc000_0208))
      let several = try routes.route(to: InternetAddress(ipv4: 0xc633_6401)).gateway
      #expect(several == InternetAddress(ipv4: 0xc000_0205) || several == InternetAddress(ipv4: 0xc000_0206))
      let standard = try #require(try routes.defaultRoute(ipv6: false))
      #expect(standard.gateway == InternetAddress(ipv4: 0xc000_0208) && standard.metric == 40 && standard.interface == index)
      let standard6 = try #require(try routes.defaultRoute(ipv6: true))
      #expect(standard6.gateway == InternetAddress(high: 0x2001_0db8_0000_0000, low: 9) && standard6.prefixLength == 0)
    }

    @Test func aMachineWithoutARouteSaysSo() throws {
      let pair = try Pair()
      let routes = try pair.inLeft { try RouteSocket() }
      let error = #expect(throws: LinuxError.self) { try routes.route(to: InternetAddress(ipv4: 0xcb00_7101)) }
      #expect(error?.code == .networkUnreachable)
      #expect(try routes.defaultRoute(ipv6: false) == nil)
    }

    @Test(arguments: [clusterAddress, clusterAddress6]) func neighboursAreToldAndForgotten(address: InternetAddress) throws {
      let pair = try Pair()
      let (routes, index) = try pair.inLeft { () throws in
        let routes = try RouteSocket()
        return (routes, try routes.interface(named: "eth0").index)
      }
      let first = EthernetAddress(bits: 0x0200_0000_0001)
      let second = EthernetAddress(bits: 0x0200_0000_0002)
      #expect(try routes.neighbour(address, interface: index) == nil)
      try routes.setNeighbour(address, to: first, interface: index, isPermanent: true)
      #expect(try routes.neighbour(address, interface: index) == first)
      try routes.setNeighbour(address, to: second, interface: index, isPermanent: true)
      #expect(try routes.neighbour(address, interface: index) == second)
      #expect(try routes.removeNeighbour(address, interface: index))
      #expect(try routes.neighbour(address, interface: index) == nil)
    }

    @Test func theKernelsOwnWordsArePassedOn() throws {
      let pair = try Pair()
      let routes = try pair.inLeft { try RouteSocket() }
      let error = #expect(throws: LinuxError.self) { try routes.addAddress(clusterAddress, prefixLength: 33, to: 1) }
      #expect(error?.code == .invalid)
      #expect(error?.detail?.isEmpty == false)
    }

    @Test func solicitedNodeGroupsAreHeldAndLeft() throws {
      let pair = try Pair()
      let address = InternetAddress(high: 0x2001_0db8_0000_0000, low: 0x00ab_cdef)
      func isJoined() throws -> Bool { try shell("ip -n \(pair.left) maddr show dev eth0").contains("ff02::1:ffab:cdef") }
      let index = try pair.inLeft { try RouteSocket().interface(named: "eth0").index }
      var membership: SolicitedNodeMembership? = try pair.inLeft { try SolicitedNodeMembership(of: [address, clusterAddress], on: index) }
      #expect(try isJoined())
      membership = nil
      #expect(try !isJoined())
      _ = membership
    }

    private func text(_ address: EthernetAddress) -> String {
      (0..<6).map {
        let octet = String(address.bits >> (40 - 8 * UInt64($0)) & 0xff, radix: 16)
        return octet.count == 1 ? "0\(octet)" : octet
      }.joined(separator: ":")
    }
  }

  @Suite struct InterfaceSettingTests {
    @Test func kernelVariablesAreSetAndRestored() throws {
      let pair = try Pair()
      try pair.inLeft { () throws in
        let path = "net/ipv4/conf/eth0/arp_ignore"
        var changes = SysctlChanges()
        try changes.set(path, to: "1")
        try changes.set("net/ipv4/conf/eth0/arp_announce", to: "2")
        try changes.set(path, to: "2")
        try changes.set(path, to: "2")
        #expect(try Sysctl.read(path) == "2")
        #expect(changes.changes.map(\.oldValue) == ["0", "0", "1"])
        #expect(changes.restore().isEmpty)
        #expect(try Sysctl.read(path) == "0")
        #expect(try Sysctl.read("net/ipv4/conf/eth0/arp_announce") == "0")
        #expect(changes.changes.isEmpty)
      }
      #expect(try shell("ip netns exec \(pair.right) cat /proc/sys/net/ipv4/conf/eth0/arp_ignore") == "0\n")
    }

    @Test func whatCannotBeRestoredIsReported() throws {
      let pair = try Pair()
      try pair.inLeft { () throws in
        var changes = SysctlChanges()
        try changes.set("net/ipv4/conf/eth0/arp_ignore", to: "1")
        try shell("ip -n \(pair.left) link del eth0")
        #expect(changes.restore().isEmpty)
        let error = #expect(throws: LinuxError.self) { try Sysctl.write("net/ipv4/conf/eth0/arp_ignore", "1") }
        #expect(error?.code == .noSuchEntry)
        let invalid = #expect(throws: LinuxError.self) { try Sysctl.write("net/ipv4/conf/lo/arp_ignore", "many") }
        #expect(invalid?.code == .invalid)
      }
    }

    @Test func offloadsAreSwitchedAndTheDriverIsNamed() throws {
      let pair = try Pair()
      try pair.inLeft { () throws in
        #expect(try Ethtool.driver(of: "eth0") == "veth")
        for offload in [Ethtool.Offload.transmitChecksum, .genericReceive] {
          let before = try Ethtool.isOn(offload, of: "eth0")
          #expect(try Ethtool.set(offload, !before, of: "eth0") == before)
          #expect(try Ethtool.isOn(offload, of: "eth0") == !before)
        }
      }
    }

    @Test func rootLacksNothing() throws {
      #expect(try Capability.missing().isEmpty)
    }

    @Test func thisKernelHasWhatSkeinNeeds() {
      #expect(KernelProbe.xdp() == nil)
      #expect(KernelProbe.justInTimeCompiler() == nil)
      #expect(KernelProbe.ringBuffer() == nil)
      #expect(KernelProbe.mappableArray() == nil)
      #expect(KernelProbe.fileSystem() == nil)
      #expect(KernelProbe.liveFrames() == nil)
      #expect(KernelProbe.stackGuard() == nil)
      #expect(KernelProbe.tap() == nil)
    }

    @Test func xdpCanBeTriedOnAnInterface() throws {
      let pair = try Pair()
      try pair.inLeft { () throws in
        #expect(KernelProbe.attaching(to: "eth0", .native) == nil)
        #expect(KernelProbe.attaching(to: "eth0", .generic) == nil)
        #expect(try !shell("ip -n \(pair.left) link show dev eth0").contains("xdp"))
        #expect(KernelProbe.attaching(to: "lo", .native)?.advice == "try packetPath: xdp-generic")
      }
    }
  }
}
