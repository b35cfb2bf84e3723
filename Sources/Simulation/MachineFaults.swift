import CPacketPath
import Host
import PacketPath
import Wire

// The machine changes under its process: what `Node` makes of that, in either world. A new index of an interface is nothing that a host hears
// of, and no packet of these worlds has one. A gateway's virtual addresses are left out: no client of `GatewayWorld` speaks to them.
extension SimulatedWorld {
  mutating func change(_ kind: FaultKinds, _ machine: Int, _ duration: UInt64) {
    let process = machines[machine].process
    switch kind {
    case .interface where process == .running && network.hasCarrier[machine]:
      // The packet path goes with the interface. Nothing can be said any more: the process ends.
      takeEthernetAddress(machine)
      network.hasCarrier[machine] = false
      powerOff(machine)
      schedule(.interfaceGone, machine, after: duration)
    case .ethernetAddress where process == .running:
      // The work is handed over, and then the process starts afresh.
      takeEthernetAddress(machine)
      handle(.leave, machine)
      schedule(.left, machine, after: duration + 1_000_000_000)
    case .ownAddress where process != .dead && machines[machine].hasOwnAddress:
      // A process that hangs sees it when it goes on; until then its packet path lives by its lease, and nobody reaches the process.
      machines[machine].hasOwnAddress = false
      if process == .running { powerOff(machine) }
      schedule(.ownAddressGone, machine, after: duration)
    case .clusterAddress where process != .dead && machines[machine].hasClusterAddress:
      machines[machine].hasClusterAddress = false
      schedule(.clusterAddressGone, machine, after: min(duration, 20_000_000))
    default: break
    }
  }

  mutating func changeBack(_ fault: Fault) {
    let machine = fault.machine
    switch fault.kind {
    case .interfaceGone:
      network.hasCarrier[machine] = true
      start(machine)
    case .ownAddressGone:
      machines[machine].hasOwnAddress = true
      if machines[machine].process == .dead { start(machine) }
    case .clusterAddressGone where machines[machine].process == .stopped: schedule(fault.kind, machine, after: 5_000_000)
    // The process puts it right, or the next one will have.
    case .clusterAddressGone: machines[machine].hasClusterAddress = true
    default: break
    }
  }

  /// Another one than any machine has had.
  private mutating func takeEthernetAddress(_ machine: Int) {
    machines[machine].profile.ethernetAddress.bits += 0x1_0000
    machines[machine].native.tables.settings.pointee.own_mac = machines[machine].profile.ethernetAddress.record
  }
}
