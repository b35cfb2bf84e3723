import ArgumentParser
import Foundation
import Node

/// One screen: who is master, who is in, whose units, what moves, why.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "The state of this machine, its cluster and its virtual gateway, on one screen.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let node: NodeReport = try await daemon.client.get("/v1/node")
    if output.json {
      if var cluster = node.cluster {
        cluster.gateway = node.gateway
        return try printJSON(cluster)
      }
      return try printJSON(node.gateway)
    }
    if let cluster = node.cluster { print(StatusScreen(status: cluster).text) }
    if let gateway = node.gateway { print((node.cluster == nil ? "" : "\n") + GatewayScreen(report: gateway).text) }
  }
}

/// The screen of `skein status`.
struct StatusScreen {
  let status: StatusReport

  var text: String {
    let members = status.members.isEmpty ? [] : ["", MembersCommand.table(of: status)]
    return ([headline, ""] + facts + members + events + warnings).joined(separator: "\n")
  }

  private var headline: String {
    let role =
      switch status.state {
      case "master": Paint.green("master")
      case "member": Paint.green("member")
      default: Paint.yellow(status.state)
      }
    let master =
      status.master.map { $0 == status.member ? "this machine is the master" : "master is member \($0)" } ?? Paint.red("no master")
    return
      "\(Paint.bold("cluster \(status.cluster)")) (\(status.clusterIdentifier))  ·  member \(status.member) on \(status.interface): \(role)  ·  \(master)"
  }

  private var facts: [String] {
    let units = status.units
    let all =
      status.members.isEmpty
      ? Paint.yellow("not known: this machine is not in a cluster")
      : units.acknowledged == 1024
        ? Paint.green("all 1,024 owned") : Paint.yellow("\(grouped(1024 - units.acknowledged)) of 1,024 without an owner")
    let lease =
      status.leaseMilliseconds > 0
      ? String(format: "%.0f ms left of %.0f", status.leaseMilliseconds, status.detectionMilliseconds)
      : Paint.red("run out: processing nothing")
    return [
      "  addresses  \(status.addresses.isEmpty ? "the virtual gateway's" : status.addresses.joined(separator: ", "))  by \(status.delivery), \(status.packetPath.running)",
      "  units      \(all), \(grouped(units.mine)) here"
        + (units.assigned > units.acknowledged ? ", \(units.assigned - units.acknowledged) on their way" : ""),
      "  lease      \(lease)",
      "  keepalive  \(keepalive)",
      "  daemon     up \(duration(seconds: status.uptimeSeconds)), \(status.residentBytes >> 20) MiB, personality \(status.personalityVersion), partition: \(status.partition)",
    ]
  }

  private var keepalive: String {
    let keepalive = status.keepalive
    guard keepalive.intervalMilliseconds > 0 else { return "none" }
    return String(
      format: "every %.1f ms, %d in a row may be lost, loss %.2f %%", keepalive.intervalMilliseconds, keepalive.toleratedLosses,
      keepalive.loss * 100)
  }

  private var events: [String] {
    guard !status.events.isEmpty else { return [] }
    return ["", Paint.dim("  latest")] + status.events.suffix(6).map { "  " + EventsCommand.line($0) }
  }

  private var warnings: [String] {
    guard !status.warnings.isEmpty else { return [] }
    return [""] + status.warnings.map { "  " + Paint.red("! ") + $0 }
  }
}

/// Who is in.
struct MembersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "members", abstract: "The members of the cluster.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let status: StatusReport = try await daemon.client.get("/v1/status")
    if output.json { return try printJSON(["members": status.members]) }
    guard !status.members.isEmpty else { return print("  This machine is in no cluster (\(status.state)): `skein status` says more.") }
    print(Self.table(of: status))
  }

  static func table(of status: StatusReport) -> String {
    let rows = status.members.map { member in
      [
        "\(member.member)\(member.member == status.member ? " ←" : "")", member.address, member.state, "\(member.units)",
        "\(member.weight)",
        member.packetsPerSecond.map { "\($0)/s" } ?? "–", member.loss.map { String(format: "%.2f %%", $0 * 100) } ?? "–",
        member.heardMillisecondsAgo.map { String(format: "%.0f ms ago", $0) } ?? "–",
      ]
    }
    return skein.table([["member", "address", "state", "units", "weight", "packets", "loss", "heard"]] + rows)
  }
}

/// The map of the work units.
struct UnitsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "units", abstract: "Who owns each of the 1,024 work units.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let units: UnitsReport = try await daemon.client.get("/v1/units")
    if output.json { return try printJSON(units) }
    print(Self.map(units))
  }

  /// 32 rows of 32, a letter and a colour for each member, small letters for what is not acknowledged yet.
  static func map(_ units: UnitsReport) -> String {
    let members = Set(units.owners).subtracting([0]).sorted()
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    func cell(_ unit: Int) -> String {
      guard let index = members.firstIndex(of: units.owners[unit]) else { return " ·" }
      let letter = String(letters[index % letters.count])
      return Paint.cell(" " + (units.acknowledged[unit] ? letter : letter.lowercased()), index)
    }
    let rows = (0..<32).map { row in
      String(format: "  %4d ", row * 32) + (0..<32).map { cell(row * 32 + $0) }.joined()
    }
    let legend = members.enumerated().map { index, member in
      let count = units.owners.count { $0 == member }
      return "  " + Paint.cell(" \(letters[index % letters.count]) ", index)
        + " member \(member)\(member == units.member ? " (this machine)" : ""): \(count) units"
    }
    let free = units.owners.count { $0 == 0 }
    return (rows + [""] + legend + (free > 0 ? ["   ·  nobody: \(free) units"] : [])).joined(separator: "\n")
  }
}

/// What happened, and why.
struct EventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Every change of master, membership and units, with its reason.",
    discussion: """
      Work units that come and go for one cause are one event, with their number. It is shown when it is complete: a second after the last \
      of them, and ten seconds after the first at the latest.
      """)
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  @Flag(name: .shortAndLong, help: "Keep waiting for the next event.") var follow = false
  @Flag(help: "Say of each what it means and what to do.") var explain = false

  func run() async throws {
    var after: UInt64 = 0
    repeat {
      let report: EventsReport = try await daemon.client.get(
        "/v1/events?after=\(after)&wait=\(follow && after > 0 ? 30 : 0)", within: .seconds(40))
      if output.json && !follow { return try printJSON(report) }
      for event in report.events {
        if output.json { try printJSON(event) } else { print(Self.line(event) + (explain ? Self.explanation(event) : "")) }
        after = max(after, event.number)
      }
      fflush(nil)
      if follow && report.events.isEmpty && after == 0 { try await Task.sleep(for: .milliseconds(500)) }
    } while follow
  }

  static func line(_ event: EventReport) -> String {
    let time = format(event.time, "yyyy-MM-dd HH:mm:ss.SSS")
    let kind = event.kind.padding(toLength: max(10, event.kind.count), withPad: " ", startingAt: 0)
    return "\(Paint.dim(time))  \(kind)  \(event.text)\(span(event))\(event.actor.map { " (by \($0))" } ?? "")"
  }

  /// From when to when, of an event that is made of several.
  private static func span(_ event: EventReport) -> String {
    guard let since = event.since.map({ format($0, "HH:mm:ss") }) else { return "" }
    let end = format(event.time, "HH:mm:ss")
    return since == end ? "" : ", \(since)–\(end)"
  }

  private static func explanation(_ event: EventReport) -> String {
    let margin = "\n" + String(repeating: " ", count: 37)
    let word = event.name + (event.reason.map { ", \($0)" } ?? "")
    return margin + Paint.dim("\(word): \(event.meaning)") + (event.advice == "nothing" ? "" : margin + Paint.dim("→ \(event.advice)"))
  }

  private static func format(_ time: Double, _ format: String) -> String {
    let formatter = DateFormatter()
    formatter.dateFormat = format
    return formatter.string(from: Date(timeIntervalSince1970: time))
  }
}

/// A counter for each reason something was refused.
struct CountersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "counters", abstract: "Packets by verdict, and a counter for each reason a packet or message was refused.",
    discussion: """
      When the daemon does not answer within a second, the packet path's own counters are read from the kernel, where they outlive it. \
      They are found by the configuration (--config). `packet-socket` has none there.
      """)
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var configuration: ConfigurationOptions
  @OptionGroup var output: OutputOptions
  @Flag(help: "Show those at zero too.") var all = false
  @Flag(help: "Do not ask the daemon: read the packet path's counters from the kernel.") var pinned = false

  private func report() async throws -> CountersReport {
    if pinned { return try PinnedPath(configuration.read()).report() }
    do { return try await daemon.client.get("/v1/counters", within: .seconds(1)) } catch let refusal as ControlError {
      guard let path = try? PinnedPath(configuration.parsed()) else { throw refusal }
      FileHandle.standardError.write(Data("\(refusal)\nThese are its packet path's own counters, from the kernel.\n".utf8))
      return path.report()
    }
  }

  func run() async throws {
    let report = try await report()
    if output.json { return try printJSON(report) }
    if report.source == .pinned {
      print(
        report.leaseMilliseconds > 0
          ? String(format: "lease: %.0f ms left\n", report.leaseMilliseconds) : "lease: run out, so this machine processes nothing\n")
    }
    let shown = report.counters.filter { all || $0.value > 0 }
    print(table([["group", "counter", "value", "meaning"]] + shown.map { [$0.group, $0.name, "\($0.value)", $0.meaning] }))
  }
}
