/// The cluster's virtual servers on paper: what clients ask, and the machines behind it. These have a network of their own on the same
/// wire, and a cluster address of it is their gateway, so that their answers go back by the cluster.
extension Plan {
  /// One of the cluster's virtual servers.
  struct VirtualServer: Sendable {
    var name: String
    /// What clients ask, at the cluster address.
    var port: UInt16
    /// Where the servers listen.
    var serverPort: UInt16
  }

  static let web = VirtualServer(name: "web", port: 8080, serverPort: WebServer.port)
  static let echo = VirtualServer(name: "echo", port: 7777, serverPort: 7777)

  var servers: [Int] { Array(1..<serverCount + 1) }
  func namespace(ofServer server: Int) -> Namespace { Namespace(name: "\(run)-\(Self.serverName(server))") }
  /// What its nginx answers, and its port of the switch.
  static func serverName(_ server: Int) -> String { "s\(server)" }

  private static func serverNetwork(_ family: AddressFamily) -> String { family == .four ? "10.79.0." : "fd79::" }
  static func serverAddress(_ server: Int, _ family: AddressFamily) -> String { "\(serverNetwork(family))\(200 + server)" }
  /// The cluster address that servers have as their gateway.
  static func serverGateway(_ family: AddressFamily) -> String { "\(serverNetwork(family))100" }
  static func addressBesideServers(ofMember member: Int, _ family: AddressFamily) -> String { "\(serverNetwork(family))\(10 + member)" }

  /// `ip -batch` lines for a server's namespace.
  func addressing(ofServer server: Int) -> [String] {
    Self.addressing(Self.interface) { [Self.serverAddress(server, $0)] }
      + AddressFamily.allCases.map { "route add default via \(Self.serverGateway($0))" }
  }

  /// The servers' gateways, after the other cluster addresses of a configuration.
  var serverGateways: String {
    serverCount == 0 ? "" : AddressFamily.allCases.map { ", \"\(Self.serverGateway($0))/\($0.prefixLength)\"" }.joined()
  }

  /// The `services` of a member's configuration.
  func servicesSection(_ family: AddressFamily) -> String {
    guard serverCount > 0 else { return "" }
    return "services:\n"
      + [Self.web, Self.echo].map { virtual in
        """
          - name: \(virtual.name)
            address: "\(Self.clusterAddress(family))"
            port: \(virtual.port)
            servers:

        """ + servers.map { "      - { address: \"\(Self.serverAddress($0, family))\", port: \(virtual.serverPort) }\n" }.joined()
      }.joined() + "flows: 65536\n"
  }

  /// Below the lab's picture.
  var serverLines: [String] {
    guard let last = servers.last else { return [] }
    let addresses = Self.serverAddress(1, .four) + (last > 1 ? " … \(200 + last)" : "")
    return [
      "on the same switch: \(last) servers, \(addresses), with nginx and a TCP echo",
      "behind \(Self.clusterAddress(.four)) port \(Self.web.port) and \(Self.echo.port); their gateway is \(Self.serverGateway(.four))",
    ]
  }
}
