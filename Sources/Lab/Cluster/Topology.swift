// The lab: real clusters in network namespaces, real clients and servers, real failures, and figures taken from outside.
//
// It starts the built program as an operator would and knows it only by its commands, its configuration file and what it does on the
// wire. The checker shares no code with what it checks: frames are taken apart here by eighty lines of the lab's own.
//
//   Plan, Topology, Leftovers          names and addresses; building and removing
//   Namespace, Processes, Worker       entering namespaces, starting programs, threads
//   Fault                              five ways to fail, and what can fail: ClusterUnderTest
//   SkeinCluster, Keepalived           the two clusters that are put to the test
//   WebServer, Responder               what runs on the members: nginx, and a UDP echo that says who it is
//   WebClients, Prober                 who asks: connections, and numbered datagrams every two milliseconds
//   WireTap, AnswerFrame               the answers, seen on the wire with the kernel's time
//   ProbeLedger, FailoverRun           what became of each probe; what that means
//   PathReading                        what a member's packet path counts, read without its daemon
//   FrameSender                        frames that no socket sends
//   GatewayPlan, GatewayTopology       hosts, routers and a server: the virtual gateway's lab
//   GatewayGroup, GatewayStatus        the routers' daemons, and what they say
//   GatewayTraffic, TransferCheck      numbered datagrams and a connection through the routers, watched at the server's wires
//   …Command, Report                   one file for each `skein lab …`, and what it prints
//
// Two oddities. A thread, not a process, enters a namespace: sockets and children made meanwhile stay there, so one process plays
// every client, and daemons see this machine's mounts (what they pin outlives them). And everything is timed on CLOCK_BOOTTIME, the
// clock of the lease, the kernel's receive stamps moved over to it.

import Foundation

/// The lab's machines and wires: network namespaces, a bridge, veth pairs. Built in about a tenth of a second and always removed.
final class Topology {
  let plan: Plan
  let console: Console
  let launcher: Launcher
  private var children: [ChildProcess] = []

  private init(plan: Plan, console: Console) {
    self.plan = plan
    self.console = console
    launcher = Launcher(console: console)
  }

  /// Builds the lab, hands it to `body` and removes it again, whatever happens in between.
  static func with<Result>(memberCount: Int, console: Console, _ body: (Topology) throws -> Result) throws -> Result {
    try prepareForLab()
    let topology = Topology(plan: try Plan(processIdentifier: getpid(), memberCount: memberCount), console: console)
    Leftovers(console: console).removeOrphans()
    defer { topology.remove() }
    try topology.build()
    return try body(topology)
  }

  /// Starts a program that ends with the lab at the latest.
  func start(_ name: String, _ arguments: [String], in namespace: Namespace) throws -> ChildProcess {
    let child = try launcher.start(name, arguments, in: namespace, log: "\(plan.directory)/\(name).log")
    children.append(child)
    return child
  }

  private func build() throws {
    try FileManager.default.createDirectory(atPath: plan.directory, withIntermediateDirectories: true)
    try batch(plan.namespaces.map { "netns add \($0.name)" })
    try prepareSwitch()
    try batch(plan.wiring, in: plan.switchNamespace)
    for member in plan.members { try prepareMember(member) }
    try prepareRouter()
    for site in ClientSite.allCases { try prepareClients(site) }
    for port in plan.ports {
      // With GRO on, the far end of a veth has a poller of its own, and frames that a member's XDP program sends back get through.
      try launcher.run(["ethtool", "-K", port, "gro", "on"], in: plan.switchNamespace)
    }
  }

  /// The bridge is a switch and nothing else: no firewall looks into it, and it says nothing itself.
  private func prepareSwitch() throws {
    try launcher.silenceBridgeFilters(in: plan.switchNamespace)
    try set([("net/ipv6/conf/default/disable_ipv6", "1"), ("net/ipv6/conf/all/disable_ipv6", "1")], in: plan.switchNamespace)
  }

  private func prepareMember(_ member: Int) throws {
    let namespace = plan.namespace(ofMember: member)
    // Servers may listen on the cluster address before the member has joined and has it.
    let early = [("net/ipv4/ip_nonlocal_bind", "1"), ("net/ipv6/ip_nonlocal_bind", "1")]
    try set(Self.withoutWaiting + early, in: namespace)
    try batch(plan.addressing(ofMember: member), in: namespace)
  }

  private func prepareRouter() throws {
    let routing = [("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1"), ("net/ipv4/conf/all/send_redirects", "0")]
    try set(Self.withoutWaiting + routing, in: plan.routerNamespace)
    try batch(plan.routerAddressing, in: plan.routerNamespace)
    for interface in [Plan.interface, Plan.farInterface] { try fillChecksums(interface, in: plan.routerNamespace) }
  }

  private func prepareClients(_ site: ClientSite) throws {
    let namespace = plan.clientNamespace(site)
    try set(Self.withoutWaiting, in: namespace)
    try batch(plan.addressing(ofClients: site), in: namespace)
    try fillChecksums(Plan.interface, in: namespace)
  }

  /// A checksum left to the hardware would never be filled in: there is none.
  private func fillChecksums(_ interface: String, in namespace: Namespace) throws {
    try launcher.run(["ethtool", "-K", interface, "tx", "off"], in: namespace)
  }

  /// Addresses that can be used at once: no detection of duplicates, no router advertisements.
  static let withoutWaiting = ["all", "default"].flatMap {
    [("net/ipv6/conf/\($0)/accept_dad", "0"), ("net/ipv6/conf/\($0)/accept_ra", "0")]
  }

  func batch(_ lines: [String], in namespace: Namespace? = nil) throws { try launcher.batch(lines, in: namespace) }

  func set(_ settings: [(String, String)], in namespace: Namespace) throws { try launcher.set(settings, in: namespace) }

  private func remove() {
    for child in children { child.end() }
    Leftovers(console: console).remove(run: plan.run)
  }
}

extension Topology {
  /// Takes the carrier from a member, or gives it back: the switch's side of its wire goes down or up.
  func setCarrier(ofMember member: Int, up: Bool) throws {
    try launcher.setLink(plan.port(ofMember: member), up: up, in: plan.switchNamespace)
  }

  /// Lets the switch drop what the members send to all by IP multicast, as a switch does that filters groups it does not know.
  func blockMulticast() throws {
    try requireTools(["nft": "nftables"])
    let rules =
      "table bridge lab { chain forward { type filter hook forward priority 0; ip daddr 224.0.0.0/4 drop; ip6 daddr ff12::/16 drop; }; }"
    try launcher.run(["nft", "-f", "-"], in: plan.switchNamespace, input: rules + "\n")
  }

  /// Takes a member's port out of the switch, or puts it back. The member's carrier stays, but no frame gets through either way.
  func setReachable(member: Int, _ reachable: Bool) throws {
    let port = plan.port(ofMember: member)
    let words = reachable ? ["master", Plan.bridge] : ["nomaster"]
    console.command(Launcher.line(["ip", "link", "set", port] + words, in: plan.switchNamespace))
    try plan.switchNamespace.enter {
      var request = InterfaceRequest(Plan.bridge)
      request.index = Int32(bitPattern: if_nametoindex(port))
      try request.perform(reachable ? InterfaceRequest.addPort : InterfaceRequest.removePort)
    }
  }
}

extension Launcher {
  /// Runs lines of `ip -batch`.
  func batch(_ lines: [String], in namespace: Namespace? = nil) throws {
    let inside = namespace.map { ["-n", $0.name] } ?? []
    try run(["ip"] + inside + ["-batch", "-"], input: lines.map { $0 + "\n" }.joined())
  }

  /// Writes kernel settings, by their paths beneath /proc/sys.
  func set(_ settings: [(String, String)], in namespace: Namespace) throws {
    try namespace.enter {
      for (name, value) in settings {
        console.command(Self.line(["sysctl", "-w", "\(name.replacingOccurrences(of: "/", with: "."))=\(value)"], in: namespace))
        // Written by plain calls: FileManager would replace the file, which /proc does not allow.
        let file = Descriptor(try checked(open("/proc/sys/\(name)", O_WRONLY | O_CLOEXEC), "open /proc/sys/\(name)"))
        try checked(Int32(write(file.number, value, value.utf8.count)), "write \(value) to /proc/sys/\(name)")
      }
    }
  }

  /// Keeps firewalls from looking into the bridges of a namespace; where the kernel's module for that is not loaded, none does.
  func silenceBridgeFilters(in namespace: Namespace) throws {
    let names = ["iptables", "ip6tables", "arptables"].map { "net/bridge/bridge-nf-call-\($0)" }
    let there = try namespace.enter { names.filter { access("/proc/sys/\($0)", F_OK) == 0 } }
    try set(there.map { ($0, "0") }, in: namespace)
  }

  /// Takes an interface down or up: its peer loses or finds its carrier.
  func setLink(_ interface: String, up: Bool, in namespace: Namespace) throws {
    console.command(Self.line(["ip", "link", "set", interface, up ? "up" : "down"], in: namespace))
    try namespace.enter {
      var request = InterfaceRequest(interface)
      try request.perform(InterfaceRequest.getFlags)
      request.flags = up ? request.flags | UInt16(IFF_UP) : request.flags & ~UInt16(IFF_UP)
      try request.perform(InterfaceRequest.setFlags)
    }
  }
}

/// What every lab begins with.
/// - Throws: `LabError.notRoot`, `LabError.missingTool`.
func prepareForLab() throws {
  guard geteuid() == 0 else { throw LabError.notRoot }
  Interruption.catchSignals()
  addSystemToolsToPath()
  allowManyDescriptors()
  try requireTools(["ip": "iproute2", "ethtool": "ethtool"])
}

/// The Ethernet address of an interface in the namespace that the calling thread is in.
func hardwareAddress(of interface: String) throws -> UInt64 {
  var request = InterfaceRequest(interface)
  try request.perform(InterfaceRequest.getHardwareAddress)
  return request.hardwareAddress
}

/// `struct ifreq`: one question to one interface. A system call is some milliseconds quicker than starting `ip`,
/// and the moment of a failure is what the lab measures from.
private struct InterfaceRequest {
  static let getFlags: UInt = 0x8913
  static let setFlags: UInt = 0x8914
  static let getHardwareAddress: UInt = 0x8927
  static let addPort: UInt = 0x89a2
  static let removePort: UInt = 0x89a3

  private var octets = [UInt8](repeating: 0, count: 40)

  init(_ interface: String) { octets.replaceSubrange(0..<min(15, interface.utf8.count), with: interface.utf8.prefix(15)) }

  var flags: UInt16 {
    get { octets.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: UInt16.self) } }
    set { octets.withUnsafeMutableBytes { $0.storeBytes(of: newValue, toByteOffset: 16, as: UInt16.self) } }
  }

  var index: Int32 {
    get { octets.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: Int32.self) } }
    set { octets.withUnsafeMutableBytes { $0.storeBytes(of: newValue, toByteOffset: 16, as: Int32.self) } }
  }

  var hardwareAddress: UInt64 { octets[18..<24].reduce(0) { $0 << 8 | UInt64($1) } }

  mutating func perform(_ request: UInt) throws {
    let socket = try Descriptor.socket(AF_INET, SOCK_DGRAM)
    try octets.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("40 octets have an address") }
      _ = try checked(ioctl(socket.number, request, base), "interface request \(String(request, radix: 16))")
    }
  }
}

/// Administrators' tools are in directories that not every root shell has on its path.
func addSystemToolsToPath() {
  let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
  if !path.split(separator: ":").contains("/usr/sbin") { setenv("PATH", "\(path):/usr/sbin:/sbin", 1) }
}

/// A thousand clients are a thousand sockets.
private func allowManyDescriptors() {
  var limit = rlimit()
  getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, 8192))
  setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// - Parameter tools: programs, and the Debian package of each.
func requireTools(_ tools: [String: String]) throws {
  let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
  for (tool, package) in tools.sorted(by: { $0.key < $1.key }) {
    guard directories.contains(where: { access("\($0)/\(tool)", X_OK) == 0 }) else {
      throw LabError.missingTool(tool, package: package)
    }
  }
}
