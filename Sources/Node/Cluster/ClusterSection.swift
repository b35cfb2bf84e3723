import Host
import Wire

extension ClusterSection {
  /// The bounds and defaults of the `cluster` section.
  enum Limits {
    static let detection = Interval.milliseconds(20)...Interval.seconds(60)
    static let defaultDetection = Interval.milliseconds(200)
    static let addressCount = 16
    static let peerCount = 256
    static let serviceCount = 16
    static let nameLength = 64
    static let holdPackets = 0...1_000_000
    /// From one ordinary frame on: with less, none is ever held.
    static let holdOctets = 2 << 10...1 << 30
    static let holdTime = Interval.milliseconds(1)...Interval.seconds(60)
    static let hookTimeout = Interval.milliseconds(10)...Interval.seconds(600)
  }

  /// Reads the section; nil when something that has no default is missing.
  /// - Parameter hasGateway: whether a virtual gateway is inside: its addresses may be all that the members share.
  init?(_ section: inout SectionReader, hasGateway: Bool) {
    let name = section.text("name") ?? "skein"
    if name.utf8.count > Limits.nameLength || !name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }) {
      section.problem("name", "“\(name)” should be made of letters, digits, - and _, at most \(Limits.nameLength)")
    }
    let identifier = section.number("id", in: UInt16(1)...65535)
    let member = section.number("member", in: UInt16(1)...65534)
    let interface = section.sharedInterface("interface")
    let credentials = section.text("credentials")
    for needed in ["id", "member", "interface", "addresses", "credentials"] where !section.isSet(needed) {
      guard needed != "addresses" || !hasGateway else { continue }
      section.problem(needed, "is missing; \(Self.advice[needed] ?? "it has no default")")
    }
    let own = Self.readAddress(&section)
    let addresses = Self.readAddresses(&section, own: own)
    let peers = Self.readPeers(&section, own: own, addresses)
    self.init(
      name: name, identifier: ClusterIdentifier(rawValue: identifier ?? 0), member: MemberIdentifier(rawValue: member ?? 0),
      interface: interface ?? "", address: own, addresses: addresses,
      delivery: section.choice("delivery", Delivery.self) ?? .multicast,
      detection: section.time("detection", in: Limits.detection, why: "below 20ms ordinary scheduling looks like death")
        ?? Limits.defaultDetection,
      credentials: credentials ?? "", revoked: section.text("revoked"), personality: section.text("personality"),
      partition: section.choice("partition", Partition.self) ?? .serve,
      configuredMembers: section.number("members", in: 1...256), weight: section.number("weight", in: UInt16(1)...10000) ?? 100,
      balance: section.choice("balance", Balance.self) ?? .weight, eager: section.flag("eager") ?? true,
      peers: peers, port: section.number("port", in: UInt16(1)...65535) ?? ClusterTransport.port, routing: section.flag("routing") ?? false,
      sourceOnly: [], l2tpSessions: false, hold: HoldLimits(packetCount: 4096, byteCount: 8 << 20, duration: .seconds(1)),
      hooks: Hooks(join: nil, arrived: nil, departed: nil, timeout: .seconds(2)))
    readHash(&section)
    readHold(&section)
    readHooks(&section)
    checkTogether(&section)
    let isExplained = section.problems.problems.contains { $0.setting == "cluster.addresses" }
    if section.isSet("addresses"), addresses.isEmpty, !hasGateway, !isExplained {
      section.problem("addresses", "names no address that could be shared")
    }
    if hasGateway, delivery == .forwarding {
      section.problem(
        "delivery", "should be multicast or unicast beside a `gateway` section: a virtual MAC address has no master before it")
    }
    guard identifier != nil, member != nil, interface != nil, credentials != nil, !addresses.isEmpty || hasGateway else { return nil }
  }

  private static let advice = [
    "id": "every cluster on a network needs its own number, 1 to 65535, the same on all its members",
    "member": "every member needs its own number, 1 to 65534, the one in its certificate",
    "interface": "name the network interface that carries the cluster addresses, such as eth0",
    "addresses": "name the addresses that the members share, such as [192.0.2.10/24], or add a `gateway` section",
    "credentials": "`skein certificate issue` writes the file",
  ]

  private static func readAddresses(_ section: inout SectionReader, own: InternetAddress?) -> [InternetPrefix] {
    let what = "an address with a prefix length, such as 192.0.2.10/24"
    let addresses =
      section.list("addresses", expecting: what, InternetPrefix.init(text:)) { prefix in
        if prefix.address == own { return "\(prefix.address) is also this machine's own address; the cluster needs one of its own" }
        let why = prefix.whyUnusable ?? prefix.address.whyNeedsInterface
        return why.map { "\(prefix.address) cannot be shared: \($0)" }
      } ?? []
    if addresses.count > Limits.addressCount {
      section.problem("addresses", "has \(addresses.count) addresses; at most \(Limits.addressCount) fit the packet path's table")
    }
    if Set(addresses.map(\.address)).count != addresses.count { section.problem("addresses", "names an address twice") }
    return addresses
  }

  private static func readAddress(_ section: inout SectionReader) -> InternetAddress? {
    let own = section.value("address", expecting: "an IPv4 or IPv6 address") {
      InternetPrefix(text: $0) ?? InternetAddress(text: $0).flatMap { InternetPrefix(address: $0, length: $0.ipv4 == nil ? 128 : 32) }
    }
    guard let own else { return nil }
    if let why = own.whyUnusable {
      section.problem("address", "\(own.address) cannot be this machine's own address: \(why)")
    } else if own.address.isLinkLocal {
      section.problem("address", "\(own.address) is a link-local address; the members talk by one that is the machine's for good")
    }
    return own.address
  }

  /// This machine's own address may be among them, so that the list can be the same on all machines.
  private static func readPeers(_ section: inout SectionReader, own: InternetAddress?, _ addresses: [InternetPrefix]) -> [InternetAddress] {
    let shared = Set(addresses.map(\.address))
    var seen: Set<InternetAddress> = []
    let peers =
      section.list("peers", expecting: "an IPv4 or IPv6 address", InternetAddress.init(text:)) { peer in
        guard seen.insert(peer).inserted else { return "\(peer) is named twice" }
        if shared.contains(peer) { return "\(peer) is a cluster address, which all members have; name the other members' own addresses" }
        if let own, own.family != peer.family { return "\(peer) cannot be reached from \(own), this machine's own address" }
        return peer.whyUnusable.map { "\(peer) cannot be a member's address: \($0)" }
      } ?? []
    if section.isSet("peers"), peers.isEmpty { section.problem("peers", "names nobody; remove it where multicast is carried") }
    if let own, !peers.isEmpty, peers.allSatisfy({ $0 == own }) { section.problem("peers", "names only this machine; name the others") }
    if Set(peers.map(\.family)).count > 1 {
      section.problem("peers", "mixes IPv4 and IPv6; the members' own traffic uses one of them")
    }
    if peers.count > Limits.peerCount {
      section.problem("peers", "has \(peers.count) addresses; a cluster has at most \(Limits.peerCount) members")
    }
    return peers
  }

  private mutating func readHash(_ section: inout SectionReader) {
    var services: [SourceOnlyService] = []
    var sessions = false
    section.section("hash") { hash in
      services =
        hash.list("sourceOnly", expecting: "a protocol or port/protocol such as esp, gre, 500/udp", SourceOnlyService.init(text:)) ?? []
      sessions = hash.flag("l2tpSessions") ?? false
      if services.count > Limits.serviceCount {
        hash.problem("sourceOnly", "names \(services.count) services; at most \(Limits.serviceCount) fit the packet path's table")
      }
    }
    sourceOnly = services
    l2tpSessions = sessions
  }

  private mutating func readHold(_ section: inout SectionReader) {
    var hold = self.hold
    section.section("hold") { reader in
      hold.packetCount = reader.number("packets", in: Limits.holdPackets) ?? hold.packetCount
      hold.byteCount = reader.size("octets", in: Limits.holdOctets, named: "2KiB to 1GiB") ?? hold.byteCount
      hold.duration = reader.time("time", in: Limits.holdTime) ?? hold.duration
    }
    self.hold = hold
  }

  private mutating func readHooks(_ section: inout SectionReader) {
    var hooks = self.hooks
    section.section("hooks") { reader in
      hooks.join = reader.text("join")
      hooks.arrived = reader.text("arrived")
      hooks.departed = reader.text("departed")
      hooks.timeout = reader.time("timeout", in: Limits.hookTimeout) ?? hooks.timeout
    }
    self.hooks = hooks
  }

  /// What is wrong only in combination.
  private func checkTogether(_ section: inout SectionReader) {
    if partition == .majority, configuredMembers == nil {
      section.problem("partition", "majority needs `members:`, the number of machines when all are there")
    }
  }
}

extension ClusterSection.SourceOnlyService {
  private static let protocols: [String: UInt8] = [
    "icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "l2tp": 115, "sctp": 132,
  ]

  /// Reads `esp`, `47`, `500/udp`, `udp`.
  init?(text: String) {
    let parts = text.lowercased().split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, parts.count <= 2, let ipProtocol = Self.protocols[String(name)] ?? UInt8(name) else { return nil }
    guard parts.count == 2 else {
      self.init(ipProtocol: ipProtocol, port: 0)
      return
    }
    guard let port = UInt16(parts[0]), port > 0, ipProtocol == 6 || ipProtocol == 17 || ipProtocol == 132 else { return nil }
    self.init(ipProtocol: ipProtocol, port: port)
  }
}
