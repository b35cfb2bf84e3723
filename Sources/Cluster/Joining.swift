import Wire

// Figure 6: how a machine comes in, or becomes the master because nobody else is.

extension Shared {
  /// A JOIN REQUEST of this machine as it is now.
  func joinRequest(nonce: UInt64, challenge: UInt64, term: Term, sequence: UInt64) -> JoinRequest {
    JoinRequest(
      nonce: nonce, challenge: challenge, profile: profile, personalityVersion: personalityVersion, settingsDigest: settingsDigest,
      term: term, claims: hasLease ? holdings.owned : UnitSet(), sequence: sequence)
  }

  /// Takes on what a master's JOIN OK brings: its term, its key, its hash, and which claims it confirms.
  mutating func accept(_ ok: JoinOk, from envelope: ClusterMember.Envelope) {
    let reign = Reign(term: ok.term, incarnation: envelope.incarnation)
    begin(reign)
    known.begin(reign)
    if envelope.protection == .signed {
      epoch = ok.epoch
      act(.adoptGroupKey(epoch: ok.epoch, sealed: ok.sealedGroupKey, from: envelope.sender))
      act(.useGroupKey(epoch: ok.epoch))
      act(.retireGroupKeys(except: ok.epoch))
    }
    if hashSeed != ok.hashSeed {
      hashSeed = ok.hashSeed
      act(.setHashSeed(ok.hashSeed))
    }
    act(.setMembers([profile, ok.master]))
    let unconfirmed = holdings.owned.subtracting(ok.confirmed)
    holdings.unlearn(unconfirmed)
    stop(unconfirmed)
    report(.following(master: ok.master.identifier, ok.term))
  }
}

/// Asking to be let in (figure 6, steps 603 to 613).
struct Joining: Sendable {
  /// Repeated by every answer.
  let nonce: UInt64
  /// What the master, or the candidate that this machine voted for, wants to see signed.
  private var challenge: UInt64 = 0
  /// The candidate's term, when the request is also a vote for it.
  private var voteTerm = Term.none
  /// When this machine began to look for a master, over all attempts.
  let since: Instant
  private var resendAt: Instant
  private var deadline: Instant
  private var resends = 0

  /// Evidence of a master by datagrams that cannot be read counts for so long; they might be anybody's.
  static let patience = Interval.seconds(3)
  /// How long a master may take to ask its applications.
  static let applicationPatience = Interval.seconds(5)

  init(_ shared: inout Shared, since: Instant? = nil) {
    nonce = shared.dice.roll()
    self.since = since ?? shared.now
    resendAt = shared.now
    deadline = shared.now + shared.timing.joinWait
    request(&shared)
  }

  var nextDeadline: Instant { min(resendAt, deadline) }

  private mutating func request(_ shared: inout Shared) {
    let request = shared.joinRequest(
      nonce: nonce, challenge: challenge, term: voteTerm == .none ? shared.highestTerm : voteTerm,
      sequence: shared.clock.next(at: shared.now))
    shared.broadcast(.joinRequest(request), .signed)
    resends += 1
    resendAt = shared.now + max(shared.timing.retry * UInt64(min(resends, 4) * 2), .milliseconds(2))
  }

  mutating func timer(_ shared: inout Shared) -> State? {
    guard shared.now >= deadline else {
      if shared.now >= resendAt { request(&shared) }
      return nil
    }
    return isMasterAbout(shared) ? .joining(Joining(&shared, since: since)) : .offering(Offering(&shared, since: since))
  }

  /// Somebody reigns, though it does not answer: perhaps it does not hear this machine. No reason to be a master beside it.
  private func isMasterAbout(_ shared: Shared) -> Bool {
    let fresh = shared.timing.promise
    if shared.now - shared.masterHeard < fresh, shared.masterHeard != .zero { return true }
    return shared.strangerHeard != .zero && shared.now - shared.strangerHeard < fresh && shared.now - since < Self.patience
  }

  mutating func receive(_ nak: Nak, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard nak.nonce == nonce else {
      shared.counters.wrongNonce += 1
      return nil
    }
    shared.masterHeard = shared.now
    if nak.reason == .operationInProgress {
      deadline = shared.now + shared.timing.joinWait * 4
      guard nak.challenge != challenge else { return nil }
      challenge = nak.challenge
      voteTerm = .none
      request(&shared)
      return nil
    }
    shared.report(.refusedBy(envelope.sender, envelope.sourceAddress, nak.reason, explanation: nak.explanation))
    if nak.reason == .olderConfiguration {
      shared.act(.fetchPersonality(from: envelope.sender, envelope.sourceAddress, version: nak.personalityVersion))
    }
    shared.stopEverything()
    return .resting(Resting(shared, since: since, reason: nak.reason))
  }

  mutating func receive(_ ok: JoinOk, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard ok.nonce == nonce else {
      shared.counters.wrongNonce += 1
      return nil
    }
    guard ok.master.identifier == envelope.sender else {
      shared.counters.wrongSender += 1
      return nil
    }
    return .following(Following(&shared, accepting: ok, from: envelope))
  }

  /// Somebody else offers itself first: come along, and give it this machine's vote if that is still free.
  mutating func receive(_ offer: OfferMaster, _ shared: inout Shared) -> State? {
    if offer.isMaster {
      shared.strangerHeard = shared.now
      return nil
    }
    guard offer.personalityVersion >= shared.personalityVersion else { return nil }
    challenge = offer.nonce
    voteTerm = .none
    if shared.mayPromise(offer.profile.identifier, offer.term) {
      shared.promise(offer.profile.identifier, offer.term, from: shared.now)
      voteTerm = offer.term
    }
    request(&shared)
    deadline = shared.now + shared.timing.offerSilence + shared.timing.joinWait
    return nil
  }
}

/// OFFER MASTER, and listening for objections (figure 6, steps 615 to 619).
struct Offering: Sendable {
  let nonce: UInt64
  let term: Term
  let since: Instant
  private var resendAt: Instant
  private let deadline: Instant
  private var voters: Set<MemberIdentifier> = []

  init(_ shared: inout Shared, since: Instant) {
    nonce = shared.dice.roll()
    term = Term(rawValue: shared.highestTerm.rawValue + 1)
    self.since = since
    resendAt = shared.now
    // A few milliseconds of difference keep machines that were switched on together from offering together.
    deadline = shared.now + shared.timing.offerSilence + Interval(nanoseconds: shared.dice.roll(below: shared.timing.stagger.nanoseconds))
    offer(&shared, answering: 0)
  }

  var nextDeadline: Instant { min(resendAt, deadline) }

  private mutating func offer(_ shared: inout Shared, answering: UInt64) {
    let offer = OfferMaster(
      nonce: nonce, answering: answering, term: term, profile: shared.profile, personalityVersion: shared.personalityVersion,
      memberCount: 1, isMaster: false)
    shared.broadcast(.offerMaster(offer), .signed)
    resendAt = shared.now + max(shared.timing.collecting, .milliseconds(5))
  }

  mutating func timer(_ shared: inout Shared) -> State? {
    guard shared.now >= deadline else {
      if shared.now >= resendAt { offer(&shared, answering: 0) }
      return nil
    }
    guard mayReign(shared) else { return .joining(Joining(&shared, since: since)) }
    return .reigning(Master(alone: term, challenge: nonce, &shared))
  }

  private func mayReign(_ shared: Shared) -> Bool {
    guard shared.mayPromise(shared.identifier, term) else { return false }
    switch shared.configuration.partition {
    case .serve: return true
    case .majority(let count): return voters.count + 1 >= count / 2 + 1
    }
  }

  /// Figure 6, step 617.
  mutating func receive(_ objection: OtherMasterExists, _ shared: inout Shared) -> State? {
    guard objection.answering == nonce else {
      shared.counters.wrongNonce += 1
      return nil
    }
    shared.masterHeard = shared.now
    shared.note(objection.term)
    return .joining(Joining(&shared, since: since))
  }

  /// The better of two candidates goes on: the newer personality, then the lower address.
  mutating func receive(_ other: OfferMaster, _ shared: inout Shared) -> State? {
    if other.isMaster {
      shared.strangerHeard = shared.now
      return nil
    }
    let isBetter =
      other.personalityVersion != shared.personalityVersion
      ? other.personalityVersion > shared.personalityVersion : other.profile.address < shared.profile.address
    guard isBetter else {
      if other.answering != nonce { offer(&shared, answering: other.nonce) }
      return nil
    }
    var joining = Joining(&shared, since: since)
    _ = joining.receive(other, &shared)
    return .joining(joining)
  }

  /// A JOIN REQUEST that repeats this offer's nonce and term is its sender's vote.
  mutating func receive(_ request: JoinRequest, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard request.challenge == nonce, request.term == term, request.profile.identifier == envelope.sender else { return }
    voters.insert(envelope.sender)
  }
}

/// Refused, or told to leave: report, back off, try again (figure 6).
struct Resting: Sendable {
  let since: Instant
  let until: Instant
  /// A newer personality ends the rest.
  let needsPersonality: Bool

  init(_ shared: Shared, since: Instant, reason: RefusalReason) {
    self.since = since
    needsPersonality = reason == .olderConfiguration
    let rest: Interval =
      switch reason {
      case .operationInProgress: .milliseconds(100)
      case .application, .duplicateMember, .clusterFull: .seconds(2)
      case .olderConfiguration: .seconds(5)
      case .unknownAuthority, .certificateExpired, .certificateRevoked, .noProofOfPossession, .differentConfiguration: .seconds(10)
      }
    until = shared.now + rest
  }

  init(_ shared: Shared, for rest: Interval, needsPersonality: Bool = false) {
    since = shared.now
    until = shared.now + rest
    self.needsPersonality = needsPersonality
  }
}
