import Foundation
import Host
import Wire

extension Configuration {
  /// What the configuration says, in sentences.
  public var summary: [String] {
    (cluster?.summary ?? []) + (gateway?.summary(isInCluster: cluster != nil) ?? []) + serviceSummary + [
      "packet path: \(packetPath.rawValue); API at \(api)\(metrics.map { "; metrics at \($0.host):\($0.port)" } ?? "")"
    ]
  }

  /// What is legal but probably not meant.
  public var warnings: [String] {
    (cluster?.warnings(isRealtime: realtime) ?? []) + (gateway?.warnings(isInCluster: cluster != nil, isRealtime: realtime) ?? [])
  }
}

extension ClusterSection {
  fileprivate var summary: [String] {
    let shared = addresses.map(\.description).joined(separator: ", ")
    let others = peers.isEmpty ? "by multicast" : "by unicast to \(peers.map(\.description).joined(separator: ", "))"
    let sides =
      partition == .majority
      ? "a side with fewer than \((configuredMembers ?? 1) / 2 + 1) of \(configuredMembers ?? 1) members serves nothing"
      : "each side of a partition serves what reaches it"
    return [
      "member \(member.rawValue) of cluster \(identifier.rawValue) “\(name)”, on \(interface)",
      addresses.isEmpty ? "shares a virtual gateway and no address" : "shares \(shared), delivered by \(delivery.rawValue)",
      "a silent member loses its work units after \(detection.inMilliseconds) ms; \(sides)",
      "members talk \(others), UDP port \(port)",
      "weight \(weight), balanced by \(balance.rawValue)\(eager ? "" : ", units assigned only as their packets arrive")",
    ]
  }

  fileprivate func warnings(isRealtime: Bool) -> [String] {
    var warnings: [String] = []
    if !FileManager.default.isReadableFile(atPath: credentials) {
      warnings.append("cluster.credentials: \(credentials) cannot be read; `skein certificate issue` writes it")
    }
    if let revoked, !FileManager.default.isReadableFile(atPath: revoked) {
      warnings.append("cluster.revoked: \(revoked) cannot be read; until it can, nobody is revoked")
    }
    if detection < .milliseconds(50), !isRealtime {
      warnings.append("cluster.detection: below 50ms without `realtime: true`, a busy machine will look dead now and then")
    }
    if partition == .majority, let configuredMembers, configuredMembers < 3 {
      warnings.append(
        "cluster.partition: with \(configuredMembers) members a majority needs all of them, so that any failure stops the service")
    }
    return warnings
  }
}

extension GatewaySection {
  fileprivate func summary(isInCluster: Bool) -> [String] {
    let election =
      isInCluster
      ? "inside the cluster: its master answers the hosts, its leases protect the virtual MAC addresses"
      : "speaks GLBP, priority \(priority): hello \(timers.hello.inMilliseconds) ms, a gateway silent for \(timers.hold.inMilliseconds) ms is dead"
    return [
      "gateway of group \(group), on \(interface): the hosts' default gateway is \(addresses.map(\.description).joined(separator: ", "))",
      election,
      "home to \(forwarderCount) virtual MAC addresses; hosts are answered by \(answers.rawValue), traffic is steered by \(steering.method.rawValue)",
    ]
      + (tracked.isEmpty
        ? [] : ["weight \(weight.maximum), less while down: \(tracked.map { "\($0.what) \($0.subtract)" }.joined(separator: ", "))"])
  }

  fileprivate func warnings(isInCluster: Bool, isRealtime: Bool) -> [String] {
    var warnings: [String] = []
    switch authentication {
    case .none where !isInCluster:
      warnings.append("gateway.authentication: without a key, any machine of this network can take the group over")
    case .key(let file) where !FileManager.default.isReadableFile(atPath: file):
      warnings.append("gateway.authentication.key: \(file) cannot be read; `openssl rand -hex 32` makes one, the same for all gateways")
    case .key(let file) where Self.isReadByOthers(file):
      warnings.append("gateway.authentication.key: \(file) can be read by others than root; `chmod 600 \(file)`")
    case .text: warnings.append("gateway.authentication.text: anybody on this network can read it; `key` is a secret")
    case .none, .key: break
    }
    if timers.hold < .milliseconds(100), !isRealtime {
      warnings.append("gateway.hold: below 100ms without `realtime: true`, a busy machine will look dead now and then")
    }
    if weight.lower > 1, tracked.isEmpty {
      warnings.append("gateway.weight.lower: nothing is tracked, so the weight never changes")
    }
    return warnings
  }

  private static func isReadByOthers(_ file: String) -> Bool {
    let mode = (try? FileManager.default.attributesOfItem(atPath: file))?[.posixPermissions] as? NSNumber
    return mode.map { $0.intValue & 0o077 != 0 } ?? false
  }
}
