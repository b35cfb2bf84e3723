import CPacketPath

/// How it stands with a unit, for whoever has a packet of it here and now.
enum Standing {
  /// Somebody else's, who has the packet too; or not this machine's to say.
  case anothers
  /// This machine would have acted, but its lease has run out.
  case leaseExpired
  /// This machine's, and it is now so late (CLOCK_BOOTTIME, nanoseconds).
  case mine(at: UInt64)
  /// Another member's, to whom this machine passes on what it hears: an index among the members.
  case of(UInt16)
  /// Nobody's yet, or on its way.
  case undecided
}

extension Path {
  /// What record, lease and role say of a unit. The clock is read only when this machine is about to do something: to drop needs no lease.
  /// - Parameter passesOn: Whether this machine passes on what is another's.
  @inline(__always) func standing(of unit: UInt32, passesOn: Bool) -> Standing {
    let record = memory.unit(unit)
    // Most packets end here, so it is one octet that is loaded.
    if _fastPath(skein_unit_mine(record) == UInt8(skein_not_mine) && !has(skein_flag_master) && !passesOn) { return .anothers }
    let state = skein_unit_load(record)
    // Owned by this machine and not yet "mine": its state is still coming in, so it is held like anybody's that has not acknowledged.
    let isAnothers = state.acknowledged != 0 && state.owner != settings.pointee.own_member && state.owner != UInt16(skein_no_member)
    if state.mine == UInt8(skein_not_mine) && (isAnothers ? !passesOn : !has(skein_flag_master)) { return .anothers }
    let now = memory.now
    guard now < memory.leaseDeadline else { return .leaseExpired }
    if state.mine == UInt8(skein_mine) { return .mine(at: now) }
    return isAnothers && state.mine == UInt8(skein_not_mine) ? .of(state.owner) : .undecided
  }

  /// Up to the daemon, which holds it until its owner has acknowledged.
  @inline(__always) func hold(_ frame: Packet, _ unit: UInt32) -> Outcome {
    let state = skein_unit_load(memory.unit(unit))
    let isNobodys = state.owner == UInt16(skein_no_member) && state.mine == UInt8(skein_not_mine)
    guard has(skein_flag_hold) else { return Outcome(.drop, isNobodys ? .unassignedDropped : .unacknowledgedDropped, unit: unit) }
    return isNobodys ? sendUp(frame, unit, .unassigned) : sendUp(frame, unit, .unacknowledged)
  }

  /// Up to the daemon, for the reason that the counter is of.
  @inline(__always) func sendUp(_ frame: Packet, _ unit: UInt32, _ counter: PacketCounter) -> Outcome {
    guard let reason = counter.upcallReason else { return Outcome(.drop, .tableMissing, unit: unit) }
    return memory.sendUp(frame, unit: unit, reason: reason) ? Outcome(.up, counter, unit: unit) : Outcome(.drop, .ringFull, unit: unit)
  }

  /// Addresses the frame to a member; false when there is none of that index.
  @inline(__always) func sendOn(_ frame: Packet, to owner: UInt16) -> Bool {
    guard owner < UInt16(skein_member_count) else { return false }
    let member = memory.member(UInt32(owner))
    guard member.pointee.in_use != 0 else { return false }
    frame.storeMAC(skein_member_mac(member), at: 0)
    frame.storeMAC(skein_own_mac(settings), at: 6)
    return true
  }
}
