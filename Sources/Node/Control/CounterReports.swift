import Host
import PacketPath

extension PacketTables {
  /// The packet path's counters, over all processors.
  var counterReports: [CounterReport] {
    PacketCounter.allCases.map { CounterReport(group: "packets", name: $0.name, meaning: $0.meaning, value: total(of: $0)) }
  }
}

extension HeldPackets {
  /// What became of packets that had to wait.
  var counterReports: [CounterReport] {
    [
      CounterReport(
        group: "packets", name: "heldOverflow", meaning: "packets for units without an owner that did not fit the bounds", value: overflowed
      ),
      CounterReport(group: "packets", name: "heldExpired", meaning: "packets held in vain: nobody acknowledged in time", value: expired),
      CounterReport(
        group: "packets", name: "heldDuplicates", meaning: "copies of packets that were held already, from two machines", value: duplicates),
      CounterReport(
        group: "packets", name: "heldForgotten", meaning: "packets held that another machine has, or that came too late for anybody",
        value: forgotten),
      CounterReport(
        group: "packets", name: "heldRefused", meaning: "packets held, let go, and then dropped by the packet path", value: refused),
      CounterReport(group: "packets", name: "heldUnsent", meaning: "packets held, and then not taken by the kernel", value: unsent),
      CounterReport(group: "packets", name: "heldReleased", meaning: "packets held and then sent on to the unit's owner", value: released),
    ]
  }
}
