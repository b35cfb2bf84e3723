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
    if let table = legacyTable() { return "iptables has a table \(table)" }
    // A kernel without nftables has no chains.
    return rule(in: (try? FirewallChain.all()) ?? [])
  }

  /// A table of those iptables that are not made of nftables: they tell nobody when it comes.
  static func legacyTable() -> String? {
    for file in ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"] {
      let tables = (try? String(contentsOfFile: file, encoding: .utf8))?.split(whereSeparator: \.isWhitespace) ?? []
      if let table = tables.first { return String(table) }
    }
    return nil
  }

  /// The first chain that forwarded packets pass, in words.
  static func rule(in chains: [FirewallChain]) -> String? {
    chains.first { ![.input, .output].contains($0.hook) }.map { "nftables has a chain “\($0.name)” at \($0.hook.rawValue)" }
  }
}
