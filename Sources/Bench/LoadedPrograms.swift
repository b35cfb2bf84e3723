import CPacketPath
import Glibc
import Linux
import PacketPath

/// The packet path and the empty program in the kernel, each with maps of its own. What is pinned for them goes with this object.
final class LoadedPrograms {
  let path: KernelProgram
  let empty: KernelProgram
  /// The packet path's maps.
  let tables: PacketTables
  /// The memory behind `tables`.
  private let maps: [MappedMemory]

  init() throws(LinuxError) {
    Leftovers.prepare()
    let path = try Self.load(EmbeddedPrograms.path, "path", isStaged: true)
    empty = try Self.load(EmbeddedPrograms.empty, "empty", isStaged: false)
    var maps: [MappedMemory] = []
    tables = try PacketTables(sizes: KernelProgram.leastSizes) { name, octets throws(LinuxError) in
      let map = try path.memory(of: name, octets: octets)
      maps.append(map)
      return map.start
    }
    self.path = path
    self.maps = maps
  }

  deinit { Leftovers.removeOwn() }

  private static func load(_ program: String, _ suffix: String, isStaged: Bool) throws(LinuxError) -> KernelProgram {
    try KernelProgram(
      object: EmbeddedPrograms.object(),
      .packetPath(instance: "\(Leftovers.prefix)\(getpid())-\(suffix)", programName: program, isStaged: isStaged))
  }
}
