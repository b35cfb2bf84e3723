import Host
import Linux
import Logging
import Segments
import Wire

/// By which hardware addresses real servers are reached, as the kernel knows them: a server's own, or its router's.
struct ServerStations {
  let routes: RouteSocket
  let interface: NetworkInterface

  /// A look at the kernel's routes and neighbours; it asks again for those that it knows no longer, or not for certain.
  func look(for services: [VirtualServer]) -> [InternetAddress: EthernetAddress] {
    var stations: [InternetAddress: EthernetAddress] = [:]
    for address in Set(services.flatMap(\.servers).map(\.address)) {
      // Without a route the packets go to the kernel's stack, which explains it to their sender.
      guard let route = try? routes.route(to: address), !route.isLocal, route.interface == interface.index else { continue }
      let neighbour = route.gateway ?? address
      stations[address] = (try? routes.neighbour(neighbour, interface: interface.index)) ?? nil
      try? routes.useNeighbour(neighbour, interface: interface.index)
    }
    return stations
  }
}

extension Daemon {
  /// Tells the host of the services of the configuration, and the machine what they need of it.
  func startServices() {
    guard let cluster, !configuration.services.isEmpty else { return }
    do { try cluster.machine.routeForServices(configuration.services) } catch {
      logger.error("the services' packets cannot all be routed: \(error)")
    }
    handle(.virtualServers(configuration.services))
    lookForServers()
  }

  /// Once a second.
  func lookForServers() {
    guard let cluster, host.services != nil else { return }
    handle(
      .stations(ServerStations(routes: cluster.machine.routes, interface: cluster.machine.interface).look(for: configuration.services)))
  }

  func services() async -> ServicesReport? {
    guard let services = host.services else { return nil }
    return ServicesReport(
      services: services.virtualServers.enumerated().map { number, virtual in
        ServiceReport(
          name: virtual.name, address: "\(virtual.address)", port: Int(virtual.port), protocol: virtual.transport.rawValue,
          forwarding: "nat",
          servers: services.servers(of: number).map { state in
            ServerReport(
              address: "\(state.server.address)", port: Int(state.server.port), weight: state.server.weight, share: state.share,
              ethernetAddress: state.station.map { "\($0)" }, flows: state.flows)
          })
      }, flows: services.flowCount, flowLimit: configuration.flowLimit)
  }
}

extension Machine {
  /// Makes this machine a router between clients and servers, for what the packet path leaves to the kernel's stack.
  mutating func routeForServices(_ services: [VirtualServer]) throws {
    let conf = "net/ipv4/conf/\(interface.name)"
    if services.contains(where: { $0.address.ipv4 != nil }) {
      try changes.set("\(conf)/forwarding", to: "1")
      // An answer comes from a server, and leaves from a cluster address, which is this machine's as well.
      try changes.set("\(conf)/accept_local", to: "1")
      // A redirect would tell a server to answer the client by itself.
      try changes.set("net/ipv4/conf/all/send_redirects", to: "0")
      try changes.set("\(conf)/send_redirects", to: "0")
    }
    if services.contains(where: { $0.address.ipv4 == nil }) {
      try changes.set("net/ipv6/conf/\(interface.name)/forwarding", to: "1")
      // Of IPv6, an interface's own switch only says that it is a router's. The kernel forwards when the switch of all is on; since
      // Linux 6.17 one interface can be told to by itself.
      let single = "net/ipv6/conf/\(interface.name)/force_forwarding"
      let isThere = (try? Sysctl.read(single)) != nil
      try changes.set(isThere ? single : "net/ipv6/conf/all/forwarding", to: "1")
    }
  }
}
