import Glibc
import Linux
import Wire

/// What this kernel's verifier made of one program.
public struct ProgramFigure: Codable, Hashable, Sendable {
  /// The program's name.
  public var program: String
  /// The kernel's release.
  public var kernel: String
  /// Instructions of the program.
  public var instructions: Int
  /// Instructions that the verifier followed, over all ways through the program; nil before Linux 5.16, which does not tell.
  public var verifiedInstructions: Int?
  /// Seconds to load it, together with those that it is staged with.
  public var seconds: Double
  /// What is asked of it.
  public var goal: Goal
}

extension Bench {
  /// How many instructions a verifier follows before it gives up (BPF_COMPLEXITY_LIMIT_INSNS).
  public static let verifierLimit = 1_000_000

  /// Each program of the object, loaded and let go again.
  /// - Throws: when the kernel refuses one, with the verifier's last lines.
  public static func programs() throws -> [ProgramFigure] {
    let kernel = try Sysctl.read("kernel/osrelease")
    return try EmbeddedPrograms.all.flatMap { name in
      let start = BootClock.now()
      let verifications = try KernelProgram.verify(
        object: EmbeddedPrograms.object(), .packetPath(instance: "", programName: name, isStaged: name == EmbeddedPrograms.path))
      let seconds = (BootClock.now() - start).inMilliseconds / 1000
      return verifications.map { facts in
        ProgramFigure(
          program: facts.program, kernel: kernel, instructions: facts.instructions, verifiedInstructions: facts.verifiedInstructions,
          seconds: seconds, goal: Goal("below \(verifierLimit)", isMet: facts.verifiedInstructions.map { $0 < verifierLimit } ?? true))
      }
    }
  }
}

extension [ProgramFigure] {
  /// All figures beneath one heading.
  public var rows: [[String]] {
    [["program", "kernel", "instructions", "verified", "seconds", "goal"]]
      + map { figure in
        [
          figure.program, figure.kernel, "\(figure.instructions)", figure.verifiedInstructions.map(String.init) ?? "not told",
          tenths(figure.seconds), figure.goal.verdict,
        ]
      }
  }
}
