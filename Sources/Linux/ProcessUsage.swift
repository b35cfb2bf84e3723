import CLinux
import Glibc
import Wire

/// What this process takes of the machine.
public struct ProcessUsage: Hashable, Sendable {
  /// Memory in RAM, in octets.
  public var residentByteCount: UInt64
  /// Time on processors since it started, user and system, of all threads.
  public var processorTime: Interval

  /// What it takes now.
  /// - Throws: when /proc is not mounted, or cannot be read.
  public static func current() throws(LinuxError) -> ProcessUsage {
    let fields = try readFile("/proc/self/statm", "read this process's memory").split(separator: " ")
    guard fields.count > 1, let pages = UInt64(fields[1]) else { throw LinuxError("read this process's memory", .invalid) }
    var time = timespec()
    try checkErrno(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), "read this process's time")
    return ProcessUsage(
      residentByteCount: pages * UInt64(getpagesize()),
      processorTime: Interval(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)))
  }
}

/// A right that root has and a daemon under another user may be given (capabilities(7)).
public enum Capability: Int, Hashable, Sendable, CaseIterable {
  case networkAdministration = 12
  case rawPackets = 13
  case memoryLock = 14
  case administration = 21
  case schedulingPriority = 23
  case resourceLimits = 24
  case bpf = 39

  /// As systemd and setcap write it.
  public var name: String {
    switch self {
    case .networkAdministration: "CAP_NET_ADMIN"
    case .rawPackets: "CAP_NET_RAW"
    case .memoryLock: "CAP_IPC_LOCK"
    case .administration: "CAP_SYS_ADMIN"
    case .schedulingPriority: "CAP_SYS_NICE"
    case .resourceLimits: "CAP_SYS_RESOURCE"
    case .bpf: "CAP_BPF"
    }
  }

  /// Which of these the calling thread lacks.
  public static func missing(from needed: [Capability] = [.networkAdministration, .rawPackets, .bpf]) throws(LinuxError) -> [Capability] {
    let effective = try effectiveBits()
    return needed.filter { effective >> UInt64($0.rawValue) & 1 == 0 }
  }

  private static func effectiveBits() throws(LinuxError) -> UInt64 {
    let operation = "read this thread's capabilities"
    let status = try readFile("/proc/thread-self/status", operation)
    for line in status.split(separator: "\n") where line.hasPrefix("CapEff:") {
      if let bits = UInt64(line.drop { $0 != "\t" }.dropFirst(), radix: 16) { return bits }
    }
    throw LinuxError(operation, .invalid)
  }
}

/// Where the calling thread's interfaces, addresses and routes are.
public enum NetworkNamespace {
  /// Moves the calling thread, and what it starts from now on: call it before there are others to move the process.
  /// - Parameter path: as `/run/netns/left`.
  public static func enter(path: String) throws(LinuxError) {
    try check(skein_enter_network_namespace(path), "enter the network namespace \(path)")
  }

  /// Moves the calling thread, and what it starts from now on, into a new namespace with nothing in it but `lo`, switched off.
  /// It has no name, and ends, with every interface in it, when the last thread, process or socket in it does.
  public static func enterNew() throws(LinuxError) {
    try check(skein_new_network_namespace(), "make a network namespace", advice: "run as root, or grant CAP_SYS_ADMIN")
  }
}
