import Foundation

/// What a lab command found. Encoded, it is what `--json` prints; the field names are what other programs rely on.
public protocol LabReport: Codable, Sendable {
  /// Whether what the command checks holds; decides its exit status.
  var succeeded: Bool { get }
  /// Whether all that does not hold came of a daemon that, as is proved, did not run for longer than its lease had left: the machine's
  /// doing, not the daemon's. Then it is worth another try.
  var stoodStill: Bool { get }
  /// The lines for people who have never seen Skein.
  @Lines var lines: [String] { get }
}

extension LabReport {
  /// False, for the labs that do not tell a daemon's standstill from a fault.
  public var stoodStill: Bool { false }

  /// The report as one JSON object on one line.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// The report as text.
  public func text() -> String { lines.map { $0 + "\n" }.joined() }
}

/// Lines of a text, said one after the other.
@resultBuilder public enum Lines {
  /// A line.
  public static func buildExpression(_ line: String) -> [String] { [line] }
  /// Several.
  public static func buildExpression(_ lines: [String]) -> [String] { lines }
  /// One part after the other.
  public static func buildBlock(_ parts: [String]...) -> [String] { parts.flatMap { $0 } }
  /// What an `if` says.
  public static func buildOptional(_ part: [String]?) -> [String] { part ?? [] }
  /// What a loop says.
  public static func buildArray(_ parts: [[String]]) -> [String] { parts.flatMap { $0 } }
}

/// One of `skein lab …`: a value with its options, and one verb.
public protocol LabCommand: Sendable {
  associatedtype Report: LabReport
  /// Builds the lab, does what the command is for, and removes the lab, whatever happens.
  /// - Throws: `LabError`.
  func run() throws -> Report
}

/// What lab commands take: each heeds what its name or its initializer says.
public struct LabOptions: Sendable {
  /// Where the lab tells how it gets on; a command that tells a story has it narrate.
  public var console: Console
  /// How many members the cluster has.
  var members: Int
  /// `packetPath` of the members' configuration; nil lets each choose.
  var packetPath: String?
  /// How packets reach their member. The labs of a cluster heed it, but for those of floods and intruders.
  public var mode = DeliveryMode.multicast
  /// What clients ask by. Heeded by `lab delivery`, `failover`, `matrix`, `personality`, `routing` and the maintenance labs.
  public var family = AddressFamily.four
  /// How long a silent member keeps its work, 20 ms to 60 s. Heeded by `lab up`, `delivery`, `failover`, `flood` and the maintenance labs.
  public var detectionMilliseconds = 200
  /// The switch carries no multicast, and the members send to each other's addresses (`peers`).
  public var withoutMulticast = false
  /// How many times slower this machine is than one that the labs are made for, such as an emulated one: so much fewer packets are sent,
  /// and so much longer are the gateway's timers. Heeded by `lab delivery`, `lab failover`, `lab gateway` and the maintenance labs.
  public var slowness = 1

  /// `members` is 1 to 16, which is checked when the lab is built; the labs of a gateway outside of a cluster have a number of routers
  /// of their own instead.
  public init(console: Console = Console(), members: Int = 3, packetPath: String? = nil) {
    self.console = console
    self.members = members
    self.packetPath = packetPath
  }

  /// As a configuration has it.
  var packetPathLine: String { packetPath.map { "packetPath: \($0)\n" } ?? "" }

  func settings(partition: PartitionPolicy = .serve) throws -> SkeinSettings {
    guard 20...60_000 ~= detectionMilliseconds else {
      throw LabError.badOption("the detection interval is 20 ms to 60 s, not \(detectionMilliseconds) ms")
    }
    return SkeinSettings(options: self, partition: partition)
  }

  /// Builds a cluster, hands it over, and removes it.
  func withCluster<Result>(_ settings: SkeinSettings, _ body: (SkeinCluster) throws -> Result) throws -> Result {
    try TestBed.with(try Topology(memberCount: members + settings.guestCount, serverCount: settings.serverCount, console: console)) {
      try body(SkeinCluster(topology: $0, settings: settings))
    }
  }

  /// The same with members that are set as the options say.
  func withCluster<Result>(_ body: (SkeinCluster) throws -> Result) throws -> Result { try withCluster(settings(), body) }
}

/// - Throws: `LabError.badOption` for more runs than anybody can want.
func checkRuns(_ runs: Int, _ peerRuns: Int) throws {
  guard 1...1000 ~= runs, 0...100 ~= peerRuns else { throw LabError.badOption("--runs is 1 to 1,000, --peer-runs 0 to 100") }
}

/// Several measurements of one thing, in milliseconds.
struct Figures: Codable, Equatable, Sendable {
  var median: Double
  var worst: Double
  /// In the order measured.
  var all: [Double]

  init(_ all: [Double]) {
    let sorted = all.sorted()
    let middle = sorted.count / 2
    median = sorted.isEmpty ? 0 : sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    worst = sorted.last ?? 0
    self.all = all
  }

  var text: String { "median \(median.formatted(digits: 0)) ms, worst \(worst.formatted(digits: 0)) ms of \(all.count)" }
}

extension Double {
  /// The number with so many digits after the point.
  func formatted(digits: Int) -> String { String(format: "%.\(digits)f", self) }

  /// A fraction as a percentage.
  var percent: String { String(format: "%.1f %%", self * 100) }
}

extension [Int] {
  /// The numbers with commas between.
  var list: String { map(String.init).joined(separator: ", ") }
}

extension String {
  /// The text, filled up with spaces to this many characters.
  func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  /// The text with spaces before it, so that it is this wide.
  func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

/// Reads a time such as `200ms` or `2s`; nil if it is none.
public func milliseconds(from text: String) -> Int? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  guard let number = Int(digits), number <= 1_000_000 else { return nil }
  switch text.dropFirst(digits.count) {
  case "ms": return number
  case "s": return number * 1000
  default: return nil
  }
}

/// A line that says whether something holds.
func verdict(_ holds: Bool, _ text: String) -> String { (holds ? "  ok    " : "  FAIL  ") + text }

/// Each member's part of something, as a bar.
/// - Parameter word: what stands beside the member of an index.
func bars(_ shares: [Double], _ word: (Int) -> String = { _ in "" }) -> [String] {
  shares.enumerated().map { index, share in
    "        member \(index + 1)\(word(index))  \(share.percent)  \(String(repeating: "█", count: Int(share * 50)))"
  }
}
