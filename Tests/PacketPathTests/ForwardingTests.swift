import CPacketPath
import CPacketPathTestSupport
import PacketPath
import PacketPathCases
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

///     client ── eth0 ════ lan ── router ── wan ════ eth0 ── server
///     10.1.0.2/24        10.1.0.1        10.2.0.1        10.2.0.2/24
///     2001:db8:1::2/64                                   2001:db8:2::2/64
/// The client's gateway is 10.1.0.254 and fe80::fe at virtual MAC address 1. The packet path is on `lan`, in generic mode.
private final class Network {
  let rig: Rig
  private let names = ["client", "router", "server"].map { "skein-\($0)-\(getpid())" }
  private(set) var lan: UInt32 = 0
  private(set) var wan: UInt32 = 0
  private(set) var lanMAC: [UInt8] = []
  private(set) var wanMAC: [UInt8] = []
  let serverMAC: [UInt8] = [0x02, 0, 0, 0, 2, 2]
  private let home: Int32

  init() throws {
    rig = try Rig()
    home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    try shell(
      """
      set -e
      for n in \(names.joined(separator: " ")); do ip netns add $n; ip -n $n link set lo up; done
      ip link add eth0 netns \(names[0]) type veth peer name lan netns \(names[1])
      ip link add wan netns \(names[1]) type veth peer name eth0 address 02:00:00:00:02:02 netns \(names[2])
      """)
    try shell(
      """
      set -e
      echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
      ip addr add 10.1.0.1/24 dev lan; ip addr add 10.2.0.1/24 dev wan
      ip addr add 2001:db8:1::1/64 dev lan nodad; ip addr add 2001:db8:2::1/64 dev wan nodad
      ip link set lan up; ip link set wan up
      ip neigh replace 10.2.0.2 lladdr 02:00:00:00:02:02 dev wan nud permanent
      ip neigh replace 2001:db8:2::2 lladdr 02:00:00:00:02:02 dev wan nud permanent
      """, in: 1)
    try shell(
      """
      set -e
      ip addr add 10.2.0.2/24 dev eth0; ip addr add 2001:db8:2::2/64 dev eth0 nodad; ip link set eth0 up
      ip route add default via 10.2.0.1; ip -6 route add default via 2001:db8:2::1
      """, in: 2)
    try shell(
      """
      set -e
      ip addr add 10.1.0.2/24 dev eth0; ip addr add 2001:db8:1::2/64 dev eth0 nodad; ip link set eth0 up
      ip route add default via 10.1.0.254; ip -6 route add default via fe80::fe dev eth0
      """, in: 0)
    try useForwarder(1)
    lan = try #require(UInt32(try word("cat /sys/class/net/lan/ifindex")))
    wan = try #require(UInt32(try word("cat /sys/class/net/wan/ifindex")))
    lanMAC = try hardwareAddress("lan")
    wanMAC = try hardwareAddress("wan")
    setWorld(fast: true)
    try inside(1) { try rig.attach(to: lan) }
    // IPv6 speaks some time after the carrier is there.
    try shell("for i in $(seq 100); do ping -c1 -W1 2001:db8:2::2 > /dev/null && break; sleep 0.05; done; ping -c1 10.2.0.2", in: 0)
  }

  deinit {
    for name in names { _ = try? shell("ip netns del \(name)") }
    close(home)
  }

  func setWorld(fast: Bool) {
    World(flags: fast ? World.gateway(skein_flag_fast_routing) : World.gateway(), units: .unassigned, fastInterfaces: [wan]).apply(
      to: rig.tables)
    rig.tables.setUnit(1, owner: 0, isAcknowledged: true, isMine: true)
    withUnsafeMutableBytes(of: &rig.tables.settings.pointee.own_mac) { $0.copyBytes(from: lanMAC) }
    let addresses: [[UInt8]] = [[10, 1, 0, 254], [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe]]
    rig.tables.setAddresses(addresses.compactMap { skein_address(octets: $0) }, of: skein_role_virtual)
  }

  /// Whose virtual MAC address the client has been given.
  func useForwarder(_ forwarder: UInt8) throws {
    let mac = "00:07:b4:03:fc:0\(forwarder)"
    try shell("for a in 10.1.0.254 fe80::fe; do ip neigh replace $a lladdr \(mac) dev eth0 nud permanent; done", in: 0)
  }

  /// The client says nothing more, for a kernel speaks IPv6 unasked: what is counted from now on is the test's own.
  func silenceClient() throws { try shell("ip link set eth0 down", in: 0) }

  /// In the client's namespace (0), the router's (1) or the server's (2).
  @discardableResult
  func shell(_ command: String, in place: Int, mayFail: Bool = false) throws -> String {
    try shell("ip netns exec \(names[place]) sh <<'END'\n\(command)\nEND", mayFail: mayFail)
  }

  @discardableResult
  func shell(_ command: String, mayFail: Bool = false) throws -> String {
    guard let stream = popen("exec 2>&1; \(command)", "r") else { throw Rig.Refused(description: command) }
    var output: [UInt8] = []
    while case let octet = getc(stream), octet != EOF { output.append(UInt8(octet)) }
    let text = String(decoding: output, as: UTF8.self)
    if pclose(stream) != 0 && !mayFail { throw Rig.Refused(description: "\(command): \(text)") }
    return text
  }

  func inside<Result>(_ place: Int, _ body: () throws -> Result) throws -> Result {
    try #require(skein_rig_enter("/run/netns/\(names[place])") == 0)
    defer { _ = skein_rig_enter("/proc/self/fd/\(home)") }
    return try body()
  }

  private func word(_ command: String) throws -> String {
    String(try shell(command, in: 1).split(whereSeparator: \.isWhitespace).first ?? "")
  }

  private func hardwareAddress(_ interface: String) throws -> [UInt8] {
    try word("cat /sys/class/net/\(interface)/address").split(separator: ":").compactMap { UInt8($0, radix: 16) }
  }

  /// What `body` raised a counter and the forwarder's traffic by.
  func counted(_ counter: PacketCounter, _ body: () throws -> Void) rethrows -> (counter: UInt64, packets: UInt64, octets: UInt64) {
    let before = (rig.tables.total(of: counter), rig.tables.traffic(ofForwarder: 1))
    try body()
    let after = (rig.tables.total(of: counter), rig.tables.traffic(ofForwarder: 1))
    return (after.0 - before.0, after.1.packets - before.1.packets, after.1.octets - before.1.octets)
  }
}

/// The gateway for real: hosts, a router with the kernel's routes, and the packet path before it.
@Suite(.serialized, .enabled(if: Rig.isAvailable && geteuid() == 0, "needs root: makes network namespaces and loads BPF programs"))
struct ForwardingTests {
  @Test(arguments: [true, false])
  func frameToAVirtualAddressOfThisMachineIsRoutedAndCounted(fast: Bool) throws {
    let network = try Network()
    network.setWorld(fast: fast)
    let counter: PacketCounter = fast ? .routedFast : .routedByKernel
    let v4 = try network.counted(counter) { try network.shell("ping -q -i 0.002 -c 20 -W 5 10.2.0.2", in: 0) }
    #expect(v4 == (20, 20, 20 * 98))
    let v6 = try network.counted(counter) { try network.shell("ping -q -i 0.002 -c 20 -W 5 2001:db8:2::2", in: 0) }
    #expect(v6 == (20, 20, 20 * 118))
    func refused() throws -> Int? {
      let lines = try network.shell("grep ^Udp: /proc/net/snmp", in: 2).split(separator: "\n")
      return lines.last.flatMap { Int($0.split(separator: " ")[2]) }
    }
    let before = try #require(try refused())
    let udp = try network.counted(counter) {
      try network.shell("bash -c 'for i in 1 2 3; do echo hello > /dev/udp/10.2.0.2/9; done'", in: 0, mayFail: true)
    }
    // The third meets the refusal of the first, maybe.
    #expect(udp.counter >= 2 && udp.counter == udp.packets && udp.octets == udp.packets * 48)
    #expect(try refused() == before + Int(udp.counter))
  }

  @Test func frameToAnothersVirtualAddressIsDropped() throws {
    let network = try Network()
    try network.useForwarder(2)
    let lost = try network.counted(.notForwarder) {
      try network.shell("ping -q -i 0.002 -c 3 -W 1 10.2.0.2; ping -q -i 0.002 -c 3 -W 1 2001:db8:2::2", in: 0, mayFail: true)
    }
    #expect(lost == (6, 0, 0))
  }

  @Test func nothingIsRoutedWithoutALease() throws {
    let network = try Network()
    network.rig.tables.setLease(deadline: 1)
    let lost = try network.counted(.leaseExpired) { try network.shell("ping -q -c 1 -W 1 10.2.0.2", in: 0, mayFail: true) }
    #expect(lost == (1, 0, 0))
  }

  @Test func virtualAddressAnswersPing() throws {
    let network = try Network()
    let answered = try network.counted(.gatewayEcho) {
      try network.shell("ping -q -i 0.002 -c 5 -W 5 10.1.0.254 && ping -q -i 0.002 -c 5 -W 5 fe80::fe%eth0", in: 0)
    }
    #expect(answered == (10, 0, 0))
  }

  @Test func kernelExplainsWhatCannotBeForwarded() throws {
    let network = try Network()
    func says(_ words: String, _ counter: PacketCounter, _ command: String) throws -> Bool {
      var text = ""
      let count = try network.counted(counter) { text = try network.shell(command, in: 0, mayFail: true) }
      #expect(count.counter == 1, "\(command): \(text)")
      return text.contains(words)
    }
    #expect(try says("Time to live exceeded", .routeExpired, "ping -c 1 -W 5 -t 1 10.2.0.2"))
    #expect(try says("Hop limit", .routeExpired, "ping -c 1 -W 5 -t 1 2001:db8:2::2"))
    try network.shell("ip link set wan mtu 1300", in: 1)
    #expect(try says("mtu = 1300", .routeTooBig, "ping -c 1 -W 5 -M do -s 1400 10.2.0.2"))
    #expect(try says("mtu=1300", .routeTooBig, "ping -c 1 -W 5 -M do -s 1400 2001:db8:2::2"))
    try network.shell("ip route add unreachable 10.9.0.0/16", in: 1)
    #expect(try says("Unreachable", .routeRefused, "ping -c 1 -W 5 10.9.0.1"))
    try network.shell("ip neigh del 10.2.0.2 dev wan; ip neigh flush dev wan", in: 1)
    #expect(try says(" 0% packet loss", .routeUnresolved, "ping -c 1 -W 5 10.2.0.2"))
    try network.shell("echo 0 > /proc/sys/net/ipv4/ip_forward", in: 1)
    #expect(try !says(" 0% packet loss", .routeSwitchedOff, "ping -c 1 -W 1 10.2.0.2"))
  }

  @Test(arguments: [false, true]) func bothBuildsRouteToTheOctet(remembers: Bool) throws {
    let network = try Network()
    try network.silenceClient()
    let native = NativeDoer()
    native.path.router = { _ in
      skein_route(
        answer: 0, interface: network.wan, source: UInt64(ethernetOctets: network.wanMAC) ?? 0,
        destination: UInt64(ethernetOctets: network.serverMAC) ?? 0, length_limit: 1500)
    }
    let kernel = KernelDoer(rig: network.rig, interface: network.lan)
    native.tables.settings.pointee = network.rig.tables.settings.pointee
    native.tables.roles.update(from: network.rig.tables.roles, count: 2 * Int(skein_role_count))
    native.tables.setLease(deadline: .max)
    for tables in [native.tables, network.rig.tables] { tables.setRoutesChanged(at: remembers ? 1 : 0) }
    native.tables.setUnit(1, owner: 0, isAcknowledged: true, isMine: true)
    let server4: [UInt8] = [10, 2, 0, 2]
    let server6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    var frames: [[UInt8]] = []
    for hops in 2...255 as ClosedRange<UInt8> {
      // Every sum that the checksum can carry over: the identification makes it.
      let identification = UInt16(hops) &* 257
      frames.append(Frames.ipv4(to: server4, protocol: 17, identification: identification, hopLimit: hops, Frames.udp()))
      frames.append(Frames.ipv6(to: server6, protocol: 6, hopLimit: hops, Frames.tcp()))
    }
    for packet in frames {
      let frame = Frames.ip(to: Frames.virtualMAC(1), packet)
      let ours = native.perform(frame)
      let theirs = try network.inside(1) { try kernel.perform(frame) }
      #expect(ours == theirs)
      #expect(ours.verdict == .redirect)
      guard packet[0] >> 4 == 4 else { continue }
      #expect(Frames.checksum(Array(ours.result[14..<34])) == 0)
    }
    #expect(native.tables.traffic(ofForwarder: 1).packets == UInt64(frames.count))
  }

  @Test func whatIsRememberedOfTheKernelsRoutesEndsWithTheirChange() throws {
    let network = try Network()
    try network.silenceClient()
    let kernel = KernelDoer(rig: network.rig, interface: network.lan)
    let frame = Frames.ip(
      to: Frames.virtualMAC(1),
      Frames.ipv4(from: [10, 1, 0, 2], to: [10, 2, 0, 2], protocol: 17, Frames.udp([UInt8](repeating: 0, count: 1400))))
    func perform() throws -> (counter: PacketCounter?, destination: [UInt8]) {
      let deed = try network.inside(1) { try kernel.perform(frame) }
      return (deed.counted.first.flatMap { PacketCounter(rawValue: UInt32($0)) }, Array(deed.result[0..<6]))
    }
    func change(_ command: String) throws {
      try network.shell(command, in: 1)
      network.rig.tables.setRoutesChanged(at: Rig.now)
    }
    network.rig.tables.setRoutesChanged(at: 1)
    for _ in 0..<3 { #expect(try perform() == (.routedFast, network.serverMAC)) }
    #expect(network.rig.tables.rememberedRoutes == 1)
    try change("ip neigh replace 10.2.0.2 lladdr 02:00:00:00:02:03 dev wan nud permanent")
    #expect(try perform() == (.routedFast, [2, 0, 0, 0, 2, 3]))
    try change("ip rule add from 10.1.0.2 prohibit")
    #expect(try perform().counter == .routeRefused)
    try change("ip rule del from 10.1.0.2 prohibit")
    #expect(try perform().counter == .routedFast)
    try change("ip link set wan mtu 1300")
    #expect(try perform().counter == .routeTooBig)
    // Nobody says so: then what was learnt goes by its age.
    try change("ip link set wan mtu 1500")
    try network.shell("ip neigh replace 10.2.0.2 lladdr 02:00:00:00:02:03 dev wan nud permanent", in: 1)
    #expect(try perform().counter == .routedFast)
    try network.shell("ip neigh replace 10.2.0.2 lladdr 02:00:00:00:02:02 dev wan nud permanent; sleep 0.15", in: 1)
    #expect(try perform() == (.routedFast, network.serverMAC))
  }
}
