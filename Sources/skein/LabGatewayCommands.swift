import ArgumentParser
import Lab

extension SteeringMethod: ExpressibleByArgument {}
extension GatewayFailure: ExpressibleByArgument {}
extension GatewayVictim: ExpressibleByArgument {}
extension GatewayTimers: ExpressibleByArgument {}

/// What the virtual gateway's labs take.
struct LabGatewayArguments: ParsableArguments {
  @OptionGroup var output: OutputOptions
  @Flag(name: .shortAndLong, help: "Show every command that is run.") var verbose = false
  @Option(help: "Where the routers' packet path runs: xdp, xdp-generic or packet-socket; each chooses when not said.")
  var packetPath: String?

  var options: LabOptions { LabOptions(console: Console(verbose: verbose, quiet: output.json), packetPath: packetPath) }

  /// Runs a lab command, prints what it found, and fails when what it checks does not hold: see `LabCommands.finish`.
  func perform(_ command: some LabCommand) throws {
    try LabCommands.finish(try command.run(), output)
  }
}

extension LabCommands {
  struct Gateway: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Several routers behind one address: unequal load is made equal, a router dies, and returns.")
    @OptionGroup var lab: LabGatewayArguments
    @Option(help: "How many routers.") var routers = 3
    @Option(help: "How many hosts.") var hosts = 12
    @Option(help: "answers, moves or hybrid; without it, the demonstration, in which a router dies as well.") var method: SteeringMethod?
    @OptionGroup var slowness: SlownessOption
    func run() throws {
      var options = lab.options
      options.slowness = slowness.slow
      try lab.perform(Lab.GatewayCommand(routers: routers, hosts: hosts, method: method, options: options))
    }
  }

  struct GatewayFailover: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gateway-failover",
      abstract: "How long do a dead router's hosts get nothing through, and does anybody else notice?")
    @OptionGroup var lab: LabGatewayArguments
    @Option(help: "avf, avg or both (the active one and its standby together).") var victim = GatewayVictim.avf
    @Option(help: "kill, stop, link or return.") var how = GatewayFailure.kill
    @Option(help: "How often a router says that it lives, such as 200ms.", transform: DetectionOption.read) var hello = 200
    @Option(help: "How long a silent router keeps its part, such as 650ms.", transform: DetectionOption.read) var hold = 650
    @Option(help: "Both at once: cisco (3 s and 10 s), skein (200 ms and 650 ms) or fast (20 ms and 65 ms).") var timers: GatewayTimers?
    @Option(help: "How many times.") var runs = 10
    @Option(help: "How many times keepalived and FRR's vrrpd are measured beside it; 0 for not at all.") var peerRuns = 0

    func run() throws {
      try lab.perform(
        GatewayFailoverCommand(
          victim: victim, failure: how, helloMilliseconds: timers?.helloMilliseconds ?? hello,
          holdMilliseconds: timers?.holdMilliseconds ?? hold, runs: runs, peerRuns: peerRuns, options: lab.options))
    }
  }

  struct GatewayMatrix: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gateway-matrix",
      abstract: "Every way to fail, for a forwarder, the active gateway, and both, in one table; keepalived and FRR's vrrpd beside it.")
    @OptionGroup var lab: LabGatewayArguments
    @Option(help: "cisco (3 s and 10 s), skein (200 ms and 650 ms) or fast (20 ms and 65 ms); may be given again; all without it.")
    var timers: [GatewayTimers] = []
    @Option(help: "avf, avg or both (the active one and its standby together); may be given again.") var victim: [GatewayVictim] = []
    @Option(help: "kill, stop or link; may be given again. Every run ends with the return.") var how: [GatewayFailure] = []
    @Option(help: "How many times each.") var runs = 10
    @Option(help: "How many times keepalived and FRR's vrrpd are measured beside it; 0 for not at all.") var peerRuns = 3

    func run() throws {
      var command = GatewayMatrixCommand(runs: runs, peerRuns: peerRuns, options: lab.options)
      if !timers.isEmpty { command.timers = timers }
      if !victim.isEmpty { command.victims = victim }
      if !how.isEmpty { command.failures = how }
      try lab.perform(command)
    }
  }

  struct GatewayForeign: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gateway-foreign", abstract: "A router of another make that speaks GLBP: is it followed, and taken over from?")
    @OptionGroup var lab: LabGatewayArguments
    func run() throws { try lab.perform(GatewayForeignCommand(options: lab.options)) }
  }

  struct GatewayIntruders: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gateway-intruders",
      abstract: "Forged, broken and far too many messages: is all of it counted, and does nothing change?")
    @OptionGroup var lab: LabGatewayArguments
    @Option(help: "How many hosts that nobody knows ask for the gateway.") var askers = 100_000
    func run() throws { try lab.perform(GatewayIntrudersCommand(askers: askers, options: lab.options)) }
  }

  struct GatewayExport: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gateway-export",
      abstract: "Do hosts, routers and an IPFIX collector agree to the octet, and can tshark read every message?")
    @OptionGroup var lab: LabGatewayArguments
    @Option(help: "How many datagrams each host sends.") var packets = 2000
    func run() throws { try lab.perform(GatewayExportCommand(packets: packets, options: lab.options)) }
  }
}
