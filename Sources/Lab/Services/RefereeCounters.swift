/// What the kernels at both ends of the connections counted: TCP implementations that know nothing of Skein, and see whatever it does wrong.
struct RefereeCounters: Equatable, Sendable {
  /// Protocol and counter, as /proc/net/snmp and /proc/net/netstat have them.
  private static let names = [
    ("Tcp", "InCsumErrors"), ("Udp", "InCsumErrors"), ("TcpExt", "PAWSEstab"), ("TcpExt", "TCPSACKDiscard"),
    ("TcpExt", "TCPChallengeACK"), ("Tcp", "OutRsts"),
  ]
  /// Those that only a packet translated wrongly moves.
  private static let faults = ["TcpInCsumErrors", "UdpInCsumErrors", "TcpExtPAWSEstab", "TcpExtTCPSACKDiscard"]

  private(set) var values: [String: Int] = [:]

  /// - Parameter tables: the text of /proc/net/snmp and /proc/net/netstat, of any number of machines.
  init(_ tables: [String]) {
    for (protocolName, name) in Self.names {
      values[protocolName + name] = tables.reduce(0) { $0 + KernelBooks.protocolCounter($1, protocolName, name) }
    }
  }

  /// Of these namespaces together.
  init(_ namespaces: [Namespace]) {
    self.init(namespaces.flatMap { namespace in ["snmp", "netstat"].map { KernelBooks.table($0, in: namespace) } })
  }

  /// What has been counted since.
  func since(_ before: RefereeCounters) -> RefereeCounters {
    var result = self
    for (name, value) in before.values { result.values[name, default: 0] -= value }
    return result
  }

  var areClean: Bool { Self.faults.allSatisfy { values[$0] == 0 } }
}
