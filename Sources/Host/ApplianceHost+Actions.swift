import CPacketPath
import Cluster
import PacketPath
import Wire

extension ApplianceHost {
  /// What the decision maker wants: stored here, or passed on.
  mutating func carryOut(_ action: ClusterMember.Action) {
    switch action {
    case .send(let message, let destination, let protection):
      if case .deassign(let order) = message { stopForwarding(order.units, to: order.member) }
      effects.append(.send(message, to: destination, protection))
    case .setLease(let deadline): setLease(deadline)
    case .setMaster(let isMaster): tables.set(flag: skein_flag_master, isMaster)
    case .setUnits(let units, let owner, let acknowledged): set(units, owner: owner, acknowledged: acknowledged)
    case .setMembers(let profiles):
      set(members: profiles)
      effects.append(.perform(action))
    case .setHashSeed(let seed): tables.setHashSeed(seed)
    case .releaseHeld(let units, let owner): release(units, isOwn: owner == configuration.profile?.identifier)
    case .forgetHeld(let units):
      // Where every member sees every packet, a last owner that could not be asked may have processed what has arrived so far.
      if holdsEverywhere { emptyRing(then: .forget(units)) }
    case .dropHeld: held.removeAll()
    case .awaitState(let serial, let units, let previous): receivePackets(of: units, serial, from: previous)
    case .handOverState(let serial, let units, _):
      // The units have stopped; their next owner will ask.
      handover.expectQuestion(about: units, after: Order(term: member?.allegiance.term ?? .none, serial: serial))
      tell(.stateHandedOver(serial: serial))
    case .abandonState(let serial): abandon(serial)
    case .deliverState, .viewChanged: break
    case .announce, .probeAddresses, .askApplications, .membersChanged, .newGroupKey, .adoptGroupKey, .useGroupKey, .retireGroupKeys,
      .fetchPersonality, .report, .stopped:
      effects.append(.perform(action))
    }
  }

  /// Whether every member sees every packet, so that whoever a unit moves from or to holds its packets.
  var holdsEverywhere: Bool { !configuration.isForwarding }

  // MARK: The packet path's tables

  private mutating func slot(of identifier: MemberIdentifier) -> Int? {
    if let slot = slots[identifier] { return slot }
    let used = Set(slots.values)
    guard let free = (0..<Int(skein_member_count)).first(where: { !used.contains($0) }) else { return nil }
    slots[identifier] = free
    return free
  }

  /// A member that has handed over its last units still holds packets for them under the lease that it has.
  private mutating func setLease(_ deadline: Instant) {
    endsLease = deadline == .zero && handover.isParting && hasCarrier
    if !endsLease { tables.leaseDeadline = deadline }
  }

  private mutating func set(members profiles: [MemberProfile]) {
    let present = Set(profiles.map(\.identifier))
    for profile in profiles where knownProfiles[profile.identifier] != nil || knownProfiles.count < Int(skein_member_count) * 2 {
      knownProfiles[profile.identifier] = profile
    }
    for (identifier, index) in slots where !present.contains(identifier) {
      tables.set(member: index, nil)
      slots[identifier] = nil
    }
    for profile in profiles {
      guard let index = slot(of: profile.identifier) else { continue }
      tables.set(member: index, profile.ethernetAddress)
      if profile.identifier == configuration.profile?.identifier { tables.settings.pointee.own_member = UInt16(index) }
    }
  }

  private mutating func set(_ units: UnitSet, owner: MemberIdentifier?, acknowledged: Bool) {
    let index = owner.flatMap { slot(of: $0) }
    let isOwn = owner == configuration.profile?.identifier
    let state = UnitState(owner: index.map { UInt16($0) }, isAcknowledged: acknowledged, isMine: acknowledged && isOwn)
    let stored = UnitSet(units.filter { !keepsHolding($0, before: state) })
    for unit in stored { store(state, unit) }
    // What is sent up from now on was not sent up before the unit was given away: the new owner may have it.
    if !acknowledged { for unit in stored { handover.given[unit] = nil } }
    // A member that is known to process a unit, because it acknowledged it or claims it from before, processed what was held here as well.
    if acknowledged, !isOwn { release(stored, isOwn: false) }
    guard state.isMine, !stored.isEmpty else { return }
    announceForwarders(stored)
    for unit in stored { open(unit) }
  }

  /// In forwarding mode this master, which alone hands out packets, holds them from before the member is told to stop.
  private mutating func stopForwarding(_ units: UnitSet, to member: MemberIdentifier) {
    guard configuration.isForwarding, let index = slots[member] else { return }
    for unit in units { tables.setUnit(unit, owner: UInt16(index), isAcknowledged: false, isMine: false) }
  }
}
