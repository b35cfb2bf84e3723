import CLinux
import Linux
import Testing
import Wire

extension Privileged {
  @Suite struct PacketSocketTests {
    private let group = EthernetAddress(bits: 0x0300_5e00_0007)

    private func openSocket(receives: Bool = true) throws -> PacketSocket { try PacketSocket(interface: eth0().index, receives: receives) }
    private func eth0() throws -> NetworkInterface { try RouteSocket().interface(named: "eth0") }

    /// The first frame that is wanted, as octets.
    private func receive(_ socket: PacketSocket, where isWanted: ([UInt8]) -> Bool) throws -> (bytes: [UInt8], offload: OffloadHeader)? {
      var found: (bytes: [UInt8], offload: OffloadHeader)?
      while found == nil, isReadable(socket.descriptor, limitMilliseconds: 2000) {
        try socket.receive(limit: 1) { if isWanted(Array($0.bytes)) { found = (Array($0.bytes), $0.offload) } }
      }
      return found
    }

    @Test func framesArriveWholeAndTheMachinesOwnDoNot() throws {
      let pair = try Pair()
      let left = try pair.inLeft { try openSocket() }
      let right = try pair.inRight { try openSocket() }
      let frame = [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 1, 0x88, 0xb5] + Array(0..<100)
      let sender = try pair.inLeft { try openSocket(receives: false) }
      try sender.send(frame)
      #expect(try receive(right) { $0[12] == 0x88 && $0[13] == 0xb5 }?.bytes == frame)
      var own = 0
      while try left.receive({ if $0.bytes[12] == 0x88 { own += 1 } }) > 0 {}
      #expect(own == 0)
      #expect(try right.takeStatistics().arrived >= 1)
    }

    @Test func aChecksumLeftToTheCardIsMarked() throws {
      let pair = try Pair()
      let right = try pair.inRight { try openSocket() }
      let sender = try pair.inLeft { try DatagramSocket(.init(interface: "eth0", localAddress: leftAddress, port: 7000)) }
      try sender.send([1, 2, 3], to: Endpoint(rightAddress, port: 9))
      let found = try #require(try receive(right) { $0[12] == 8 && $0[13] == 0 && $0[23] == 17 })
      #expect(found.offload.flags & 1 == 1)  // VIRTIO_NET_HDR_F_NEEDS_CSUM
      #expect(found.offload.csum_start == 34 && found.offload.csum_offset == 6)
    }

    @Test(arguments: [
      PacketSocket.Membership.promiscuous, .allMulticast, .multicast(EthernetAddress(bits: 0x0300_5e00_0007)),
      .unicast(EthernetAddress(bits: 0x0200_5e00_0007)),
    ])
    func aMembershipLastsAsLongAsItsSocket(membership: PacketSocket.Membership) throws {
      let pair = try Pair()
      // Of the groups only the one in question: the kernel joins its own while IPv6 comes up.
      func state() throws -> String {
        try shell(
          """
          ip -n \(pair.right) -d link show dev eth0 | grep -o 'promiscuity [0-9]* *allmulti [0-9]*'
          { ip -n \(pair.right) maddr show dev eth0; bridge -n \(pair.right) fdb show dev eth0; } | grep 5e:00:00:07 || true
          """)
      }
      let before = try state()
      do {
        let socket = try pair.inRight { try openSocket() }
        try socket.join(membership)
        #expect(try state() != before)
        try socket.leave(membership)
        #expect(try state() == before)
        try socket.join(membership)
      }
      #expect(try state() == before)
    }

    @Test func anInterfaceGoingDownIsTold() throws {
      let pair = try Pair()
      try pair.inRight { () throws in
        let socket = try openSocket()
        while try socket.receive({ _ in }) > 0 {}
        try RouteSocket().setUp(false, interface: eth0().index)
        let error = #expect(throws: LinuxError.self) { while true { if try socket.receive({ _ in }) == 0 { break } } }
        #expect(error?.code == .networkDown)
      }
    }

    @Test func aFrameIntoATapReachesTheStack() throws {
      let pair = try Pair()
      try pair.inRight { () throws in
        let address = EthernetAddress(bits: 0x0200_0000_0055)
        let tap = try TapDevice(name: "skein0", ethernetAddress: address)
        let interface = try RouteSocket().interface(named: "skein0")
        #expect(interface.isUp && interface.index == tap.interface && interface.ethernetAddress == address)
        try Sysctl.write("net/ipv4/conf/skein0/rp_filter", "0")
        try RouteSocket().addAddress(clusterAddress, to: 1)
        let socket = try DatagramSocket(.init(interface: "skein0", localAddress: clusterAddress, port: 7000))
        let frame = udpFrame(to: address, from: leftAddress, 7001, to: clusterAddress, 7000, [4, 5, 6])
        try tap.send(frame)
        #expect(isReadable(socket.descriptor))
        var received: [UInt8] = []
        try socket.receive { received = Array($0.bytes) }
        #expect(received == [4, 5, 6])
        let error = #expect(throws: LinuxError.self) { _ = try TapDevice(name: "skein0") }
        #expect(error?.code == .busy)
      }
      #expect(throws: LinuxError.self) { try pair.inRight { _ = try RouteSocket().interface(named: "skein0") } }
    }

    /// The packet socket mode in small: the guard keeps the stack away, the socket takes the frame, the TAP hands it over.
    @Test(arguments: [clusterAddress, clusterAddress6]) func aPingPassesByPacketSocketAndTap(address: InternetAddress) throws {
      let pair = try Pair()
      let isIPv4 = address.ipv4 != nil
      let ping = "ip netns exec \(pair.left) ping -n -c 1 -W 1 \(isIPv4 ? "192.0.2.10" : "2001:db8::10")"
      let shared = EthernetAddress(bits: 0x0200_5e00_0007)
      let (socket, tap) = try pair.inRight { () throws in
        let routes = try RouteSocket()
        try routes.addAddress(address, to: 1)
        try Sysctl.write("net/ipv4/conf/all/rp_filter", "0")
        let tap = try TapDevice(name: "skein0", ethernetAddress: shared)
        try Sysctl.write("net/ipv4/conf/skein0/rp_filter", "0")
        try StackGuard.install(on: "eth0", addresses: [clusterAddress, clusterAddress6])
        let socket = try openSocket()
        try socket.join(.unicast(shared))
        return (socket, tap)
      }
      try pair.inLeft { try RouteSocket().setNeighbour(address, to: shared, interface: eth0().index, isPermanent: true) }
      #expect(throws: LabFailure.self) { try shell(ping) }
      let isEcho: ([UInt8]) -> Bool = { isIPv4 ? $0[12] == 8 && $0[13] == 0 && $0[34] == 8 : $0[12] == 0x86 && $0[54] == 128 }
      #expect(try receive(socket, where: isEcho) != nil)
      let log = "/tmp/\(uniqueName("skein-ping"))"
      defer { _ = try? shell("rm -f \(log)") }
      try shell("(\(ping.replacing("-W 1", with: "-W 5")); echo status $?) > \(log) 2>&1 & :")
      let echo = try #require(try receive(socket, where: isEcho))
      try echo.bytes.withUnsafeBytes { try tap.send($0, offload: echo.offload) }
      try shell("for i in $(seq 300); do grep -q status \(log) && break; sleep 0.02; done")
      #expect(try shell("cat \(log)").contains("status 0"))
    }

    @Test func theGuardSilencesTheStackAndOnlyForClusterAddresses() throws {
      let pair = try Pair()
      func pings(_ address: String) -> Bool { (try? shell("ip netns exec \(pair.left) ping -n -c 1 -W 1 \(address)")) != nil }
      // What may answer is asked for a while: a neighbour that has failed is asked again only after its time.
      func reaches(_ address: String) -> Bool { (0..<8).contains { _ in pings(address) } }
      func forget() throws { try shell("ip -n \(pair.left) neigh flush dev eth0") }
      try shell("ip -n \(pair.right) addr add 192.0.2.10/32 dev eth0; ip -n \(pair.right) addr add 2001:db8::10/128 dev eth0 nodad")
      #expect(reaches("192.0.2.10") && reaches("2001:db8::10"))
      try forget()
      try pair.inRight { try StackGuard.install(on: "eth0", addresses: [clusterAddress, clusterAddress6]) }
      #expect(!pings("192.0.2.10") && !pings("2001:db8::10"))
      // Not one ARP reply or advertisement either.
      #expect(try !shell("ip -n \(pair.left) neigh show 192.0.2.10; ip -n \(pair.left) neigh show 2001:db8::10").contains("lladdr"))
      #expect(reaches("192.0.2.2") && reaches("2001:db8::2"))
      // Replaced at once, then removed, and removing nothing is no error.
      try pair.inRight { try StackGuard.install(on: "eth0", addresses: [clusterAddress6]) }
      #expect(reaches("192.0.2.10") && !pings("2001:db8::10"))
      try pair.inRight { () throws in
        try StackGuard.remove(from: "eth0")
        try StackGuard.remove(from: "eth0")
      }
      try forget()
      #expect(reaches("2001:db8::10"))
    }
  }
}
