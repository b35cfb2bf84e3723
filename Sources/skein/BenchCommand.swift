import ArgumentParser
import Bench

/// What Skein costs, beside what nothing costs.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measures what Skein costs on this machine, beside its floor in the same run.",
    discussion: "Needs root, and a machine that does little else: figures of two runs are hardly comparable, those of one run are.",
    subcommands: [
      ProgramsBench.self, PacketPathBench.self, FlowsBench.self, DropRateBench.self, GatewayBench.self, AnswersBench.self, IdleBench.self,
      SimulationBench.self, AllBench.self,
    ])
}

/// The verifier's price.
private struct ProgramsBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "programs", abstract: "How many instructions of each kernel program this kernel's verifier follows, of its million.")
  @OptionGroup var output: OutputOptions

  func run() throws {
    let figures = try Bench.programs()
    if output.json { try printJSON(figures) } else { print(table(figures.rows)) }
  }
}

/// Nanoseconds a packet.
private struct PacketPathBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "packet-path", abstract: "Nanoseconds a packet, by kind, beside an empty program and the native build.")
  @Option(help: "How often each is measured.") var rounds = 9
  @OptionGroup var output: OutputOptions

  func run() throws {
    let figures = try Bench.packetPath(rounds: rounds)
    if output.json { try printJSON(figures) } else { print(table(figures.rows)) }
  }
}

/// Nanoseconds a packet of a virtual server's.
private struct FlowsBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flows",
    abstract: "Nanoseconds a packet to a virtual server and back, with one flow, many and a million, and of a new flow.")
  @Option(help: "How often each is measured.") var rounds = 9
  @OptionGroup var output: OutputOptions

  func run() throws {
    let figures = try Bench.flows(rounds: rounds)
    if output.json { try printJSON(figures) } else { print(table(figures.rows)) }
  }
}

/// Packets a second.
private struct DropRateBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop-rate", abstract: "Packets a second on a virtual pair that Skein drops, beside a bare XDP_DROP.")
  @Option(help: "How many bursts of each, some 40 ms a burst.") var rounds = 40
  @OptionGroup var output: OutputOptions

  func run() throws { try show(try Bench.dropRate(rounds: rounds), output) }
}

/// Routing to and from virtual MAC addresses.
private struct GatewayBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "Nanoseconds to route a frame, beside the kernel's own forwarding of the same frames.")
  @Option(help: "How often each is measured.") var rounds = 20
  @OptionGroup var output: OutputOptions

  func run() throws {
    let figures = try Bench.gateway(rounds: rounds)
    if output.json { try printJSON(figures) } else { print(table(figures.rows)) }
  }
}

/// Answers to hosts.
private struct AnswersBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "answers", abstract: "ARP answers a second of a virtual gateway, beside the kernel's own.")
  @Option(help: "How many questions, each from a host of its own.") var questions = 100_000
  @Option(help: "The program to ask, instead of this one.") var program: String?
  @OptionGroup var output: OutputOptions

  func run() throws { try show(try Bench.answerRate(program: program, questions: questions), output) }
}

/// An idle daemon.
private struct IdleBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "idle", abstract: "Share of a core and memory of a daemon that is alone and has nothing to do.")
  @Option(help: "How long it is watched.") var seconds = 10
  @Option(help: "The program to watch, instead of this one.") var program: String?
  @OptionGroup var output: OutputOptions

  func run() throws { try show(try Bench.idle(program: program, seconds: seconds), output) }
}

/// Simulated time.
private struct SimulationBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulation", abstract: "How much time of a cluster of 64 is simulated in a second.")
  @OptionGroup var output: OutputOptions

  func run() throws { try show(Bench.simulation(), output) }
}

/// All of them.
private struct AllBench: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "all", abstract: "All of these, one after the other.")
  @OptionGroup var output: OutputOptions

  private struct Report: Encodable {
    let programs: [ProgramFigure]
    let packetPath: [PacketPathFigure]
    let dropRate: DropRateReport
    let gateway: [GatewayFigure]
    let answers: AnswerRateReport
    let idle: IdleReport
    let simulation: SimulationReport
  }

  func run() throws {
    let programs = try Bench.programs()
    if !output.json { print(table(programs.rows) + "\n") }
    let figures = try Bench.packetPath()
    if !output.json { print(table(figures.rows) + "\n") }
    let dropRate = shown(try Bench.dropRate())
    let gateway = try Bench.gateway()
    if !output.json { print(table(gateway.rows) + "\n") }
    let answers = shown(try Bench.answerRate())
    let idle = shown(try Bench.idle())
    let simulation = shown(Bench.simulation())
    if output.json {
      try printJSON(
        Report(
          programs: programs, packetPath: figures, dropRate: dropRate, gateway: gateway, answers: answers, idle: idle,
          simulation: simulation))
    }
  }

  /// For people, each as soon as it is there.
  private func shown<Report: Tabular>(_ report: Report) -> Report {
    if !output.json { print(table(report.rows) + "\n") }
    return report
  }
}

private func show(_ report: some Tabular & Encodable, _ output: OutputOptions) throws {
  if output.json { try printJSON(report) } else { print(table(report.rows)) }
}
