import Wire

// Placements: the gateway of this cluster says which member should own which unit. The master alone still assigns, moves and leases.
//
// A placed unit whose member may be given units belongs there, and the balance neither moves it nor counts it: each member has what is
// placed on it, and besides that its fair share of all other units. So balance and placement never touch the same unit, and cannot undo
// each other's work. Where a place may not be taken (its member is gone, drains, leaves, is new) the unit is one like any other, counted and
// balanced, until its member comes back.

/// Which member should own which unit, as the gateway last said.
struct Places: Sendable {
  /// The units that are placed.
  private(set) var units = UnitSet()
  private var members: [MemberIdentifier?] = Array(repeating: nil, count: UnitSet.unitCount)

  /// No unit is placed.
  init() {}

  /// Units that do not exist are left out.
  init(_ places: [Int: MemberIdentifier]) {
    for (unit, member) in places where members.indices.contains(unit) {
      units.insert(unit)
      members[unit] = member
    }
  }

  subscript(unit: Int) -> MemberIdentifier? { members[unit] }
}

extension Master {
  /// Where the unit belongs now: nil when it is not placed, or its member may not be given units.
  func place(of unit: Int, _ shared: Shared) -> MemberIdentifier? {
    guard let member = shared.places[unit], mayTake(member, shared) else { return nil }
    return member
  }

  /// To whom the unit goes.
  func destination(of unit: Int, _ shared: Shared) -> MemberIdentifier? { place(of: unit, shared) ?? leastLoaded(shared) }

  /// How many of the units that a member has, or is about to have, are placed where they may be: the balance does not count those.
  func placedLoads(_ shared: Shared) -> [MemberIdentifier: Int] {
    var result: [MemberIdentifier: Int] = [:]
    shared.places.units.visit { unit in
      if let heir = units[unit].heir, place(of: unit, shared) != nil { result[heir, default: 0] += 1 }
    }
    return result
  }

  /// Moves one unit that is not where it belongs.
  mutating func placeOne(_ shared: inout Shared) -> Bool {
    var move: (unit: Int, from: MemberIdentifier, to: MemberIdentifier)?
    shared.places.units.visit { unit in
      guard move == nil, case .owned(let owner) = units[unit], let place = place(of: unit, shared), place != owner else { return }
      move = (unit, owner, place)
    }
    guard let move else { return false }
    shared.report(.unitsMoving(UnitSet(unit: move.unit), from: move.from, to: move.to, .placement))
    release(move.unit, of: move.from, to: move.to, &shared)
    return true
  }
}
