import Wire

// Assigning, moving and taking back units (figures 8D, 8E and 9).

extension Master {
  // MARK: The pool

  /// Nobody processes them now, or perhaps somebody does until then.
  mutating func free(_ set: UnitSet, until: Instant?, _ shared: inout Shared) {
    guard !set.isEmpty else { return }
    shared.act(.setUnits(set, owner: nil, acknowledged: false))
    guard let until, until > shared.now else { return units.set(set, .free) }
    rest(set, until: until)
  }

  /// Somebody who cannot be asked may hold these under a lease until then.
  mutating func rest(_ set: UnitSet, until: Instant) {
    units.set(set, .resting(until: until))
    restedAt = min(restedAt ?? until, until)
  }

  /// What came for them until now was perhaps processed, and is not held for whoever is next. They are said to be nobody's again: a member
  /// that was taken out, and stays in the list, may have asked for the packets of one that was moving to it, and then has it as far as the
  /// packet path of its last owner knows.
  mutating func wakeRested(_ shared: inout Shared) {
    guard isDue(.wakeRested, shared) else { return }
    let rested = units.units { standing in
      if case .resting(let until) = standing { until <= shared.now } else { false }
    }
    units.set(rested, .free)
    if !rested.isEmpty {
      shared.act(.setUnits(rested, owner: nil, acknowledged: false))
      shared.act(.forgetHeld(rested))
    }
    restedAt = units.nextRested
  }

  /// Units that a member holds already: a new master's own, a voter's claims, a restarted daemon's pinned ones.
  mutating func take(_ set: UnitSet, heldBy member: MemberIdentifier) {
    units.set(set, .owned(member))
    count(set, member, isGain: true)
  }

  /// Keeps the count and digest that the keepalive shows.
  private mutating func count(_ set: UnitSet, _ member: MemberIdentifier, isGain: Bool) {
    guard let slot = slots[member] else { return }
    peers[slot].unitCount += isGain ? set.count : -set.count
    peers[slot].digest ^= set.digest
  }

  /// Figure 9, step 937: the least loaded member gets it, or the one where it is placed.
  mutating func packetArrived(for unit: Int, _ shared: inout Shared) {
    guard (0..<UnitSet.unitCount).contains(unit), isReady, shared.hasLease, case .free = units[unit] else { return }
    switch solitude {
    case .idle: probe(&shared)
    case .probing: break
    case .serving, .accompanied:
      if let target = destination(of: unit, shared) { assign(UnitSet(unit: unit), to: target, from: nil, &shared) }
    }
  }

  /// Gives away all that is free: where it is placed, the rest evenly by weight.
  mutating func assignFree(_ shared: inout Shared) {
    guard units.freeCount > 0, isReady, shared.hasLease, solitude == .serving || solitude == .accompanied else { return }
    var shares = takers(shared)
    guard !shares.isEmpty else { return }
    var gifts = Array(repeating: UnitSet(), count: shares.count)
    for unit in 0..<UnitSet.unitCount where units[unit] == .free {
      if let place = place(of: unit, shared), let index = shares.firstIndex(where: { $0.member == place }) {
        gifts[index].insert(unit)
        continue
      }
      let index = shares.indices.min { shares[$0].isLess(than: shares[$1]) } ?? 0
      gifts[index].insert(unit)
      shares[index].load += 1
    }
    for (share, gift) in zip(shares, gifts) where !gift.isEmpty { assign(gift, to: share.member, from: nil, &shared) }
  }

  // MARK: Handing out

  mutating func assign(_ set: UnitSet, to member: MemberIdentifier, from previous: MemberIdentifier?, _ shared: inout Shared) {
    serial += 1
    units.set(set, .assigning(member, serial: serial))
    shared.act(.setUnits(set, owner: member, acknowledged: false))
    // Of units that move, `unitsMoving` has told it.
    if previous == nil { shared.report(.unitsAssigned(set, to: member)) }
    let handout = Handout(serial: serial, member: member, units: set, kind: .assignment(previousOwner: previous), sentAt: shared.now)
    handouts.append(handout)
    hand(handout, &shared)
  }

  mutating func release(_ unit: Int, of member: MemberIdentifier, to target: MemberIdentifier, _ shared: inout Shared) {
    serial += 1
    units.set(unit, .releasing(member, target: target, serial: serial))
    let handout = Handout(
      serial: serial, member: member, units: UnitSet(unit: unit), kind: .release(target: target), sentAt: shared.now)
    handouts.append(handout)
    shared.counters.unitsMoved += 1
    nextUnitToMove = unit + 1
    hand(handout, &shared)
  }

  /// Sends it, or carries it out where the master is the member itself.
  private mutating func hand(_ handout: Handout, _ shared: inout Shared) {
    retryAt = min(retryAt ?? .init(nanoseconds: .max), handout.sentAt + shared.timing.stagger)
    switch handout.kind {
    case .assignment(let previous):
      let assign = Assign(term: term, serial: handout.serial, member: handout.member, units: handout.units, previousOwner: previous)
      guard let slot = slots[handout.member] else { return acknowledgeOwn(shared.take(assign), handout.serial, &shared) }
      shared.send(.assign(assign), to: peers[slot].profile)
    case .release(let target):
      let deassign = Deassign(term: term, serial: handout.serial, member: handout.member, units: handout.units, target: target)
      guard let slot = slots[handout.member] else { return acknowledgeOwn(shared.take(deassign), handout.serial, &shared) }
      shared.send(.deassign(deassign), to: peers[slot].profile)
    }
  }

  mutating func acknowledgeOwn(_ set: UnitSet, _ serial: UInt32, _ shared: inout Shared) {
    if !set.isEmpty { acknowledge(set, serial, by: shared.identifier, &shared) }
  }

  /// What was not acknowledged is said again.
  mutating func retry(_ shared: inout Shared) {
    guard isDue(.retry, shared) else { return }
    retryAt = nil
    for index in handouts.indices {
      let isLate = shared.now >= handouts[index].sentAt + shared.timing.stagger
      if isLate { handouts[index].sentAt = shared.now }
      if isLate, handouts[index].member != shared.identifier {
        shared.counters.retransmissions += 1
        hand(handouts[index], &shared)
      }
      retryAt = min(retryAt ?? .init(nanoseconds: .max), handouts[index].sentAt + shared.timing.stagger)
    }
  }

  mutating func receive(_ acknowledge: Acknowledge, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard let slot = slots[envelope.sender], acknowledge.term == term, peers[slot].profile.incarnation == envelope.incarnation else {
      shared.counters.notAMember += 1
      return
    }
    self.acknowledge(acknowledge.units, acknowledge.serial, by: envelope.sender, &shared)
  }

  private mutating func acknowledge(_ set: UnitSet, _ serial: UInt32, by member: MemberIdentifier, _ shared: inout Shared) {
    guard let index = handouts.firstIndex(where: { $0.serial == serial && $0.member == member }) else {
      shared.counters.oldSequence += 1
      return
    }
    let done = set.intersection(handouts[index].units)
    let kind = handouts[index].kind
    handouts[index].units.subtract(done)
    if handouts[index].units.isEmpty { handouts.remove(at: index) }
    guard !done.isEmpty else { return }
    switch kind {
    case .assignment: owns(done, member, &shared)
    case .release(let target): stopped(done, member, target, &shared)
    }
  }

  private mutating func owns(_ set: UnitSet, _ member: MemberIdentifier, _ shared: inout Shared) {
    take(set, heldBy: member)
    isBalancing = true
    if member != shared.identifier { shared.act(.setUnits(set, owner: member, acknowledged: true)) }
    shared.act(.releaseHeld(set, to: member))
  }

  /// The last owner has stopped; from here until the next one acknowledges, packets are held.
  private mutating func stopped(_ set: UnitSet, _ member: MemberIdentifier, _ target: MemberIdentifier, _ shared: inout Shared) {
    count(set, member, isGain: false)
    let mayTake = takers(shared).contains { $0.member == target }
    let next = mayTake ? target : leastLoaded(shared) ?? member
    if next != target { shared.report(.unitsAssigned(set, to: next)) }
    assign(set, to: next, from: member, &shared)
  }

  /// The member that units were being moved to is gone.
  mutating func retarget(from gone: MemberIdentifier, _ shared: Shared) {
    for unit in 0..<UnitSet.unitCount {
      guard case .releasing(let holder, gone, let serial) = units[unit] else { continue }
      units.set(unit, .releasing(holder, target: leastLoaded(shared) ?? holder, serial: serial))
    }
  }

  /// A member does not own what this master thinks: everything is told again under a new serial.
  mutating func receive(_ query: AssignmentQuery, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard let slot = slots[envelope.sender], query.term == term else {
      shared.counters.notAMember += 1
      return
    }
    listDueAt = shared.now
    let owned = units.units { $0 == .owned(envelope.sender) }
    guard query.unitsDigest != peers[slot].digest, !owned.isEmpty else { return }
    count(owned, envelope.sender, isGain: false)
    assign(owned, to: envelope.sender, from: nil, &shared)
  }

  // MARK: Balance (figure 8D)

  /// One that may be given units, and how many it has beside those that are placed where they may be.
  struct Share {
    var member: MemberIdentifier
    var weight: UInt64
    var load: UInt64

    /// Whether one unit more would leave it less loaded, for its strength, than one more would the other.
    func isLess(than other: Share) -> Bool { (load + 1) * other.weight < (other.load + 1) * weight }
  }

  /// Members that may be given units. A new one may once every member knows of it: who succeeds this master must know whom to ask.
  /// If all want to be rid of theirs, those that stay keep them.
  func takers(_ shared: Shared) -> [Share] {
    let placed = placedLoads(shared)
    var result = peers.filter { mayTake($0) }.map { share($0.profile, placed) }
    if mayTake(shared.identifier, shared) { result.append(share(shared.profile, placed)) }
    if result.isEmpty, !shared.isLeaving, peers.allSatisfy(\.wantsNone) { result.append(share(shared.profile, placed)) }
    return result
  }

  func mayTake(_ member: MemberIdentifier, _ shared: Shared) -> Bool {
    guard let slot = slots[member] else { return member == shared.identifier && !shared.isDraining && !shared.isLeaving }
    return mayTake(peers[slot])
  }

  private func mayTake(_ peer: Peer) -> Bool { peer.isEligible && isKnownToAll(peer) }

  private func isKnownToAll(_ peer: Peer) -> Bool { peer.joinedVersion <= 1 || heardListVersion >= peer.joinedVersion }

  private func share(_ profile: MemberProfile, _ placed: [MemberIdentifier: Int]) -> Share {
    let load = units.load(of: profile.identifier) - (placed[profile.identifier] ?? 0)
    return Share(member: profile.identifier, weight: UInt64(max(1, profile.weight)), load: UInt64(max(0, load)))
  }

  func leastLoaded(_ shared: Shared) -> MemberIdentifier? { takers(shared).min { $0.isLess(than: $1) }?.member }

  /// Starts moves, each unit by itself, while they help and not too many are on their way.
  mutating func balance(_ shared: inout Shared) {
    if isDue(.balance, shared) {
      balanceAt = shared.now + shared.configuration.balanceInterval
      isBalancing = true
      if shared.configuration.balance == .measuredTraffic { planByTraffic(&shared) }
    }
    guard isBalancing, isReady, shared.hasLease, solitude == .accompanied else { return }
    for _ in 0..<64 where isBalancing && units.movingCount < Self.movesAtOnce {
      if !drainOne(&shared) && !placeOne(&shared) && !balanceOne(&shared) { isBalancing = false }
    }
  }
  static let movesAtOnce = 4

  /// Units of those that want none go first.
  private mutating func drainOne(_ shared: inout Shared) -> Bool {
    var reluctant = peers.filter(\.wantsNone).map(\.profile.identifier)
    if shared.isDraining || shared.isLeaving { reluctant.append(shared.identifier) }
    guard let source = reluctant.first(where: { units.load(of: $0) > 0 }), let unit = nextUnit(of: source),
      let target = destination(of: unit, shared), target != source
    else { return false }
    let reason: ClusterMember.MoveReason = isLeaving(source, shared) ? .leave : .drain
    shared.report(.unitsMoving(UnitSet(unit: unit), from: source, to: target, reason))
    release(unit, of: source, to: target, &shared)
    return true
  }

  private func isLeaving(_ member: MemberIdentifier, _ shared: Shared) -> Bool {
    guard let slot = slots[member] else { return shared.isLeaving }
    return peers[slot].isLeaving
  }

  /// From the most to the least loaded, if the least loaded then still has not more than the other: K − 1 ≥ J + 1, by weight.
  private mutating func balanceOne(_ shared: inout Shared) -> Bool {
    guard !isBalancedByTraffic(shared) else { return followPlan(&shared) }
    let shares = takers(shared)
    guard let least = shares.min(by: { $0.isLess(than: $1) }),
      let most = shares.max(by: { Int($0.load) * Int($1.weight) < Int($1.load) * Int($0.weight) }),
      most.load > 0, (most.load - 1) * least.weight >= (least.load + 1) * most.weight,
      let unit = nextUnit(of: most.member, where: { place(of: $0, shared) == nil })
    else { return false }
    shared.report(.unitsMoving(UnitSet(unit: unit), from: most.member, to: least.member, .balance))
    release(unit, of: most.member, to: least.member, &shared)
    return true
  }

  private func nextUnit(of member: MemberIdentifier, where mayMove: (Int) -> Bool = { _ in true }) -> Int? {
    for offset in 0..<UnitSet.unitCount {
      let unit = (nextUnitToMove + offset) % UnitSet.unitCount
      if units[unit] == .owned(member), mayMove(unit) { return unit }
    }
    return nil
  }
}
