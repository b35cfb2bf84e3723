import Wire

// One master for one cluster: being alone, the tie-break (figure 8A), and the ways in which a reign ends.

/// The objection that a sitting master waits for after it has heard another.
struct Tie: Sendable {
  let nonce: UInt64
  var sentAt: Instant
  static let life = Interval.seconds(1)
}

extension Master {
  // MARK: Alone

  /// Whether this master has lost its last member, found its first, or hears nothing any more.
  mutating func considerSolitude(_ shared: inout Shared) {
    guard isServing(shared) else { return }
    guard peers.isEmpty else { return accompany(&shared) }
    switch solitude {
    case .accompanied:
      solitude = .serving
      shared.report(.servingAlone)
      considerSolitude(&shared)
    case .serving:
      if isDue(.becomeIdle, shared) { becomeIdle(&shared) }
    case .idle: break
    case .probing(let nonce, let resendAt, let until):
      if shared.now >= until {
        guard !isOtherHeard(shared) else { return solitude = .idle }
        solitude = .serving
        announceAt = shared.now
        shared.report(.servingAlone)
      } else if shared.now >= resendAt {
        sendProbe(nonce, until: until, &shared)
      }
    }
  }

  /// It has members. If it was idle, it still asks first: the units may be served by a side that it has only just begun to hear.
  private mutating func accompany(_ shared: inout Shared) {
    switch solitude {
    case .accompanied: return
    case .idle: return probe(&shared)
    case .probing(let nonce, let resendAt, let until):
      guard shared.now >= until else {
        if shared.now >= resendAt { sendProbe(nonce, until: until, &shared) }
        return
      }
      announceAt = shared.now
    case .serving: break
    }
    solitude = .accompanied
    isBalancing = true
  }

  mutating func becomeIdle(_ shared: inout Shared) {
    solitude = .idle
    shared.report(.idleAlone)
    shared.abandonArriving()
    shared.stop(shared.holdings.owned)
    handouts = []
    let lost = units.units { $0.heir != nil }
    units.set(lost, .free)
    if !lost.isEmpty { shared.act(.setUnits(lost, owner: nil, acknowledged: false)) }
  }

  /// A packet has come: the wire works. Is there another master on it?
  mutating func probe(_ shared: inout Shared) {
    let nonce = shared.dice.roll()
    tie = Tie(nonce: nonce, sentAt: shared.now)
    sendProbe(nonce, until: shared.now + shared.timing.probe, &shared)
  }

  /// All members are silent, and this master goes on without their word; soon it takes their units.
  private func isBereaved(_ shared: Shared) -> Bool { mayCall(shared) && areSilent(shared) }

  func mayCall(_ shared: Shared) -> Bool { isServing(shared) && solitude == .accompanied && !peers.isEmpty }

  /// Where much is lost, silence alone does not tell a death from a following of another master. So this master asks, again and again: who
  /// still follows it answers by a keepalive, and another master objects, since a master that hears nobody counts as one machine.
  mutating func callMembers(_ shared: inout Shared) {
    guard isDue(.callMembers, shared) else { return }
    calledAt = shared.now
    shared.broadcast(.offerMaster(offer(tieNonce(&shared), answering: 0, shared)), .signed)
  }

  private mutating func sendProbe(_ nonce: UInt64, until: Instant, _ shared: inout Shared) {
    solitude = .probing(nonce: nonce, resendAt: shared.now + shared.timing.collecting / 4, until: until)
    shared.broadcast(.offerMaster(offer(nonce, answering: 0, shared)), .signed)
  }

  // MARK: Tie-break (figure 8A)

  /// Members that are served by this master; none while it lets its units go, unless just for this tie.
  private func memberCount(_ shared: Shared) -> UInt16 {
    guard isReady, shared.hasLease else { return 0 }
    return switch solitude {
    case .idle, .probing: yieldedAt.map { shared.now - $0 < shared.timing.authority } ?? false ? 1 : 0
    case .accompanied where isBereaved(shared): 1
    case .accompanied, .serving: UInt16(peers.count + 1)
    }
  }

  private func offer(_ nonce: UInt64, answering: UInt64, _ shared: Shared) -> OfferMaster {
    OfferMaster(
      nonce: nonce, answering: answering, term: term, profile: shared.profile, personalityVersion: shared.personalityVersion,
      memberCount: memberCount(shared), isMaster: true)
  }

  /// Another master of the same group. One that is alone and cannot make itself heard would not win the tie-break, nor lose it: it lets its
  /// units go until that is decided.
  mutating func receive(_ keepalive: MasterKeepalive, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    switch solitude {
    case .accompanied, .idle: break
    case .serving, .probing:
      if isServing(shared), peers.isEmpty {
        yieldedAt = shared.now
        becomeIdle(&shared)
      }
    }
    shared.masterHeard = shared.now
    challengeStranger(&shared)
    return nil
  }

  /// A master of the same group that is heard, but does not hear, does not object either.
  private func isOtherHeard(_ shared: Shared) -> Bool {
    shared.masterHeard != .zero && shared.now - shared.masterHeard < shared.timing.promise
  }

  /// Another master's keepalive was heard, readable or not. It might be an old one, said again by somebody: ask.
  mutating func challengeStranger(_ shared: inout Shared) {
    guard strangerOffers.take(at: shared.now) else {
      shared.counters.rateLimited += 1
      return
    }
    shared.broadcast(.offerMaster(offer(tieNonce(&shared), answering: 0, shared)), .signed)
  }

  private mutating func tieNonce(_ shared: inout Shared) -> UInt64 {
    if let tie, shared.now < tie.sentAt + Tie.life / 2 { return tie.nonce }
    let nonce = shared.dice.roll()
    tie = Tie(nonce: nonce, sentAt: shared.now)
    return nonce
  }

  mutating func receive(_ other: OfferMaster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard other.profile.identifier == envelope.sender else {
      shared.counters.wrongSender += 1
      return
    }
    shared.note(other.term)
    if slots[envelope.sender] != nil { lastPeerHeard = shared.now }
    guard answers.take(at: shared.now) else {
      shared.counters.rateLimited += 1
      return
    }
    let destination = ClusterMember.Destination.member(envelope.sender, envelope.sourceAddress)
    guard !other.isMaster || wins(against: other, shared) else {
      shared.send(.offerMaster(offer(tieNonce(&shared), answering: other.nonce, shared)), to: destination, .signed)
      return
    }
    if other.isMaster { announceAgain(&shared) }
    if other.isMaster, other.personalityVersion < shared.personalityVersion {
      let exit = ExitCluster(member: envelope.sender, reason: .olderConfiguration, answering: other.nonce, term: term)
      return shared.send(.exitCluster(exit), to: destination, .signed)
    }
    let objection = OtherMasterExists(
      answering: other.nonce, term: term, master: shared.identifier, address: shared.profile.address, memberCount: memberCount(shared),
      personalityVersion: shared.personalityVersion)
    shared.send(.otherMasterExists(objection), to: destination, envelope.protection)
  }

  /// The newer personality; more members; the lower address.
  private func wins(against other: OfferMaster, _ shared: Shared) -> Bool {
    if other.personalityVersion != shared.personalityVersion { return shared.personalityVersion > other.personalityVersion }
    let own = memberCount(shared)
    return own != other.memberCount ? own > other.memberCount : shared.profile.address < other.profile.address
  }

  /// The loser may have announced the cluster addresses, too.
  private mutating func announceAgain(_ shared: inout Shared) {
    guard isReady, memberCount(shared) > 0 else { return }
    announceReason = .tieBreak
    announceAt = shared.now
  }

  /// Another master won, and answered this one's own nonce to say so.
  mutating func receive(_ objection: OtherMasterExists, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard let tie, objection.answering == tie.nonce, shared.now < tie.sentAt + Tie.life else {
      shared.counters.wrongNonce += 1
      return nil
    }
    guard objection.master != shared.identifier else { return nil }
    shared.note(objection.term)
    return stepDown(.lostTieBreak, &shared)
  }

  mutating func receive(_ exit: ExitCluster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    if exit.member == envelope.sender, envelope.protection == .sealed, exit.term == term {
      if let slot = slots[envelope.sender], peers[slot].profile.incarnation == envelope.incarnation {
        remove(envelope.sender, .farewell, restUntil: nil, &shared)
      }
      return nil
    }
    guard exit.member == shared.identifier, envelope.protection == .signed, let tie, exit.answering == tie.nonce,
      shared.now < tie.sentAt + Tie.life
    else {
      shared.counters.unexpected += 1
      return nil
    }
    shared.report(.exited(exit.reason, by: envelope.sender))
    guard exit.reason == .olderConfiguration else { return stepDown(.toldToExit, &shared) }
    shared.act(.fetchPersonality(from: envelope.sender, envelope.sourceAddress, version: shared.personalityVersion + 1))
    _ = stepDown(.olderConfiguration, &shared)
    return .resting(Resting(shared, for: .seconds(5), needsPersonality: true))
  }

  // MARK: Endings

  mutating func stepDown(_ reason: ClusterMember.StepDownReason, _ shared: inout Shared) -> State {
    end(reason, &shared)
    return .joining(Joining(&shared))
  }

  /// Stops being the master, and lets its members know if they must look for another.
  mutating func end(_ reason: ClusterMember.StepDownReason, _ shared: inout Shared) {
    shared.act(.setMaster(false))
    shared.act(.dropHeld)
    shared.act(.setUnits(.all.subtracting(shared.holdings.owned), owner: nil, acknowledged: false))
    switch reason {
    case .lostTieBreak, .olderConfiguration, .toldToExit, .newerMaster: shared.sayFarewell(term, .otherMaster)
    case .leaving: shared.sayFarewell(term, .leaving)
    case .leaseLapsed, .carrierLost, .addressInUse: shared.stopEverything()
    }
    shared.report(.steppedDown(term, reason))
  }

  /// A master leaves when nothing is left to hand over, or nobody to hand it to.
  func mayLeave(_ shared: Shared) -> Bool {
    guard shared.isLeaving else { return false }
    if !peers.contains(where: \.isEligible) { return true }
    return units.load(of: shared.identifier) == 0 && units.movingCount == 0 && units.freeCount == 0
  }
}
