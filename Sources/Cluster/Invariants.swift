import Wire

// What must hold after every event, said once more from the outside. Tests and the simulator ask after each `handle`; the daemon does not.

extension ClusterMember {
  /// What must hold now and does not, a sentence for each; none when all is well.
  public func checkInvariants() -> [String] {
    var broken = shared.holdings.brokenInvariants
    if case .reigning(let master) = state { broken += master.brokenInvariants(shared) }
    return broken
  }
}

extension Holdings {
  fileprivate var brokenInvariants: [String] {
    var broken: [String] = []
    if lease == .zero, !owned.isEmpty { broken.append("\(owned.count) units are owned without a lease") }
    if digest != owned.digest { broken.append("the digest is not that of the owned units") }
    if arriving.contains(where: { $0.units.isEmpty }) { broken.append("nothing arrives under a serial that is waited for") }
    if Set(arriving.map(\.serial)).count < arriving.count { broken.append("two arrivals have one serial") }
    return broken
  }
}

extension Master {
  fileprivate func brokenInvariants(_ shared: Shared) -> [String] {
    var broken: [String] = []
    for duty in Duty.allCases {
      if let due = due(duty, shared), due < shared.now { broken.append("\(duty) was due \((shared.now - due).nanoseconds) ns ago") }
    }
    if slots.count != peers.count || peers.indices.contains(where: { slots[peers[$0].profile.identifier] != $0 }) {
      broken.append("the members are not where `slots` says")
    }
    broken += brokenUnits(shared)
    return broken
  }

  /// The counts that are kept beside the table, and whether everything on its way will be asked for again.
  private func brokenUnits(_ shared: Shared) -> [String] {
    var broken: [String] = []
    var (free, resting, moving, orphans) = (0, 0, 0, 0)
    // The simulator asks after each of millions of events: no hashing for each unit.
    var held = Array(repeating: UnitSet(), count: peers.count)
    var places = Array(repeating: -1, count: 1 + (peers.map { Int($0.profile.identifier.rawValue) }.max() ?? 0))
    for slot in peers.indices { places[Int(peers[slot].profile.identifier.rawValue)] = slot }
    func hold(_ unit: Int, _ member: MemberIdentifier) {
      let number = Int(member.rawValue)
      if number < places.count, places[number] >= 0 { held[places[number]].insert(unit) }
    }
    var handed: [UInt32: UnitSet] = [:]
    for handout in handouts { handed[handout.serial, default: UnitSet()].formUnion(handout.units) }
    for unit in units.standings.indices {
      switch units.standings[unit] {
      case .free: free += 1
      case .resting: resting += 1
      case .owned(let member): hold(unit, member)
      case .assigning(_, let serial):
        moving += 1
        if handed[serial]?.contains(unit) != true { orphans += 1 }
      case .releasing(let member, _, let serial):
        moving += 1
        hold(unit, member)
        if handed[serial]?.contains(unit) != true { orphans += 1 }
      }
    }
    if (free, resting, moving) != (units.freeCount, units.restingCount, units.movingCount) {
      broken.append(
        "\(units.freeCount)/\(units.restingCount)/\(units.movingCount) units are counted free/resting/moving of \(free)/\(resting)/\(moving)"
      )
    }
    if orphans > 0 { broken.append("\(orphans) units are on their way, and nobody will be told again") }
    for slot in peers.indices where held[slot].count != peers[slot].unitCount || held[slot].digest != peers[slot].digest {
      broken.append(
        "member \(peers[slot].profile.identifier.rawValue) is said to hold \(peers[slot].unitCount) units, and holds \(held[slot].count)")
    }
    return broken
  }
}
