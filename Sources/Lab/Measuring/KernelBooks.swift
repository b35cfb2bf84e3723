import Foundation

/// What the kernel knows of a daemon and of the way to its socket, by /proc and /sys.
struct KernelBooks {
  /// Octets in memory.
  var residentBytes: Int
  /// Time on processors since it began.
  var processorSeconds: Double
  /// Datagrams that its socket had no room for.
  var socketDrops: Int
  /// Frames that were lost before: an interface on the way from the client had no room, a processor's queue was full, or a fragment was
  /// missing. What all machines' ways share is in each one's.
  var wireDrops: Int

  /// - Parameters:
  ///   - daemon: the process.
  ///   - member: the machine's number.
  init(daemon process: pid_t, member: Int, plan: Plan) {
    residentBytes = Self.residentBytes(process)
    let words = Self.text("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ").compactMap { Int($0) } ?? []
    // Fields 14 and 15 of proc(5), in ticks of 10 ms; what is left here begins with field 4, as field 3 is a letter.
    processorSeconds = words.count > 11 ? Double(words[10] + words[11]) / 100 : 0
    socketDrops = Self.socketDrops(Self.text("/proc/\(process)/net/udp"))
    let others = Set(plan.members.filter { $0 != member }.map(plan.port(of:)))
    let way = [plan.namespace(of: member), plan.switchNamespace, plan.clientNamespace(.near)]
    let interfaces = way.flatMap { Self.interfaceDrops(Self.table("dev", in: $0)) }
    wireDrops =
      interfaces.reduce(0) { others.contains($1.name) ? $0 : $0 + $1.received + $1.sent }
      + Self.backlogDrops(Self.text("/proc/net/softnet_stat")) + Self.missedFragments(Self.text("/proc/\(process)/net/snmp"))
  }

  static func residentBytes(_ process: pid_t) -> Int {
    let fields = text("/proc/\(process)/statm").split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
  }

  /// The last column of the line of the members' port.
  static func socketDrops(_ table: String, port: UInt16 = WireRecorder.port) -> Int {
    let port = String(format: ":%04X", port)
    return table.split(separator: "\n").reduce(0) { sum, line in
      let fields = line.split(separator: " ")
      return fields.count > 12 && fields[1].hasSuffix(port) ? sum + (Int(fields[12]) ?? 0) : sum
    }
  }

  /// What each interface but the loopback dropped of what it received and of what it was to send: /proc/net/dev.
  static func interfaceDrops(_ table: String) -> [(name: String, received: Int, sent: Int)] {
    table.split(separator: "\n").dropFirst(2).compactMap { line in
      let fields = line.split(whereSeparator: { $0 == " " || $0 == ":" })
      guard fields.count > 12, fields[0] != "lo" else { return nil }
      return (String(fields[0]), Int(fields[4]) ?? 0, Int(fields[12]) ?? 0)
    }
  }

  /// The second column of /proc/net/softnet_stat, over all processors.
  static func backlogDrops(_ table: String) -> Int {
    table.split(separator: "\n").reduce(0) { sum, line in
      let fields = line.split(separator: " ")
      return sum + (fields.count > 1 ? Int(fields[1], radix: 16) ?? 0 : 0)
    }
  }

  static func missedFragments(_ table: String) -> Int { protocolCounter(table, "Ip", "ReasmFails") }

  /// What a protocol of the kernel's stack counted: /proc/net/snmp, a line of names and a line of values.
  static func protocolCounter(_ table: String, _ protocolName: String, _ name: String) -> Int {
    let lines = table.split(separator: "\n").filter { $0.hasPrefix(protocolName + ":") }.map { $0.split(separator: " ") }
    guard lines.count == 2, let column = lines[0].firstIndex(where: { $0 == name }), column < lines[1].count else { return 0 }
    return Int(lines[1][column]) ?? 0
  }

  /// Those that count what a datagram for an application met instead of it, and that no socket counts.
  static func stackDrops(_ table: String) -> [(name: String, value: Int)] {
    [
      ("Ip", "InHdrErrors"), ("Ip", "InAddrErrors"), ("Ip", "InDiscards"), ("Ip", "OutDiscards"), ("Ip", "OutNoRoutes"), ("Udp", "NoPorts"),
      ("Udp", "InCsumErrors"), ("Udp", "MemErrors"),
    ].map { ($0.0 + $0.1, protocolCounter(table, $0.0, $0.1)) }
  }

  static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
  /// One of a namespace's tables beneath /proc/net.
  static func table(_ name: String, in namespace: Namespace) -> String {
    (try? namespace.enter { text("/proc/thread-self/net/\(name)") }) ?? ""
  }
}
