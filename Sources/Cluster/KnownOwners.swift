import Wire

/// Who owns what, as the master told last: for people, and for the gateway of a member that is not the master.
struct KnownOwners: Sendable {
  private var parts = Parts<AssignmentTable.Assignment>()
  /// What the last whole table said; it stays through a change of the master until the next one is whole.
  private(set) var owners: [MemberIdentifier?] = Array(repeating: nil, count: UnitSet.unitCount)

  /// Of the last whole table of this reign; 0 before the first. Each keepalive says it, so a table that was lost is sent again.
  var version: UInt32 { parts.version }

  /// Another reign's tables count from here.
  mutating func begin() { parts = Parts() }

  /// Takes in a part of this reign's table.
  mutating func take(_ table: AssignmentTable) {
    guard let whole = parts.take(table.assignments, part: table.part, of: table.partCount, version: table.version) else { return }
    owners = Array(repeating: nil, count: UnitSet.unitCount)
    for assignment in whole { assignment.units.visit { owners[$0] = assignment.member } }
  }
}
