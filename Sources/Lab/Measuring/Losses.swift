// What took each lost probe: which counter, of which member or interface, rose while it was on its way. A counter does not say whose
// packet it counts, so each unit that it rose by explains one probe at most, and only a probe that may have come by it.

import Foundation

/// A cause of losses, and how many probes it took.
struct Loss: Codable, Equatable, Sendable {
  /// Where a packet can be lost, in the order in which blame is laid: the product first, then the machine that the lab runs on.
  enum Cause: String, Codable, CaseIterable, Sendable {
    /// A member's packet path dropped it, for a reason that a probe should not meet.
    case path
    /// The ring from a packet path to its daemon was full.
    case ring
    /// It was held, and then did not fit, waited too long, or could not be sent on.
    case held
    /// A daemon did not run for longer than its lease had left, by its own count.
    case standstill
    /// The client's socket did not take it: it was never sent.
    case client
    /// The socket of a member's application had no room.
    case socket
    /// A virtual wire or a bridge's port had no room.
    case wire
    /// It waited for a processor, and the queue was full.
    case backlog
    /// A member's kernel would not have it: no route, no port, a wrong checksum. Whoever gave it to the kernel is to blame.
    case stack
    /// It was held where somebody else should have had it too. That is a matter of course as a rule, and so is blamed last.
    case forgotten

    /// Whether the run fails for it: what the host or its virtual wires took is no fault of the product's.
    var fails: Bool {
      switch self {
      case .path, .ring, .held, .standstill, .stack, .forgotten: true
      case .client, .socket, .wire, .backlog: false
      }
    }
  }
  var cause: Cause
  var count: Int
  /// The counter, with the member or interface that has it.
  var `where`: String
  var fails: Bool

  init(_ cause: Cause, _ count: Int, _ place: String) {
    self.cause = cause
    self.count = count
    self.where = place
    fails = cause.fails
  }
}

extension [Loss] {
  /// Whether none of so many that were lost fails the run.
  func excuse(_ lost: Int) -> Bool { lost <= reduce(0) { $0 + ($1.fails ? 0 : $1.count) } }

  /// Whether none does, or a daemon's standstill took those that do.
  func excuseOrStandstill(_ lost: Int) -> Bool { lost <= reduce(0) { $0 + (!$1.fails || $1.cause == .standstill ? $1.count : 0) } }

  /// What a report says of so many lost, a line for each cause.
  /// - Parameter answersUnseen: how many of those that nothing explains were answered by an application.
  func lines(of lost: Int, answersUnseen: Int = 0) -> [String] {
    let unexplained = lost - reduce(0) { $0 + $1.count }
    let host = " (the machine that the lab runs on: fails nothing)"
    let answered = answersUnseen > 0 ? ", of which \(answersUnseen) were answered, and the answer not seen" : ""
    return map { "        \($0.count) lost by \($0.where)\($0.fails ? "" : host)" }
      + (unexplained > 0 ? ["        \(unexplained) lost and unexplained\(answered)"] : [])
  }
}

/// One counter of one place.
struct LossCounter: Hashable, Sendable {
  var cause: Loss.Cause
  /// The member on whose way it lies; nil for one on every way.
  var member: Int?
  /// Whether answers come by it, and not only questions.
  var meetsAnswers = false
  /// For people.
  var place: String
}

/// A stretch of a run, and what was counted in it.
struct LossPage: Sendable {
  /// A member whose daemon did not run, by its own account, or was not there.
  struct Standstill: Equatable, Sendable {
    var member: Int
    var milliseconds: Int
    var isLateStart = false
  }
  var times: Range<UInt64>
  var rises: [LossCounter: Int] = [:]
  var standstills: [Standstill] = []
}

/// A probe without an answer, and what is known of it.
struct LostProbe: Equatable, Sendable {
  var sentAt: UInt64
  /// The members who answered its flow before and after; none when it may have been anybody's.
  var members: Set<Int> = []
  /// The client's kernel refused it.
  var isUnsent = false
  /// The member whose application answered: then the answer was lost.
  var answeredBy: Int?
  /// The number of the kernel's error when it did not take that answer; 0 when it did.
  var refusal: Int32 = 0
  /// Which probe it was of its ledger's, and who answered those before and after it on its flow, and when they were sent.
  var key: ProbeLedger.ProbeKey?
  var before: ProbeLedger.Probe?
  var after: ProbeLedger.Probe?

  /// What a person needs to look further.
  func text(since start: UInt64) -> String {
    func milliseconds(_ from: UInt64, _ to: UInt64) -> String { (Double(max(from, to) - from) / 1e6).formatted(digits: 3) }
    var parts = ["\(milliseconds(start, sentAt)) ms into its step"]
    if let key { parts.insert("number \(key.sequence) of flow \(key.flow)", at: 0) }
    if let before { parts.append("member \(before.member) answered the one sent \(milliseconds(before.sentAt, sentAt)) ms before") }
    if let after { parts.append("member \(after.member) the one sent \(milliseconds(sentAt, after.sentAt)) ms after") }
    if let answeredBy {
      let refused = refusal == 0 ? "" : ", and its kernel did not take the answer: \(String(cString: strerror(refusal)))"
      parts.append("member \(answeredBy)'s application answered it\(refused)")
    }
    return parts.joined(separator: ", ")
  }
}

/// What is known of a run's losses.
struct Losses: Equatable, Sendable {
  var causes: [Loss] = []
  var unexplained = 0
  /// Of those: their questions reached a member's application, and its answers were not seen.
  var answersUnseen = 0
  /// The probes that nothing explains.
  var strays: [LostProbe] = []

  /// What a report says of so many that were lost: what took them, and how many nothing explains.
  func told(of lost: Int) -> (causes: [Loss], unexplained: Int, answersUnseen: Int) { (causes, unexplained(of: lost), answersUnseen) }
  /// Whether a run succeeded in which so many were lost, and whether it did not for standstills of daemons alone.
  /// - Parameter allElse: whether nothing else is amiss.
  func judge(_ lost: Int, besides allElse: Bool) -> (succeeded: Bool, stoodStill: Bool) {
    (allElse && causes.excuse(lost), allElse && !causes.excuse(lost) && causes.excuseOrStandstill(lost))
  }
  /// How many of so many nothing explains.
  func unexplained(of lost: Int) -> Int { lost - causes.reduce(0) { $0 + $1.count } }

  /// Those that a daemon's standstill took.
  var inStandstills: Int { causes.reduce(0) { $0 + ($1.cause == .standstill ? $1.count : 0) } }

  static func + (left: Losses, right: Losses) -> Losses {
    var sum = left
    for loss in right.causes { sum.add(loss.cause, loss.count, loss.where) }
    sum.unexplained += right.unexplained
    sum.answersUnseen += right.answersUnseen
    sum.strays += right.strays
    return sum
  }

  /// Those of all of these together.
  static func sum(_ all: some Sequence<Losses>) -> Losses { all.reduce(Losses(), +) }

  /// Lays each lost probe at the door of what rose in its stretch of the run; what is left is unexplained.
  static func attribute(_ lost: [LostProbe], _ pages: [LossPage]) -> Losses {
    var result = Losses()
    var left = pages.map(\.rises)
    for probe in lost {
      let page = pages.firstIndex { $0.times.contains(probe.sentAt) }
      if probe.isUnsent {
        result.add(.client, 1, "the client's socket: not sent")
      } else if let member = probe.answeredBy, [EAGAIN, ENOBUFS].contains(probe.refusal) {
        result.add(.socket, 1, "member \(member), the application's socket: answer not sent")
      } else if let page, let still = pages[page].standstills.max(by: { $0.milliseconds < $1.milliseconds }) {
        result.add(.standstill, 1, still.text)
      } else if let page, let counter = left[page].culprit(of: probe) {
        left[page][counter, default: 0] -= 1
        result.add(counter.cause, 1, counter.place)
      } else {
        result.unexplained += 1
        result.strays.append(probe)
        if probe.answeredBy != nil { result.answersUnseen += 1 }
      }
    }
    return result
  }

  private mutating func add(_ cause: Loss.Cause, _ count: Int, _ place: String) {
    if let index = causes.firstIndex(where: { $0.cause == cause && $0.where == place }) {
      causes[index].count += count
    } else {
      causes.append(Loss(cause, count, place))
    }
  }
}

extension [LossCounter: Int] {
  /// What may have taken the probe: the product's counters first, those of the probe's own way before those of every way.
  fileprivate func culprit(of probe: LostProbe) -> LossCounter? {
    let suspects = filter { counter, count in
      guard count > 0, probe.answeredBy == nil || counter.meetsAnswers else { return false }
      guard let member = counter.member else { return true }
      return probe.answeredBy.map { $0 == member } ?? (probe.members.isEmpty || probe.members.contains(member))
    }
    return suspects.keys.min { ($0.rank, $0.place) < ($1.rank, $1.place) }
  }

  /// What was counted after less what was counted before; a counter that is smaller has begun anew.
  static func rise(from before: Self, to after: Self) -> Self {
    var rises: Self = [:]
    for (counter, value) in after {
      let earlier = before[counter] ?? 0
      let rise = value < earlier ? value : value - earlier
      if rise > 0 { rises[counter] = rise }
    }
    // A frame that waits for a processor in vain is counted at its interface too.
    let queues = rises.keys.filter { $0.cause == .backlog }
    for queue in queues {
      let twice = rises.reduce(0) { $0 + ($1.key.cause == .wire && $1.key.isReceiver ? $1.value : 0) }
      rises[queue] = Swift.max(0, (rises[queue] ?? 0) - twice)
    }
    return rises.filter { $0.value > 0 }
  }
}

extension LossCounter {
  fileprivate var rank: Int { (Loss.Cause.allCases.firstIndex(of: cause) ?? 0) * 2 + (member == nil ? 1 : 0) }
  var isReceiver: Bool { place.hasSuffix(Self.received) }
  static let received = "received and dropped"
}

extension LossPage.Standstill {
  var text: String {
    isLateStart
      ? "member \(member): its daemon was started and said nothing for \(milliseconds) ms, longer than the lease that was left to it"
      : "member \(member): its daemon did not run for \(milliseconds) ms, longer than its lease had left"
  }
}
