import Foundation
import Linux
import Logging
import Wire

/// What happened, and those who wait for the next.
///
/// Routine, units and forwarders that come and go, is folded: those of one cause, such as the moves from one member to another for the sake of
/// balance, are one event that grows. It is held back while it grows, until a second has passed without another, and for ten seconds at most.
/// Only then it gets its number, and after that it never changes: who asks for what came after a number is told each event once, and whole.
/// Routine has a ring of its own, so that it does not wash away an election, a join or a death.
struct EventLog {
  static let notableCapacity = 4096
  static let routineCapacity = 2048
  /// For how long no other of its cause must have come before a routine event is complete, and how long it grows at most.
  static let quiet = Interval.seconds(1)
  static let growth = Interval.seconds(10)
  /// How many causes may be under way at once; the one that began first is complete when there is one more.
  static let openCapacity = 256
  /// How many `skein status` may show.
  static let latestCount = 8

  /// An event in the log.
  private struct Entry {
    var number: UInt64
    var event: Event
    /// Seconds since 1970, of the first and of the last that it is made of.
    var began: Double
    var ended: Double
    var count = 1
  }

  /// An event that may grow.
  private struct Open {
    var entry: Entry
    var began: Instant
    var grew: Instant
  }

  private var notable = Ring<Entry>(capacity: Self.notableCapacity)
  private var routine = Ring<Entry>(capacity: Self.routineCapacity)
  private var open: [Event: Open] = [:]
  /// The number of the newest event.
  private(set) var newest: UInt64 = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []

  mutating func append(_ event: Event, at now: Instant = BootClock.now(), time: Double = Date().timeIntervalSince1970) {
    settle(at: now)
    let entry = Entry(number: 0, event: event, began: time, ended: time)
    guard event.isRoutine else {
      number(entry)
      return wake()
    }
    guard open[event.cause] != nil else {
      if open.count >= Self.openCapacity, let oldest = open.min(by: { $0.value.began < $1.value.began }) { close([oldest]) }
      return open[event.cause] = Open(entry: entry, began: now, grew: now)
    }
    open[event.cause]?.entry.event.grow(by: event)
    open[event.cause]?.entry.ended = time
    open[event.cause]?.entry.count += 1
    open[event.cause]?.grew = now
  }

  /// Numbers the routine events that are complete now; to be called once a second.
  mutating func settle(at now: Instant = BootClock.now()) {
    guard !open.isEmpty else { return }
    close(open.filter { now >= $0.value.grew + Self.quiet || now >= $0.value.began + Self.growth })
  }

  private mutating func close(_ complete: [(key: Event, value: Open)]) {
    for (cause, event) in complete.sorted(by: { $0.value.began < $1.value.began }) {
      open[cause] = nil
      number(event.entry)
    }
    if !complete.isEmpty { wake() }
  }

  private mutating func number(_ entry: Entry) {
    newest += 1
    var entry = entry
    entry.number = newest
    if entry.event.isRoutine { routine.append(entry) } else { notable.append(entry) }
  }

  // MARK: Asking

  /// The events after a number that are still there, by their numbers.
  func after(_ number: UInt64) -> [EventReport] {
    let entries = notable.elements.filter { $0.number > number } + routine.elements.filter { $0.number > number }
    return entries.sorted { $0.number < $1.number }.map(report)
  }

  /// The newest that are not routine.
  var latest: [EventReport] { notable.elements.suffix(Self.latestCount).map(report) }

  private func report(_ entry: Entry) -> EventReport {
    let (event, definition) = (entry.event, entry.event.definition)
    return EventReport(
      number: entry.number, time: entry.ended, kind: event.name.kind, text: event.text, since: entry.count > 1 ? entry.began : nil,
      count: entry.count, name: event.name.rawValue, reason: event.reason, severity: definition.severity.rawValue, actor: event.actor,
      fields: event.fields, meaning: definition.meaning, advice: definition.advice)
  }

  /// Resumes `continuation` at the next event.
  mutating func wait(_ continuation: CheckedContinuation<Void, Never>) { waiting.append(continuation) }

  /// Resumes everybody who waits, so that their time limits can be noticed.
  mutating func wake() {
    let resumed = waiting
    waiting = []
    for continuation in resumed { continuation.resume() }
  }
}

/// The newest so many of what was appended.
private struct Ring<Element> {
  private let capacity: Int
  private var storage: [Element] = []
  /// Where the oldest is once all places are taken.
  private var oldest = 0

  init(capacity: Int) { self.capacity = capacity }

  mutating func append(_ element: Element) {
    guard storage.count == capacity else { return storage.append(element) }
    storage[oldest] = element
    oldest = (oldest + 1) % capacity
  }

  /// From the oldest on.
  var elements: [Element] { Array(storage[oldest...] + storage[..<oldest]) }
}

extension Logger {
  /// Writes an event as one line.
  func log(_ event: Event) {
    let level: Logger.Level =
      switch event.severity {
      case .debug: .debug
      case .notice: .notice
      case .warning: .warning
      case .critical: .critical
      }
    guard level >= logLevel else { return }
    var fields: Logger.Metadata = ["event": "\(event.name.kind)", "name": "\(event.name.rawValue)"]
    fields["reason"] = event.reason.map { "\($0)" }
    fields["actor"] = event.actor.map { "\($0)" }
    log(level: level, "\(event.text)", metadata: fields)
  }
}
