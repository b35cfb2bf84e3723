import Wire

/// What the master knows of each of the 1,024 units (figure 9, "work set assigned?", "acknowledged?").
struct UnitTable: Sendable {
  /// Where a unit stands. Legal ways: free → assigning → owned → releasing → assigning; from each of them to free or resting when the
  /// owner is gone; resting → free.
  enum Standing: Hashable, Sendable {
    /// In the pool: nobody processes it.
    case free
    /// Somebody who cannot be asked may process it under a lease until then.
    case resting(until: Instant)
    /// Told to a member that has not acknowledged.
    case assigning(MemberIdentifier, serial: UInt32)
    case owned(MemberIdentifier)
    /// Its owner has been told to stop in favour of another.
    case releasing(MemberIdentifier, target: MemberIdentifier, serial: UInt32)
  }

  private(set) var standings = Array(repeating: Standing.free, count: UnitSet.unitCount)
  private(set) var freeCount = UnitSet.unitCount
  private(set) var restingCount = 0
  /// How many units are on their way.
  private(set) var movingCount = 0
  private var loads: [MemberIdentifier: Int] = [:]
  /// Grows with each change that the table for people shows.
  private(set) var version: UInt32 = 1

  subscript(unit: Int) -> Standing { standings[unit] }

  mutating func set(_ unit: Int, _ standing: Standing) {
    count(standings[unit], -1)
    count(standing, 1)
    standings[unit] = standing
    version &+= 1
  }

  mutating func set(_ units: UnitSet, _ standing: Standing) { units.visit { set($0, standing) } }

  private mutating func count(_ standing: Standing, _ by: Int) {
    if let heir = standing.heir { loads[heir, default: 0] += by }
    switch standing {
    case .free: freeCount += by
    case .resting: restingCount += by
    case .assigning, .releasing: movingCount += by
    case .owned: break
    }
  }

  /// The units whose standing fits.
  func units(where fits: (Standing) -> Bool) -> UnitSet {
    var result = UnitSet()
    for unit in standings.indices where fits(standings[unit]) { result.insert(unit) }
    return result
  }

  /// Units that a member has acknowledged and not yet given up: what its own digest should say.
  func held(by member: MemberIdentifier) -> UnitSet { units { $0.holder == member } }

  /// The next instant at which a resting unit becomes free.
  var nextRested: Instant? {
    guard restingCount > 0 else { return nil }
    var next: Instant?
    for case .resting(let until) in standings where next.map({ until < $0 }) ?? true { next = until }
    return next
  }

  /// How many units a member has, or is about to have.
  func load(of member: MemberIdentifier) -> Int { loads[member] ?? 0 }
}

extension UnitTable.Standing {
  /// Who processes the unit, as far as acknowledged.
  var holder: MemberIdentifier? {
    switch self {
    case .free, .resting, .assigning: nil
    case .owned(let member), .releasing(let member, _, _): member
    }
  }

  func isAssigned(to member: MemberIdentifier) -> Bool {
    if case .assigning(member, _) = self { true } else { false }
  }

  /// Who will have the unit when what is on its way has arrived.
  var heir: MemberIdentifier? {
    switch self {
    case .free, .resting: nil
    case .owned(let member), .assigning(let member, _), .releasing(_, let member, _): member
    }
  }
}

/// An ASSIGN or DE-ASSIGN that has not been acknowledged in full.
struct Handout: Sendable {
  enum Kind: Sendable {
    case assignment(previousOwner: MemberIdentifier?)
    case release(target: MemberIdentifier)
  }
  var serial: UInt32
  var member: MemberIdentifier
  var units: UnitSet
  var kind: Kind
  var sentAt: Instant
}
