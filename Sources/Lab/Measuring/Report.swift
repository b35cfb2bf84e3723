import Foundation

/// What a lab command found. Encoded, it is what `--json` prints; the field names are what other programs rely on.
public protocol LabReport: Codable, Sendable {
  /// Whether what the command checks holds; decides its exit status.
  var succeeded: Bool { get }
  /// Whether all that does not hold came of a daemon that, as is proved, did not run for longer than its lease had left: the machine's
  /// doing, not the daemon's. Then it is worth another try.
  var stoodStill: Bool { get }
  /// Writes it for people who have never seen Skein.
  func render(to output: inout some TextOutputStream)
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
  public func text() -> String {
    var text = ""
    render(to: &text)
    return text
  }
}

/// One of `skein lab …`: a value with its options, and one verb.
public protocol LabCommand: Sendable {
  associatedtype Report: LabReport
  /// Builds the lab, does what the command is for, and removes the lab, whatever happens.
  /// - Throws: `LabError`.
  func run() throws -> Report
}

/// What all lab commands take.
public struct LabOptions: Sendable {
  /// Where the lab tells how it gets on; a command that tells a story has it narrate.
  public var console: Console
  /// How many members the cluster has.
  var members: Int
  /// `packetPath` of the members' configuration; nil lets each choose.
  var packetPath: String?
  /// The skein program under test; nil for the running one.
  var program: String?
  /// How many times slower this machine is than one that the labs are made for, such as an emulated one: so much fewer packets are sent,
  /// and so much longer are the gateway's timers. Heeded by `lab delivery`, `lab failover`, `lab gateway` and the maintenance labs.
  public var slowness = 1

  /// `members` is 1 to 16, which is checked when the lab is built; the labs of a gateway outside of a cluster have a number of routers
  /// of their own instead.
  public init(console: Console = Console(), members: Int = 3, packetPath: String? = nil, program: String? = nil) {
    self.console = console
    self.members = members
    self.packetPath = packetPath
    self.program = program
  }

  func settings(
    delivery: DeliveryMode, detectionMilliseconds: Int, partition: PartitionPolicy = .serve
  ) throws -> SkeinSettings {
    guard 20...60_000 ~= detectionMilliseconds else {
      throw LabError.badOption("the detection interval is 20 ms to 60 s, not \(detectionMilliseconds) ms")
    }
    return SkeinSettings(
      delivery: delivery, detectionMilliseconds: detectionMilliseconds, partition: partition, packetPath: packetPath,
      program: program)
  }

  /// Builds a cluster, hands it over, and removes it.
  func withCluster<Result>(_ settings: SkeinSettings, _ body: (SkeinCluster) throws -> Result) throws -> Result {
    try Topology.with(memberCount: members, console: console) { topology in
      console.say(topology.plan.drawing)
      return try body(SkeinCluster(topology: topology, settings: settings))
    }
  }
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
