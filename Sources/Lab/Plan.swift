/// IPv4 or IPv6.
public enum AddressFamily: String, CaseIterable, Codable, Sendable {
  case four = "4"
  case six = "6"
}

/// The lab on paper: who is there, what everything is called and which address it has. Nothing here touches the system.
struct Plan: Hashable, Sendable {
  /// Every name of a run begins with it, so that runs beside each other do not meet.
  let run: String
  let memberCount: Int

  static let memberLimit = 16
  static let clientAddressCount = 30
  static let prefix = "skn"

  /// - Parameter processIdentifier: the process that the run belongs to; when it is gone the run is a leftover.
  init(processIdentifier: Int32, memberCount: Int) throws {
    guard 1...Self.memberLimit ~= memberCount else {
      throw LabError.badOption("the lab has room for 1 to \(Self.memberLimit) members, not \(memberCount)")
    }
    run = "\(Self.prefix)\(processIdentifier)"
    self.memberCount = memberCount
  }

  /// The process that a namespace of this name belongs to, if the name is one of the lab's.
  static func owner(ofNamespace name: String) -> Int32? {
    guard name.hasPrefix(prefix), let dash = name.firstIndex(of: "-") else { return nil }
    return Int32(name[name.index(name.startIndex, offsetBy: prefix.count)..<dash])
  }

  var members: ClosedRange<Int> { 1...memberCount }
  var switchNamespace: Namespace { Namespace(name: "\(run)-switch") }
  var clientNamespace: Namespace { Namespace(name: "\(run)-client") }
  func namespace(ofMember member: Int) -> Namespace { Namespace(name: "\(run)-m\(member)") }
  var memberNamespaces: [Int: Namespace] { Dictionary(uniqueKeysWithValues: members.map { ($0, namespace(ofMember: $0)) }) }
  var namespaces: [Namespace] { [switchNamespace, clientNamespace] + members.map(namespace(ofMember:)) }

  /// The switch's port to a member.
  func port(ofMember member: Int) -> String { "m\(member)" }
  static let clientPort = "client"
  static let bridge = "switch"
  static let interface = "eth0"

  /// Where the run keeps its files. Short, because a Unix socket's path is at most 107 octets.
  var directory: String { "\(Self.parentDirectory)/\(run)" }
  static let parentDirectory = "/run/skein-lab"
}

extension Plan {
  static func clusterAddress(_ family: AddressFamily) -> String { family == .four ? "10.77.0.100" : "fd77::100" }
  static func prefixLength(_ family: AddressFamily) -> Int { family == .four ? 24 : 64 }

  func address(ofMember member: Int, _ family: AddressFamily) -> String {
    family == .four ? "10.77.0.\(10 + member)" : "fd77::\(10 + member)"
  }

  static func clientAddress(_ index: Int, _ family: AddressFamily) -> String {
    family == .four ? "10.77.0.\(200 + index)" : "fd77::\(200 + index)"
  }
}

extension Plan {
  /// `ip -batch` lines: the switch and a wire from it to everybody.
  var wiring: [String] {
    let links = [Self.clientPort] + members.map(port(ofMember:))
    let ends = [clientNamespace] + members.map(namespace(ofMember:))
    return ["link add \(Self.bridge) type bridge stp_state 0 mcast_snooping 0", "link set \(Self.bridge) up"]
      + zip(links, ends).flatMap { port, end in
        [
          "link add \(port) type veth peer name \(Self.interface) netns \(end.name)",
          "link set \(port) master \(Self.bridge) up",
        ]
      }
  }

  /// `ip -batch` lines for a member's own namespace.
  func addressing(ofMember member: Int) -> [String] {
    addressing(AddressFamily.allCases.map { "\(address(ofMember: member, $0))/\(Self.prefixLength($0))" })
  }

  /// `ip -batch` lines for the client's namespace: as many addresses as there are clients to play.
  var clientAddressing: [String] {
    addressing(
      AddressFamily.allCases.flatMap { family in
        (0..<Self.clientAddressCount).map { "\(Self.clientAddress($0, family))/\(Self.prefixLength(family))" }
      })
  }

  private func addressing(_ addresses: [String]) -> [String] {
    ["link set lo up"] + addresses.map { "address add \($0) dev \(Self.interface)\($0.contains(":") ? " nodad" : "")" }
      + ["link set \(Self.interface) up"]
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
    let inside = width * columns.count
    let rule = String(repeating: "─", count: inside)
    func row(_ line: Int) -> String { columns.map { $0[line] }.joined() }
    let title = "switch: a bridge in a namespace of its own"
    let lines =
      [
        "client: 30 addresses".centred(inside + 2),
        "10.77.0.200 … 229, fd77::200 … 229".centred(inside + 2),
        "│".centred(inside + 2),
        "┌" + "┴".centred(inside, with: "─") + "┐",
        "│" + (title.count <= inside ? title : "switch").centred(inside) + "│",
        "└" + columns.map { _ in "┬".centred(width, with: "─") }.joined() + "┘",
        " " + columns.map { _ in "│".centred(width) }.joined(),
      ] + (0..<4).map { " " + row($0) } + [" " + rule, " " + "all of them answer as \(Self.clusterAddress(.four))".centred(inside)]
    return lines.map { "  " + $0.trimmingTrailingSpaces }.joined(separator: "\n")
  }

  private func memberLines(_ member: Int) -> [String] {
    ["member \(member)", address(ofMember: member, .four), address(ofMember: member, .six), "nginx, UDP echo"]
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
