import Wire

/// Who is in, as the master told: kept through the master's death, since it says who may succeed and who may own units.
struct KnownMembers: Sendable {
  /// The term in which the list was told, and its version; 0 before the first whole list of a term.
  private(set) var term = Term.none
  private(set) var version: UInt32 = 0
  private(set) var members: [MemberList.Member] = []
  private var parts: [UInt8: [MemberList.Member]] = [:]
  private var incoming: (term: Term, version: UInt32) = (.none, 0)

  /// What a list changed.
  struct Change {
    var arrived: [MemberProfile]
    var departed: [MemberProfile]
  }

  /// Takes in a part; answers what changed once a newer list than the last is whole.
  mutating func take(_ list: MemberList) -> Change? {
    guard (list.term, list.version) > (term, version), list.partCount > 0, list.part < list.partCount,
      Int(list.partCount) <= ClusterLimits.memberCount, list.members.count <= ClusterLimits.memberCount
    else { return nil }
    if (list.term, list.version) != incoming {
      guard (list.term, list.version) > incoming else { return nil }
      incoming = (list.term, list.version)
      parts = [:]
    }
    parts[list.part] = list.members
    guard parts.count == Int(list.partCount) else { return nil }
    let whole = (0..<list.partCount).flatMap { parts[$0] ?? [] }
    parts = [:]
    return replace(with: whole, term: list.term, version: list.version)
  }

  /// Puts a whole list in the place of the last.
  mutating func replace(with whole: [MemberList.Member], term: Term, version: UInt32) -> Change {
    let before = Dictionary(members.map { ($0.profile.identifier, $0.profile) }) { $1 }
    let after = Dictionary(whole.map { ($0.profile.identifier, $0.profile) }) { $1 }
    let change = Change(
      arrived: whole.map(\.profile).filter { before[$0.identifier]?.incarnation != $0.incarnation },
      departed: members.map(\.profile).filter { after[$0.identifier]?.incarnation != $0.incarnation })
    (self.term, self.version, members) = (term, version, whole)
    return change
  }

  func profile(of member: MemberIdentifier) -> MemberProfile? { members.first { $0.profile.identifier == member }?.profile }

  mutating func forget() { self = KnownMembers() }
}
