import CPacketPath
import Linux
import PacketPath
import Wire

/// A packet path without its daemon: what it counts and how long its lease runs, from the maps that are pinned in the kernel. For the
/// night in which the daemon hangs, and for who does not take the daemon's word for it.
public struct PinnedPath {
  private let counters: MappedArray<UInt64>
  private let lease: MappedArray<skein_lease>

  /// The path of the daemon that has this configuration.
  /// - Throws: `LinuxError` when it has left nothing in the kernel: it never ran, it stopped in order, or its path is `packet-socket`.
  public init(_ configuration: Configuration) throws {
    let maps = try PinnedMaps(instance: Backends.instance(of: configuration))
    counters = try maps.array("counters")
    lease = try maps.array("lease")
  }

  /// Every counter of the group `packets`, over all processors.
  public func report() -> CountersReport {
    let remaining = Instant(nanoseconds: lease.load(\.deadline)) - BootClock.now()
    return CountersReport(
      counters: PacketCounter.allCases.map {
        CounterReport(group: "packets", name: $0.name, meaning: $0.meaning, value: total(of: $0))
      }, source: .pinned, leaseMilliseconds: remaining.inMilliseconds)
  }

  private func total(of counter: PacketCounter) -> UInt64 {
    stride(from: Int(counter.rawValue), to: counters.count, by: Int(skein_counter_count)).reduce(0) { $0 &+ counters[$1] }
  }
}
