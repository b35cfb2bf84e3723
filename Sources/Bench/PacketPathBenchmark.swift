import Linux
import PacketPath
import PacketPathCases
import Wire

/// What the packet path takes for one kind of packet.
public struct PacketPathFigure: Codable, Hashable, Sendable {
  /// The kind of packet.
  public var name: String
  /// The kernel program's time for it, `floorNanoseconds` included: the median of the rounds.
  public var nanoseconds: Double
  /// The empty program's time in the same rounds.
  public var floorNanoseconds: Double
  /// The difference: the packet path itself.
  public var aboveFloorNanoseconds: Double
  /// The native build's time for the same frame, in this process.
  public var nativeNanoseconds: Double
  /// What is asked of it, if anything is.
  public var goal: Goal?
}

extension Bench {
  /// How far dropping may be from doing nothing.
  public static let dropGoalNanoseconds = 25.0

  /// Nanoseconds a packet, by kind, without a network card: the kernel runs the program again and again on one frame.
  ///
  /// Programs that leave their frame as a repetition needs it run hundreds of thousands of times at once. The others (an answer is no
  /// question any more) run singly on a fresh frame, and so does the empty program beside them: some 57 ns of both are the timer's.
  /// - Parameter rounds: how often each is measured, in turns.
  /// - Throws: when the programs cannot be loaded, or the frames do not meet the verdict that they are to measure.
  public static func packetPath(rounds: Int = 9) throws -> [PacketPathFigure] {
    let bench = try PacketPathBenchmark()
    for _ in 0..<max(1, rounds) { try bench.measureOnce() }
    return bench.figures
  }
}

extension PacketPathFigure: Tabular {
  static let heading = ["packet", "ns", "empty", "above", "native", "goal"]

  /// One row beneath the heading.
  public var rows: [[String]] { [Self.heading, cells] }

  fileprivate var cells: [String] {
    [
      name, tenths(nanoseconds), tenths(floorNanoseconds), tenths(aboveFloorNanoseconds), tenths(nativeNanoseconds), goal?.verdict ?? "",
    ]
  }
}

extension [PacketPathFigure] {
  /// All figures beneath one heading.
  public var rows: [[String]] { [PacketPathFigure.heading] + map(\.cells) }
}

/// With one decimal.
func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

/// Kernel program, empty program and native build, taking turns.
private final class PacketPathBenchmark {
  private struct Samples {
    var path: [Double] = []
    var empty: [Double] = []
    var native: [Double] = []
  }

  private static let repetitions = 200_000
  private static let singleRuns = 501
  private let programs: LoadedPrograms
  private let native = NativePacketPath()
  private let subjects = PathBenchmark.subjects
  private var samples: [Samples]

  init() throws {
    programs = try LoadedPrograms()
    samples = subjects.map { _ in Samples() }
    for subject in subjects { try checkAgreement(subject) }
  }

  func measureOnce() throws {
    for (index, subject) in subjects.enumerated() {
      try Interruption.check()
      subject.world.apply(to: programs.tables)
      samples[index].empty.append(try time(programs.empty, subject))
      samples[index].path.append(try time(programs.path, subject))
      samples[index].native.append(nativeTime(subject))
    }
  }

  var figures: [PacketPathFigure] {
    zip(subjects, samples).map { subject, samples in
      let path = samples.path.median ?? 0
      let floor = samples.empty.median ?? 0
      let goal =
        subject.name == "drop"
        ? Goal("at most \(Int(Bench.dropGoalNanoseconds)) above empty", isMet: path - floor <= Bench.dropGoalNanoseconds) : nil
      return PacketPathFigure(
        name: subject.name, nanoseconds: path, floorNanoseconds: floor, aboveFloorNanoseconds: path - floor,
        nativeNanoseconds: samples.native.median ?? 0, goal: goal)
    }
  }

  /// A figure means something only if both builds do with the frame what the other does.
  private func checkAgreement(_ subject: PathBenchmark.Subject) throws {
    subject.world.apply(to: programs.tables)
    subject.world.apply(to: native.tables)
    let kernel = try run(programs.path, subject.frame, 1)
    let (outcome, frame) = native.trace(subject.frame, now: BootClock.now().nanoseconds)
    let verdict = outcome.verdict == .up ? .drop : outcome.verdict
    guard kernel.verdict == verdict.rawValue, kernel.frame == frame else {
      throw BenchError("kernel program and native build disagree about “\(subject.name)”: \(kernel.verdict) and \(verdict)")
    }
  }

  private func time(_ program: KernelProgram, _ subject: PathBenchmark.Subject) throws -> Double {
    guard subject.changesItsVerdict else { return Double(try run(program, subject.frame, Self.repetitions).nanoseconds) }
    return Double(try (0..<Self.singleRuns).map { _ in try run(program, subject.frame, 1).nanoseconds }.median ?? 0)
  }

  private func run(_ program: KernelProgram, _ frame: [UInt8], _ count: Int) throws -> TestRun {
    try frame.withUnsafeBytes { try program.testRun($0, repeat: count) }
  }

  /// The clock is read once for all: the daemon, too, reads it once for a batch.
  private func nativeTime(_ subject: PathBenchmark.Subject) -> Double {
    subject.world.apply(to: native.tables)
    var buffer = subject.frame + [UInt8](repeating: 0, count: 64)
    return buffer.withUnsafeMutableBytes { buffer in
      let now = BootClock.now()
      for _ in 0..<Self.repetitions {
        if subject.changesItsVerdict { buffer.copyBytes(from: subject.frame) }
        var length = subject.frame.count
        _ = native.process(buffer, length: &length, now: now.nanoseconds)
      }
      return Double((BootClock.now() - now).nanoseconds) / Double(Self.repetitions)
    }
  }
}
