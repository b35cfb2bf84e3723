import Wire

/// A member that follows a master (figure 6, step 607; figures 8G, 8H and 8I).
struct Following: Sendable {
  let master: MemberProfile
  let term: Term
  /// The newest master keepalive and when it came.
  private var heardSequence: UInt64 = 0
  private var heardAt: Instant
  private(set) var interval: Interval
  private(set) var toleratedLosses = LossAverage.toleratedLosses.lowerBound
  private(set) var loss = 0.0
  private var nextKeepalive: Instant
  /// An offer to succeed the master: answered when the watchdog expires, objected to when the master is heard again.
  private(set) var pendingOffer: PendingOffer?
  private var mismatches = 0
  /// This member seals under a new key that the master does not use yet.
  var isRekeying = false
  /// The first keepalive of this machine that counted for the master's lease, and whether the master has heard one since.
  private var firstVote: UInt64?
  private(set) var masterHeardVote = false
  private var leavingSince: UInt64?
  private var mayLeave = false
  private var memberCount: UInt16 = 2

  struct PendingOffer: Sendable {
    var offer: OfferMaster
    var envelope: ClusterMember.Envelope
  }

  /// What the master sent before its JOIN OK was not meant for the member that this machine is now.
  private let firstSequence: UInt64

  init(_ shared: inout Shared, accepting ok: JoinOk, from envelope: ClusterMember.Envelope) {
    shared.accept(ok, from: envelope)
    master = ok.master
    term = ok.term
    firstSequence = envelope.sequence
    heardAt = shared.now
    interval = shared.timing.keepaliveInterval(toleratedLosses: toleratedLosses)
    nextKeepalive = shared.now
    sendKeepalive(&shared)
  }

  /// Figure 8I: the master's watchdog, which is this machine's promise too.
  private func watchdog(_ shared: Shared) -> Instant { heardAt + shared.timing.promise }
  func nextDeadline(_ shared: Shared) -> Instant { min(nextKeepalive, watchdog(shared)) }

  var reign: Reign { Reign(term: term, incarnation: master.incarnation) }

  /// Whether this is a keepalive of this member's own master that it has not heard yet.
  func isNews(_ keepalive: MasterKeepalive, from envelope: ClusterMember.Envelope) -> Bool {
    envelope.sender == master.identifier && keepalive.term == term && keepalive.sequence > heardSequence
      && envelope.sequence > firstSequence
  }

  // MARK: Client keepalive (figure 8H)

  mutating func sendKeepalive(_ shared: inout Shared) {
    let votes = heardSequence > 0 && shared.mayPromise(master.identifier, term)
    if votes { shared.promise(master.identifier, term, from: heardAt) }
    let sequence = shared.clock.next(at: shared.now)
    if votes, firstVote == nil { firstVote = sequence }
    if shared.isLeaving, leavingSince == nil { leavingSince = sequence }
    let keepalive = ClientKeepalive(
      term: term, sequence: sequence, masterSequence: votes ? heardSequence : 0,
      memberListVersion: shared.known.version, assignmentVersion: shared.knownOwners.version,
      packetsPerSecond: shared.packetsPerSecond, isDraining: shared.isDraining, isLeaving: shared.isLeaving)
    shared.send(.clientKeepalive(keepalive), to: master)
    // The next is due with the master's next keepalive; if that is lost, a little later by this machine's own clock.
    nextKeepalive = shared.now + interval + interval / 4
  }

  mutating func timer(_ shared: inout Shared) -> State? {
    if shared.now >= watchdog(shared) {
      shared.report(.masterSilent(master.identifier, term))
      return .orphaned(Orphaned(&shared, from: self, masterLeft: false))
    }
    if shared.now >= nextKeepalive { sendKeepalive(&shared) }
    return nil
  }

  // MARK: Master keepalive (figure 8G)

  mutating func receive(_ keepalive: MasterKeepalive, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard envelope.sender == master.identifier, keepalive.term == term, envelope.incarnation == master.incarnation else {
      if keepalive.term < term { shared.counters.oldTerm += 1 } else { shared.counters.notMyMaster += 1 }
      return nil
    }
    guard keepalive.sequence >= heardSequence, envelope.sequence > firstSequence else {
      shared.counters.oldSequence += 1
      return nil
    }
    noticeEpoch(envelope.epoch, &shared)
    if keepalive.sequence > heardSequence { hear(keepalive, &shared) }
    if let entry = keepalive.entries.first(where: { $0.member == shared.identifier }) { take(entry, &shared) }
    return leaveIfDrained(&shared)
  }

  /// The first part of a keepalive: the master lives.
  private mutating func hear(_ keepalive: MasterKeepalive, _ shared: inout Shared) {
    heardSequence = keepalive.sequence
    heardAt = shared.now
    memberCount = keepalive.memberCount
    toleratedLosses = min(
      max(Int(keepalive.toleratedLosses), LossAverage.toleratedLosses.lowerBound), LossAverage.toleratedLosses.upperBound)
    interval = shared.timing.keepaliveInterval(toleratedLosses: toleratedLosses)
    object(&shared)
    sendKeepalive(&shared)
  }

  /// What the master has of this member: the echo renews the lease, the digest tells whether both mean the same units.
  private mutating func take(_ entry: MasterKeepalive.Entry, _ shared: inout Shared) {
    guard entry.incarnation == UInt32(truncatingIfNeeded: shared.profile.incarnation) else {
      shared.counters.oldIncarnation += 1
      return
    }
    loss = Double(entry.loss) / 65_536
    if let sent = shared.clock.sentAt(entry.echo) { shared.extendLease(to: min(sent, shared.now) + shared.timing.lease) }
    if let firstVote, entry.echo >= firstVote { masterHeardVote = true }
    if let leavingSince, entry.echo >= leavingSince, entry.unitCount == 0 { mayLeave = true }
    compare(entry, &shared)
  }
  /// Acknowledgements on their way make a difference for a keepalive or two; a lasting one is asked about.
  private mutating func compare(_ entry: MasterKeepalive.Entry, _ shared: inout Shared) {
    guard entry.unitsDigest != shared.holdings.digest || Int(entry.unitCount) != shared.holdings.owned.count else {
      mismatches = 0
      return
    }
    mismatches += 1
    guard mismatches % 4 == 3, shared.holdings.arriving.isEmpty, shared.holdings.parting.isEmpty else { return }
    let query = AssignmentQuery(
      term: term, memberListVersion: shared.known.version, assignmentVersion: shared.knownOwners.version,
      unitsDigest: shared.holdings.digest)
    shared.send(.assignmentQuery(query), to: master)
  }

  // MARK: Units

  mutating func receive(_ assign: Assign, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard isMasters(envelope, assign.term, to: assign.member, &shared) else { return }
    // Nothing is taken on without a lease: a master that has taken this member out may still be heard. It will say it again.
    guard shared.hasLease else {
      shared.counters.withoutLease += 1
      return
    }
    acknowledge(shared.take(assign), serial: assign.serial, &shared)
  }

  mutating func receive(_ deassign: Deassign, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard isMasters(envelope, deassign.term, to: deassign.member, &shared) else { return }
    acknowledge(shared.take(deassign), serial: deassign.serial, &shared)
  }

  func acknowledge(_ units: UnitSet, serial: UInt32, _ shared: inout Shared) {
    guard !units.isEmpty else { return }
    shared.send(.acknowledge(Acknowledge(term: term, serial: serial, units: units)), to: master)
  }

  private func isMasters(
    _ envelope: ClusterMember.Envelope, _ term: Term, to member: MemberIdentifier, _ shared: inout Shared
  ) -> Bool {
    guard envelope.sender == master.identifier, term == self.term else {
      shared.counters.notMyMaster += 1
      return false
    }
    guard envelope.sequence > firstSequence else {
      shared.counters.oldSequence += 1
      return false
    }
    guard member == shared.identifier else {
      shared.counters.notForMe += 1
      return false
    }
    return true
  }

  /// The master's table, for people.
  mutating func receive(_ table: AssignmentTable, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard envelope.sender == master.identifier, table.term == term else {
      shared.counters.notMyMaster += 1
      return
    }
    guard table.version >= shared.knownOwners.version else {
      shared.counters.oldSequence += 1
      return
    }
    shared.knownOwners.take(table)
  }

  mutating func receive(_ list: MemberList, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard envelope.sender == master.identifier, list.term == term else {
      shared.counters.notMyMaster += 1
      return
    }
    guard let change = shared.known.take(list) else { return }
    shared.act(.setMembers(shared.known.members.map(\.profile)))
    if !change.arrived.isEmpty || !change.departed.isEmpty {
      shared.act(.membersChanged(arrived: change.arrived, departed: change.departed))
    }
  }

  // MARK: Succession

  /// Somebody else's watchdog expired. If this one's does too, it gets this member's vote; if not, an objection.
  mutating func receive(_ offer: OfferMaster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard !offer.isMaster else { return answer(offer, from: envelope, &shared) }
    if envelope.protection == .sealed { shared.note(offer.term) }
    if let pendingOffer, pendingOffer.offer.term > offer.term { return }
    pendingOffer = PendingOffer(offer: offer, envelope: envelope)
  }

  /// A master asks whether there is another, or this member's own whether any of its members lives.
  mutating func answer(_ probe: OfferMaster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard envelope.sender == master.identifier else {
      return shared.objectToProbe(probe, from: envelope, master: master, term: term)
    }
    if shared.probeAnswers.take(at: shared.now) { sendKeepalive(&shared) } else { shared.counters.rateLimited += 1 }
  }

  private mutating func object(_ shared: inout Shared) {
    guard let pending = pendingOffer else { return }
    pendingOffer = nil
    let objection = OtherMasterExists(
      answering: pending.offer.nonce, term: term, master: master.identifier, address: master.address, memberCount: memberCount,
      personalityVersion: shared.personalityVersion)
    shared.send(
      .otherMasterExists(objection), to: .member(pending.envelope.sender, pending.envelope.sourceAddress), pending.envelope.protection)
  }

  /// EXIT CLUSTER (figure 6, step 609), or the master's farewell.
  mutating func receive(_ exit: ExitCluster, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    guard envelope.sender == master.identifier, exit.term == term, envelope.protection == .sealed, envelope.sequence > firstSequence else {
      shared.counters.notMyMaster += 1
      return nil
    }
    if exit.member == master.identifier { return masterSaysFarewell(exit, &shared) }
    guard exit.member == shared.identifier else { return nil }
    shared.report(.exited(exit.reason, by: envelope.sender))
    shared.stopEverything()
    switch exit.reason {
    case .notAMember, .newEpoch, .leaving, .otherMaster: return .joining(Joining(&shared))
    case .olderConfiguration:
      shared.act(.fetchPersonality(from: master.identifier, master.address, version: shared.personalityVersion + 1))
      return .resting(Resting(shared, for: .seconds(5), needsPersonality: true))
    case .revoked, .expelled: return .resting(Resting(shared, for: .seconds(60)))
    }
  }

  private mutating func masterSaysFarewell(_ exit: ExitCluster, _ shared: inout Shared) -> State? {
    shared.releasePromise(to: master.identifier)
    guard exit.reason == .leaving else {
      shared.report(.exited(exit.reason, by: master.identifier))
      shared.stopEverything()
      return .joining(Joining(&shared))
    }
    return .orphaned(Orphaned(&shared, from: self, masterLeft: true))
  }

  private mutating func leaveIfDrained(_ shared: inout Shared) -> State? {
    guard shared.isLeaving, mayLeave, shared.holdings.owned.isEmpty, shared.holdings.arriving.isEmpty, shared.holdings.parting.isEmpty
    else { return nil }
    shared.sayFarewell(term, .leaving)
    return .left
  }

  /// Tells the master what changed of this member by a request that needs no answer.
  mutating func sendProfile(_ shared: inout Shared) {
    let request = shared.joinRequest(
      nonce: shared.dice.roll(), challenge: 0, term: term, sequence: shared.clock.next(at: shared.now))
    shared.send(.joinRequest(request), to: master)
  }
}

extension Shared {
  /// A lone master that serves nothing asks whether there is anybody. There is: this machine, whose master may be silent just now.
  mutating func objectToProbe(
    _ offer: OfferMaster, from envelope: ClusterMember.Envelope, master: MemberProfile, term: Term
  ) {
    guard offer.memberCount == 0, hasLease else { return }
    guard probeAnswers.take(at: now) else {
      counters.rateLimited += 1
      return
    }
    let objection = OtherMasterExists(
      answering: offer.nonce, term: term, master: master.identifier, address: master.address, memberCount: UInt16(known.members.count),
      personalityVersion: personalityVersion)
    send(.otherMasterExists(objection), to: .member(envelope.sender, envelope.sourceAddress), envelope.protection)
  }

  /// Stops, then says so: the others need not wait for the lease.
  mutating func sayFarewell(_ term: Term, _ reason: ExitReason) {
    stopEverything()
    let farewell = ExitCluster(member: identifier, reason: reason, answering: 0, term: term)
    for _ in 0..<3 { broadcast(.exitCluster(farewell)) }
    if reason == .leaving { act(.stopped) }
  }
}
