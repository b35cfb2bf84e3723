import Foundation

extension SkeinCluster {
  static let gatewayGroup: UInt16 = 7
  static let forwardersOfMember = 5
  /// What the hosts have as their default gateway.
  static func gatewayAddress(_ family: AddressFamily) -> String { family == .four ? Plan.clusterAddress(.four) : "fe80::7:1" }

  /// The part of `skein gateway status --json` that this lab looks at.
  private struct GatewayView: Decodable {
    struct Forwarder: Decodable {
      var forwarder: UInt8
      var home: String?
      var holder: String?
      var here: String
    }
    var forwarders: [Forwarder]
  }

  private func gateway(_ member: Int) throws -> GatewayView {
    let text = try topology.launcher.ask([program, "gateway", "status", "--json", "--api", api(member)])
    return try JSONDecoder().decode(GatewayView.self, from: Data(text.utf8))
  }

  /// Which member forwards for which virtual MAC address.
  func forwarders(of members: [Int]) throws -> [UInt8: Int] {
    var result: [UInt8: Int] = [:]
    for member in members {
      for forwarder in try gateway(member).forwarders where forwarder.here == "forwarding" { result[forwarder.forwarder] = member }
    }
    return result
  }

  /// Waits until these members forward for all virtual MAC addresses, each for those that the group says it holds, and each that has a
  /// home among them is there.
  func waitUntilForwarding(members: [Int]) throws {
    let count = topology.plan.memberCount * Self.forwardersOfMember
    let what = "\(count) virtual MAC addresses served by members \(members)"
    try wait(for: what, seconds: 60, everyMilliseconds: 100, detail: { explainForwarding(members) }) {
      let views = try? members.map { (topology.plan.address(ofMember: $0, .four), try gateway($0)) }
      guard let views else { return false }
      let addresses = Set(views.map(\.0))
      var served = 0
      for (address, view) in views {
        for forwarder in view.forwarders where forwarder.holder == address {
          guard forwarder.here == "forwarding" else { return false }
          if let home = forwarder.home, addresses.contains(home), home != address { return false }
          served += 1
        }
      }
      return served == count
    }
  }

  /// What each of them says of the group and of what happened, or why it says nothing, and the same of the cluster.
  private func explainForwarding(_ members: [Int]) -> String {
    let screens = members.flatMap { member in
      [["gateway", "status"], ["events"]].map { words in
        do { return try topology.launcher.ask([program] + words + ["--api", api(member)]) } catch { return "member \(member): \(error)" }
      }
    }
    return (screens + [explain(members)]).joined(separator: "\n")
  }

  func hardwareAddress(of member: Int) throws -> UInt64 {
    try topology.plan.namespace(ofMember: member).enter { try Lab.hardwareAddress(of: Plan.interface) }
  }
}
