import Host
import Linux
import Logging
import Segments
import Wire

/// By which hardware addresses real servers are reached, as the kernel knows them: a server's own, or its router's.
struct ServerStations {
  typealias Known = [InternetAddress: EthernetAddress]
  private var known: Known = [:]
  private var next = 0
  /// How many servers are looked at at once: the daemon's thread has leases to keep.
  private static let limit = 64

  /// A look at the kernel's routes and neighbours; it asks again for those that it knows no longer, or not for certain. Of many servers each
  /// look is at the next ones.
  mutating func look(for services: [VirtualServer], _ routes: RouteSocket, _ interface: NetworkInterface) -> Known {
    let wanted = Set(services.flatMap(\.servers).map(\.address))
    let addresses = wanted.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
    known = known.filter { wanted.contains($0.key) }
    for _ in 0..<min(Self.limit, addresses.count) {
      next = next + 1 < addresses.count ? next + 1 : 0
      let address = addresses[next]
      known[address] = nil
      // Without a route the packets go to the kernel's stack, which explains it to their sender.
      guard let route = try? routes.route(to: address), !route.isLocal, route.interface == interface.index else { continue }
      let neighbour = route.gateway ?? address
      known[address] = (try? routes.neighbour(neighbour, interface: interface.index)) ?? nil
      try? routes.useNeighbour(neighbour, interface: interface.index)
    }
    return known
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
    handle(.stations(serverStations.look(for: configuration.services, cluster.machine.routes, cluster.machine.interface)))
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
