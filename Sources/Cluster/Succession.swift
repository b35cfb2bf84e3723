import Wire

// Figure 8I, and claim 7: "immediately and cooperatively designate one of the remaining cluster members as a new master unit". The seed's
// way alone, joining again, would silence every unit; so the members keep serving on what is left of their leases while they agree.

/// A member whose master fell silent or left. It still processes its units, until its lease runs out.
struct Orphaned: Sendable {
  /// What it was, in case the master is heard after all.
  private(set) var following: Following
  let masterLeft: Bool
  /// When it offers itself, unless somebody else has.
  private var standAt: Instant
  private let giveUpAt: Instant
  /// The candidate or master that it asks to take it along.
  private var target: Target?
  private(set) var rounds: Int
  /// The nonce of the last offer, 0 if there was none.
  private var lastOffer: UInt64 = 0

  struct Target: Sendable {
    var member: MemberIdentifier
    var address: InternetAddress
    var term: Term
    /// The candidate's nonce; 0 for a master.
    var challenge: UInt64
    /// Of this machine's request.
    var nonce: UInt64
    var resendAt: Instant
    var until: Instant
  }

  init(_ shared: inout Shared, from following: Following, masterLeft: Bool) {
    self.following = following
    self.masterLeft = masterLeft
    rounds = 0
    standAt = shared.now
    giveUpAt = shared.now + shared.timing.authority * 3
    standAt = shared.now + standingDelay(&shared)
    shared.abandonArriving()
    shared.counters.elections += 1
    if let pending = following.pendingOffer { answer(pending.offer, from: pending.envelope, &shared) }
  }

  /// The master whose units are without an owner now.
  var oldMaster: MemberIdentifier { following.master.identifier }

  func nextDeadline(_ shared: Shared) -> Instant {
    guard let target else { return min(standAt, giveUpAt) }
    return min(min(target.resendAt, target.until), giveUpAt)
  }

  /// The lowest address first, those that want to leave last.
  private func standingDelay(_ shared: inout Shared) -> Interval {
    let own = shared.profile.address
    let isReluctant = shared.isDraining || shared.isLeaving
    let rank = others(shared).count {
      isReluctant ? !$0.isDraining || $0.profile.address < own : !$0.isDraining && $0.profile.address < own
    }
    let jitter = Interval(nanoseconds: shared.dice.roll(below: (shared.timing.stagger / 8).nanoseconds))
    return shared.timing.stagger * UInt64(rank) + (rank == 0 && rounds == 0 ? .zero : jitter)
  }

  /// The members of the last list that may still live, without this one.
  func others(_ shared: Shared) -> [MemberList.Member] {
    shared.known.members.filter { $0.profile.identifier != oldMaster && $0.profile.identifier != shared.identifier }
  }

  // MARK: Asking to be taken along

  private mutating func ask(_ shared: inout Shared) {
    guard var target else { return }
    let request = shared.joinRequest(
      nonce: target.nonce, challenge: target.challenge, term: target.term, sequence: shared.clock.next(at: shared.now))
    shared.send(.joinRequest(request), to: .member(target.member, target.address), .sealed)
    target.resendAt = shared.now + shared.timing.retry
    self.target = target
  }

  /// A vote: not before the promise to the silent master has run out, and one in each term.
  mutating func answer(_ offer: OfferMaster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard !offer.isMaster else { return following.answer(offer, from: envelope, &shared) }
    guard envelope.protection == .sealed, offer.profile.identifier == envelope.sender else { return }
    if let target, target.member == offer.profile.identifier, target.challenge == offer.nonce { return ask(&shared) }
    guard offer.term > following.term, shared.mayPromise(offer.profile.identifier, offer.term) else {
      shared.counters.unexpected += 1
      return
    }
    shared.note(offer.term)
    shared.promise(offer.profile.identifier, offer.term, from: shared.now)
    seek(offer.profile.identifier, at: envelope.sourceAddress, offer.term, challenge: offer.nonce, &shared)
  }

  private mutating func seek(
    _ member: MemberIdentifier, at address: InternetAddress, _ term: Term, challenge: UInt64, _ shared: inout Shared
  ) {
    target = Target(
      member: member, address: address, term: term, challenge: challenge, nonce: shared.dice.roll(), resendAt: shared.now,
      until: shared.now + shared.timing.authority / 2)
    ask(&shared)
  }

  mutating func receive(_ keepalive: MasterKeepalive, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    if envelope.sender == oldMaster, keepalive.term == following.term {
      guard target == nil, !masterLeft, following.isNews(keepalive, from: envelope) else { return nil }
      var resumed = following
      return resumed.receive(keepalive, from: envelope, &shared) ?? .following(resumed)
    }
    guard keepalive.term > following.term else {
      shared.counters.oldTerm += 1
      return nil
    }
    if let target, target.member == envelope.sender, target.challenge == 0 || target.term == keepalive.term { return nil }
    seek(envelope.sender, at: envelope.sourceAddress, keepalive.term, challenge: 0, &shared)
    return nil
  }

  /// Somebody knows a master that lives: an answer to this machine's own offer.
  mutating func receive(_ objection: OtherMasterExists, _ shared: inout Shared) {
    shared.masterHeard = shared.now
    guard objection.master != shared.identifier else { return }
    seek(objection.master, at: objection.address, objection.term, challenge: 0, &shared)
  }

  /// An answer to an offer that this machine has withdrawn meanwhile.
  mutating func receive(late objection: OtherMasterExists, _ shared: inout Shared) {
    guard objection.answering == lastOffer, target == nil else {
      shared.counters.wrongNonce += 1
      return
    }
    receive(objection, &shared)
  }

  mutating func receive(_ ok: JoinOk, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard let target, ok.nonce == target.nonce, envelope.sender == target.member else {
      shared.counters.wrongNonce += 1
      return nil
    }
    guard ok.master.identifier == envelope.sender, ok.term >= target.term else {
      shared.counters.wrongSender += 1
      return nil
    }
    return .following(Following(&shared, accepting: ok, from: envelope))
  }

  mutating func receive(_ exit: ExitCluster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard let target, envelope.protection == .sealed, envelope.sender == target.member, exit.member == shared.identifier else { return nil }
    shared.report(.exited(exit.reason, by: envelope.sender))
    shared.stopEverything()
    return .joining(Joining(&shared))
  }

  // MARK: Standing

  mutating func timer(_ shared: inout Shared) -> State? {
    if shared.now >= giveUpAt { return giveUp(&shared) }
    if let target {
      if shared.now >= target.until {
        self.target = nil
        standAt = shared.now + standingDelay(&shared)
      } else if shared.now >= target.resendAt {
        ask(&shared)
      }
      return nil
    }
    return shared.now >= standAt ? stand(&shared) : nil
  }

  private mutating func stand(_ shared: inout Shared) -> State? {
    let term = Term(rawValue: shared.highestTerm.rawValue + 1)
    guard !shared.isLeaving || others(shared).isEmpty, shared.mayPromise(shared.identifier, term) else {
      standAt = shared.now + shared.timing.stagger
      return nil
    }
    return .candidate(Candidate(self, term: term, &shared))
  }

  /// After a round that did not make it the master.
  mutating func standAgainLater(after offer: UInt64, _ shared: inout Shared) {
    rounds += 1
    lastOffer = offer
    standAt = shared.now + shared.timing.stagger + standingDelay(&shared)
  }

  /// Nobody to be found: Figure 6 from its beginning.
  func giveUp(_ shared: inout Shared) -> State {
    shared.stopEverything()
    if shared.isLeaving {
      shared.act(.stopped)
      return .left
    }
    return .joining(Joining(&shared))
  }
}

/// A member that offers to succeed its master and collects the votes, with what each voter owns.
struct Candidate: Sendable {
  private(set) var orphaned: Orphaned
  let term: Term
  private(set) var nonce: UInt64
  /// The voters' promises, and so this machine's first lease as a master, count from here.
  private(set) var offeredAt: Instant
  private var resendAt: Instant
  /// When it counts the votes.
  private var deadline: Instant
  private var isLastRound = false
  private var signedOfferAt: Instant
  private(set) var votes: [MemberIdentifier: Vote] = [:]
  /// Who has to answer before anything is known of every unit.
  let expected: [MemberProfile]

  struct Vote: Sendable {
    var request: JoinRequest
    var receivedAt: Instant
    var address: InternetAddress
    var epoch: UInt32
  }

  init(_ orphaned: Orphaned, term: Term, _ shared: inout Shared) {
    self.orphaned = orphaned
    self.term = term
    nonce = shared.dice.roll()
    offeredAt = shared.now
    resendAt = shared.now
    expected = orphaned.others(shared).map(\.profile)
    deadline = shared.now + (expected.isEmpty ? shared.timing.collectingAlone : shared.timing.collecting)
    signedOfferAt = shared.now + (expected.isEmpty ? .zero : shared.timing.collecting)
    shared.note(term)
    offer(&shared)
  }

  var nextDeadline: Instant { min(resendAt, deadline) }
  var hasEveryVote: Bool { votes.count == expected.count }

  private mutating func offer(_ shared: inout Shared) {
    let offer = OfferMaster(
      nonce: nonce, answering: 0, term: term, profile: shared.profile, personalityVersion: shared.personalityVersion, memberCount: 1,
      isMaster: false)
    shared.broadcast(.offerMaster(offer))
    // Few or none to vote: machines that have lost the group's key, or have begun another, may know better.
    if isMinority || expected.isEmpty, shared.now >= signedOfferAt {
      shared.broadcast(.offerMaster(offer), .signed)
      signedOfferAt = shared.now + shared.timing.stagger
    }
    resendAt = shared.now + shared.timing.retry
  }

  mutating func receive(_ request: JoinRequest, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard envelope.protection == .sealed, request.challenge == nonce, request.term == term else {
      shared.counters.unexpected += 1
      return nil
    }
    guard expected.contains(where: { $0.identifier == envelope.sender }) else {
      shared.counters.notAMember += 1
      return nil
    }
    if let earlier = votes[envelope.sender], earlier.request.sequence >= request.sequence { return nil }
    votes[envelope.sender] = Vote(
      request: request, receivedAt: shared.now, address: envelope.sourceAddress, epoch: envelope.epoch)
    return hasEveryVote && !expected.isEmpty && hasQuorum(shared) ? reign(&shared) : nil
  }

  private func hasQuorum(_ shared: Shared) -> Bool {
    switch shared.configuration.partition {
    case .serve: !votes.isEmpty || mayServeAlone(shared)
    case .majority(let count): votes.count + 1 >= count / 2 + 1
    }
  }

  /// With nobody left, or nobody that answers twice, the wire itself must show that this machine is not the one that is cut off.
  private func mayServeAlone(_ shared: Shared) -> Bool {
    if expected.isEmpty { return true }
    return orphaned.rounds > 0 && shared.now - shared.traffic < shared.timing.authority && shared.traffic != .zero
  }

  mutating func timer(_ shared: inout Shared) -> State? {
    guard shared.now >= deadline else {
      if shared.now >= resendAt { offer(&shared) }
      return nil
    }
    if isMinority, !isLastRound, shared.configuration.partition == .serve, hasQuorum(shared) { return askAgain(&shared) }
    return hasQuorum(shared) ? reign(&shared) : withdraw(&shared)
  }

  /// A side of a few may serve, but an objection is given every chance to arrive first. The votes are asked for anew: a promise that
  /// is about to run out is no ground for a lease.
  private mutating func askAgain(_ shared: inout Shared) -> State? {
    guard shared.now >= offeredAt + shared.timing.authority * 5 / 8 else {
      deadline = offeredAt + shared.timing.authority * 5 / 8
      return nil
    }
    isLastRound = true
    nonce = shared.dice.roll()
    offeredAt = shared.now
    votes = [:]
    deadline = shared.now + shared.timing.collecting
    offer(&shared)
    return nil
  }

  /// Of the last list, the old master included. Two members cannot have more.
  private var isMinority: Bool { expected.count > 0 && (votes.count + 1) * 2 <= expected.count + 2 }

  private func reign(_ shared: inout Shared) -> State { .reigning(Master(succeeding: self, &shared)) }

  private mutating func withdraw(_ shared: inout Shared) -> State {
    orphaned.standAgainLater(after: nonce, &shared)
    return .orphaned(orphaned)
  }

  /// Another candidate: the higher term goes on, then the lower address.
  mutating func receive(_ other: OfferMaster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard !other.isMaster, envelope.protection == .sealed else {
      orphaned.answer(other, from: envelope, &shared)
      return nil
    }
    shared.note(other.term)
    guard (other.term.rawValue, shared.profile.address) > (term.rawValue, other.profile.address) else { return nil }
    orphaned.answer(other, from: envelope, &shared)
    return .orphaned(orphaned)
  }

  /// A master lives after all.
  mutating func receive(_ keepalive: MasterKeepalive, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    let isOld = envelope.sender == orphaned.oldMaster && !orphaned.following.isNews(keepalive, from: envelope)
    guard !isOld, keepalive.term >= orphaned.following.term else {
      shared.counters.oldTerm += 1
      return nil
    }
    return orphaned.receive(keepalive, from: envelope, &shared) ?? .orphaned(orphaned)
  }

  mutating func receive(_ objection: OtherMasterExists, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard objection.answering == nonce else {
      shared.counters.wrongNonce += 1
      return nil
    }
    // Signed: a master of another group, which cannot read what this one would seal.
    guard envelope.protection == .sealed else { return orphaned.giveUp(&shared) }
    orphaned.receive(objection, &shared)
    return .orphaned(orphaned)
  }
}
