import Foundation
import Linux

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
      let daemon = try LoneDaemon(program: program, .member)
      defer { daemon.end() }
      try daemon.waitUntilReady()
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
