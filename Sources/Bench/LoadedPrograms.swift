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
  private let maps: [AnyObject]

  init() throws(LinuxError) {
    Leftovers.prepare()
    path = try Self.load(EmbeddedPrograms.path, "path")
    empty = try Self.load(EmbeddedPrograms.empty, "empty")
    (tables, maps) = try Self.map(path)
  }

  deinit { Leftovers.removeOwn() }

  private static func load(_ program: String, _ suffix: String) throws(LinuxError) -> KernelProgram {
    try KernelProgram(
      object: EmbeddedPrograms.object(),
      .init(instance: "\(Leftovers.prefix)\(getpid())-\(suffix)", programName: program, maximumEntries: KernelProgram.tableSizes))
  }

  private static func map(_ program: KernelProgram) throws(LinuxError) -> (PacketTables, [AnyObject]) {
    let settings = try program.array("settings", of: skein_settings.self)
    let lease = try program.array("lease", of: skein_lease.self)
    let units = try program.array("units", of: skein_unit.self)
    let members = try program.array("members", of: skein_member.self)
    let counters = try program.array("counters", of: UInt64.self)
    let traffic = try program.array("traffic", of: skein_traffic.self)
    let fragments = try program.array("fragments", of: skein_fragment.self)
    let routes = try program.array("routes", of: skein_route_memo.self)
    let tables = PacketTables(
      settings: settings.pointer, lease: lease.pointer, units: units.pointer, members: members.pointer, counters: counters.pointer,
      traffic: traffic.pointer, fragments: fragments.pointer, routes: routes.pointer,
      processorCount: KernelProgram.possibleProcessorCount)
    return (tables, [settings, lease, units, members, counters, traffic, fragments, routes])
  }
}
