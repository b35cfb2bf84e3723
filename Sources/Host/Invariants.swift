import CPacketPath
import Cluster
import Gateway
import PacketPath
import Wire

extension ApplianceHost {
  /// What must hold between two events and does not, a sentence for each; none when all is well. For tests and the simulator.
  public func checkInvariants() -> [String] {
    var broken = (member?.checkInvariants() ?? []) + (gateway?.router.checkInvariants() ?? [])
    broken += held.brokenInvariants
    if endsLease, !isParting { broken.append("the lease waits for units that part, and none does") }
    if isBetweenEvents { broken += brokenHandover + brokenView }
    return broken
  }

  /// What the gateway was told of its cluster, beside what the member says of it.
  private var brokenView: [String] {
    guard let gateway, let told = gateway.told, !gateway.isViewOld, let member else { return [] }
    return view(of: member.snapshot(at: now)) == told ? [] : ["the gateway was not told of other members, or of other owners"]
  }

  /// What the tables say of a unit, beside what the hand-over and the member say of it.
  private var brokenHandover: [String] {
    var broken: [String] = []
    let arriving = arriving
    for unit in handover.partings.keys where arriving.contains(unit) { broken.append("unit \(unit) comes and goes") }
    for unit in handover.partings.keys where tables.units[unit].mine != UInt8(skein_mine_moving) {
      broken.append("unit \(unit) parts, and its packets are not sent up")
    }
    for unit in arriving where tables.units[unit].mine != UInt8(skein_mine_moving) {
      broken.append("unit \(unit) is waited for, and its packets are not sent up")
    }
    for unit in handover.given.keys where tables.units[unit].mine == UInt8(skein_mine) {
      broken.append("unit \(unit) was given away, and is processed here")
    }
    guard let owned = member?.ownedUnits else { return broken }
    for unit in 0..<UnitSet.unitCount where owned.contains(unit) != (tables.units[unit].mine == UInt8(skein_mine)) {
      broken.append("unit \(unit) is \(owned.contains(unit) ? "" : "not ")the member's own, and the tables do not say so")
    }
    return broken
  }
}
