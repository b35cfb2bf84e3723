import ArgumentParser
import Foundation
import Node

/// One screen: who answers, who forwards, what each carries.
struct GatewayStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "The virtual gateway on one screen: who answers the hosts, who forwards, how much.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report: GatewayReport = try await daemon.client.get("/v1/gateway")
    if output.json { try printJSON(report) } else { print(GatewayScreen(report: report).text) }
  }
}

/// The virtual MAC addresses.
struct GatewayForwardersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forwarders", abstract: "The virtual MAC addresses: home, holder, traffic.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report: GatewayReport = try await daemon.client.get("/v1/gateway")
    if output.json { try printJSON(["forwarders": report.forwarders]) } else { print(GatewayScreen(report: report).forwarderTable) }
  }
}

/// Who was answered with what.
struct GatewayClientsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clients", abstract: "The hosts that this gateway answered, and with which virtual MAC address.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "How many, those that asked last first.") var limit = 1000

  func run() async throws {
    let report: GatewayClientsReport = try await daemon.client.get("/v1/gateway/clients?limit=\(max(0, limit))")
    if output.json { return try printJSON(report) }
    let rows = report.clients.map {
      [
        $0.address, $0.ethernetAddress, "\($0.forwarder)", $0.virtualMac, $0.holder ?? "–", "\(duration(seconds: $0.askedSecondsAgo)) ago",
        "\($0.questions)",
      ]
    }
    print(table([["host", "MAC address", "forwarder", "virtual MAC", "held by", "asked", "times"]] + rows))
    if report.total > report.clients.count { print("  … and \(report.total - report.clients.count) more; --limit shows them") }
    if report.clients.isEmpty { print("  Only the gateway that answers the hosts knows them: ask the active one.") }
  }
}

/// What happened to the gateway, and why.
struct GatewayHistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "What happened to the virtual gateway, and why: elections, takeovers, moves.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    var report: EventsReport = try await daemon.client.get("/v1/events?after=0&wait=0")
    report.events.removeAll { $0.kind != "gateway" }
    if output.json { return try printJSON(report) }
    for event in report.events { print(EventsCommand.line(event)) }
  }
}

/// The screen of `skein gateway status`.
struct GatewayScreen {
  let report: GatewayReport

  var text: String {
    ([headline, ""] + facts + ["", gatewayTable, "", forwarderTable] + events + warnings).joined(separator: "\n")
  }

  private var headline: String {
    let state =
      switch report.state {
      case "active", "standby", "listen": Paint.green(report.state)
      default: Paint.yellow(report.state)
      }
    let active =
      report.activeGateway.map { $0 == report.address ? "this gateway answers the hosts" : "\($0) answers the hosts" }
      ?? Paint.red("nobody answers the hosts")
    return "\(Paint.bold("gateway group \(report.group)"))  ·  \(report.address) on \(report.interface): \(state)  ·  \(active)"
  }

  private var facts: [String] {
    let lease =
      report.leaseMilliseconds > 0 ? String(format: "%.0f ms left", report.leaseMilliseconds) : Paint.red("run out: forwarding nothing")
    let protection =
      report.mode == "cluster"
      ? "inside the cluster" : "GLBP, hello \(time(report.helloMilliseconds)), hold \(time(report.holdMilliseconds))"
    return [
      "  gateway    \(report.addresses.joined(separator: ", "))  (\(protection))",
      "  answers    \(report.answers), steering by \(report.steering), \(report.clients) hosts known",
      "  routing    by \(report.routing), packet path \(report.packetPath.running), lease \(lease)",
      "  daemon     up \(duration(seconds: report.uptimeSeconds)), \(report.residentBytes >> 20) MiB, priority \(report.priority), weight \(report.weight)",
    ]
  }

  private func time(_ milliseconds: Double) -> String {
    milliseconds >= 1000 ? String(format: "%g s", milliseconds / 1000) : String(format: "%g ms", milliseconds)
  }

  private var gatewayTable: String {
    let rows = report.gateways.map { gateway in
      [
        gateway.address + (gateway.address == report.address ? " ←" : ""), gateway.state + (gateway.isForeign ? " (GLBP only)" : ""),
        "\(gateway.priority)", "\(gateway.weight)", "\(gateway.forwarders)", rate(gateway.octetsPerSecond),
        String(format: "%.1f %%", gateway.share), String(format: "%.1f %%", gateway.target),
        gateway.heardMillisecondsAgo.map { String(format: "%.0f ms ago", $0) } ?? "–",
      ]
    }
    return table([["gateway", "state", "priority", "weight", "MACs", "traffic", "share", "target", "heard"]] + rows)
  }

  var forwarderTable: String {
    let rows = report.forwarders.map { forwarder in
      [
        "\(forwarder.forwarder)", forwarder.virtualMac, forwarder.home ?? "–", forwarder.holder ?? Paint.red("nobody"),
        forwarder.here == "forwarding" ? Paint.green("here") : forwarder.here == "holding" ? Paint.yellow("coming") : "",
        rate(forwarder.octetsPerSecond), String(format: "%.1f %%", forwarder.share),
        forwarder.isHandedOut ? "\(forwarder.clients)" : "handed out no more",
      ]
    }
    return table([["#", "virtual MAC", "home", "held by", "", "traffic", "share", "hosts"]] + rows)
  }

  private func rate(_ octetsPerSecond: Double) -> String {
    let bits = octetsPerSecond * 8
    switch bits {
    case ..<1000: return String(format: "%.0f bit/s", bits)
    case ..<1e6: return String(format: "%.1f kbit/s", bits / 1000)
    case ..<1e9: return String(format: "%.1f Mbit/s", bits / 1e6)
    default: return String(format: "%.2f Gbit/s", bits / 1e9)
    }
  }

  private var events: [String] {
    guard !report.events.isEmpty else { return [] }
    return ["", Paint.dim("  latest")] + report.events.suffix(6).map { "  " + EventsCommand.line($0) }
  }

  private var warnings: [String] {
    guard !report.warnings.isEmpty else { return [] }
    return [""] + report.warnings.map { "  " + Paint.red("! ") + $0 }
  }
}

extension GatewayMovesReport {
  /// The plan as it is printed.
  var text: String {
    func percent(_ value: Double) -> String { String(format: "%.1f %%", value) }
    let rows = gateways.indices.map { [gateways[$0], percent(before[$0]), percent(target[$0]), percent(after[$0])] }
    let lines = moves.map { "  forwarder \($0.forwarder), \(percent($0.load)), from \($0.from) to \($0.to)" }
    return
      ([table([["gateway", "now", "target", "after"]] + rows), "", "  " + why.prefix(1).uppercased() + why.dropFirst() + "."] + lines)
      .joined(separator: "\n")
  }
}
