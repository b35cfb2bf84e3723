import KernelProgram
import PacketPath
import PacketPathCases
import Testing

/// What a packet costs. Runs only when SKEIN_BENCH is set: figures need a quiet machine.
@Suite(.enabled(if: Rig.isAvailable && environment("SKEIN_BENCH") != nil, "needs root, BPF and SKEIN_BENCH")) struct BenchmarkTests {
  @Test func kernel() throws {
    let figures = try PathBenchmark.run(on: try Rig(), program: KernelProgram.pathProgram, empty: KernelProgram.emptyProgram)
    for figure in figures {
      print(
        "bench: \(figure.name): \(figure.medianNanoseconds) ns (least \(figure.leastNanoseconds)), \(figure.nanosecondsAboveEmpty) above empty"
      )
    }
  }
}
