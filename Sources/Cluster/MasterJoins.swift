import Wire

// JOIN REQUEST at the master (figure 8F).

/// What a joiner has to sign to prove that it is there now. Stateless towards the joiner: the newest three values count.
struct Challenges: Sendable {
  private(set) var current: UInt64
  private var earlier: [UInt64] = []
  private var changedAt: Instant
  static let life = Interval.seconds(2)

  init(current: UInt64, at now: Instant) {
    self.current = current
    changedAt = now
  }

  func accepts(_ challenge: UInt64) -> Bool { challenge != 0 && (challenge == current || earlier.contains(challenge)) }

  mutating func rotate(_ shared: inout Shared) {
    guard shared.now >= changedAt + Self.life else { return }
    let isLongAgo = shared.now >= changedAt + Self.life * 3
    earlier = isLongAgo ? [] : Array(([current] + earlier).prefix(2))
    current = shared.dice.roll()
    changedAt = shared.now
  }
}

/// A machine that has answered the challenge and waits for the applications, or for its own earlier run to fall silent.
struct Joiner: Sendable {
  var request: JoinRequest
  var address: InternetAddress
  let firstSeen: Instant
  var hasAsked = false

  static let capacity = 64
  static let life = Interval.seconds(6)
}

extension Master {
  mutating func receive(_ request: JoinRequest, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard request.profile.identifier == envelope.sender, request.profile.incarnation == envelope.incarnation else {
      shared.counters.wrongSender += 1
      return
    }
    shared.note(request.term)
    switch envelope.protection {
    case .sealed: receiveSealed(request, from: envelope, &shared)
    case .signed: receiveSigned(request, from: envelope, &shared)
    }
  }

  // MARK: Signed

  /// A JOIN REQUEST whose certificate or signature does not hold is told so.
  mutating func refuseUnauthentic(
    _ request: JoinRequest, _ reason: RefusalReason, _ envelope: ClusterMember.Envelope, _ shared: inout Shared
  ) {
    refuse(request, envelope.sourceAddress, reason, &shared)
  }

  private mutating func receiveSigned(_ request: JoinRequest, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    challenges.rotate(&shared)
    let address = envelope.sourceAddress
    if let reason = standingObjection(request, shared) { return refuse(request, address, reason, &shared) }
    guard challenges.accepts(request.challenge) else {
      if request.challenge != 0 { shared.counters.wrongChallenge += 1 }
      return keepWaiting(request, address, &shared)
    }
    if request.personalityVersion > shared.personalityVersion {
      fetch(from: request.profile, address, request.personalityVersion, &shared)
      // Where they agree in what must agree, they can serve together meanwhile.
      guard request.settingsDigest == shared.settingsDigest else { return keepWaiting(request, address, &shared) }
    }
    if let slot = slots[envelope.sender], peers[slot].joinNonce == request.nonce, peers[slot].profile.incarnation == envelope.incarnation {
      return welcomeAgain(request, address, &shared)
    }
    guard isNew(request) else {
      shared.counters.oldSequence += 1
      return
    }
    guard rekeying == nil else { return keepWaiting(request, address, &shared) }
    consider(request, address, &shared)
  }

  /// Not something that the member said before it joined or went, and that somebody else says again now.
  private func isNew(_ request: JoinRequest) -> Bool {
    let member = request.profile.identifier
    if let slot = slots[member], peers[slot].profile.incarnation == request.profile.incarnation {
      return request.sequence > peers[slot].lastSequence
    }
    guard let last = departed[member], last.incarnation == request.profile.incarnation else { return true }
    return request.sequence > last.sequence
  }

  /// What no freshness can cure.
  private func standingObjection(_ request: JoinRequest, _ shared: Shared) -> RefusalReason? {
    let member = request.profile.identifier
    if member == shared.identifier { return .duplicateMember }
    if request.personalityVersion < shared.personalityVersion { return .olderConfiguration }
    if request.personalityVersion == shared.personalityVersion, request.settingsDigest != shared.settingsDigest {
      return .differentConfiguration
    }
    if slots[member] == nil, peers.count + 1 >= ClusterLimits.memberCount { return .clusterFull }
    return nil
  }

  private mutating func consider(_ request: JoinRequest, _ address: InternetAddress, _ shared: inout Shared) {
    joiners = joiners.filter { shared.now < $0.value.firstSeen + Joiner.life }
    var joiner = joiners[request.nonce] ?? Joiner(request: request, address: address, firstSeen: shared.now)
    guard joiners[request.nonce] != nil || joiners.count < Joiner.capacity else {
      shared.counters.tableFull += 1
      return
    }
    joiner.request = request
    joiner.address = address
    joiners[request.nonce] = joiner
    if let reason = earlierRunObjects(joiner, shared) { return refuse(request, address, reason, &shared) }
    guard shared.configuration.asksApplications else { return admit(joiner, &shared) }
    if !joiner.hasAsked {
      joiners[request.nonce]?.hasAsked = true
      shared.act(.askApplications(nonce: request.nonce, request.profile))
    }
    keepWaiting(request, address, &shared)
  }

  /// Two machines with one number: the one that is in, and still speaks, stays. An earlier run has fallen silent. Whoever has its addresses,
  /// and claims what its packet path still holds, is its next run, and must not wait: the lease that it was left with is running out.
  private func earlierRunObjects(_ joiner: Joiner, _ shared: Shared) -> RefusalReason? {
    guard let slot = slots[joiner.request.profile.identifier], peers[slot].profile.incarnation != joiner.request.profile.incarnation else {
      return nil
    }
    let (earlier, next) = (peers[slot].profile, joiner.request.profile)
    let isNextRun = earlier.address == next.address && earlier.ethernetAddress == next.ethernetAddress && !joiner.request.claims.isEmpty
    if isNextRun { return nil }
    let interval = shared.timing.keepaliveInterval(toleratedLosses: toleratedLosses)
    if peers[slot].lastHeard > joiner.firstSeen + interval { return .duplicateMember }
    return shared.now - peers[slot].lastHeard < interval * 2 ? .operationInProgress : nil
  }

  /// Figure 8F, "all applications agree".
  mutating func applicationsAnswered(nonce: UInt64, refusal: String?, _ shared: inout Shared) {
    guard let joiner = joiners[nonce] else {
      shared.counters.wrongNonce += 1
      return
    }
    if let refusal {
      joiners[nonce] = nil
      return refuse(joiner.request, joiner.address, .application, explanation: refusal, &shared)
    }
    admit(joiner, &shared)
  }

  private mutating func admit(_ joiner: Joiner, _ shared: inout Shared) {
    let request = joiner.request
    let member = request.profile.identifier
    joiners[request.nonce] = nil
    var kept = UnitSet()
    if let slot = slots[member] {
      let earlier = peers[slot]
      // What the pinned packet path of the last run still holds is kept if this master still counts on it; the rest of that run's
      // units wait for its lease. A member of the same run that joins again has stopped by itself.
      let isSameRun = earlier.profile.incarnation == request.profile.incarnation
      kept = isSameRun ? UnitSet() : request.claims.intersection(units.units { $0 == .owned(member) })
      units.set(kept, .free)
      remove(member, .restarted, restUntil: isSameRun ? nil : earlier.lastHeard + shared.timing.silence, &shared)
    }
    lingering.removeAll { $0.profile.identifier == member }
    expelled.remove(member)
    enter(request, kept, to: joiner.address, .signed, &shared)
  }

  private mutating func enter(
    _ request: JoinRequest, _ kept: UnitSet, to address: InternetAddress, _ protection: Protection, _ shared: inout Shared
  ) {
    insert(
      Peer(
        request, joinedVersion: listVersion + 1, epoch: shared.epoch ?? 0, at: shared.now,
        hearsUntil: shared.now + shared.timing.silence * 2))
    listChanged(&shared)
    take(kept, heldBy: request.profile.identifier)
    if !kept.isEmpty { shared.act(.setUnits(kept, owner: request.profile.identifier, acknowledged: true)) }
    shared.send(
      .joinOk(joinOk(nonce: request.nonce, confirmed: kept, shared)), to: .member(request.profile.identifier, address), protection)
    shared.act(.membersChanged(arrived: [request.profile], departed: []))
    shared.report(.memberJoined(request.profile.identifier, address, unitsKept: kept.count))
    isBalancing = true
    switch solitude {
    // Until it joined, it may have answered what this master has held meanwhile, without knowing whether it is alone.
    case .idle, .probing: shared.act(.forgetHeld(.all))
    case .accompanied, .serving: break
    }
    if solitude != .accompanied { considerSolitude(&shared) }
  }

  /// Its JOIN OK was lost.
  private mutating func welcomeAgain(_ request: JoinRequest, _ address: InternetAddress, _ shared: inout Shared) {
    guard answers.take(at: shared.now) else {
      shared.counters.rateLimited += 1
      return
    }
    let member = request.profile.identifier
    shared.send(.joinOk(joinOk(nonce: request.nonce, confirmed: units.held(by: member), shared)), to: .member(member, address), .signed)
  }

  func joinOk(nonce: UInt64, confirmed: UnitSet, _ shared: Shared) -> JoinOk {
    JoinOk(
      nonce: nonce, term: term, master: shared.profile, personalityVersion: shared.personalityVersion, hashSeed: shared.hashSeed ?? 0,
      confirmed: confirmed, epoch: shared.epoch ?? 0, sealedGroupKey: [])
  }

  private mutating func keepWaiting(_ request: JoinRequest, _ address: InternetAddress, _ shared: inout Shared) {
    refuse(request, address, .operationInProgress, &shared)
  }

  private mutating func refuse(
    _ request: JoinRequest, _ address: InternetAddress, _ reason: RefusalReason, explanation: String = "", _ shared: inout Shared
  ) {
    guard answers.take(at: shared.now) else {
      shared.counters.rateLimited += 1
      return
    }
    let nak = Nak(
      nonce: request.nonce, reason: reason, challenge: reason == .operationInProgress ? challenges.current : 0,
      personalityVersion: shared.personalityVersion, explanation: explanation)
    shared.send(.nak(nak), to: .member(request.profile.identifier, address), .signed)
    guard reason != .operationInProgress else { return }
    shared.counters.joinsRefused += 1
    // Whoever says a member's request again under a false signature must not fill the log.
    guard refusalReports.take(at: shared.now) else { return }
    shared.report(.refusedJoiner(request.profile.identifier, reason, explanation: explanation))
  }

  /// A joiner or member has a newer personality: this master takes it.
  mutating func fetch(from profile: MemberProfile, _ address: InternetAddress, _ version: UInt64, _ shared: inout Shared) {
    guard fetchedAt == .zero || shared.now - fetchedAt > .seconds(1) else { return }
    fetchedAt = shared.now
    shared.act(.fetchPersonality(from: profile.identifier, address, version: version))
  }

  // MARK: Sealed

  /// From a member whose master fell silent, with what it owns; or from a member of this master that changed, or lost the thread.
  private mutating func receiveSealed(_ request: JoinRequest, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard request.term == term || request.challenge == challenges.current, !shared.revoked.contains(envelope.sender),
      !expelled.contains(envelope.sender)
    else {
      shared.counters.oldTerm += 1
      return
    }
    guard let slot = slots[envelope.sender] else { return receiveLate(request, from: envelope, &shared) }
    guard peers[slot].profile.incarnation == envelope.incarnation, request.sequence > peers[slot].lastSequence else {
      shared.counters.oldSequence += 1
      return
    }
    update(slot, request, &shared)
    // Units that it does not claim it does not process; the digest in the next keepalives makes it ask for them.
    let confirmed = units.held(by: envelope.sender).intersection(request.claims)
    shared.send(
      .joinOk(joinOk(nonce: request.nonce, confirmed: confirmed, shared)), to: .member(envelope.sender, envelope.sourceAddress), .sealed)
  }

  private mutating func update(_ slot: Int, _ request: JoinRequest, _ shared: inout Shared) {
    peers[slot].lastSequence = request.sequence
    peers[slot].lastHeard = shared.now
    lastPeerHeard = shared.now
    if peers[slot].profile != request.profile {
      peers[slot].profile = request.profile
      isBalancing = true
      listChanged(&shared)
    }
    peers[slot].personalityVersion = request.personalityVersion
    if request.personalityVersion > shared.personalityVersion {
      fetch(from: request.profile, request.profile.address, request.personalityVersion, &shared)
    }
  }

  /// It did not answer in time, but its lease may still run: what it claims and nobody was given stays with it. Only one that the list
  /// still names may claim, so that the next successor would ask it too. One that this master has taken out must start over, and let go
  /// what it holds: its units wait for its lease, and must not be renewed meanwhile.
  private mutating func receiveLate(_ request: JoinRequest, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    let isExpected = lingering.contains {
      $0.isExpected && $0.profile.identifier == envelope.sender && $0.profile.incarnation == envelope.incarnation
    }
    guard isExpected, peers.count + 1 < ClusterLimits.memberCount else { return tellStranger(envelope, &shared) }
    let resting = units.units { standing in
      if case .resting = standing { true } else { false }
    }
    lingering.removeAll { $0.profile.identifier == envelope.sender }
    enter(request, request.claims.intersection(resting), to: envelope.sourceAddress, .sealed, &shared)
  }
}
