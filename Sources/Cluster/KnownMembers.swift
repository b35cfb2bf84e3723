import Wire

/// Who is in, as the master told: kept through the master's death, since it says who may succeed and who may own units.
struct KnownMembers: Sendable {
  /// The reign in which the list was told, and its version; 0 before the first whole list of a reign.
  private(set) var reign = Reign.none
  private(set) var version: UInt32 = 0
  private(set) var members: [MemberList.Member] = []
  private var parts: [UInt8: [MemberList.Member]] = [:]
  private var incoming: UInt32 = 0

  /// What a list changed.
  struct Change {
    var arrived: [MemberProfile]
    var departed: [MemberProfile]
  }

  /// Another master's lists count from here; what the last one told still says who may succeed it.
  mutating func begin(_ reign: Reign) {
    guard reign != self.reign else { return }
    (self.reign, version, incoming, parts) = (reign, 0, 0, [:])
  }

  /// Takes in a part; answers what changed once a newer list than the last is whole.
  mutating func take(_ list: MemberList) -> Change? {
    guard list.term == reign.term, list.version > version, list.version >= incoming, list.part < list.partCount,
      Int(list.partCount) <= ClusterLimits.memberCount, list.members.count <= ClusterLimits.memberCount
    else { return nil }
    if list.version != incoming {
      incoming = list.version
      parts = [:]
    }
    parts[list.part] = list.members
    guard parts.count == Int(list.partCount) else { return nil }
    let whole = (0..<list.partCount).flatMap { parts[$0] ?? [] }
    parts = [:]
    return replace(with: whole, version: list.version)
  }

  /// Puts a whole list in the place of the last.
  private mutating func replace(with whole: [MemberList.Member], version: UInt32) -> Change {
    let before = Dictionary(members.map { ($0.profile.identifier, $0.profile) }) { $1 }
    let after = Dictionary(whole.map { ($0.profile.identifier, $0.profile) }) { $1 }
    let change = Change(
      arrived: whole.map(\.profile).filter { before[$0.identifier]?.incarnation != $0.incarnation },
      departed: members.map(\.profile).filter { after[$0.identifier]?.incarnation != $0.incarnation })
    (self.version, members) = (version, whole)
    return change
  }

  func profile(of member: MemberIdentifier) -> MemberProfile? { members.first { $0.profile.identifier == member }?.profile }

  mutating func forget() { self = KnownMembers() }

  /// Whether the master of this reign has told the whole list.
  func isWhole(in reign: Reign) -> Bool { self.reign == reign && version > 0 }
}
