import CPacketPath
import Segments
import Wire

extension VirtualServer {
  /// The `services` list of the configuration. What cannot work is a problem, with its line.
  static func read(_ file: inout SectionReader, cluster: ClusterSection?) -> [VirtualServer] {
    var services: [VirtualServer] = []
    if file.isSet("services"), cluster == nil {
      file.problem("services", "needs a `cluster` section: virtual servers stand at the cluster's addresses")
    }
    file.sections("services") { section in
      guard let service = read(&section, cluster: cluster, number: services.count + 1) else { return }
      if services.contains(where: { $0.name == service.name }) {
        section.problem("name", "“\(service.name)” is another service's name already")
      }
      if let other = services.first(where: { $0.isSamePlace(as: service) }) {
        section.problem("port", "\(service.place) is the service “\(other.name)” already")
      }
      checkServers(of: service, beside: services, &section)
      services.append(service)
    }
    let serverCount = services.reduce(0) { $0 + $1.servers.count }
    if services.count > Int(skein_virtual_server_count) {
      file.problem("services", "has \(services.count) services; at most \(skein_virtual_server_count) fit the packet path's table")
    }
    if serverCount > Int(skein_server_count) {
      file.problem("services", "has \(serverCount) servers; at most \(skein_server_count) fit the packet path's table")
    }
    return services
  }

  private static func read(_ section: inout SectionReader, cluster: ClusterSection?, number: Int) -> VirtualServer? {
    let name = section.value("name", expecting: "a name of at most 64 letters, digits, - and _") {
      (1...64).contains($0.utf8.count) && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") } ? $0 : nil
    }
    let address = section.value("address", expecting: "an IPv4 or IPv6 address", InternetAddress.init(text:))
    let shared = cluster?.addresses.map(\.address) ?? []
    if let address, cluster != nil, !shared.contains(address) {
      section.problem("address", "\(address) is none of the cluster's addresses: \(shared.map(\.description).joined(separator: ", "))")
    }
    if cluster != nil, shared.isEmpty { section.problem("address", "the cluster has no address of its own for a service") }
    let port = section.number("port", in: 1...UInt16.max)
    if !section.isSet("port") { section.problem("port", "is missing; name the port that clients use, such as 80") }
    let transport = section.choice("protocol", Transport.self) ?? .tcp
    var timers = Timers(transport)
    section.section("timeouts") { section in
      let range = Interval.seconds(1)...Interval.seconds(7 * 86_400)
      if let time = section.time("established", in: range) { timers.established = time }
      if let time = section.time("halfOpen", in: range) { timers.halfOpen = time }
      if let time = section.time("closing", in: range) { timers.closing = time }
    }
    let place = address ?? shared.first
    let servers = readServers(&section, of: place, port: port)
    guard let port, let place else { return nil }
    return VirtualServer(
      name: name ?? "service-\(number)", address: place, port: port, transport: transport, servers: servers, timers: timers)
  }

  private static func readServers(_ section: inout SectionReader, of virtual: InternetAddress?, port: UInt16?) -> [RealServer] {
    var servers: [RealServer] = []
    section.sections("servers") { section in
      let address = section.value("address", expecting: "an IPv4 or IPv6 address", InternetAddress.init(text:))
      let ownPort = section.number("port", in: 1...UInt16.max)
      let weight = section.number("weight", in: 0...10_000) ?? 1
      guard let address else {
        if !section.isSet("address") { section.problem("address", "is missing; name the server's address, such as 10.0.0.11") }
        return
      }
      if let why = address.whyUnusable ?? address.whyNeedsInterface {
        section.problem("address", "\(address) cannot be a server: \(why)")
      } else if let virtual, virtual.family != address.family {
        section.problem("address", "\(address) cannot be behind \(virtual): the client's address is kept, and is of one family")
      }
      guard let port = ownPort ?? port else { return }
      servers.append(RealServer(address: address, port: port, weight: weight))
    }
    if !section.isSet("servers") { section.problem("servers", "is missing; name those that do the work, such as - address: 10.0.0.11") }
    return servers
  }

  private static func checkServers(of service: VirtualServer, beside others: [VirtualServer], _ section: inout SectionReader) {
    var seen: Set<Server> = []
    for server in service.servers {
      let place = "\(server.address) port \(server.port)/\(service.transport)"
      if !seen.insert(Server(address: server.address, port: server.port)).inserted {
        section.problem("servers", "names \(place) twice")
      } else if let other = others.first(where: { $0.transport == service.transport && $0.hasServer(server) }) {
        // The server's answer says where it comes from, and not which service was asked.
        section.problem(
          "servers",
          "\(place) is a server of “\(other.name)” already: its answers would be either service's; give it another port for this one")
      }
      if server.address == service.address { section.problem("servers", "\(server.address) is the service's own address") }
    }
  }

  private struct Server: Hashable {
    var address: InternetAddress
    var port: UInt16
  }

  private func hasServer(_ server: RealServer) -> Bool { servers.contains { $0.address == server.address && $0.port == server.port } }
  private func isSamePlace(as other: VirtualServer) -> Bool {
    address == other.address && port == other.port && transport == other.transport
  }

  /// Where clients find it.
  var place: String { "\(address) port \(port)/\(transport)" }
}

extension Configuration {
  /// What the `services` list says, in sentences.
  var serviceSummary: [String] {
    services.map { service in
      let table = ChoiceTable(service.servers)
      let servers = service.servers.enumerated().map { index, server in
        let share = (table.share(of: index) * 1000).rounded() / 10
        return "\(server.address) port \(server.port) (\(share) %)"
      }
      return "service “\(service.name)” at \(service.place): \(servers.joined(separator: ", "))"
    } + (services.isEmpty ? [] : ["remembers \(flowLimit) flows, which take \((flowLimit * 80) >> 20) MiB of memory"])
  }
}
