// The configuration file, /etc/skein/skein.yaml, as values.
//
// Everything is read here and nowhere else: names, units, defaults and bounds. `Configuration.read` finds every problem at once and names
// the line of each; `skein check` prints them, and a daemon that is told to reload an impossible file keeps the one it has.

import Host
public import Segments
import Wire
import Yams

/// What one machine is told: its part in a cluster or a virtual gateway or both, its packet path, where its files are.
public struct Configuration: Hashable, Sendable {
  /// The `cluster` section; nil without one. At least one of the two sections is there.
  public var cluster: ClusterSection?
  /// The `gateway` section; nil without one. Beside a `cluster` section it is a virtual gateway inside that cluster.
  public var gateway: GatewaySection?
  /// The `services` list: virtual servers at the cluster's addresses; empty without one.
  public var services: [VirtualServer]
  /// How many flows to virtual servers are remembered at most, 1,024 to 16,777,216; 1,048,576 when not set. Each takes 80 octets of memory.
  public var flowLimit: Int
  /// Where the packet path is to run; `automatic` when not set. What came of it is in `PacketPathReport`.
  public var packetPath: PacketPathChoice
  /// The Unix socket of the API.
  public var api: String
  /// Where Prometheus may fetch `/metrics`, as address and port; nil for nowhere.
  public var metrics: MetricsAddress?
  /// What the daemon writes to its log, and in which form.
  public var log: LogSection
  /// Whether the thread that keeps the leases asks for real-time priority.
  public var realtime: Bool

  /// Where the packet path runs.
  public enum PacketPathChoice: String, CaseIterable, Hashable, Sendable {
    /// XDP where it attaches, generic XDP where it does not, packet sockets where neither does.
    case automatic
    case xdp
    case xdpGeneric = "xdp-generic"
    case packetSocket = "packet-socket"
  }

  /// A TCP address to listen on.
  public struct MetricsAddress: Hashable, Sendable {
    /// An IPv4 or IPv6 address in text form, without brackets, or `localhost`.
    public var host: String
    /// 1 to 65535.
    public var port: Int
  }

  /// The `log` section.
  public struct LogSection: Hashable, Sendable {
    /// The least severe that is written; `info` when not set.
    public var level: Level
    /// How a line is written; `text` when not set.
    public var format: Format
    /// The log's levels, from the least severe on.
    public enum Level: String, CaseIterable, Hashable, Sendable { case debug, info, notice, warning, error }
    /// Lines for people, or one JSON object a line for programs.
    public enum Format: String, CaseIterable, Hashable, Sendable { case text, json }
  }
}

/// The `cluster` section.
public struct ClusterSection: Hashable, Sendable {
  /// For people, and part of the name of what is pinned in the kernel: at most 64 letters, digits, - and _; `skein` when not set.
  public var name: String
  /// The cluster's number, 1 to 65535, the same on all its members; no default.
  public var identifier: ClusterIdentifier
  /// This machine's number in the cluster, 1 to 65534, the one in its certificate; no default.
  public var member: MemberIdentifier
  /// The network interface that carries the cluster addresses and the members' own messages; not lo, and no default.
  public var interface: String
  /// This machine's own address; the interface's first one when not set.
  public var address: InternetAddress?
  /// The cluster addresses; none where the members share a virtual gateway only.
  public var addresses: [InternetPrefix]
  /// How packets reach their member; `multicast` when not set. Beside a `gateway` section it cannot be `forwarding`.
  public var delivery: Delivery
  /// How long a silent member keeps its units, 20 ms to 60 s.
  public var detection: Interval
  /// The file with the member's certificate, its key, and the authority's certificate.
  public var credentials: String
  /// The authority's signed list of revoked certificates.
  public var revoked: String?
  /// The signed configuration bundle that says which version of the cluster's settings this machine has.
  public var personality: String?
  /// What this machine does on its side of a partition; `serve` when not set.
  public var partition: Partition
  /// How many members the cluster has when all are there; needed for `partition: majority`.
  public var configuredMembers: Int?
  /// Relative strength, 1 to 10000; 100 when not set. Twice the weight gets a member twice the work, unless the balance counts `units`.
  public var weight: UInt16
  /// What the master balances by; `weight` when not set.
  public var balance: Balance
  /// Assign a dead member's units at once, not only as their packets arrive.
  public var eager: Bool
  /// The members' own addresses where multicast is not carried; empty for multicast.
  public var peers: [InternetAddress]
  /// The UDP port of the members' own messages, 1 to 65535; 31945 when not set.
  public var port: UInt16
  /// Packets that are for neither the cluster nor this machine are the cluster's router work.
  public var routing: Bool
  /// Services whose work unit is the hash of the source address alone.
  public var sourceOnly: [SourceOnlyService]
  /// Whether L2TP's tunnel and session identifiers enter the hash; false when not set.
  public var l2tpSessions: Bool
  /// What may wait for a unit's owner: 0 to 1,000,000 packets (4,096 when not set), 2 KiB to 1 GiB (8 MiB), 1 ms to 60 s (1 s).
  public var hold: HoldLimits
  /// What is run for this machine's applications; nothing when not set.
  public var hooks: Hooks

  /// How a packet reaches its member (WO 00/31945, three methods).
  public enum Delivery: String, CaseIterable, Hashable, Sendable, Codable { case forwarding, unicast, multicast }
  /// What a side of a partition does.
  public enum Partition: String, CaseIterable, Hashable, Sendable, Codable { case serve, majority }
  /// What the balance counts.
  public enum Balance: String, CaseIterable, Hashable, Sendable, Codable { case units, traffic, weight }

  /// An IP protocol, with a port where the protocol has ports; port 0 is every port.
  public struct SourceOnlyService: Hashable, Sendable {
    /// The protocol's number (IANA), such as 6 for TCP or 50 for ESP.
    public var ipProtocol: UInt8
    /// The destination port of TCP, UDP or SCTP, 1 to 65535; 0 for every port, and for protocols without ports.
    public var port: UInt16
  }

  /// Commands run for the applications on this machine: what may veto a join, and what hears of arrivals and departures.
  public struct Hooks: Hashable, Sendable {
    /// Asked by the master before a machine may join; any exit status but 0 refuses it. Nil: every join is agreed to (figure 8F).
    public var join: String?
    /// Run when a member has arrived; a failure is logged and decides nothing. Nil: nothing is run (figure 8G).
    public var arrived: String?
    /// Run when a member has departed; otherwise as `arrived`.
    public var departed: String?
    /// How long a command may run before it is killed, 10 ms to 10 min; 2 s when not set. A `join` that is late refuses.
    public var timeout: Interval
  }
}

extension Configuration {
  /// Reads a configuration from YAML text.
  /// - Throws: every problem found, with its line.
  /// - Parameter personality: the text of the signed bundle in use; what it sets in `cluster` goes before what the file sets.
  public static func read(_ yaml: String, file: String, personality: String? = nil) throws(ConfigurationProblems) -> Configuration {
    let problems = ProblemList(file: file)
    let root = composed(yaml, problems)
    let shared = personality.flatMap { composed($0, problems) }
    if let shared { checkPersonality(shared, problems) }
    let configuration = root.flatMap { read(root: shared.map($0.overlaid) ?? $0, problems) }
    guard let configuration, problems.problems.isEmpty else { throw ConfigurationProblems(problems: problems.inOrder) }
    return configuration
  }

  /// What a personality cannot say for all machines.
  private static func checkPersonality(_ shared: Yams.Node, _ problems: ProblemList) {
    guard shared.mapping?.keys.map(\.string) == ["cluster"], let cluster = shared["cluster"]?.mapping else {
      return problems.add("", at: nil, "the personality should have a `cluster` section and nothing beside it")
    }
    for name in ["member", "address", "credentials", "personality"] where cluster[Yams.Node(name)] != nil {
      problems.add("cluster.\(name)", at: nil, "is each machine's own; sign a personality without it")
    }
  }

  private static func composed(_ yaml: String, _ problems: ProblemList) -> Yams.Node? {
    do {
      guard let node = try Yams.compose(yaml: yaml) else {
        problems.add("", at: nil, "the file is empty; it needs a `cluster` or a `gateway` section")
        return nil
      }
      return node
    } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
      for key in duplicates { problems.add(key, at: context.mark, "is set twice in the section that begins here; keep one") }
    } catch YamlError.reader(let problem, let offset, _, _) {
      let line = offset.map { offset in yaml.utf8.prefix(offset).count { $0 == UInt8(ascii: "\n") } + 1 }
      problems.add("", line: line, "this is not YAML: \(problem)")
    } catch let error as YamlError {
      problems.add("", at: error.mark, "this is not YAML: \(error.problem)")
    } catch {
      problems.add("", at: nil, "this is not YAML: \(error)")
    }
    return nil
  }

  private static func read(root: Yams.Node, _ problems: ProblemList) -> Configuration? {
    guard var file = SectionReader(root, path: "", problems: problems) else { return nil }
    var cluster: ClusterSection?
    var gateway: GatewaySection?
    if !file.isSet("cluster"), !file.isSet("gateway") {
      problems.add("cluster", at: nil, "is missing, and so is `gateway`; without either there is nothing to do")
    }
    let hasGateway = file.isSet("gateway")
    file.section("cluster") { cluster = ClusterSection(&$0, hasGateway: hasGateway) }
    file.section("gateway") { gateway = GatewaySection(&$0, cluster: cluster) }
    let services = VirtualServer.read(&file, cluster: cluster)
    let flowLimit = file.number("flows", in: 1_024...16_777_216) ?? 1 << 20
    let path = file.choice("packetPath", PacketPathChoice.self) ?? .automatic
    let api = file.text("api") ?? "/run/skein/api.sock"
    if api.utf8.count > 107 { file.problem("api", "a Unix socket's path has at most 107 octets, this one \(api.utf8.count)") }
    let metrics = file.value("metrics", expecting: "an address and port such as 127.0.0.1:9464", MetricsAddress.init(text:))
    if let address = metrics.flatMap({ InternetAddress(text: $0.host) }),
      address.isMulticast || address.ipv4 == .max || address.whyNeedsInterface != nil
    {
      file.problem("metrics", "\(address) is no address that can be listened on; name one of this machine's")
    }
    var log = LogSection(level: .info, format: .text)
    file.section("log") { section in
      log.level = section.choice("level", LogSection.Level.self) ?? .info
      log.format = section.choice("format", LogSection.Format.self) ?? .text
    }
    let realtime = file.flag("realtime") ?? true
    file.finish()
    return Configuration(
      cluster: cluster, gateway: gateway, services: services, flowLimit: flowLimit, packetPath: path, api: api, metrics: metrics, log: log,
      realtime: realtime)
  }
}

extension Yams.Node {
  /// This document with another's `cluster` settings in place of its own.
  fileprivate func overlaid(_ other: Yams.Node) -> Yams.Node {
    guard case .mapping(var document) = self, case .mapping(var cluster)? = self["cluster"], case .mapping(let shared)? = other["cluster"]
    else { return self }
    for (key, value) in shared { cluster[key] = value }
    document["cluster"] = .mapping(cluster)
    return .mapping(document)
  }
}

extension YamlError {
  /// Where the text stopped being YAML.
  fileprivate var mark: Mark? {
    switch self {
    case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark
    default: nil
    }
  }
  fileprivate var problem: String {
    switch self {
    case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
    default: "\(self)"
    }
  }
}

extension Configuration.MetricsAddress {
  init?(text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port)
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard host == "localhost" || InternetAddress(text: host) != nil else { return nil }
    self.init(host: host, port: port)
  }
}

/// Reads `4096`, `64KiB`, `4MiB`, `1GiB` as octets.
func byteCount(_ text: String) -> Int? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  guard let count = Int(digits), count <= 1 << 30 else { return nil }
  switch text.dropFirst(digits.count).trimmingPrefix(" ") {
  case "": return count
  case "KiB": return count << 10
  case "MiB": return count << 20
  case "GiB": return count << 30
  default: return nil
  }
}
