import ArgumentParser
import Node

/// Where a packet would go.
struct TraceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Where would this packet go, and why: its work unit, its owner, the verdict here.",
    discussion: """
      Give a frame in hexadecimal, or say what the packet is:
        skein trace --source 198.51.100.7 --source-port 40001 --destination-port 443
      It is decided by this machine's packet path as it is now. Nothing is sent and nothing is counted.
      """)
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  @Argument(help: "A whole frame in hexadecimal, destination MAC address first.") var frame: String?
  @Option(help: "The sender's address.") var source: String?
  @Option(help: "The receiver's address; the first cluster address when not said.") var destination: String?
  @Option(help: "tcp, udp, icmp, esp, gre, or a protocol number; tcp when not said.") var `protocol`: String?
  @Option(help: "The sender's port.") var sourcePort: UInt16?
  @Option(help: "The receiver's port.") var destinationPort: UInt16?

  func run() async throws {
    let request = TraceRequest(
      frame: frame, source: source, destination: destination, ipProtocol: `protocol`, sourcePort: sourcePort,
      destinationPort: destinationPort)
    let report: TraceReport = try await daemon.client.post("/v1/trace", body: request)
    if let problem = report.problem { throw CommandError(description: problem) }
    if output.json { return try printJSON(report) }
    print("  packet     \(report.packet)")
    if let forwarder = report.forwarder { print("  forwarder  \(forwarder)") }
    print("  unit       \(report.unit.map { "\($0)" } ?? "none")")
    print("  owner      \(report.owner.map { "member \($0)" } ?? "nobody")")
    print("  verdict    \(Paint.bold(report.verdict)) (\(report.reason)): \(report.why)")
  }
}
