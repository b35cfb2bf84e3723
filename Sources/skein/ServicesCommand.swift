import ArgumentParser
import Foundation
import Node

/// Virtual servers and the real servers behind them.
struct ServicesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "services", abstract: "The virtual servers, their real servers, and how many flows each has on this machine.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report: ServicesReport = try await daemon.client.get("/v1/services")
    if output.json { return try printJSON(report) }
    for service in report.services {
      print("\(Paint.bold(service.name))  \(service.address) port \(service.port)/\(service.protocol), \(service.forwarding)")
      let rows = service.servers.map { server in
        [
          "\(server.address)", "\(server.port)", "\(server.weight)", String(format: "%.1f %%", server.share * 100),
          server.ethernetAddress ?? Paint.yellow("not known yet"), grouped(server.flows),
        ]
      }
      print(table([["server", "port", "weight", "share", "MAC address", "flows"]] + rows) + "\n")
    }
    print("  \(grouped(report.flows)) flows on this machine, of \(grouped(report.flowLimit)) that it can remember")
  }
}

/// Each flow that this machine remembers, from the tables of its packet path.
struct FlowsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flows", abstract: "The flows to virtual servers that this machine remembers.",
    discussion: "They are read from the packet path's memory: no daemon has to answer, and none is held up.")
  @OptionGroup var file: ConfigurationOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "How many at most.") var limit = 1000
  @Option(help: "Only those of this client, an address.") var client: String?
  @Option(help: "Only those to this service, by its name.") var service: String?
  @Option(help: "Only those at this server, an address.") var server: String?

  func run() async throws {
    let path = try PinnedPath(file.read())
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // A line for each flow, so that a million need not be held.
    if output.json { print("{\"flows\":[") }
    var shown = 0
    var matching = 0
    var rows = [["client", "service", "server", "state", "sent", "received", "packets", "ends in"]]
    try path.forEachFlow { flow in
      guard client == nil || flow.client == client, service == nil || flow.service == service, server == nil || flow.server == server else {
        return
      }
      matching += 1
      guard shown < limit else { return }
      shown += 1
      if output.json {
        let line = String(decoding: try encoder.encode(flow), as: UTF8.self)
        return print(shown == 1 ? line : ",\(line)")
      }
      rows.append([
        "\(flow.client) port \(flow.clientPort)", flow.service, "\(flow.server) port \(flow.serverPort)", flow.state,
        octets(flow.sentOctets),
        octets(flow.receivedOctets), grouped(flow.sentPackets + flow.receivedPackets), duration(seconds: flow.endsInSeconds),
      ])
    }
    if output.json { return print("],\"matching\":\(matching)}") }
    print(table(rows))
    if matching > shown { print("  … and \(grouped(matching - shown)) more; --limit shows them") }
  }

  private func octets(_ count: UInt64) -> String {
    switch count {
    case ..<10_240: "\(count) B"
    case ..<(10 << 20): "\(count >> 10) KiB"
    case ..<(10 << 30): "\(count >> 20) MiB"
    default: "\(count >> 30) GiB"
    }
  }
}
