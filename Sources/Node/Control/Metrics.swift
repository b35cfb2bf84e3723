import Foundation
import Host

/// The state of the node as Prometheus text (exposition format 0.0.4).
enum Metrics {
  /// Asks the daemon and writes its answers down.
  static func text(of node: any Controllable) async -> String {
    text(status: await node.status(), gateway: await node.gatewayReport(), counters: await node.counters())
  }

  static func text(status: StatusReport?, gateway: GatewayReport?, counters: CountersReport) -> String {
    var page = Page()
    addInfo(status, gateway, to: &page)
    if let path = status?.packetPath ?? gateway?.packetPath { add(path, to: &page) }
    if let status { add(status, to: &page) }
    if let gateway { add(gateway, to: &page) }
    for group in counters.counters.map(\.group).uniqued {
      page.counters(
        "\(group)_total", "Counted by reason; `skein counters` explains each.",
        counters.counters.filter { $0.group == group }.map { ("reason=\"\($0.name)\"", $0.value) })
    }
    return page.lines.joined(separator: "\n") + "\n"
  }

  /// What the machine is, for rules that join the others' samples by cluster or gateway.
  private static func addInfo(_ status: StatusReport?, _ gateway: GatewayReport?, to page: inout Page) {
    var labels: [(String, String)] = []
    if let status {
      labels += [("cluster", status.cluster), ("cluster_id", "\(status.clusterIdentifier)"), ("member", "\(status.member)")]
    }
    if let gateway { labels += [("gateway", gateway.addresses.joined(separator: ",")), ("group", "\(gateway.group)")] }
    let text = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
    page.gauge("node_info", "1, with the cluster and the virtual gateway that this machine is part of.", [(text, 1)])
  }

  private static func add(_ path: PacketPathReport, to page: inout Page) {
    page.gauge(
      "packet_path_info", "1, with the packet path that is wanted and the one that runs.",
      [("wanted=\"\(path.wanted)\",running=\"\(path.running)\"", 1)])
    page.gauge(
      "packet_path_fallback", "1 while a slower packet path runs than the one that was tried first.", [("", path.isFallback ? 1 : 0)])
  }

  private static func add(_ status: StatusReport, to page: inout Page) {
    page.gauge("up", "1 while this machine is in the cluster.", [("", ["member", "master"].contains(status.state) ? 1 : 0)])
    page.gauge("master", "1 while this machine is the master.", [("", status.state == "master" ? 1 : 0)])
    page.gauge("term", "The master's reign; it grows by one with each new master.", [("", Double(status.term))])
    page.gauge("lease_seconds", "How much longer this machine may process its units.", [("", status.leaseMilliseconds / 1000)])
    page.gauge("members", "Members that this machine knows of.", [("", Double(status.members.count))])
    page.gauge(
      "units", "Work units, by the member that owns them.",
      status.members.map { ("member=\"\($0.member)\"", Double($0.units)) })
    page.gauge("units_acknowledged", "Work units whose owner has acknowledged.", [("", Double(status.units.acknowledged))])
    page.gauge("units_mine", "Work units that this machine owns.", [("", Double(status.units.mine))])
    page.gauge("keepalive_loss", "Loss average of keepalives (P).", [("", status.keepalive.loss)])
    page.gauge("held_packets", "Packets held for units without an owner.", [("", Double(status.hold.packets))])
    page.gauge("resident_bytes", "Memory that the daemon occupies.", [("", Double(status.residentBytes))])
  }

  private static func add(_ gateway: GatewayReport, to page: inout Page) {
    page.gauge("gateway_active", "1 while this machine is the active virtual gateway.", [("", gateway.state == "active" ? 1 : 0)])
    page.gauge("gateway_gateways", "Gateways of the group that this machine knows of.", [("", Double(gateway.gateways.count))])
    page.gauge("gateway_weight", "This machine's weight, less what is down.", [("", Double(gateway.weight))])
    page.gauge("gateway_clients", "Hosts that this machine has answered.", [("", Double(gateway.clients))])
    func label(_ forwarder: ForwarderReport) -> String { "forwarder=\"\(forwarder.forwarder)\",mac=\"\(forwarder.virtualMac)\"" }
    page.gauge(
      "gateway_forwarder_here", "1 while this machine forwards for the virtual MAC address.",
      gateway.forwarders.map { (label($0), $0.here == "forwarding" ? 1 : 0) })
    page.counters(
      "gateway_forwarder_packets_total", "Packets that this machine forwarded for the virtual MAC address.",
      gateway.forwarders.map { (label($0), $0.packets) })
    page.counters(
      "gateway_forwarder_octets_total", "Octets of the frames that this machine forwarded for the virtual MAC address.",
      gateway.forwarders.map { (label($0), $0.octets) })
  }

  /// The lines of the text format.
  private struct Page {
    private(set) var lines: [String] = []

    mutating func gauge(_ name: String, _ help: String, _ values: [(labels: String, value: Double)]) {
      add("gauge", name, help, values.map { ($0.labels, "\($0.value)") })
    }

    /// Whole numbers: a counter keeps its last digit.
    mutating func counters(_ name: String, _ help: String, _ values: [(labels: String, value: UInt64)]) {
      add("counter", name, help, values.map { ($0.labels, "\($0.value)") })
    }

    private mutating func add(_ type: String, _ name: String, _ help: String, _ values: [(labels: String, value: String)]) {
      guard !values.isEmpty else { return }
      lines.append("# HELP skein_\(name) \(help)")
      lines.append("# TYPE skein_\(name) \(type)")
      lines += values.map { "skein_\(name)\($0.labels.isEmpty ? "" : "{\($0.labels)}") \($0.value)" }
    }
  }
}

extension [String] {
  /// Each once, in the order of their first.
  fileprivate var uniqued: [String] {
    var seen: Set<String> = []
    return filter { seen.insert($0).inserted }
  }
}
