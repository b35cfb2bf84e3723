import Wire

/// What an appliance beside the member lives by: who is in, who is the master, and whose the units are. Equal stamps mean that the snapshot
/// shows the same of it; of what is long, the stamp has the version.
struct ViewStamp: Equatable {
  var phase: ClusterMember.Phase
  var term: Term
  var master: MemberIdentifier?
  var profile: MemberProfile
  var isUnwilling: Bool
  var owned: UnitSet
  /// Of a member: the list and the table that its master told last.
  var toldList: UInt32
  var toldOwners: UInt32
  /// Of a master: its own.
  var list: UInt32 = 0
  var units: UInt32 = 0
}

extension ClusterMember {
  var viewStamp: ViewStamp {
    let (term, master) = allegiance
    var stamp = ViewStamp(
      phase: phase, term: term, master: master, profile: shared.profile, isUnwilling: shared.isDraining || shared.isLeaving,
      owned: shared.holdings.owned, toldList: shared.known.version, toldOwners: shared.knownOwners.version)
    if case .reigning(let master) = state { (stamp.list, stamp.units) = (master.listVersion, master.units.version) }
    return stamp
  }
}
