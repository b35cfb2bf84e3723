import Foundation
import Glibc
import Linux
import Logging
import Synchronization
import Wire

/// The log on standard error: one line an entry, as text or JSON, which systemd's journal takes as it is.
struct LineLogHandler: LogHandler {
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]
  let format: Configuration.LogSection.Format
  var writer = LineWriter.standardError

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
    writer.append(Self.line(event.level, "\(event.message)", all, format), format)
  }

  /// One line, with its end.
  static func line(_ level: Logger.Level, _ message: String, _ fields: [String: String], _ format: Configuration.LogSection.Format)
    -> [UInt8]
  {
    let time = Date().formatted(.iso8601.year().month().day().timeZone(separator: .omitted).time(includingFractionalSeconds: true))
    switch format {
    case .text:
      let fields = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      return Array("\(time) \(level) \(message)\(fields)\n".utf8)
    case .json:
      let object = fields.merging(["time": time, "level": "\(level)", "message": message]) { $1 }
      return Array((try? JSONEncoder().encode(object)) ?? Data()) + [UInt8(ascii: "\n")]
    }
  }
}

/// Writes the log's lines on a thread of its own. Whoever logs never waits and never fails: a reader that stands still, a full disk or a
/// closed pipe costs lines, which are counted; when lines can be written again, one says how many are missing.
final class LineWriter: Sendable {
  /// Of this process.
  static let standardError = LineWriter(descriptor: STDERR_FILENO)

  /// The most that waits for the writer.
  static let lineLimit = 1024
  static let byteLimit = 1 << 20

  private struct Line {
    var octets: [UInt8]
    var format: Configuration.LogSection.Format
  }

  private struct State {
    var waiting: [Line] = []
    var byteCount = 0
    /// Lines that are waiting or being written.
    var unwritten = 0
    /// All that were lost, those of them that no line has told of yet, and why the latest was.
    var lost: UInt64 = 0
    var untold: UInt64 = 0
    var reason = ""
  }

  private let descriptor: Int32
  private let state = Mutex(State())
  /// As many as lines wait.
  private let arrivals = DispatchSemaphore(value: 0)

  init(descriptor: Int32) {
    self.descriptor = descriptor
    // A pipe without a reader is an error like others, and not the end of this process.
    signal(SIGPIPE, SIG_IGN)
    do { try NativeThread.start(name: "skein-log") { [self] in run() } } catch { lose(1, "\(error)") }
  }

  /// How many lines were lost since the start.
  var lostCount: UInt64 { state.withLock { $0.lost } }

  /// What is wrong now, for people; nil when all that was logged has been written or told of.
  var trouble: String? {
    state.withLock { $0.untold == 0 ? nil : "\(Self.lostText($0.untold)), and none can be written now: \($0.reason)" }
  }

  /// Has a line written, if there is room for it.
  func append(_ octets: [UInt8], _ format: Configuration.LogSection.Format) {
    let fits = state.withLock { state in
      guard state.waiting.count < Self.lineLimit, state.byteCount + octets.count <= Self.byteLimit else { return false }
      state.waiting.append(Line(octets: octets, format: format))
      state.byteCount += octets.count
      state.unwritten += 1
      return true
    }
    if fits { arrivals.signal() } else { lose(1, "whoever reads the log is too slow") }
  }

  /// Waits until all is written, but not longer than so.
  func flush(within limit: Interval) {
    let end = BootClock.now() + limit
    while state.withLock({ $0.unwritten > 0 }), BootClock.now() < end { usleep(2000) }
  }

  private func lose(_ count: UInt64, _ reason: String) {
    state.withLock { state in
      state.lost += count
      state.untold += count
      state.reason = reason
    }
  }

  private func run() {
    var isMidLine = false
    while true {
      arrivals.wait()
      let line = state.withLock { state in
        let line = state.waiting.removeFirst()
        state.byteCount -= line.octets.count
        return line
      }
      if let failure = write(line.octets, &isMidLine) { lose(1, "\(failure)") } else { tellOfLosses(line.format, &isMidLine) }
      state.withLock { $0.unwritten -= 1 }
    }
  }

  /// Says how many lines are missing, once those that were not lost are written.
  private func tellOfLosses(_ format: Configuration.LogSection.Format, _ isMidLine: inout Bool) {
    let (count, reason) = state.withLock { ($0.waiting.isEmpty ? $0.untold : 0, $0.reason) }
    guard count > 0 else { return }
    let line = LineLogHandler.line(.warning, "\(Self.lostText(count)): \(reason)", ["lost": "\(count)"], format)
    if write(line, &isMidLine) == nil { state.withLock { $0.untold -= count } }
  }

  private static func lostText(_ count: UInt64) -> String { count == 1 ? "1 log line was lost" : "\(count) log lines were lost" }

  /// Waits as long as it takes. What follows a line that was cut short by an error begins a new one.
  private func write(_ octets: [UInt8], _ isMidLine: inout Bool) -> Errno? {
    let all = isMidLine ? [UInt8(ascii: "\n")] + octets : octets
    var rest = all[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
        isMidLine = !rest.isEmpty
        continue
      }
      let code = Errno.current
      switch code {
      case .interrupted: continue
      case .wouldBlock:
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, -1)
      default: return code
      }
    }
    return nil
  }
}

extension LineWriter {
  /// The log about itself.
  var counterReports: [CounterReport] {
    [
      CounterReport(
        group: "log", name: "linesLost", meaning: "log lines that could not be written: a full disk, or nobody reads them", value: lostCount
      )
    ]
  }
}

extension Configuration.LogSection {
  /// A logger as configured.
  func logger(label: String) -> Logger {
    var logger = Logger(label: label) { _ in LineLogHandler(logLevel: .info, format: format) }
    logger.logLevel =
      switch level {
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
    return logger
  }
}
