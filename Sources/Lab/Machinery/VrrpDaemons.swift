import Foundation

/// What Skein is compared with: VRRP on the same machines and wires. One machine has the address and does everything, the others wait.
final class VrrpDaemons {
  enum Make: String, CaseIterable, Sendable {
    /// Debian's keepalived: the address moves, and everybody is told of it by gratuitous ARP.
    case keepalived
    /// FRR's: the address has VRRP's own MAC address, on a macvlan.
    case vrrpd
  }

  /// A daemon, and how often the active one says that it lives; it is missed after three times that and a bit.
  struct Kind: Hashable, Sendable {
    var make: Make
    var advertSeconds: Double

    /// The default and the fastest.
    static let advertSeconds = [1.0, 0.01]
    /// Each daemon at both.
    static let all = Make.allCases.flatMap { make in advertSeconds.map { Kind(make: make, advertSeconds: $0) } }
    var words: String { "\(make.rawValue), advertising every \(PeerReport.interval(advertSeconds))" }
  }

  let kind: Kind
  private let bed: TestBed
  private let address: String
  /// Whether a better machine takes the address from one that has it.
  private let preempts: Bool
  private var children: [Int: [ChildProcess]] = [:]

  private static let group = 77
  private static let frr = "/usr/lib/frr"
  private static let virtualInterface = "vrrp4"

  /// Starts one on each machine; the lower a machine's number, the better it is.
  init(_ kind: Kind, on bed: TestBed, address: String, preempts: Bool) throws {
    (self.kind, self.bed, self.address, self.preempts) = (kind, bed, address, preempts)
    switch kind.make {
    case .keepalived: try requireTools(["keepalived": "keepalived"])
    case .vrrpd:
      guard access("\(Self.frr)/vrrpd", X_OK) == 0 else { throw LabError.missingTool("vrrpd", package: "frr") }
      let hardware = "00:00:5e:00:01:\(String(Self.group, radix: 16))"
      for machine in bed.layout.machines {
        try bed.launcher.batch(
          [
            "link add \(Self.virtualInterface) link \(bed.layout.interface(of: machine)) address \(hardware) type macvlan mode bridge",
            "address add \(address)/24 dev \(Self.virtualInterface)", "link set \(Self.virtualInterface) up",
          ], in: bed.layout.namespace(of: machine))
      }
    }
    for machine in bed.layout.machines { try start(machine) }
  }

  func processes(of machine: Int) -> [ChildProcess] { children[machine] ?? [] }

  func start(_ machine: Int) throws {
    let base = "\(bed.layout.directory)/\(kind.make.rawValue)-\(bed.layout.port(of: machine))"
    let configuration = configuration(machine)
    try configuration.write(toFile: "\(base).conf", atomically: false, encoding: .utf8)
    switch kind.make {
    case .keepalived:
      // What a killed daemon has left makes the next one believe that it runs already.
      for ending in ["pid", "vrrp.pid"] { unlink("\(base).\(ending)") }
      let files = ["-f", "\(base).conf", "-p", "\(base).pid", "-r", "\(base).vrrp.pid"]
      children[machine] = [try run(["keepalived", "--dont-fork", "--log-console", "--vrrp"] + files, machine)]
    case .vrrpd: try startFrr(machine, files: base)
    }
  }

  /// FRR's daemons give up being root, so they have a directory of their own.
  private func startFrr(_ machine: Int, files: String) throws {
    try? FileManager.default.removeItem(atPath: files)
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
    try bed.launcher.run(["chown", "frr:frr", files])
    let common = ["-z", "\(files)/zserv", "--vty_socket", files, "-P", "0", "-u", "frr", "-g", "frr"]
    let zebra = try run(["\(Self.frr)/zebra", "-f", "/dev/null", "-i", "\(files)/zebra.pid"] + common, machine)
    try wait(for: "zebra of router \(machine)", seconds: 10, detail: { zebra.logTail() }) { access("\(files)/zserv", F_OK) == 0 }
    let vrrpd = try run(["\(Self.frr)/vrrpd", "-f", "\(files).conf", "-i", "\(files)/vrrpd.pid"] + common, machine)
    children[machine] = [vrrpd, zebra]
  }

  private func run(_ words: [String], _ machine: Int) throws -> ChildProcess {
    let program = words[0].split(separator: "/").last.map(String.init) ?? words[0]
    return try bed.start("\(program)-\(bed.layout.port(of: machine))", words, in: bed.layout.namespace(of: machine))
  }

  private func configuration(_ machine: Int) -> String {
    let interface = bed.layout.interface(of: machine)
    switch kind.make {
    case .keepalived:
      return Self.keepalived(machine, interface, address, advertSeconds: kind.advertSeconds, preempts: preempts)
    case .vrrpd:
      let words = ["version 3", "priority \(101 - machine)", "advertisement-interval \(Int(kind.advertSeconds * 1000))", "ip \(address)"]
      return "interface \(interface)\n" + words.map { " vrrp \(Self.group) \($0)\n" }.joined()
    }
  }

  /// VRRP version 2 with its defaults where the interval allows, else version 3, which counts in hundredths of a second.
  static func keepalived(_ machine: Int, _ interface: String, _ address: String, advertSeconds: Double, preempts: Bool) -> String {
    """
    global_defs {
      router_id machine\(machine)
    }
    vrrp_instance lab {
      interface \(interface)
      state BACKUP
      \(preempts ? "" : "nopreempt")
      version \(advertSeconds < 1 ? 3 : 2)
      virtual_router_id \(group)
      priority \(101 - machine)
      advert_int \(advertSeconds)
      virtual_ipaddress {
        \(address)/24
      }
    }

    """
  }

  /// Whether the machine has the address.
  func isActive(_ machine: Int) throws -> Bool {
    let words = ["ip", "-n", bed.layout.namespace(of: machine).name, "-oneline"]
    switch kind.make {
    case .keepalived: return try !bed.launcher.run(words + ["address", "show", "to", address]).isEmpty
    case .vrrpd: return try bed.launcher.run(words + ["link", "show", Self.virtualInterface]).contains("LOWER_UP")
    }
  }

  /// A machine that has started anew has no address left over, and an administrator would see to it where only the daemon died.
  func forgetAddress(of machine: Int) {
    guard kind.make == .keepalived else { return }
    let words = ["address", "delete", "\(address)/24", "dev", bed.layout.interface(of: machine)]
    _ = try? bed.launcher.run(["ip", "-n", bed.layout.namespace(of: machine).name] + words)
  }

  func checkAlive() throws { for child in children.values.joined() { try child.checkAlive() } }
}

/// Machines that are one by VRRP.
protocol VrrpScenario: Scenario {
  var vrrp: VrrpDaemons { get }
}

extension VrrpScenario {
  var machines: [Int] { Array(bed.layout.machines) }
  func processes(of machine: Int) throws -> [ChildProcess] { vrrp.processes(of: machine) }
  func startProcesses(of machine: Int) throws { try vrrp.start(machine) }
  func forgetKernelState(of machine: Int, after failure: Failure) throws { vrrp.forgetAddress(of: machine) }
  func addressHolders(_ machines: [Int]) throws -> Int? { try machines.count(where: vrrp.isActive) }
  func active() throws -> Int {
    guard let active = try machines.first(where: vrrp.isActive) else { throw LabError.observation("nobody holds the address") }
    return active
  }
}
