import Wire

/// Who owns what, as the master told last: for people, and for the gateway of a member that is not the master.
struct KnownOwners: Sendable {
  /// Of the last whole table of this reign; 0 before the first. Each keepalive says it, so a table that was lost is sent again.
  private(set) var version: UInt32 = 0
  /// What the last whole table said; it stays through a change of the master until the next one is whole.
  private(set) var owners: [MemberIdentifier?] = Array(repeating: nil, count: UnitSet.unitCount)
  private var parts: [UInt8: [AssignmentTable.Assignment]] = [:]
  private var incoming: UInt32 = 0

  /// Another reign's tables count from here.
  mutating func begin() { (version, incoming, parts) = (0, 0, [:]) }

  /// Takes in a part of this reign's table.
  mutating func take(_ table: AssignmentTable) {
    guard table.version > version, table.version >= incoming, table.part < table.partCount else { return }
    if table.version != incoming { (incoming, parts) = (table.version, [:]) }
    parts[table.part] = table.assignments
    guard parts.count == Int(table.partCount) else { return }
    version = table.version
    owners = Array(repeating: nil, count: UnitSet.unitCount)
    for assignment in parts.values.joined() { assignment.units.visit { owners[$0] = assignment.member } }
    parts = [:]
  }
}
