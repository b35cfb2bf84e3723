import Foundation
import Glibc
import Linux
import Wire

/// A daemon of a benchmark's own, in the calling thread's namespace, with a directory for all that it writes.
final class LoneDaemon {
  private let process = Process()
  private let directory = Leftovers.directory
  private let program: String
  private let role: Role
  /// Its cable: the daemon is at the near end.
  let pair: VirtualPair

  /// What it is alone.
  enum Role: String {
    case member, gateway

    /// What it takes itself for when it has waited for long enough.
    var readyState: String { self == .member ? "master" : "active" }
  }

  private static let cluster = 77
  /// A lone machine waits out a lease before it owns anything; this is many of them.
  private static let startLimit = Interval.seconds(20)
  private static let settling = Interval.seconds(2)

  init(program: String, _ role: Role) throws {
    self.program = program
    self.role = role
    pair = try VirtualPair("skein")
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
    if role == .member { try makeCertificate() }
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

  private func makeCertificate() throws {
    try command(program, "certificate", "authority", "--directory", path("authority"), "--cluster", "\(Self.cluster)")
    try command(program, "certificate", "issue", "--directory", path("authority"), "--member", "1", "--out", path("member.pem"))
  }

  private func configuration(interface: String) -> String {
    guard role == .member else {
      return """
        gateway: { group: \(Self.cluster), interface: \(interface), address: 192.0.2.10 }
        api: \(path("api.sock"))
        log: { level: error }

        """
    }
    return """
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

  func waitUntilReady() throws {
    let limit = BootClock.now() + Self.startLimit
    var last: String?
    while BootClock.now() < limit {
      guard process.isRunning else { throw BenchError("the daemon ended: \(log)") }
      last = state()
      if last == role.readyState {
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
