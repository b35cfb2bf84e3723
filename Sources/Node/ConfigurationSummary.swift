import Foundation
import Wire

extension Configuration {
  /// What the configuration says, in sentences.
  public var summary: [String] {
    let addresses = cluster.addresses.map(\.description).joined(separator: ", ")
    let others = cluster.peers.isEmpty ? "by multicast" : "by unicast to \(cluster.peers.map(\.description).joined(separator: ", "))"
    let partition =
      cluster.partition == .majority
      ? "a side with fewer than \((cluster.configuredMembers ?? 1) / 2 + 1) of \(cluster.configuredMembers ?? 1) members serves nothing"
      : "each side of a partition serves what reaches it"
    return [
      "member \(cluster.member.rawValue) of cluster \(cluster.identifier.rawValue) “\(cluster.name)”, on \(cluster.interface)",
      "shares \(addresses), delivered by \(cluster.delivery.rawValue)",
      "a silent member loses its work units after \(cluster.detection.inMilliseconds) ms; \(partition)",
      "members talk \(others), UDP port \(cluster.port)",
      "weight \(cluster.weight), balanced by \(cluster.balance.rawValue)\(cluster.eager ? "" : ", units assigned only as their packets arrive")",
      "packet path: \(packetPath.rawValue); API at \(api)\(metrics.map { "; metrics at \($0.host):\($0.port)" } ?? "")",
    ]
  }

  /// What is legal but probably not meant.
  public var warnings: [String] {
    var warnings: [String] = []
    if !FileManager.default.isReadableFile(atPath: cluster.credentials) {
      warnings.append("cluster.credentials: \(cluster.credentials) cannot be read; `skein certificate issue` writes it")
    }
    if let revoked = cluster.revoked, !FileManager.default.isReadableFile(atPath: revoked) {
      warnings.append("cluster.revoked: \(revoked) cannot be read; until it can, nobody is revoked")
    }
    if cluster.detection < .milliseconds(50), !realtime {
      warnings.append("cluster.detection: below 50ms without `realtime: true`, a busy machine will look dead now and then")
    }
    if cluster.partition == .majority, let count = cluster.configuredMembers, count < 3 {
      warnings.append("cluster.partition: with \(count) members a majority needs all of them, so that any failure stops the service")
    }
    return warnings
  }
}
