import CPacketPath
import Host
import Linux
import PacketPath
import Segments
import Wire

/// A packet path without its daemon: what it counts and how long its lease runs, from the maps that are pinned in the kernel. For the
/// night in which the daemon hangs, and for who does not take the daemon's word for it.
public struct PinnedPath {
  let tables: PacketTables
  /// The virtual servers, by their numbers.
  let services: [VirtualServer]
  /// The memory behind them.
  private let maps: [MappedMemory]

  /// The path of the daemon that has this configuration.
  /// - Throws: `LinuxError` when it has left nothing in the kernel: it never ran, it stopped in order, or its path is `packet-socket`.
  public init(_ configuration: Configuration) throws {
    let pinned = try PinnedMaps(instance: Backends.instance(of: configuration))
    var maps: [MappedMemory] = []
    tables = try PacketTables(sizes: pinned.sizes()) { name, octets throws(LinuxError) in
      let map = try pinned.memory(of: name, octets: octets)
      maps.append(map)
      return map.start
    }
    self.maps = maps
    services = configuration.services
  }

  /// Every counter of the group `packets`, over all processors.
  public func report() -> CountersReport {
    CountersReport(
      counters: tables.counterReports, source: .pinned, leaseMilliseconds: (tables.leaseDeadline - BootClock.now()).inMilliseconds)
  }
}
