import Wire

// Expelling a member: its units go when its lease is over, and the others get a new group key that it is not given.

/// A new epoch on its way to the members.
struct Rekeying: Sendable {
  let epoch: UInt32
  var pending: Set<MemberIdentifier>
  let deadline: Instant
  var resendAt: Instant
}

extension Master {
  mutating func expel(_ member: MemberIdentifier, _ reason: ExitReason, _ shared: inout Shared) {
    guard let slot = slots[member] else { return }
    let peer = peers[slot]
    expelled.insert(member)
    shared.send(.exitCluster(ExitCluster(member: member, reason: reason, answering: 0, term: term)), to: peer.profile)
    remove(member, reason == .revoked ? .revoked : .expelled, restUntil: peer.lastHeard + shared.timing.silence, &shared)
    rekey(&shared)
  }

  /// A new master may know of revocations that the last one had not heard of yet.
  mutating func expelRevoked(_ shared: inout Shared) {
    for member in shared.revoked.sorted() { expel(member, .revoked, &shared) }
  }

  private mutating func rekey(_ shared: inout Shared) {
    let epoch = max(shared.epoch ?? 0, rekeying?.epoch ?? 0) &+ 1
    rekeying = Rekeying(
      epoch: epoch, pending: Set(peers.map(\.profile.identifier)), deadline: shared.now + shared.timing.lease * 2, resendAt: shared.now)
    shared.act(.newGroupKey(epoch: epoch))
    shared.report(.newGroupKey(epoch: epoch))
  }

  /// Members that seal under the new epoch have it; those that do not in time must join again.
  mutating func pursueRekeying(_ shared: inout Shared) {
    guard var rekeying else { return }
    for peer in peers where peer.epoch == rekeying.epoch { rekeying.pending.remove(peer.profile.identifier) }
    if rekeying.pending.isEmpty || shared.now >= rekeying.deadline {
      self.rekeying = nil
      return finishRekeying(rekeying, &shared)
    }
    if shared.now >= rekeying.resendAt {
      rekeying.resendAt = shared.now + shared.timing.stagger
      for peer in peers where rekeying.pending.contains(peer.profile.identifier) {
        let handover = GroupKeyHandover(term: term, member: peer.profile.identifier, epoch: rekeying.epoch, sealedGroupKey: [])
        shared.send(.groupKey(handover), to: peer.profile)
      }
    }
    self.rekeying = rekeying
  }

  private mutating func finishRekeying(_ rekeying: Rekeying, _ shared: inout Shared) {
    for member in rekeying.pending {
      guard let slot = slots[member] else { continue }
      remove(member, .keptOldKey, restUntil: peers[slot].lastHeard + shared.timing.silence, &shared)
    }
    shared.epoch = rekeying.epoch
    shared.act(.useGroupKey(epoch: rekeying.epoch))
    shared.act(.retireGroupKeys(except: rekeying.epoch))
  }
}

extension Following {
  /// The new key is used at once; the old one is forgotten when the master itself no longer uses it.
  mutating func receive(_ handover: GroupKeyHandover, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard envelope.sender == master.identifier, handover.term == term else {
      shared.counters.notMyMaster += 1
      return
    }
    guard handover.member == shared.identifier else {
      shared.counters.notForMe += 1
      return
    }
    guard handover.epoch != shared.epoch else { return sendKeepalive(&shared) }
    shared.epoch = handover.epoch
    shared.act(.adoptGroupKey(epoch: handover.epoch, sealed: handover.sealedGroupKey, from: envelope.sender))
    shared.act(.useGroupKey(epoch: handover.epoch))
    isRekeying = true
    sendKeepalive(&shared)
  }

  /// The master seals under the new key itself.
  mutating func noticeEpoch(_ epoch: UInt32, _ shared: inout Shared) {
    guard isRekeying, epoch == shared.epoch else { return }
    isRekeying = false
    shared.act(.retireGroupKeys(except: epoch))
  }
}
