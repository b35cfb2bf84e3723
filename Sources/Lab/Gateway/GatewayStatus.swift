/// The part of `skein gateway status --json` that the lab looks at.
struct GatewayStatus: Codable, Equatable {
  struct Gateway: Codable, Equatable {
    var address: String
    var state: String
    var priority: Int
    var isForeign: Bool
    var share: Double
  }
  struct Forwarder: Codable, Equatable {
    var forwarder: Int
    var virtualMac: String
    var home: String?
    var holder: String?
    var here: String
    var isHandedOut: Bool
    var packets: UInt64
    var octets: UInt64
    var clients: Int
  }
  var address: String
  var state: String
  var activeGateway: String?
  var standby: String?
  var residentBytes: Int
  var gateways: [Gateway]
  var forwarders: [Forwarder]

  /// Who holds which virtual MAC address.
  var holders: [String: String] {
    Dictionary(forwarders.compactMap { forwarder in forwarder.holder.map { (forwarder.virtualMac, $0) } }, uniquingKeysWith: { $1 })
  }

  /// Whether these gateways, and no others, are there with an active one and a standby, and every forwarder is at home.
  func isSettled(_ gateways: Set<String>, atHome: Bool) -> Bool {
    let present = Set(self.gateways.filter { $0.state != "silent" }.map(\.address)).union([address])
    let homes = Set(forwarders.compactMap(\.holder))
    return present == gateways && activeGateway.map(gateways.contains) ?? false && (gateways.count == 1 || standby != nil)
      && !forwarders.isEmpty && forwarders.allSatisfy { $0.holder != nil } && (!atHome || homes == gateways)
      && (!atHome || forwarders.allSatisfy { $0.holder == $0.home })
  }
}

extension SkeinDaemons {
  /// `skein gateway status --json` of a router, or of a member that is one.
  func gatewayStatus(_ machine: Int) throws -> GatewayStatus { try ask(machine, "gateway", "status") }
}
