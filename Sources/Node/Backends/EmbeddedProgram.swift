import KernelProgram

/// The kernel program that was compiled with this daemon, under names that do not meet those of `Linux`.
enum EmbeddedProgram {
  static var object: [UInt8] { KernelProgram.object() }
  static let name = KernelProgram.pathProgram
}
