import Foundation
import Logging

/// The latest events, and those who wait for the next.
struct EventLog {
  static let capacity = 1024
  private(set) var events: [EventReport] = []
  /// The latest that are not the ordinary course of balancing.
  private(set) var notable: [EventReport] = []
  private var nextNumber: UInt64 = 1
  private var waiting: [CheckedContinuation<Void, Never>] = []

  mutating func append(kind: String, text: String, isRoutine: Bool = false) {
    let event = EventReport(number: nextNumber, time: Date().timeIntervalSince1970, kind: kind, text: text)
    events.append(event)
    if !isRoutine {
      notable.append(event)
      if notable.count > 8 { notable.removeFirst() }
    }
    nextNumber += 1
    if events.count > Self.capacity { events.removeFirst(events.count - Self.capacity) }
    wake()
  }

  func after(_ number: UInt64) -> [EventReport] { events.filter { $0.number > number } }

  /// Resumes `continuation` at the next event.
  mutating func wait(_ continuation: CheckedContinuation<Void, Never>) { waiting.append(continuation) }

  /// Resumes everybody who waits, so that their time limits can be noticed.
  mutating func wake() {
    let resumed = waiting
    waiting = []
    for continuation in resumed { continuation.resume() }
  }
}

/// The log on standard error: one line an entry, as text or JSON, which systemd's journal takes as it is.
struct LineLogHandler: LogHandler {
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]
  let format: Configuration.LogSection.Format

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let time = Date().formatted(.iso8601.year().month().day().timeZone(separator: .omitted).time(includingFractionalSeconds: true))
    let line: String
    switch format {
    case .text:
      let fields = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      line = "\(time) \(event.level) \(event.message)\(fields)\n"
    case .json:
      var object = all.mapValues { "\($0)" }
      object["time"] = time
      object["level"] = "\(event.level)"
      object["message"] = "\(event.message)"
      let data = (try? JSONEncoder().encode(object)) ?? Data()
      line = String(decoding: data, as: UTF8.self) + "\n"
    }
    FileHandle.standardError.write(Data(line.utf8))
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
