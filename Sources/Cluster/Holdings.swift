import Wire

/// One master's time. Two sides of a partition may have reached the same term.
struct Reign: Hashable, Sendable {
  var term: Term
  /// The master's incarnation.
  var incarnation: UInt64
  static let none = Reign(term: .none, incarnation: 0)
}

/// What this machine processes: the units that it owns, those whose state is still coming in, those whose state is going out, and the
/// lease under which it does so.
struct Holdings: Sendable {
  /// Units that the packet path processes while the lease lasts.
  private(set) var owned = UnitSet()
  /// Digest of `owned`.
  private(set) var digest: UInt32 = 0
  var lease = Instant.zero
  private(set) var arriving: [Arriving] = []
  private(set) var parting: [Parting] = []
  /// Whose serials these are.
  private var reign = Reign.none
  /// The newest serial that said something about each unit, in this term.
  private var serials = Array(repeating: UInt32(0), count: UnitSet.unitCount)

  /// An assignment that waits for its state.
  struct Arriving: Sendable {
    var serial: UInt32
    var units: UnitSet
  }

  /// A de-assignment whose state is on its way to the next owner.
  struct Parting: Sendable {
    var serial: UInt32
    var units: UnitSet
  }

  /// Units of a message with this serial: those that it tells something new, and those that it told before.
  mutating func take(serial: UInt32, units: UnitSet) -> (new: UnitSet, repeated: UnitSet) {
    var new = UnitSet()
    var repeated = UnitSet()
    units.visit { unit in
      if serial > serials[unit] {
        serials[unit] = serial
        new.insert(unit)
      } else if serial == serials[unit] {
        repeated.insert(unit)
      }
    }
    return (new, repeated)
  }

  mutating func own(_ units: UnitSet) {
    owned.formUnion(units)
    digest = owned.digest
  }

  mutating func disown(_ units: UnitSet) {
    owned.subtract(units)
    digest = owned.digest
  }

  mutating func await(_ units: UnitSet, serial: UInt32) { arriving.append(Arriving(serial: serial, units: units)) }

  /// Takes units out of what is arriving, and answers the serials for which nothing is left to wait.
  mutating func abandon(_ units: UnitSet) -> [UInt32] {
    for index in arriving.indices { arriving[index].units.subtract(units) }
    let ended = arriving.filter { $0.units.isEmpty }.map(\.serial)
    arriving.removeAll { $0.units.isEmpty }
    return ended
  }

  /// The units of an assignment whose state is in.
  mutating func completeArrival(serial: UInt32) -> UnitSet? {
    guard let index = arriving.firstIndex(where: { $0.serial == serial }) else { return nil }
    return arriving.remove(at: index).units
  }

  mutating func part(_ units: UnitSet, serial: UInt32) { parting.append(Parting(serial: serial, units: units)) }

  /// The units of a de-assignment whose state is out.
  mutating func completeParting(serial: UInt32) -> UnitSet? {
    guard let index = parting.firstIndex(where: { $0.serial == serial }) else { return nil }
    return parting.remove(at: index).units
  }

  func isParting(serial: UInt32) -> Bool { parting.contains { $0.serial == serial } }

  /// Forgets what was arriving as if it had not been told: should the master say it again, it counts as new.
  mutating func abandonArriving() {
    for waiting in arriving { waiting.units.visit { serials[$0] = min(serials[$0], waiting.serial - 1) } }
    arriving = []
  }

  /// These were let go though nobody said so. An assignment whose acknowledgement was lost may come again, and counts as new. That is
  /// safe: the lease is renewed only by a master that has not given the units away, or after a JOIN OK that voids what was sent before.
  mutating func unlearn(_ units: UnitSet) { units.visit { serials[$0] = serials[$0] > 0 ? serials[$0] - 1 : 0 } }

  /// A new reign counts its serials afresh; the same one, come back to, goes on.
  mutating func begin(_ reign: Reign) {
    parting = []
    guard reign != self.reign else { return }
    self.reign = reign
    for unit in serials.indices { serials[unit] = 0 }
  }
}
