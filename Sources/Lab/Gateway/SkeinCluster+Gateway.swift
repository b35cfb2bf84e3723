import Foundation

extension SkeinCluster {
  static let gatewayGroup: UInt16 = 7
  static let forwardersOfMember = 5
  /// What the hosts have as their default gateway.
  static func gatewayAddress(_ family: AddressFamily) -> String { family == .four ? Plan.clusterAddress(.four) : "fe80::7:1" }

  static var gatewaySection: String {
    """
    gateway:
      group: \(gatewayGroup)
      address: [\(AddressFamily.allCases.map { "\"\(gatewayAddress($0))\"" }.joined(separator: ", "))]
      forwarders: \(forwardersOfMember)
      forwarderPreempt: 1s
      steering: { method: moves, window: 1s, betweenMoves: 1s }

    """
  }

  /// Which member forwards for which virtual MAC address.
  func forwarders(of members: [Int]) throws -> [UInt8: Int] {
    try members.reduce(into: [:]) { result, member in
      for forwarder in try gatewayStatus(member).forwarders where forwarder.here == "forwarding" {
        result[UInt8(clamping: forwarder.forwarder)] = member
      }
    }
  }

  /// Waits until these members forward for all virtual MAC addresses, each for those that the group says it holds, and each that has a
  /// home among them is there.
  func waitUntilForwarding(members: [Int]) throws {
    let count = topology.plan.memberCount * Self.forwardersOfMember
    let what = "\(count) virtual MAC addresses served by members \(members)"
    try wait(for: what, seconds: 60, everyMilliseconds: 100, detail: { explain(members, ["gateway", "status"], ["events"], ["status"]) }) {
      let views = try? members.map { (topology.plan.address(of: $0, .four), try gatewayStatus($0)) }
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

  func hardwareAddress(of member: Int) throws -> UInt64 {
    try topology.plan.namespace(of: member).enter { try Lab.hardwareAddress(of: Plan.interface) }
  }
}
