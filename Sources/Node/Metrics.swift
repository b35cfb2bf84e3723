/// The state of the node as Prometheus text (exposition format 0.0.4).
enum Metrics {
  static func text(status: StatusReport, counters: CountersReport) -> String {
    var lines: [String] = []
    func gauge(_ name: String, _ help: String, _ values: [(labels: String, value: Double)]) {
      lines.append("# HELP skein_\(name) \(help)")
      lines.append("# TYPE skein_\(name) gauge")
      lines += values.map { "skein_\(name)\($0.labels.isEmpty ? "" : "{\($0.labels)}") \($0.value)" }
    }
    gauge("up", "1 while this machine is in the cluster.", [("", ["member", "master"].contains(status.state) ? 1 : 0)])
    gauge("master", "1 while this machine is the master.", [("", status.state == "master" ? 1 : 0)])
    gauge("term", "The master's reign; it grows by one with each new master.", [("", Double(status.term))])
    gauge("lease_seconds", "How much longer this machine may process its units.", [("", status.leaseMilliseconds / 1000)])
    gauge("members", "Members that this machine knows of.", [("", Double(status.members.count))])
    gauge(
      "units", "Work units, by the member that owns them.",
      status.members.map { ("member=\"\($0.member)\"", Double($0.units)) })
    gauge("units_acknowledged", "Work units whose owner has acknowledged.", [("", Double(status.units.acknowledged))])
    gauge("units_mine", "Work units that this machine owns.", [("", Double(status.units.mine))])
    gauge("keepalive_loss", "Loss average of keepalives (P).", [("", status.keepalive.loss)])
    gauge("held_packets", "Packets held for units without an owner.", [("", Double(status.hold.packets))])
    gauge("resident_bytes", "Memory that the daemon occupies.", [("", Double(status.residentBytes))])
    for group in ["packets", "cluster", "security"] {
      let members = counters.counters.filter { $0.group == group }
      guard !members.isEmpty else { continue }
      lines.append("# HELP skein_\(group)_total Counted by reason; `skein counters` explains each.")
      lines.append("# TYPE skein_\(group)_total counter")
      lines += members.map { "skein_\(group)_total{reason=\"\($0.name)\"} \($0.value)" }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
