import Foundation
import Glibc
import Linux
import Wire

/// What one daemon takes while no packet comes: a cluster of one, its lease and keepalives running.
public struct IdleReport: Codable, Hashable, Sendable {
  /// Share of one core, user and system, in percent.
  public var processorPercent: Double
  /// Memory in RAM at the end, in octets; what is shared with others counts in full.
  public var residentBytes: UInt64
  /// The most that it ever was.
  public var peakResidentBytes: UInt64
  /// How long it was watched.
  public var seconds: Double
  /// What the daemon took itself for, at the end; "master" for a lone one.
  public var state: String
  /// What is asked of the share of a core.
  public var processorGoal: Goal
  /// What is asked of the memory.
  public var memoryGoal: Goal
}

extension Bench {
  /// Percent of a core.
  public static let idleProcessorGoal = 1.0
  /// Octets.
  public static let idleMemoryGoal: UInt64 = 64 << 20

  /// Starts a daemon in a network namespace of its own, lets it become master of nobody, and watches it.
  /// - Parameters:
  ///   - program: the path of `skein`; this process's own when nil.
  ///   - seconds: how long; the kernel counts in hundredths of a second.
  public static func idle(program: String? = nil, seconds: Int = 10) throws -> IdleReport {
    let program = try program ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    Leftovers.prepare()
    defer { Leftovers.removeOwn() }
    return try inNewNamespace {
      let daemon = try LoneDaemon(program: program)
      defer { daemon.end() }
      try daemon.waitUntilMaster()
      return try daemon.watch(for: max(1, seconds))
    }
  }
}

extension IdleReport: Tabular {
  /// Processor and memory.
  public var rows: [[String]] {
    [
      ["idle daemon", "figure", "goal"], ["processor", String(format: "%.2f %% of a core", processorPercent), processorGoal.verdict],
      ["memory", String(format: "%.1f MiB", Double(residentBytes) / 1_048_576), memoryGoal.verdict],
    ]
  }
}

/// A daemon of this benchmark's own, with a directory for all that it writes.
private final class LoneDaemon {
  private let process = Process()
  private let directory = Leftovers.directory
  private let program: String
  private static let cluster = 77
  /// A lone machine waits out a lease before it owns anything; this is many of them.
  private static let startLimit = Interval.seconds(20)
  private static let settling = Interval.seconds(2)

  init(program: String) throws {
    self.program = program
    do {
      try start()
    } catch {
      end()
      throw error
    }
  }

  private func path(_ name: String) -> String { directory.appending(path: name).path(percentEncoded: false) }

  private func start() throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try command(program, "certificate", "authority", "--directory", path("authority"), "--cluster", "\(Self.cluster)")
    try command(
      program, "certificate", "issue", "--directory", path("authority"), "--member", "1", "--out", path("member.pem"))
    let pair = try VirtualPair("skein")
    try command("ip", "address", "add", "192.0.2.1/24", "dev", pair.near)
    try Data(configuration(interface: pair.near).utf8).write(to: directory.appending(path: "skein.yaml"))
    // The daemon must not outlive this thread, however it ends.
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["setpriv", "--pdeathsig", "KILL", program, "run", "--config", path("skein.yaml")]
    let log = path("log")
    guard FileManager.default.createFile(atPath: log, contents: nil), let output = FileHandle(forWritingAtPath: log) else {
      throw BenchError("cannot write \(log)")
    }
    (process.standardOutput, process.standardError, process.standardInput) = (output, output, FileHandle.nullDevice)
    try process.run()
  }

  private func configuration(interface: String) -> String {
    """
    cluster:
      name: \(Leftovers.prefix)\(getpid())
      id: \(Self.cluster)
      member: 1
      interface: \(interface)
      addresses: [192.0.2.10/24]
      credentials: \(path("member.pem"))
    api: \(path("api.sock"))
    log: { level: warning }

    """
  }

  /// Asks the daemon for its state, as an operator would.
  private func state() -> String? {
    struct Status: Decodable { let state: String }
    guard let text = try? command(program, "status", "--json", "--api", path("api.sock")) else { return nil }
    return (try? JSONDecoder().decode(Status.self, from: Data(text.utf8)))?.state
  }

  func waitUntilMaster() throws {
    let limit = BootClock.now() + Self.startLimit
    var last: String?
    while BootClock.now() < limit {
      guard process.isRunning else { throw BenchError("the daemon ended: \(log)") }
      last = state()
      if last == "master" {
        return try Interruption.sleep(Self.settling)
      }
      try Interruption.sleep(.milliseconds(200))
    }
    throw BenchError("after \(Self.startLimit.inMilliseconds / 1000) s the daemon is \(last ?? "not answering"): \(log)")
  }

  private var log: String {
    let text = (try? String(contentsOfFile: path("log"), encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(5).joined(separator: "\n")
  }

  func watch(for seconds: Int) throws -> IdleReport {
    let (start, before) = (BootClock.now(), try processorSeconds())
    try Interruption.sleep(.seconds(UInt64(seconds)))
    let elapsed = Double((BootClock.now() - start).nanoseconds) / 1_000_000_000
    let percent = (try processorSeconds() - before) / elapsed * 100
    let resident = try memory("VmRSS")
    return IdleReport(
      processorPercent: percent, residentBytes: resident, peakResidentBytes: try memory("VmHWM"), seconds: elapsed,
      state: state() ?? "not answering",
      processorGoal: Goal("under \(Int(Bench.idleProcessorGoal)) % of a core", isMet: percent < Bench.idleProcessorGoal),
      memoryGoal: Goal("under \(Bench.idleMemoryGoal >> 20) MiB", isMet: resident < Bench.idleMemoryGoal))
  }

  /// User and system time of all threads (proc(5), fields 14 and 15 of `stat`).
  private func processorSeconds() throws -> Double {
    let text = try String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
    // The program's name, in parentheses, may hold anything; the fields are counted from behind it.
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
      throw BenchError("the kernel does not say how long the daemon ran")
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private func memory(_ field: String) throws -> UInt64 {
    let text = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("\(field):") }
    guard let kibibytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ UInt64($0) }) else {
      throw BenchError("the kernel does not say how much memory the daemon has")
    }
    return kibibytes << 10
  }

  /// In order if it can, by force if it must. What it wrote goes with the process's other leftovers.
  func end() {
    guard process.isRunning else { return }
    process.terminate()
    for _ in 0..<50 where process.isRunning { usleep(100_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}
