import CLinux
import Glibc

/// A build's kernel program that takes the place of an older build's, which runs on meanwhile under its lease. The verifier takes longer
/// over it than a lease lasts, so the daemon does not wait for it.
///
/// Both work on the same maps, which agree in type, sizes and entries. A build that gives a record another meaning must therefore name
/// its map anew.
public final class ProgramReplacement: Sendable {
  private let object: [UInt8]
  private let configuration: KernelProgram.Configuration
  private let pins: PinDirectory

  init(object: [UInt8], _ configuration: KernelProgram.Configuration, _ pins: consuming PinDirectory) {
    self.object = object
    self.configuration = configuration
    self.pins = pins
  }

  /// Loads the program, which may take a second, and puts it in the place of the older one between two packets. For a thread that has
  /// the time.
  /// - Throws: what the verifier refused; then the older program goes on.
  public func run() throws(LinuxError) {
    try object.lend { bytes throws(LinuxError) in
      let loaded = try KernelProgram.prepare(bytes, configuration)
      guard try KernelProgram.reuseMaps(of: loaded, pins) else { return }
      try KernelProgram.load(loaded, configuration)
      try KernelProgram.pinStages(of: loaded, KernelProgram.stagesName(bytes), in: pins)
      let program = try loaded.programDescriptor(configuration.programName)
      for name in try PinDirectory.names(in: pins.path) where KernelProgram.isLink(name) {
        guard let link = try pins.open(name) else { continue }
        try KernelLink(link).update(to: program, interface: configuration.instance)
      }
      try KernelProgram.pinProgram(program, as: KernelProgram.programName(bytes), in: pins)
    }
  }
}
