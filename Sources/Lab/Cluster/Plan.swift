/// IPv4 or IPv6.
public enum AddressFamily: String, CaseIterable, Codable, Sendable {
  case four = "4"
  case six = "6"

  /// Of the lab's networks.
  var prefixLength: Int { self == .four ? 24 : 64 }
}

/// Where a client sits.
public enum ClientSite: String, CaseIterable, Codable, Sendable {
  /// In the cluster's own network.
  case near
  /// In another network, behind a router.
  case far
}

/// The IP cluster's lab on paper.
struct Plan: LabPlan, Hashable {
  let run: String
  let memberCount: Int
  /// Machines behind the cluster, in a network of their own.
  let serverCount: Int

  static let memberLimit = 16
  static let serverLimit = 16
  static let clientAddressCount = 30
  static let prefix = "skn"
  static let parentDirectory = "/run/skein-lab"

  /// - Parameter processIdentifier: the process that the run belongs to; when it is gone the run is a leftover.
  init(processIdentifier: Int32, memberCount: Int, serverCount: Int = 0) throws {
    guard 1...Self.memberLimit ~= memberCount else {
      throw LabError.badOption("the lab has room for 1 to \(Self.memberLimit) members, not \(memberCount)")
    }
    guard 0...Self.serverLimit ~= serverCount else {
      throw LabError.badOption("the lab has room for \(Self.serverLimit) servers, not \(serverCount)")
    }
    run = "\(Self.prefix)\(processIdentifier)"
    self.memberCount = memberCount
    self.serverCount = serverCount
  }

  /// The process that a namespace of this name belongs to, if the name is one of the lab's.
  static func owner(ofNamespace name: String) -> Int32? {
    guard name.hasPrefix(prefix), let dash = name.firstIndex(of: "-") else { return nil }
    return Int32(name[name.index(name.startIndex, offsetBy: prefix.count)..<dash])
  }

  var members: ClosedRange<Int> { 1...memberCount }
  var machines: ClosedRange<Int> { members }
  var word: String { "member" }
  func interface(of machine: Int) -> String { Self.interface }
  var routerNamespace: Namespace { Namespace(name: "\(run)-router") }
  func clientNamespace(_ site: ClientSite) -> Namespace { Namespace(name: site == .near ? "\(run)-client" : "\(run)-far") }
  var memberNamespaces: [Int: Namespace] { Dictionary(uniqueKeysWithValues: members.map { ($0, namespace(of: $0)) }) }
  var namespaces: [Namespace] {
    [switchNamespace, routerNamespace] + ClientSite.allCases.map(clientNamespace) + members.map(namespace(of:))
      + servers.map(namespace(ofServer:))
  }

  var ports: [String] { ["client", "router"] + members.map(port(of:)) + servers.map(Self.serverName) }
  static let bridge = "switch"
  static let interface = "eth0"
  /// The router's other interface, towards the far clients.
  static let farInterface = "eth1"
}

extension Plan {
  static func clusterAddress(_ family: AddressFamily) -> String { family == .four ? "10.77.0.100" : "fd77::100" }
  /// The cluster addresses as `addresses` of a configuration has them.
  static let clusterAddresses = AddressFamily.allCases.map { "\"\(clusterAddress($0))/\($0.prefixLength)\"" }.joined(separator: ", ")

  func address(of member: Int, _ family: AddressFamily) -> String {
    family == .four ? "10.77.0.\(10 + member)" : "fd77::\(10 + member)"
  }

  static func clientAddress(_ index: Int, _ family: AddressFamily, _ site: ClientSite = .near) -> String {
    "\(network(family, site))\(200 + index)"
  }

  /// The near clients, and nobody else of their network.
  static func nearClients(_ family: AddressFamily) -> String { family == .four ? "10.77.0.192/26" : "fd77::200/122" }

  static func routerAddress(_ family: AddressFamily, _ site: ClientSite) -> String { "\(network(family, site))1" }

  private static func network(_ family: AddressFamily, _ site: ClientSite) -> String {
    switch (family, site) {
    case (.four, .near): "10.77.0."
    case (.four, .far): "10.78.0."
    case (.six, .near): "fd77::"
    case (.six, .far): "fd78::"
    }
  }
}

extension Plan {
  /// The switch, a wire from it to everybody, and the one behind the router.
  var wiring: [String] {
    let ends = [clientNamespace(.near), routerNamespace] + members.map(namespace(of:)) + servers.map(namespace(ofServer:))
    return wiring(Self.bridge, zip(ports, ends).map { ($0, Self.interface, $1) }) + [
      "link add \(Self.farInterface) netns \(routerNamespace.name) type veth peer name \(Self.interface) netns \(clientNamespace(.far).name)"
    ]
  }

  /// `ip -batch` lines for a member's own namespace.
  func addressing(ofMember member: Int) -> [String] {
    Self.addressing(Self.interface) { family in
      [address(of: member, family)] + (serverCount == 0 ? [] : [Self.addressBesideServers(ofMember: member, family)])
    } + Self.defaultRoutes(.near)
  }

  /// `ip -batch` lines for a client's namespace: as many addresses as there are clients to play.
  func addressing(ofClients site: ClientSite) -> [String] {
    Self.addressing(Self.interface) { family in (0..<Self.clientAddressCount).map { Self.clientAddress($0, family, site) } }
      + Self.defaultRoutes(site)
  }

  /// `ip -batch` lines for the router's namespace.
  var routerAddressing: [String] {
    [(Self.interface, ClientSite.near), (Self.farInterface, .far)].flatMap { interface, site in
      Self.addressing(interface) { [Self.routerAddress($0, site)] }
    }
  }

  private static func defaultRoutes(_ site: ClientSite) -> [String] {
    AddressFamily.allCases.map { "route add default via \(routerAddress($0, site))" }
  }
}

extension Plan {
  /// The lab as a picture.
  var drawing: String {
    let width = 17
    let columns = members.prefix(4).map { member in
      let isCut = member == 4 && memberCount > 4
      let lines = isCut ? ["…", "\(memberCount - 3) more", "", ""] : memberLines(member)
      return lines.map { $0.centred(width) }
    }
    let half = max(52, width * columns.count) / 2
    let inside = half * 2
    func halves(_ left: String, _ right: String, with filler: Character = " ") -> String {
      left.centred(half, with: filler) + right.centred(half, with: filler)
    }
    let lines =
      [
        " " + halves("client: 30 addresses", "router 10.77.0.1"),
        " " + halves("10.77.0.200 … 229", "far client: 10.78.0.200 …"),
        " " + halves("│", "│"),
        "┌" + halves("┴", "┴", with: "─") + "┐",
        "│" + "switch: a bridge in a namespace of its own".centred(inside) + "│",
        "└" + columns.map { _ in "┬".centred(width, with: "─") }.joined().centred(inside, with: "─") + "┘",
        " " + columns.map { _ in "│".centred(width) }.joined().centred(inside),
      ] + (0..<4).map { line in " " + columns.map { $0[line] }.joined().centred(inside) } + [
        " " + String(repeating: "─", count: inside), " " + "all of them answer as \(Self.clusterAddress(.four))".centred(inside),
      ] + serverLines.map { " " + $0.centred(inside) }
    return lines.map { "  " + $0.trimmingTrailingSpaces }.joined(separator: "\n")
  }

  private func memberLines(_ member: Int) -> [String] {
    ["member \(member)", address(of: member, .four), address(of: member, .six), "nginx, UDP echo"]
  }
}

extension String {
  /// The text in the middle of a field of this many characters.
  func centred(_ width: Int, with filler: Character = " ") -> String {
    let rest = max(0, width - count)
    return String(repeating: filler, count: rest / 2) + self + String(repeating: filler, count: rest - rest / 2)
  }

  var trimmingTrailingSpaces: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
