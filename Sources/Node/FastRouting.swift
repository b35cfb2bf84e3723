import Foundation
import Linux
import Wire

/// Who routes what comes to a virtual MAC address: XDP by the kernel's own tables, or the kernel with all its rules.
enum FastRouting: Equatable {
  /// XDP, out of these interfaces.
  case on(interfaces: [UInt32])
  case off(why: String)

  var interfaces: [UInt32] {
    switch self {
    case .on(let interfaces): interfaces
    case .off: []
    }
  }

  /// As configured. By itself: XDP, unless this machine filters or translates what it forwards, which XDP would go around.
  static func decide(_ routing: GatewaySection.Routing) throws -> FastRouting {
    switch routing {
    case .kernel: return .off(why: "`gateway.routing` says so")
    case .xdp: return .on(interfaces: try ethernetInterfaces())
    case .automatic:
      if let rule = forwardingRule() {
        return .off(why: "\(rule), which XDP would go around; `gateway.routing: xdp` if that does not matter")
      }
      return .on(interfaces: try ethernetInterfaces())
    }
  }

  /// Those that XDP may send out of. What stands on other interfaces, bridges and VLANs among them, takes no frames from native XDP.
  private static func ethernetInterfaces() throws -> [UInt32] {
    try RouteSocket().interfaces().filter { interface in
      guard !interface.isLoopback, interface.ethernetAddress.bits != 0 else { return false }
      return !stacked.contains((try? Ethtool.driver(of: interface.name)) ?? "")
    }.map(\.index)
  }

  private static let stacked: Set = ["bridge", "802.1Q VLAN Support", "bonding", "team", "macvlan", "macsec", "dummy", "openvswitch"]

  /// What looks at forwarded packets on this machine; nil when nothing does.
  static func forwardingRule() -> String? {
    for file in ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"] {
      let tables = (try? String(contentsOfFile: file, encoding: .utf8))?.split(whereSeparator: \.isWhitespace) ?? []
      if let table = tables.first { return "iptables has a table \(table)" }
    }
    return hookedChain(in: output(of: "nft", "list", "chains") ?? "")
  }

  /// The first chain of `nft list chains` that forwarded packets pass.
  static func hookedChain(in listing: String) -> String? {
    var chain = ""
    for line in listing.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
      if line.hasPrefix("chain ") { chain = String(line.dropFirst(6).prefix { $0 != " " }) }
      let words = line.split(separator: " ")
      guard let hook = words.firstIndex(of: "hook"), words.indices.contains(hook + 1) else { continue }
      if ["forward", "prerouting", "postrouting"].contains(words[hook + 1]) {
        return "nftables has a chain “\(chain)” at \(words[hook + 1])"
      }
    }
    return nil
  }

  private static func output(of tool: String, _ arguments: String...) -> String? {
    let path = ["PATH": "/usr/sbin:/sbin:/usr/bin:/bin"]
    let outcome = try? ChildProcess.run(
      "/usr/bin/env", ["env", tool] + arguments, environment: path, within: .seconds(5), keeping: 1 << 24)
    guard let outcome, outcome.end == .exited(0) else { return nil }
    return String(decoding: outcome.output, as: UTF8.self)
  }
}
