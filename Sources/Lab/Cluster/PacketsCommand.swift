import Foundation

/// `skein lab packets`: what is not an ordinary datagram or connection. Datagrams in fragments, downloads through a router whose other
/// link takes shorter packets, and frames with a VLAN tag.
public struct PacketsCommand: LabCommand {
  var options: LabOptions

  /// All is sent by both families, but for the tagged frames, by IPv4.
  public init(options: LabOptions) { self.options = options }

  private static let downloadCount = 60
  private static let taggedCount = 300
  /// Of the link behind the router; the least that IPv6 allows.
  private static let farUnit = 1280
  private static let fragmentedByteCount = 4000

  /// Sends the fragments, fetches the downloads and sends the tagged frames, on one cluster. `LabError.missingTool` without curl.
  public func run() throws -> PacketsReport {
    try requireTools(["curl": "curl"])
    return try options.withCluster { cluster in
      PacketsReport(
        mode: options.mode, fragments: try AddressFamily.allCases.map { try fragments(cluster, $0) },
        downloads: try AddressFamily.allCases.map { try downloads(cluster, $0) }, tagged: try tagged(cluster))
    }
  }

  private func fragments(_ cluster: SkeinCluster, _ family: AddressFamily) throws -> PacketsReport.Fragments {
    options.console.say("datagrams of \(Self.fragmentedByteCount) octets, in three fragments each, IPv\(family.rawValue)")
    let settings = Prober.Settings(
      family: family, flowsPerMember: 40, candidateCount: 120, intervalMicroseconds: 50_000, questionByteCount: Self.fragmentedByteCount)
    let prober = try Prober(plan: cluster.topology.plan, settings: settings)
    try pause(milliseconds: 1000)
    let ledger = try prober.finish()
    return .init(
      family: family, datagrams: ledger.probeCount, lost: ledger.lost(),
      answeredTwice: ledger.answeredTwice, members: Set(ledger.flows.indices.compactMap { ledger.owner(ofFlow: $0) }).count)
  }

  /// The server's first long segment does not fit behind the router, which says so to the cluster address: only if the member whose
  /// connection it is hears of it does the download go on.
  private func downloads(_ cluster: SkeinCluster, _ family: AddressFamily) throws -> PacketsReport.Downloads {
    let topology = cluster.topology
    let router = topology.plan.routerNamespace
    try topology.launcher.run(["ip", "-n", router.name, "link", "set", Plan.farInterface, "mtu", "\(Self.farUnit)"])
    defer { _ = try? topology.launcher.run(["ip", "-n", router.name, "link", "set", Plan.farInterface, "mtu", "1500"]) }
    let url = WebServer.url(family) + "large"
    options.console.say(
      "\(Self.downloadCount) downloads of \(url) by far clients; behind the router a packet has at most \(Self.farUnit) octets")
    let script = (0..<Self.downloadCount).map { index in
      "curl --silent --max-time 5 --interface \(Plan.clientAddress(index % Plan.clientAddressCount, family, .far)) '\(url)' "
        + "| awk 'NR == 1 { name = $0 } { octets += length($0) } END { print name, octets }'"
    }.joined(separator: "\n")
    let lines = try topology.launcher.run(["sh", "-c", script], in: topology.plan.clientNamespace(.far)).split(separator: "\n")
    let complete = lines.compactMap { line -> Int? in
      let words = line.split(separator: " ")
      guard words.count == 2, let member = WebServer.member(named: words[0]), let octets = Int(words[1]) else { return nil }
      return octets > WebServer.largeByteCount ? member : nil
    }
    let errors = topology.plan.members.map { tooBigReceived(topology.plan.namespace(of: $0), family) }.reduce(0, +)
    return .init(family: family, wanted: Self.downloadCount, complete: complete.count, members: Set(complete).count, errorsHeard: errors)
  }

  /// ICMP errors of this kind that the member's own stack has received, by its own count.
  private func tooBigReceived(_ namespace: Namespace, _ family: AddressFamily) -> Int {
    guard family == .six else { return KernelBooks.protocolCounter(KernelBooks.table("snmp", in: namespace), "Icmp", "InDestUnreachs") }
    let line = KernelBooks.table("snmp6", in: namespace).split(separator: "\n").first { $0.hasPrefix("Icmp6InPktTooBigs") }
    return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) } ?? 0
  }

  /// A datagram to the cluster address in a frame with an 802.1Q tag: VLAN 5. Nobody is meant to answer it.
  /// - Parameters:
  ///   - destination: an Ethernet address, as `ip neighbour` prints it.
  ///   - number: gives it a source address and port of its own.
  private static func tagged(to destination: String, _ number: Int) -> [UInt8] {
    let source = LanFrame.address(Plan.clientAddress(number % Plan.clientAddressCount, .four))
    let cluster = LanFrame.address(Plan.clusterAddress(.four))
    return destination.split(separator: ":").compactMap { UInt8($0, radix: 16) } + [0x02, 0, 0, 0, 0, 0x99, 0x81, 0, 0, 5, 0x08, 0]
      + datagram(from: (source, UInt16(20_000 + number)), to: (cluster, 9), [UInt8](repeating: 0, count: 8))
  }

  private func tagged(_ cluster: SkeinCluster) throws -> PacketsReport.Tagged {
    let topology = cluster.topology
    options.console.say("\(Self.taggedCount) datagrams in VLAN 5, as frames")
    // A tag that a veth carries beside the frame would be hidden from the packet path, as a card hides it that strips tags.
    for port in topology.plan.ports {
      try topology.launcher.offload(port, "txvlan", "off", "rxvlan", "off", in: topology.plan.switchNamespace)
    }
    let client = topology.plan.clientNamespace(.near)
    guard let neighbour = try topology.launcher.neighbour(Plan.clusterAddress(.four), of: Plan.interface, in: client) else {
      throw LabError.observation("the client has no Ethernet address for \(Plan.clusterAddress(.four))")
    }
    let before = try cluster.members.flatMap(cluster.counters)
    try client.enter {
      let sender = try FrameSender(interface: Plan.interface)
      for index in 0..<Self.taggedCount { try sender.send(Self.tagged(to: neighbour, index)) }
    }
    try pause(milliseconds: 300)
    let after = try cluster.members.flatMap(cluster.counters)
    func growth(_ names: String...) -> Int {
      names.reduce(0) { $0 + after.table["packets.\($1)", default: 0] - before.table["packets.\($1)", default: 0] }
    }
    return .init(
      sent: Self.taggedCount, taken: growth("taken"), left: growth("notMine", "leftToMember", "forwarded"), refused: growth("taggedFrame"))
  }
}

/// What `skein lab packets` found.
public struct PacketsReport: LabReport, Equatable {
  struct Fragments: Codable, Equatable, Sendable {
    var family: AddressFamily
    var datagrams: Int
    var lost: Int
    var answeredTwice: Int
    /// How many members answered.
    var members: Int
    var holds: Bool { datagrams > 0 && lost == 0 && answeredTwice == 0 && members > 1 }
  }
  struct Downloads: Codable, Equatable, Sendable {
    var family: AddressFamily
    var wanted: Int
    var complete: Int
    var members: Int
    /// "Fragmentation needed" or "packet too big", as the members' own stacks counted them.
    var errorsHeard: Int
    var holds: Bool { complete == wanted && members > 1 && errorsHeard > 0 }
  }
  struct Tagged: Codable, Equatable, Sendable {
    var sent: Int
    /// By all members together, by the count of their packet paths.
    var taken: Int
    var left: Int
    /// Counted by `packet-socket`, which takes no tagged frames.
    var refused: Int
    var holds: Bool { taken == sent && left >= sent || taken == 0 && refused >= sent }
  }
  var mode: DeliveryMode
  var fragments: [Fragments]
  var downloads: [Downloads]
  var tagged: Tagged
  /// All datagrams in fragments were answered once, all downloads are complete, both by more than one member, the members heard of the
  /// narrow link, and each tagged frame was taken once or, by `packet-socket`, refused by all.
  public var succeeded: Bool

  init(mode: DeliveryMode, fragments: [Fragments], downloads: [Downloads], tagged: Tagged) {
    self.mode = mode
    self.fragments = fragments
    self.downloads = downloads
    self.tagged = tagged
    succeeded = fragments.allSatisfy(\.holds) && downloads.allSatisfy(\.holds) && tagged.holds
  }

  /// Writes a line with its verdict for the fragments and the downloads of each family, and one for the tagged frames.
  public var lines: [String] {
    "delivery by \(mode.rawValue)"
    for each in fragments {
      let text = "IPv\(each.family.rawValue), \(each.datagrams) datagrams in fragments, to \(each.members) members"
      verdict(each.holds, "\(text): lost \(each.lost), answered twice \(each.answeredTwice)")
    }
    for each in downloads {
      let text = "IPv\(each.family.rawValue), \(each.complete) of \(each.wanted) downloads over a narrow link, from \(each.members) members"
      verdict(each.holds, "\(text); \(each.errorsHeard) ICMP errors reached them")
    }
    let text = "\(tagged.sent) frames in a VLAN: taken \(tagged.taken) times, left to the taker \(tagged.left) times"
    verdict(tagged.holds, text + (tagged.refused > 0 ? ", refused \(tagged.refused) times" : ""))
  }
}
