import KernelProgram

/// The embedded object under names that do not meet those of `Linux`.
enum EmbeddedPrograms {
  static let path = KernelProgram.pathProgram
  static let empty = KernelProgram.emptyProgram
  static let measured = "skein_measured"
  static let measuredFloor = "skein_measured_floor"
  static let all = [KernelProgram.pathProgram, KernelProgram.passProgram, KernelProgram.emptyProgram]
  static func object() -> [UInt8] { KernelProgram.object() }
}
