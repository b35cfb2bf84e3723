import Foundation

/// `skein lab gateway-export`: are the figures true? What hosts send, what the routers count for each virtual MAC address, and what an IPFIX
/// collector of another make has received are compared to the packet and the octet; and another make's dissector reads every message.
public struct GatewayExportCommand: LabCommand {
  var packets: Int
  var options: LabOptions

  /// `packets`, 1 to 100,000, is how many datagrams each of nine hosts sends.
  public init(packets: Int = 2000, options: LabOptions) {
    self.packets = packets
    self.options = options
  }

  /// Compares the figures of a group of three routers, then reads the messages of a second group, which has an IPv6 address alone.
  /// `LabError.missingTool` without nfcapd, nfdump or tshark.
  public func run() throws -> GatewayExportReport {
    guard 1...100_000 ~= packets else { throw LabError.badOption("--packets is 1 to 100,000") }
    try requireTools(["nfcapd": "nfdump", "nfdump": "nfdump", "tshark": "tshark"])
    var report = GatewayExportReport()
    try TestBed.with(try GatewayTopology(routers: 3, hosts: 9, console: options.console)) { topology in
      var settings = GatewaySettings.unsteered(options)
      settings.lines = ["export: { collector: \"\(GatewayPlan.serverAddress(.four)):\(Self.port)\", interval: 1s }"]
      try count(topology, settings, &report)
    }
    options.console.say("\n4. A group that has an IPv6 address alone.")
    try TestBed.with(try GatewayTopology(routers: 2, hosts: 1, console: options.console)) { topology in
      var settings = GatewaySettings.unsteered(options)
      settings.families = [.six]
      let group = try GatewayGroup(topology: topology, settings: settings)
      try wait(for: "an active gateway and its standby by IPv6", seconds: 20, detail: group.screens) {
        Set(group.machines.compactMap { try? group.gatewayStatus($0).state }) == ["active", "standby"]
      }
      report.messagesSix = try readMessages(topology)
      report.pingsSix = try topology.pingGateway(.six)
    }
    return report
  }

  private static let port = 4739

  private func count(_ topology: GatewayTopology, _ settings: GatewaySettings, _ report: inout GatewayExportReport) throws {
    let plan = topology.plan
    let console = options.console
    let flows = "\(plan.directory)/flows"
    try FileManager.default.createDirectory(atPath: flows, withIntermediateDirectories: true)
    let collector = try topology.start(
      "nfcapd", ["nfcapd", "-b", GatewayPlan.serverAddress(.four), "-p", "\(Self.port)", "-w", flows, "-t", "300"], in: plan.serverNamespace
    )
    try pause(milliseconds: 500)
    try collector.checkAlive()
    let group = try GatewayGroup(topology: topology, settings: settings)
    try group.waitUntilSettled(group.machines)
    try topology.letHostsAskSeldom()
    console.say("\n1. Every host sends \(packets) datagrams, each host of a size of its own.")
    let before = try volumes(group)
    let addresses = try topology.gatewayAddresses()
    let streams = plan.hosts.map { GatewayStream(host: $0, packetsPerSecond: 1000, octets: 100 * $0, limit: packets) }
    let traffic = try Prober(plan: plan, streams: streams)
    try traffic.waitUntilSent(streams)
    let ledger = try traffic.finish()
    report.arrived = ledger.flows.joined().count { $0.answers == 1 }
    report.sent = Self.volumes(
      streams.map { (addresses[$0.host], .init(packets: $0.limit, octets: $0.limit * $0.frameOctets)) })
    try pause(milliseconds: 2500)
    report.counted = try volumes(group).merging(before) { $0 - $1 }.filter { $0.value.packets > 0 }

    console.say("2. tshark reads what the routers say to each other.")
    report.messagesFour = try readMessages(topology)
    console.say("3. nfcapd has received what the routers exported; nfdump adds it up.")
    collector.end(politelyForMilliseconds: 5000)
    report.collected = try collected(topology, flows)
  }

  private typealias Volume = GatewayExportReport.Volume

  /// Added up by virtual MAC address.
  private static func volumes(_ all: [(address: String?, volume: Volume)]) -> [String: Volume] {
    all.reduce(into: [:]) { sums, entry in
      if let address = entry.address { sums[address] = sums[address, default: .init()] + entry.volume }
    }
  }

  /// What the routers have counted for each virtual MAC address, together.
  private func volumes(_ group: GatewayGroup) throws -> [String: Volume] {
    let forwarders = try group.machines.flatMap { try group.gatewayStatus($0).forwarders }
    return Self.volumes(forwarders.map { ($0.virtualMac, .init(packets: Int($0.packets), octets: Int($0.octets))) })
  }

  /// What the collector has for each virtual MAC address.
  private func collected(_ topology: GatewayTopology, _ flows: String) throws -> [String: Volume] {
    let text = try topology.launcher.run(["nfdump", "-R", flows, "-N", "-q", "-o", "fmt:%idmc %odmc %pkt %byt"])
    return Self.volumes(
      text.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 4, let packets = Int(words[2]), let octets = Int(words[3]), packets > 0 else { return nil }
        return (words[0...1].first { $0.hasPrefix("00:07:b4") } ?? words[0], .init(packets: packets, octets: octets))
      })
  }

  // MARK: messages

  /// Records what passes in the LAN for some seconds and lets tshark take it apart.
  private func readMessages(_ topology: GatewayTopology) throws -> GatewayExportReport.Messages {
    let file = "\(topology.plan.directory)/glbp.pcapng"
    _ = try topology.launcher.run(
      ["tshark", "-Q", "-n", "-i", GatewayPlan.hostInterface, "-a", "duration:4", "-w", file, "-f", "udp port 3222"],
      in: topology.plan.strangerNamespace)
    // The file has only what is to or from the protocol's port, so every message of it is one of the gateways'.
    func lines(_ filter: String) throws -> [Substring] {
      let words = ["tshark", "-n", "-r", file, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", filter]
      return try topology.launcher.run(words).split(separator: "\n").filter { !$0.hasPrefix("Running as user") }
    }
    let faulty = try lines("_ws.expert.severity >= 6291456 || _ws.malformed")
    for line in faulty.prefix(5) { options.console.say("   \(line)") }
    return .init(read: try lines("glbp").count, withWarnings: faulty.count)
  }
}

/// What `skein lab gateway-export` found.
public struct GatewayExportReport: LabReport, Equatable {
  struct Volume: Codable, Equatable, Sendable {
    var packets = 0
    /// Of whole frames.
    var octets = 0

    static func + (left: Volume, right: Volume) -> Volume {
      Volume(packets: left.packets + right.packets, octets: left.octets + right.octets)
    }
    static func - (left: Volume, right: Volume) -> Volume {
      Volume(packets: left.packets - right.packets, octets: left.octets - right.octets)
    }
  }
  /// Messages between the routers, as another make's dissector sees them.
  struct Messages: Codable, Equatable, Sendable {
    var read: Int
    var withWarnings: Int
  }
  /// By virtual MAC address: what hosts sent to it, what the routers counted, what the collector received.
  var sent: [String: Volume] = [:]
  var counted: [String: Volume] = [:]
  var collected: [String: Volume] = [:]
  /// Packets that came out at the server once.
  var arrived = 0
  var messagesFour = Messages(read: 0, withWarnings: 0)
  var messagesSix = Messages(read: 0, withWarnings: 0)
  /// The ping to the IPv6 group's address, of one.
  var pingsSix = 0

  /// For every virtual MAC address hosts, routers and collector have the same packets and octets, each packet came out at the server once,
  /// tshark read messages of both families and warned of none, and the IPv6 group's address answered.
  public var succeeded: Bool {
    !sent.isEmpty && counted == sent && collected == sent && arrived == total(sent).packets && messagesFour.read > 0
      && messagesFour.withWarnings == 0 && messagesSix.read > 0 && messagesSix.withWarnings == 0 && pingsSix == 1
  }

  private func total(_ volumes: [String: Volume]) -> Volume { volumes.values.reduce(Volume()) { $0 + $1 } }

  /// Writes a table of packets and octets by virtual MAC address, then each check with its verdict.
  public var lines: [String] {
    "\n  virtual MAC          hosts sent              routers counted         the collector has    (packets, octets)"
    let words = { (volume: Volume?) in volume.map { "\($0.packets) \($0.octets)" } ?? "nothing" }
    for address in Set(sent.keys).union(counted.keys).union(collected.keys).sorted() {
      "  \(address.padding(19))  \(words(sent[address]).padding(22))  \(words(counted[address]).padding(22))  \(words(collected[address]))"
    }
    ""
    verdict(counted == sent, "the routers counted exactly what the hosts sent: \(words(total(counted)))")
    verdict(collected == sent, "the collector has exactly that: \(words(total(collected)))")
    verdict(arrived == total(sent).packets, "at the server: \(arrived) packets, each once")
    for (family, messages) in [("IPv4", messagesFour), ("IPv6", messagesSix)] {
      verdict(
        messages.read > 0 && messages.withWarnings == 0,
        "GLBP over \(family): tshark read \(messages.read) messages, warnings: \(messages.withWarnings)")
    }
    verdict(pingsSix == 1, "ping to the address of a group that has only IPv6: \(pingsSix) of 1")
  }
}
