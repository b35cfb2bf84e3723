// The lab: real clusters and gateways in network namespaces, real clients and servers, real failures, and figures taken from outside.
//
// It starts the built program as an operator would and knows it only by its commands, its configuration file and what it does on the
// wire. The checker shares no code with what it checks: frames are taken apart here by some lines of the lab's own.
//
//   Machinery    what a lab is made of: TestBed (built and removed), Namespace, Processes, Worker, Leftovers; SkeinDaemons and VrrpDaemons,
//                which run on its machines, and WebServer, the application that people know
//   Measuring    what both appliances are measured by: Prober (numbered datagrams) and WireTap (what comes of them, with the kernel's time),
//                ProbeLedger, Losses and LossBooks (what took the lost ones), Scenario (what can fail) and FailoverRun, Report, Matrix
//   Cluster      Plan, Topology, SkeinCluster, KeepalivedCluster, and a file for each `skein lab …` of an IP cluster
//   Services     the cluster's virtual servers: the machines behind them, connections that last, and `skein lab services`
//   Gateway      GatewayPlan, GatewayTopology, GatewayGroup, VrrpGateway, and a file for each `skein lab gateway…`
//
// Two oddities. A thread, not a process, enters a namespace: sockets and children made meanwhile stay there, so one process plays
// every client, and daemons see this machine's mounts (what they pin outlives them). And everything is timed on CLOCK_BOOTTIME, the
// clock of the lease, the kernel's receive stamps moved over to it.

import Foundation

/// A lab on paper: who is there, what everything is called and which address it has. Nothing here touches the system.
protocol LabPlan: Sendable {
  /// Every name of a run begins with it, so that runs beside each other do not meet.
  var run: String { get }
  var namespaces: [Namespace] { get }
  /// What is put to the test: members or routers, by their numbers.
  var machines: ClosedRange<Int> { get }
  /// What such a machine is called.
  var word: String { get }
  /// Its interface towards those that it answers.
  func interface(of machine: Int) -> String
  func address(of machine: Int, _ family: AddressFamily) -> String
  /// `ip -batch` lines for the switch's namespace.
  var wiring: [String] { get }
  /// The lab as a picture.
  var drawing: String { get }
}

extension LabPlan {
  var switchNamespace: Namespace { Namespace(name: "\(run)-switch") }
  func namespace(of machine: Int) -> Namespace { Namespace(name: "\(run)-\(port(of: machine))") }
  /// The switch's port to a machine.
  func port(of machine: Int) -> String { "\(word.prefix(1))\(machine)" }
  /// Where the run keeps its files. Short, because a Unix socket's path is at most 107 octets.
  var directory: String { "\(Plan.parentDirectory)/\(run)" }

  /// `ip -batch` lines that make a switch of a bridge, and a wire from it to each of these interfaces.
  func wiring(_ bridge: String, _ ends: [(port: String, interface: String, namespace: Namespace)]) -> [String] {
    ["link add \(bridge) type bridge stp_state 0 mcast_snooping 0", "link set \(bridge) up"]
      + ends.flatMap { end in
        [
          "link add \(end.port) type veth peer name \(end.interface) netns \(end.namespace.name)",
          "link set \(end.port) master \(bridge) up",
        ]
      }
  }

  /// `ip -batch` lines that give an interface its addresses.
  static func addressing(_ interface: String, _ addresses: (AddressFamily) -> [String]) -> [String] {
    ["link set lo up"]
      + AddressFamily.allCases.flatMap { family in
        addresses(family).map { "address add \($0)/\(family.prefixLength) dev \(interface)\(family == .six ? " nodad" : "")" }
      } + ["link set \(interface) up"]
  }
}

/// Which of a machine's wires fail, and how.
enum Cut: Sendable {
  /// All of them lose their carrier.
  case everywhere
  /// The one to those that it answers loses its carrier.
  case carrier
  /// That one keeps its carrier, but no frame gets through either way.
  case silently
}

/// A lab's machines and wires: network namespaces, a bridge, veth pairs. Built in about a tenth of a second and always removed.
class TestBed {
  let layout: any LabPlan
  let console: Console
  let launcher: Launcher
  private var children: [ChildProcess] = []

  init(_ layout: some LabPlan, console: Console) {
    self.layout = layout
    self.console = console
    launcher = Launcher(console: console)
  }

  /// Builds a lab, hands it to `body` and removes it again, whatever happens in between.
  static func with<Bed: TestBed, Result>(_ make: @autoclosure () throws -> Bed, _ body: (Bed) throws -> Result) throws -> Result {
    try prepareForLab()
    let bed = try make()
    Leftovers(console: bed.console).removeOrphans()
    defer { bed.remove() }
    try bed.prepareSwitch()
    try bed.build()
    bed.console.say(bed.layout.drawing)
    return try body(bed)
  }

  /// Starts a program that ends with the lab at the latest.
  func start(_ name: String, _ arguments: [String], in namespace: Namespace) throws -> ChildProcess {
    let child = try launcher.start(name, arguments, in: namespace, log: "\(layout.directory)/\(name).log")
    children.append(child)
    return child
  }

  /// The bridge is a switch and nothing else: no firewall looks into it, and it says nothing itself.
  private func prepareSwitch() throws {
    try FileManager.default.createDirectory(atPath: layout.directory, withIntermediateDirectories: true)
    try launcher.batch(layout.namespaces.map { "netns add \($0.name)" })
    try launcher.silenceBridgeFilters(in: layout.switchNamespace)
    try launcher.set(Self.everywhere("ipv6", "disable_ipv6", "1"), in: layout.switchNamespace)
    try launcher.batch(layout.wiring, in: layout.switchNamespace)
  }

  /// What a lab has beside its switch: overridden by each.
  func build() throws {}

  /// Cuts a machine's wires, or mends them.
  func setWires(of machine: Int, _ cut: Cut, whole: Bool) throws {
    try launcher.setLink(layout.port(of: machine), up: whole, in: layout.switchNamespace)
  }

  private func remove() {
    for child in children { child.end() }
    Leftovers(console: console).remove(run: layout.run)
  }

  /// A kernel setting of every interface, those to come included.
  static func everywhere(_ stack: String, _ name: String, _ value: String) -> [(String, String)] {
    ["all", "default"].map { ("net/\(stack)/conf/\($0)/\(name)", value) }
  }

  /// Addresses that can be used at once: no detection of duplicates, no router advertisements.
  static let withoutWaiting = everywhere("ipv6", "accept_dad", "0") + everywhere("ipv6", "accept_ra", "0")
}

extension Launcher {
  /// Runs lines of `ip -batch`.
  func batch(_ lines: [String], in namespace: Namespace? = nil) throws {
    let inside = namespace.map { ["-n", $0.name] } ?? []
    try run(["ip"] + inside + ["-batch", "-"], input: lines.map { $0 + "\n" }.joined())
  }

  /// Switches work of an interface's card on or off, as `ethtool -K` has it. A checksum that is left to a veth would never be filled in
  /// ("tx"); and with "gro" a veth's far end has a poller of its own, so that frames get through that an XDP program sends back.
  func offload(_ interface: String, _ words: String..., in namespace: Namespace) throws {
    try run(["ethtool", "-K", interface] + words, in: namespace)
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
  fileprivate func silenceBridgeFilters(in namespace: Namespace) throws {
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
      request[UInt16.self] = up ? request[UInt16.self] | UInt16(IFF_UP) : request[UInt16.self] & ~UInt16(IFF_UP)
      try request.perform(InterfaceRequest.setFlags)
    }
  }

  /// Takes a port out of a bridge, or puts it back.
  func setPort(_ port: String, of bridge: String, isIn: Bool, in namespace: Namespace) throws {
    console.command(Self.line(["ip", "link", "set", port] + (isIn ? ["master", bridge] : ["nomaster"]), in: namespace))
    try namespace.enter {
      var request = InterfaceRequest(bridge)
      request[UInt32.self] = if_nametoindex(port)
      try request.perform(isIn ? InterfaceRequest.addPort : InterfaceRequest.removePort)
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

  /// What stands behind the name: an interface's flags, of 16 bits, or a port's index, of 32.
  subscript<Value: FixedWidthInteger>(_: Value.Type) -> Value {
    get { octets.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: Value.self) } }
    set { octets.withUnsafeMutableBytes { $0.storeBytes(of: newValue, toByteOffset: 16, as: Value.self) } }
  }

  var hardwareAddress: UInt64 { octets[18..<24].number }

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
