import Foundation
import Linux
import PacketPath
import PacketPathCases
import Wire

/// How many packets a second are dropped, beside a program that does nothing else.
public struct DropRateFigure: Codable, Hashable, Sendable {
  /// Packets a second that one core makes, sends, receives and puts through Skein's packet path, which finds each to be another member's.
  public var packetsPerSecond: Double
  /// The same with a program that drops at once.
  public var barePacketsPerSecond: Double
  /// The first by the second.
  public var ratio: Double
  /// What a packet takes with Skein, everything included.
  public var nanoseconds: Double
  /// What a packet takes with the bare program.
  public var bareNanoseconds: Double
  /// How many bursts of each there were, in turns.
  public var burstCount: Int
  /// What is asked of the ratio.
  public var goal: Goal
}

/// The rate depends on who sends, since all is done on one core: the dearer a packet is to its sender, the less the program matters.
public struct DropRateReport: Codable, Hashable, Sendable {
  /// By the cheapest sender there is: the kernel, in batches, from recycled pages. What the program costs shows most.
  public var generated: DropRateFigure
  /// By a program that sends through a packet socket, a system call a frame.
  public var sent: DropRateFigure
}

extension Bench {
  /// What part of the bare rate Skein is to keep.
  public static let dropRateGoal = 0.9

  /// Packets a second that one core makes, sends over a virtual pair, receives and drops: by Skein and by a bare program, in turns.
  ///
  /// Each has a pair of its own, and after half the time they exchange them. They take turns every few milliseconds, so that what else
  /// the machine does meets both; the middle half of the bursts counts.
  /// - Parameter rounds: how many bursts of each, some 50 ms a burst.
  public static func dropRate(rounds: Int = 40) throws -> DropRateReport {
    try inNewNamespace {
      let bench = try DropRateBenchmark()
      for swapped in [false, true] { try bench.measure(bursts: max(1, rounds / 2), swapped: swapped) }
      return DropRateReport(
        generated: DropRateFigure(skein: bench.skein.generated, bare: bench.bare.generated),
        sent: DropRateFigure(skein: bench.skein.sent, bare: bench.bare.sent))
    }
  }
}

extension DropRateFigure {
  init(skein: [Double], bare: [Double]) {
    let (nanoseconds, bareNanoseconds) = (skein.midmean, bare.midmean)
    let ratio = nanoseconds > 0 ? bareNanoseconds / nanoseconds : 0
    self.init(
      packetsPerSecond: 1_000_000_000 / max(nanoseconds, 1), barePacketsPerSecond: 1_000_000_000 / max(bareNanoseconds, 1), ratio: ratio,
      nanoseconds: nanoseconds, bareNanoseconds: bareNanoseconds, burstCount: skein.count,
      goal: Goal("at least \(Int(Bench.dropRateGoal * 100)) %", isMet: ratio >= Bench.dropRateGoal))
  }
}

extension DropRateReport: Tabular {
  /// Two rows for each sender: the bare program's and Skein's.
  public var rows: [[String]] {
    func millions(_ rate: Double) -> String { String(format: "%.3f M/s", rate / 1_000_000) }
    func rows(_ sender: String, _ figure: DropRateFigure) -> [[String]] {
      [
        ["\(sender), bare XDP_DROP", millions(figure.barePacketsPerSecond), tenths(figure.bareNanoseconds), "100.0 %", ""],
        [
          "\(sender), skein", millions(figure.packetsPerSecond), tenths(figure.nanoseconds), String(format: "%.1f %%", figure.ratio * 100),
          figure.goal.verdict,
        ],
      ]
    }
    return [["drop on a virtual pair", "packets", "ns", "of bare", "goal"]]
      + rows("made by the kernel", generated) + rows("sent by a program", sent)
  }
}

private final class DropRateBenchmark {
  /// Nanoseconds a frame, by burst.
  struct Bursts {
    var generated: [Double] = []
    var sent: [Double] = []
  }

  private(set) var skein = Bursts()
  private(set) var bare = Bursts()
  private let programs: LoadedPrograms
  private let generator: Generator
  private let first: VirtualPair
  private let second: VirtualPair
  private let frame: [UInt8]
  private static let generatedCount = 200_000
  private static let sentCount = 2_000

  init() throws {
    programs = try LoadedPrograms()
    generator = try Generator()
    first = try VirtualPair("first")
    second = try VirtualPair("second")
    World(units: .acknowledged).apply(to: programs.tables)
    frame = Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp(.init(repeating: 0, count: 6))))
  }

  /// So many bursts over each pair in turns, Skein at the end of the one, the bare program at that of the other.
  func measure(bursts: Int, swapped: Bool) throws {
    let (skeinPair, barePair) = swapped ? (second, first) : (first, second)
    try programs.path.attach(to: skeinPair.far, mode: .native)
    defer { try? programs.path.detach(from: skeinPair.far) }
    try programs.empty.attach(to: barePair.far, mode: .native)
    defer { try? programs.empty.detach(from: barePair.far) }
    var warmUp = Bursts()
    for pair in [skeinPair, barePair] { try burst(over: pair, into: &warmUp) }
    let seen = programs.tables.total(of: .notMine)
    for _ in 0..<bursts {
      try burst(over: barePair, into: &bare)
      try burst(over: skeinPair, into: &skein)
    }
    let dropped = programs.tables.total(of: .notMine) - seen
    guard dropped >= UInt64(bursts * Self.generatedCount / 2) else {
      throw BenchError("of \(bursts * Self.generatedCount) frames the packet path dropped only \(dropped) as another's")
    }
  }

  private func burst(over pair: VirtualPair, into bursts: inout Bursts) throws {
    try Interruption.check()
    bursts.generated.append(
      try nanosecondsEach(of: Self.generatedCount, at: pair.far) {
        Double(try generator.send(frame, count: Self.generatedCount, by: pair.nearIndex)) * Double(Self.generatedCount)
      })
    let socket = try PacketSocket(interface: pair.nearIndex, receives: false)
    bursts.sent.append(
      try nanosecondsEach(of: Self.sentCount, at: pair.far) {
        let start = BootClock.now()
        for _ in 0..<Self.sentCount { try socket.send(frame) }
        return Double((BootClock.now() - start).nanoseconds)
      })
  }

  /// Nanoseconds for each frame that arrives, of those that `send` takes in all. A few are lost when the core is taken away between
  /// sending and receiving.
  private func nanosecondsEach(of count: Int, at interface: String, _ send: () throws -> Double) throws -> Double {
    let before = try received(by: interface)
    let nanoseconds = try send()
    let arrived = try received(by: interface) - before
    guard arrived >= count / 2 else { throw BenchError("only \(arrived) of \(count) frames arrived at \(interface)") }
    return nanoseconds / Double(arrived)
  }

}
