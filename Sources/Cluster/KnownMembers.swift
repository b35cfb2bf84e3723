import Wire

/// Who is in, as the master told: kept through the master's death, since it says who may succeed and who may own units.
struct KnownMembers: Sendable {
  /// The reign in which the list was told.
  private(set) var reign = Reign.none
  private(set) var members: [MemberList.Member] = []
  private var parts = Parts<MemberList.Member>()

  /// Of the last whole list of this reign; 0 before the first.
  var version: UInt32 { parts.version }

  /// What a list changed.
  struct Change {
    var arrived: [MemberProfile]
    var departed: [MemberProfile]
  }

  /// Another master's lists count from here; what the last one told still says who may succeed it.
  mutating func begin(_ reign: Reign) {
    guard reign != self.reign else { return }
    (self.reign, parts) = (reign, Parts())
  }

  /// Takes in a part; answers what changed once a newer list than the last is whole.
  mutating func take(_ list: MemberList) -> Change? {
    guard list.term == reign.term, Int(list.partCount) <= ClusterLimits.memberCount, list.members.count <= ClusterLimits.memberCount,
      let whole = parts.take(list.members, part: list.part, of: list.partCount, version: list.version)
    else { return nil }
    return replace(with: whole)
  }

  /// Puts a whole list in the place of the last.
  private mutating func replace(with whole: [MemberList.Member]) -> Change {
    let before = Dictionary(members.map { ($0.profile.identifier, $0.profile) }) { $1 }
    let after = Dictionary(whole.map { ($0.profile.identifier, $0.profile) }) { $1 }
    let change = Change(
      arrived: whole.map(\.profile).filter { before[$0.identifier]?.incarnation != $0.incarnation },
      departed: members.map(\.profile).filter { after[$0.identifier]?.incarnation != $0.incarnation })
    members = whole
    return change
  }

  func profile(of member: MemberIdentifier) -> MemberProfile? { members.first { $0.profile.identifier == member }?.profile }

  mutating func forget() { self = KnownMembers() }

  /// Whether the master of this reign has told the whole list.
  func isWhole(in reign: Reign) -> Bool { self.reign == reign && version > 0 }
}
