import ArgumentParser
import Foundation
import Lab

/// Real machines in miniature: network namespaces with real servers, clients and failures.
struct LabCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab", abstract: "Clusters in network namespaces, with real servers, clients and failures (root).",
    discussion: "Everything is made and removed by the command itself; `skein lab down` removes what an interrupted one left.",
    subcommands: [
      Demo.self, Up.self, Down.self, Delivery.self, Packets.self, Routing.self, Failover.self, Matrix.self, Rejoin.self, Restart.self,
      Crash.self, Upgrade.self, Drain.self, Leave.self, Balance.self, Personality.self, Services.self, Flood.self, Intruders.self,
      Gateway.self, GatewayFailover.self, GatewayMatrix.self, GatewayForeign.self, GatewayIntruders.self, GatewayExport.self,
      GatewayCluster.self,
    ])
}

extension LabCommands {
  /// Prints what a lab has found. The status is 0 when all holds; 75 (EX_TEMPFAIL of sysexits.h) when what does not hold came, as is proved,
  /// of a daemon that this machine did not let run for longer than its lease had left, so that another try may help; else 1.
  static func finish(_ report: some LabReport, _ output: OutputOptions) throws {
    print(output.json ? try report.json() : report.text())
    if report.stoodStill {
      FileHandle.standardError.write(Data("This machine did not let a daemon run for longer than its lease had left (status 75).\n".utf8))
      throw ExitCode(75)
    }
    if !report.succeeded { throw ExitCode.failure }
  }
}

extension AddressFamily: ExpressibleByArgument {}
extension DeliveryMode: ExpressibleByArgument {}
extension Failure: ExpressibleByArgument {}
extension Victim: ExpressibleByArgument {}
extension BalanceRule: ExpressibleByArgument {}
extension ServicesEvent: ExpressibleByArgument {}

/// What all lab commands take.
struct LabArguments: ParsableArguments {
  @OptionGroup var output: OutputOptions
  @Flag(name: .shortAndLong, help: "Show every command that is run.") var verbose = false
  @Option(help: "How many members.") var members = 3
  @Option(help: "Where the members' packet path runs: xdp, xdp-generic or packet-socket; each chooses when not said.")
  var packetPath: String?

  var options: LabOptions {
    LabOptions(console: Console(verbose: verbose, quiet: output.json), members: members, packetPath: packetPath)
  }

  /// The same with what a command takes besides.
  func options(
    _ mode: DeliveryMode = .multicast, _ family: AddressFamily = .four, detection: Int = 200, peers: Bool = false, slow: Int = 1
  ) -> LabOptions {
    var options = options
    (options.mode, options.family, options.detectionMilliseconds) = (mode, family, detection)
    (options.withoutMulticast, options.slowness) = (peers, slow)
    return options
  }

  /// Runs a lab command, prints what it found, and fails when what it checks does not hold: see `LabCommands.finish`.
  func perform(_ command: some LabCommand) throws {
    try LabCommands.finish(try command.run(), output)
  }
}

/// A detection interval.
struct DetectionOption: ParsableArguments {
  @Option(help: "How long a silent member keeps its work, such as 200ms.", transform: Self.read) var detection = 200

  static func read(_ text: String) throws -> Int {
    guard let value = milliseconds(from: text) else { throw ValidationError("“\(text)” is not a time such as 200ms or 2s") }
    return value
  }
}

/// For machines that are slow, such as emulated ones.
struct SlownessOption: ParsableArguments {
  @Option(help: "How many times slower this machine is than most: so much fewer packets, so much longer timers of a gateway.")
  var slow = 1

  func validate() throws {
    guard 1...100 ~= slow else { throw ValidationError("--slow is 1 to 100, not \(slow)") }
  }
}

extension LabCommands {
  struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Three machines behind one address; one dies, and returns.")
    @OptionGroup var lab: LabArguments
    func run() throws { try lab.perform(DemoCommand(options: lab.options)) }
  }

  struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A cluster to play with, until Ctrl-C.")
    @OptionGroup var lab: LabArguments
    @OptionGroup var detection: DetectionOption
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    func run() throws { try lab.perform(UpCommand(options: lab.options(mode, detection: detection.detection))) }
  }

  struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Removes what interrupted labs left behind.")
    @OptionGroup var lab: LabArguments
    func run() throws {
      let report = try DownCommand(console: lab.options.console).run()
      print(lab.output.json ? try report.json() : report.text())
    }
  }

  struct Delivery: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Is every request answered exactly once, and by whom?")
    @OptionGroup var lab: LabArguments
    @OptionGroup var detection: DetectionOption
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    @Option(help: "4 or 6.") var family = AddressFamily.four
    @Option(help: "How many connections.") var requests = 900
    @Flag(help: ArgumentHelp(LabCommands.peersHelp)) var peers = false
    @OptionGroup var slowness: SlownessOption
    func run() throws {
      let options = lab.options(mode, family, detection: detection.detection, peers: peers, slow: slowness.slow)
      try lab.perform(DeliveryCommand(requests: requests, options: options))
    }
  }

  struct Packets: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fragments, path MTU discovery, frames in a VLAN: does each reach its one member?")
    @OptionGroup var lab: LabArguments
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    func run() throws { try lab.perform(PacketsCommand(options: lab.options(mode))) }
  }

  struct Failover: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "How long are a dead member's clients without service, and does anybody else notice?")
    @OptionGroup var lab: LabArguments
    @OptionGroup var detection: DetectionOption
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    @Option(help: "4 or 6.") var family = AddressFamily.four
    @Option(help: "member or master.") var victim = Victim.member
    @Option(help: "kill, stop, daemon, link or partition.") var how = Failure.kill
    @Option(help: "How many times.") var runs = 10
    @Option(help: "How many times keepalived is measured beside it; 0 for not at all.") var peerRuns = 3
    @Flag(help: ArgumentHelp(LabCommands.peersHelp)) var peers = false
    @OptionGroup var slowness: SlownessOption
    func run() throws {
      let options = lab.options(mode, family, detection: detection.detection, peers: peers, slow: slowness.slow)
      try lab.perform(FailoverCommand(victim: victim, failure: how, runs: runs, peerRuns: peerRuns, options: options))
    }
  }

  struct Matrix: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Every way to fail, for a member and for the master, in one table; keepalived beside it.")
    @OptionGroup var lab: LabArguments
    @Option(help: "A detection interval, such as 200ms; may be given again.", transform: DetectionOption.read) var detection: [Int] = []
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    @Option(help: "4 or 6.") var family = AddressFamily.four
    @Option(help: "How many times each.") var runs = 10
    @Option(help: "How many times keepalived is measured beside it; 0 for not at all.") var peerRuns = 3
    func run() throws {
      try lab.perform(
        MatrixCommand(
          detections: detection.isEmpty ? [200, 20] : detection, runs: runs, peerRuns: peerRuns, options: lab.options(mode, family)))
    }
  }

  struct Rejoin: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A member returns and is balanced into. Is a packet lost?")
    @OptionGroup var maintenance: MaintenanceArguments
    func run() throws { try maintenance.perform(.rejoin) }
  }
  struct Restart: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Every daemon is reloaded and replaced under load. Is a packet lost?")
    @OptionGroup var maintenance: MaintenanceArguments
    func run() throws { try maintenance.perform(.restart) }
  }
  struct Crash: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Every daemon dies and is started at once, under load. Is a packet lost?")
    @OptionGroup var maintenance: MaintenanceArguments
    func run() throws { try maintenance.perform(.crash) }
  }
  struct Upgrade: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Every daemon is replaced by another build, under load. Is a packet lost?")
    @OptionGroup var maintenance: MaintenanceArguments
    func run() throws { try maintenance.perform(.upgrade) }
  }
  struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A member is drained and given work again. Is a packet lost?")
    @OptionGroup var maintenance: MaintenanceArguments
    func run() throws { try maintenance.perform(.drain) }
  }
  struct Leave: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A member leaves and comes back. Is a packet lost?")
    @OptionGroup var maintenance: MaintenanceArguments
    func run() throws { try maintenance.perform(.leave) }
  }

  struct Balance: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A machine joins, a weight changes, some clients send far more than others. Does each get its part, and is a packet lost?")
    @OptionGroup var lab: LabArguments
    @Option(help: "count, weight or traffic; may be given again. All when not said.") var by: [BalanceRule] = []
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    func run() throws {
      try lab.perform(BalanceCommand(rules: by.isEmpty ? BalanceRule.allCases : by, options: lab.options(mode)))
    }
  }

  struct Personality: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A newer signed configuration reaches all members under load. Is a packet lost?")
    @OptionGroup var lab: LabArguments
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    @Option(help: "4 or 6.") var family = AddressFamily.four
    func run() throws { try lab.perform(Lab.PersonalityCommand(options: lab.options(mode, family))) }
  }
  struct Services: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Connections through virtual servers while a member fails or is drained. Does each go on?")
    @OptionGroup var lab: LabArguments
    @OptionGroup var detection: DetectionOption
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    @Option(help: "4 or 6.") var family = AddressFamily.four
    @Option(help: "How many servers.") var servers = 3
    @Option(help: "member or master.") var victim = Victim.member
    @Option(help: "kill, stop, link or drain.") var how = ServicesEvent.kill
    @Option(help: "How many connections.") var connections = 1000
    @Option(help: "New connections a second besides; 0 for none.") var rate = 0
    func run() throws {
      let options = lab.options(mode, family, detection: detection.detection)
      try lab.perform(
        Lab.ServicesCommand(servers: servers, victim: victim, event: how, connections: connections, rate: rate, options: options))
    }
  }

  struct GatewayCluster: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gateway-cluster",
      abstract: "A virtual gateway inside a cluster: virtual MACs move, members leave, die and hang. Is a packet lost, or forwarded twice?")
    @OptionGroup var lab: LabArguments
    @Option(help: "How often members fail.") var runs = 3
    func run() throws { try lab.perform(GatewayClusterCommand(runs: runs, options: lab.options)) }
  }
  struct Routing: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The cluster as a router: is every packet routed once, and by whom?")
    @OptionGroup var lab: LabArguments
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    @Option(help: "4 or 6.") var family = AddressFamily.four
    @Option(help: "How many pings, datagrams and connections.") var requests = 300
    func run() throws { try lab.perform(RoutingCommand(requests: requests, options: lab.options(mode, family))) }
  }

  fileprivate static let peersHelp = "The switch carries no multicast; the members are told each other's addresses (peers)."
  struct Flood: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forged, replayed, damaged and oversized datagrams at every member. Does anything change?")
    @OptionGroup var lab: LabArguments
    @OptionGroup var detection: DetectionOption
    @Option(help: "How many.") var datagrams = 1_000_000
    @Option(help: "What they are follows from it.") var seed: UInt64 = 1
    @Option(help: "How many a second; 0 for as many as the sender can.") var rate = 0
    func run() throws {
      try lab.perform(
        FloodCommand(datagrams: datagrams, seed: seed, rate: rate, options: lab.options(detection: detection.detection)))
    }
  }

  struct Intruders: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Machines that must not get in try to; members are expelled and revoked. Does each side say why?")
    @OptionGroup var lab: LabArguments
    @Flag(help: "Leave out what takes a minute each: who was expelled comes back, who was revoked tries again.") var brief = false
    func run() throws { try lab.perform(IntrudersCommand(isBrief: brief, options: lab.options)) }
  }

  /// What the operations of an ordinary day take.
  struct MaintenanceArguments: ParsableArguments {
    @OptionGroup var lab: LabArguments
    @OptionGroup var detection: DetectionOption
    @Option(help: "forwarding, unicast or multicast.") var mode = DeliveryMode.multicast
    @Option(help: "4 or 6.") var family = AddressFamily.four
    @OptionGroup var slowness: SlownessOption

    func perform(_ operation: Maintenance) throws {
      let options = lab.options(mode, family, detection: detection.detection, slow: slowness.slow)
      try lab.perform(MaintenanceCommand(operation, options: options))
    }
  }
}
