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
  /// What it takes with one that also loads from the packet's headers: the least that any program does which looks at a packet.
  public var readingNanoseconds: Double
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

  /// Packets a second that one core makes, sends over a virtual pair, receives and drops: by Skein, by a bare program and by one that loads
  /// from the headers, in turns.
  ///
  /// Each has a pair of its own, and they exchange them twice. They take turns every few milliseconds, so that what else
  /// the machine does meets both; the middle half of the bursts counts.
  /// - Parameter rounds: how many bursts of each, some 50 ms a burst.
  public static func dropRate(rounds: Int = 40) throws -> DropRateReport {
    try inNewNamespace {
      let bench = try DropRateBenchmark()
      for shift in 0..<3 { try bench.measure(bursts: max(1, rounds / 3), shift: shift) }
      return DropRateReport(generated: bench.figure(\.generated), sent: bench.figure(\.sent))
    }
  }
}

extension DropRateFigure {
  init(skein: [Double], bare: [Double], reading: [Double]) {
    let (nanoseconds, bareNanoseconds) = (skein.midmean, bare.midmean)
    let ratio = nanoseconds > 0 ? bareNanoseconds / nanoseconds : 0
    self.init(
      packetsPerSecond: 1_000_000_000 / max(nanoseconds, 1), barePacketsPerSecond: 1_000_000_000 / max(bareNanoseconds, 1), ratio: ratio,
      nanoseconds: nanoseconds, bareNanoseconds: bareNanoseconds, readingNanoseconds: reading.midmean, burstCount: skein.count,
      goal: Goal("at least \(Int(Bench.dropRateGoal * 100)) %", isMet: ratio >= Bench.dropRateGoal))
  }
}

extension DropRateReport: Tabular {
  /// Three rows for each sender: the bare program's, that of one that reads, and Skein's.
  public var rows: [[String]] {
    func row(_ name: String, _ nanoseconds: Double, _ figure: DropRateFigure, _ goal: String = "") -> [String] {
      let share = nanoseconds > 0 ? figure.bareNanoseconds / nanoseconds * 100 : 0
      return [
        name, String(format: "%.3f M/s", 1000 / max(nanoseconds, 1)), tenths(nanoseconds), tenths(nanoseconds - figure.bareNanoseconds),
        String(format: "%.1f %%", share), goal,
      ]
    }
    func rows(_ sender: String, _ figure: DropRateFigure) -> [[String]] {
      [
        row("\(sender), bare XDP_DROP", figure.bareNanoseconds, figure),
        row("\(sender), XDP_DROP that reads the headers", figure.readingNanoseconds, figure),
        row("\(sender), skein", figure.nanoseconds, figure, figure.goal.verdict),
      ]
    }
    return [["drop on a virtual pair", "packets", "ns", "above", "of bare", "goal"]]
      + rows("made by the kernel", generated) + rows("sent by a program", sent)
  }
}

private final class DropRateBenchmark {
  /// Nanoseconds a frame, by burst.
  struct Bursts {
    var generated: [Double] = []
    var sent: [Double] = []
  }

  /// Who drops.
  private enum Program: Int, CaseIterable { case bare, reading, skein }

  private var bursts = Program.allCases.map { _ in Bursts() }
  private let programs: LoadedPrograms
  private let reading: BareProgram
  private let generator: Generator
  private let pairs: [VirtualPair]
  private let frame: [UInt8]
  private static let generatedCount = 200_000
  private static let sentCount = 2_000

  init() throws {
    programs = try LoadedPrograms()
    reading = try BareProgram.droppingWithALook()
    generator = try Generator()
    pairs = try ["first", "second", "third"].map { try VirtualPair($0) }
    World(units: .acknowledged).apply(to: programs.tables)
    frame = Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp(.init(repeating: 0, count: 6))))
  }

  func figure(_ sender: KeyPath<Bursts, [Double]>) -> DropRateFigure {
    func of(_ program: Program) -> [Double] { bursts[program.rawValue][keyPath: sender] }
    return DropRateFigure(skein: of(.skein), bare: of(.bare), reading: of(.reading))
  }

  /// So many bursts of each program in turns, over pairs that another `shift` shares out otherwise.
  func measure(bursts count: Int, shift: Int) throws {
    func pair(_ program: Program) -> VirtualPair { pairs[(program.rawValue + shift) % pairs.count] }
    try programs.path.attach(to: pair(.skein).far, mode: .native)
    defer { try? programs.path.detach(from: pair(.skein).far) }
    try programs.empty.attach(to: pair(.bare).far, mode: .native)
    defer { try? programs.empty.detach(from: pair(.bare).far) }
    let reader = try RouteSocket().interface(named: pair(.reading).far).index
    try reading.attach(to: reader)
    defer { BareProgram.detach(from: reader) }
    var warmUp = Bursts()
    for pair in pairs { try burst(over: pair, into: &warmUp) }
    let seen = programs.tables.total(of: .notMine)
    for _ in 0..<count {
      for program in Program.allCases { try burst(over: pair(program), into: &bursts[program.rawValue]) }
    }
    let dropped = programs.tables.total(of: .notMine) - seen
    guard dropped >= UInt64(count * Self.generatedCount / 2) else {
      throw BenchError("of \(count * Self.generatedCount) frames the packet path dropped only \(dropped) as another's")
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
