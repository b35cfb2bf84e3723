import Wire

/// The sitting master: who is in, what each of the 1,024 units is doing, and by whose word it reigns (figures 8A to 8F).
struct Master: Sendable {
  let term: Term
  /// Members beside the master itself, by rising number.
  var peers: [Peer] = []
  var slots: [MemberIdentifier: Int] = [:]
  /// Machines that are no members and may own units for a while: they stay in the list so long, for a successor must ask them too.
  var lingering: [Lingering] = []

  var units = UnitTable()
  var handouts: [Handout] = []
  var serial: UInt32 = 0
  /// Which member list is the newest, and which every member has.
  var listVersion: UInt32 = 1
  var heardListVersion: UInt32 = 0
  var listDueAt: Instant
  var tableDueAt: Instant

  var keepalives = SequenceClock()
  var echoes = EchoCount()
  var toleratedLosses = LossAverage.toleratedLosses.lowerBound
  var worstLoss = 0.0
  var nextKeepalive: Instant
  /// No watchdog expires before this.
  var watchdogAt: Instant
  var restedAt: Instant?
  var retryAt: Instant?
  var lastPeerHeard: Instant
  var calledAt = Instant.zero
  var hasVoters = false

  /// When the units that nobody has claimed may be given away; nil until the first lease, in a side that needs a majority for it.
  var readyAt: Instant?
  var isReady = false
  /// A master that gets no lease by then was none.
  let graceUntil: Instant
  var solitude: Solitude
  var announceAt: Instant?
  var announceReason = ClusterMember.AnnounceReason.takeover

  var balanceAt: Instant
  var isBalancing = true
  var traffic = TrafficBalance()
  var nextUnitToMove = 0

  var challenges: Challenges
  var joiners: [UInt64: Joiner] = [:]
  var tie: Tie?
  /// When it last let its units go because it heard another master.
  var yieldedAt: Instant?
  var rekeying: Rekeying?
  var expelled: Set<MemberIdentifier> = []
  /// Runs of members that are gone, and what they said last: a JOIN REQUEST from before that is not a new one.
  var departed: [MemberIdentifier: (incarnation: UInt64, sequence: UInt64)] = [:]
  var answers = RateLimit(burst: 64, interval: .milliseconds(1))
  var refusalReports = RateLimit(burst: 16, interval: .seconds(1))
  var strangerOffers: RateLimit
  var fetchedAt = Instant.zero

  /// A side of one. In the policy `serve`, a master that hears nothing at all is taken to be the one that is cut off: it lets its units
  /// go, and asks for objections before it takes them again. So a machine whose cable comes back does not answer beside the others.
  enum Solitude: Hashable, Sendable {
    case accompanied
    case serving
    case idle
    case probing(nonce: UInt64, resendAt: Instant, until: Instant)
  }

  /// One that this master does not count on, and whose last lease may still run.
  struct Lingering: Sendable {
    var profile: MemberProfile
    var until: Instant
    /// It was a member of the last reign, and has not come along; else this master took it out.
    var isExpected: Bool
  }

  // MARK: Beginnings

  /// Figure 6, step 623. It announces nothing and waits out a lease: a machine that it cannot hear may hold one.
  init(alone term: Term, challenge: UInt64, _ shared: inout Shared) {
    self.init(term, challenge: challenge, &shared)
    shared.note(term)
    shared.begin(Reign(term: term, incarnation: shared.profile.incarnation))
    shared.known.forget()
    if shared.epoch == nil { drawKey(&shared) }
    if shared.hashSeed == nil {
      let seed = shared.dice.roll()
      shared.hashSeed = seed
      shared.act(.setHashSeed(seed))
    }
    shared.act(.setUnits(.all, owner: nil, acknowledged: false))
    let isAlone = needed(shared) == 0 || isServing(shared)
    if isAlone { shared.extendLease(to: shared.now + shared.timing.authority) }
    rest(.all, until: shared.now + shared.timing.silence)
    readyAt = isAlone ? shared.now + shared.timing.silence : nil
    begin(.nobodyElse, &shared)
    shared.act(.probeAddresses)
  }

  /// A machine that has been a member keeps the group's key: so two halves of one group, when they meet, can read each other.
  private func drawKey(_ shared: inout Shared) {
    let epoch = UInt32(truncatingIfNeeded: shared.dice.roll() | 1)
    shared.epoch = epoch
    shared.act(.newGroupKey(epoch: epoch))
    shared.act(.useGroupKey(epoch: epoch))
    shared.act(.retireGroupKeys(except: epoch))
  }

  /// Figure 8I and claim 7. The voters' promises to the last master have run out, so it has stopped; what the voters own is known.
  init(succeeding candidate: Candidate, _ shared: inout Shared) {
    self.init(candidate.term, challenge: candidate.nonce, &shared)
    let isWhole = Self.knowsEveryUnit(candidate, shared)
    if !shared.configuration.safetyRules.contains(.order) { shared.act(.announce(.takeover)) }
    shared.replaceLease(by: candidate.offeredAt + shared.timing.authority)
    shared.begin(Reign(term: term, incarnation: shared.profile.incarnation))
    shared.act(.setUnits(.all.subtracting(shared.holdings.owned), owner: nil, acknowledged: false))
    if !isWhole { rest(.all, until: shared.now + shared.timing.silence) }
    lingering = candidate.expected.filter { candidate.votes[$0.identifier] == nil }.map {
      Lingering(profile: $0, until: shared.now + shared.timing.silence, isExpected: true)
    }
    take(shared.holdings.owned, heldBy: shared.identifier)
    let confirmed = adopt(candidate, &shared)
    readyAt = shared.now
    solitude = peers.isEmpty ? .serving : .accompanied
    // Alone, and the wire silent: this machine is the one that is cut off, or was until just now.
    if peers.isEmpty, isServing(shared), shared.isWireSilent { becomeIdle(&shared) }
    begin(candidate.orphaned.masterLeft ? .masterLeft : .masterSilent, &shared)
    welcome(candidate, confirmed, &shared)
    expelRevoked(&shared)
  }

  private init(_ term: Term, challenge: UInt64, _ shared: inout Shared) {
    self.term = term
    let now = shared.now
    listDueAt = now
    tableDueAt = now + .seconds(1)
    nextKeepalive = now
    watchdogAt = now + shared.timing.silence
    lastPeerHeard = now
    graceUntil = now + shared.timing.lease * 3
    solitude = shared.configuration.partition == .serve ? .idle : .accompanied
    balanceAt = now + shared.configuration.balanceInterval
    challenges = Challenges(current: challenge, at: now)
    strangerOffers = RateLimit(burst: 4, interval: shared.timing.authority / 8)
  }

  private mutating func begin(_ reason: ClusterMember.MasterReason, _ shared: inout Shared) {
    announceAt = shared.now
    if !shared.configuration.safetyRules.contains(.order), reason == .nobodyElse { shared.act(.announce(.takeover)) }
    listChanged(&shared)
    shared.report(.becameMaster(term, reason))
  }

  /// Nothing is missing when every member of the last list has answered, the list is the last master's newest, and that master must
  /// have counted on this machine: then its own lease is over, and no member can own a unit that nobody claims.
  private static func knowsEveryUnit(_ candidate: Candidate, _ shared: Shared) -> Bool {
    let following = candidate.orphaned.following
    return candidate.hasEveryVote && shared.hasLease && shared.known.isWhole(in: following.reign)
      && (following.masterHeardVote || candidate.orphaned.masterLeft)
  }

  /// The voters become members with what they own. Two that claim one unit cannot be; if they do, the lower number has it.
  private mutating func adopt(_ candidate: Candidate, _ shared: inout Shared) -> [MemberIdentifier: UnitSet] {
    var confirmed: [MemberIdentifier: UnitSet] = [:]
    var taken = shared.holdings.owned
    for (member, vote) in candidate.votes.sorted(by: { $0.key < $1.key }) {
      let disputed = vote.request.claims.intersection(taken)
      if !disputed.isEmpty {
        shared.counters.conflictingClaims += 1
        shared.report(.conflictingClaims(disputed, member))
      }
      confirmed[member] = vote.request.claims.subtracting(taken)
      taken.formUnion(vote.request.claims)
      var peer = Peer(
        vote.request, joinedVersion: listVersion, epoch: vote.epoch, at: vote.receivedAt,
        hearsUntil: shared.now + shared.timing.silence)
      peer.hasSpoken = true
      peer.isVoter = true
      peer.isDraining = shared.known.members.first { $0.profile.identifier == member }?.isDraining ?? false
      insert(peer)
    }
    return confirmed
  }

  private mutating func welcome(_ candidate: Candidate, _ confirmed: [MemberIdentifier: UnitSet], _ shared: inout Shared) {
    for (member, claims) in confirmed.sorted(by: { $0.key < $1.key }) {
      guard let vote = candidate.votes[member] else { continue }
      take(claims, heldBy: member)
      if !claims.isEmpty { shared.act(.setUnits(claims, owner: member, acknowledged: true)) }
      shared.send(
        .joinOk(joinOk(nonce: vote.request.nonce, confirmed: claims, shared)), to: .member(member, vote.address), .sealed)
    }
    sendKeepalive(&shared)
  }

  // MARK: Authority

  /// How many others must hear this master for its lease.
  func needed(_ shared: Shared) -> Int {
    switch shared.configuration.partition {
    case .serve: hasVoters ? 1 : 0
    case .majority(let count): count / 2
    }
  }

  func isServing(_ shared: Shared) -> Bool { shared.configuration.partition == .serve }

  /// A master that nobody's word is needed for, renews its lease from its own timer.
  mutating func renewAlone(_ shared: inout Shared) {
    if needed(shared) == 0 { return shared.extendLease(to: shared.now + shared.timing.authority) }
    guard isServing(shared), shared.traffic != .zero, shared.now + shared.timing.authority / 4 >= shared.holdings.lease else { return }
    // All members fell silent together while the wire brings traffic: they are gone, not this machine. Without this, the death of one of
    // two would silence the other. One that lives and does not hear this master offers itself for longer than this credit lasts, and
    // is heard.
    if areSilent(shared) { shared.extendLease(to: shared.traffic + shared.timing.trafficCredit) }
  }

  func areSilent(_ shared: Shared) -> Bool { shared.now - lastPeerHeard >= shared.timing.bereavement }

  /// When `renewAlone` must be asked again, so that no gap opens.
  func renewalDeadline(_ shared: Shared) -> Instant {
    let lease = shared.holdings.lease
    let early = shared.timing.authority / 16
    return (needed(shared) == 0 || isServing(shared)) && lease > shared.now + early ? lease - early : lease
  }

  /// A member has heard this master's keepalive: with enough of them, the lease runs on from when that one was sent.
  mutating func credit(_ sequence: UInt64, after earlier: UInt64, _ shared: inout Shared) {
    guard let heard = echoes.record(sequence, after: earlier, quorum: max(1, needed(shared))), let sent = keepalives.sentAt(heard) else {
      return
    }
    shared.extendLease(to: sent + shared.timing.authority)
    guard readyAt == nil else { return }
    // The first lease: from here on no other master has one, and what its members hold runs out.
    readyAt = shared.now + shared.timing.silence
    rest(.all, until: shared.now + shared.timing.silence)
  }

  // MARK: Keepalive (figure 8C)

  mutating func sendKeepalive(_ shared: inout Shared) {
    worstLoss = peers.reduce(0) { max($0, $1.loss.value) }
    // Where every member's word is needed, what counts is the way there and back.
    if peers.count == needed(shared) { worstLoss = peers.reduce(worstLoss) { max($0, $1.echoLoss.value) } }
    toleratedLosses = LossAverage.toleratedLosses(for: worstLoss)
    let interval = shared.timing.keepaliveInterval(toleratedLosses: toleratedLosses)
    let sequence = keepalives.next(at: shared.now)
    echoes.begin(sequence)
    let partCount = max(1, (peers.count + ClusterLimits.keepaliveEntryCount - 1) / ClusterLimits.keepaliveEntryCount)
    for part in 0..<partCount {
      let first = part * ClusterLimits.keepaliveEntryCount
      let range = first..<min(peers.count, first + ClusterLimits.keepaliveEntryCount)
      let keepalive = MasterKeepalive(
        term: term, sequence: sequence, part: UInt8(part), partCount: UInt8(partCount),
        intervalMicroseconds: UInt32(truncatingIfNeeded: interval.nanoseconds / 1000), toleratedLosses: UInt8(toleratedLosses),
        memberCount: UInt16(peers.count + 1), memberListVersion: listVersion, assignmentVersion: units.version,
        entries: peers[range].map(entry))
      shared.broadcast(.masterKeepalive(keepalive))
    }
    nextKeepalive = shared.now + interval
    renewAlone(&shared)
  }

  private func entry(_ peer: Peer) -> MasterKeepalive.Entry {
    MasterKeepalive.Entry(
      member: peer.profile.identifier, incarnation: UInt32(truncatingIfNeeded: peer.profile.incarnation), echo: peer.lastSequence,
      unitCount: UInt16(peer.unitCount), unitsDigest: peer.digest, loss: UInt16(min(65_535, peer.loss.value * 65_536)))
  }

  /// Figure 8B.
  mutating func receive(_ keepalive: ClientKeepalive, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard let slot = slots[envelope.sender], keepalive.term == term, !expelled.contains(envelope.sender) else {
      guard keepalive.term == term else {
        shared.counters.oldTerm += 1
        return
      }
      return tellStranger(envelope, &shared)
    }
    guard peers[slot].profile.incarnation == envelope.incarnation else {
      shared.counters.oldIncarnation += 1
      return
    }
    guard keepalive.sequence > peers[slot].lastSequence else {
      shared.counters.oldSequence += 1
      return
    }
    hear(keepalive, slot, envelope, &shared)
  }

  private mutating func hear(_ keepalive: ClientKeepalive, _ slot: Int, _ envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    if peers[slot].hasSpoken { peers[slot].loss.record(lost: keepalive.sequence - peers[slot].lastSequence - 1) }
    peers[slot].lastSequence = keepalive.sequence
    peers[slot].lastHeard = shared.now
    peers[slot].epoch = envelope.epoch
    peers[slot].packetsPerSecond = keepalive.packetsPerSecond
    lastPeerHeard = shared.now
    if !peers[slot].hasSpoken {
      peers[slot].hasSpoken = true
      isBalancing = true
      // A daemon that was started again and kept its units may have little left of its last run's lease.
      nextKeepalive = shared.now
    }
    if peers[slot].reportedVersion != keepalive.memberListVersion {
      peers[slot].reportedVersion = keepalive.memberListVersion
      heardListVersion = peers.reduce(listVersion) { min($0, $1.reportedVersion) }
    }
    peers[slot].reportedTableVersion = keepalive.assignmentVersion
    takeWishes(keepalive, slot, &shared)
    let earlier = peers[slot].echoed
    guard keepalive.masterSequence > earlier, keepalive.masterSequence <= keepalives.last else { return }
    if earlier > 0 { peers[slot].echoLoss.record(lost: keepalive.masterSequence - earlier - 1) }
    peers[slot].echoed = keepalive.masterSequence
    peers[slot].isVoter = true
    hasVoters = true
    if let sent = keepalives.sentAt(keepalive.masterSequence) { peers[slot].hearsUntil = sent + shared.timing.silence }
    credit(keepalive.masterSequence, after: earlier, &shared)
  }

  private mutating func takeWishes(_ keepalive: ClientKeepalive, _ slot: Int, _ shared: inout Shared) {
    let wants = keepalive.isDraining || keepalive.isLeaving
    let wanted = peers[slot].isDraining || peers[slot].isLeaving
    peers[slot].isDraining = keepalive.isDraining
    peers[slot].isLeaving = keepalive.isLeaving
    guard wants != wanted else { return }
    isBalancing = true
    shared.report(.draining(peers[slot].profile.identifier, wants))
    listChanged(&shared)
  }

  /// "Is this client in my cluster?" No: it must join again.
  mutating func tellStranger(_ envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    shared.counters.notAMember += 1
    guard answers.take(at: shared.now) else {
      shared.counters.rateLimited += 1
      return
    }
    let reason: ExitReason =
      shared.revoked.contains(envelope.sender) ? .revoked : expelled.contains(envelope.sender) ? .expelled : .notAMember
    let exit = ExitCluster(member: envelope.sender, reason: reason, answering: 0, term: term)
    shared.send(.exitCluster(exit), to: .member(envelope.sender, envelope.sourceAddress), .sealed)
  }

  mutating func receive(_ report: LoadReport, from envelope: ClusterMember.Envelope, _ shared: inout Shared) {
    guard let slot = slots[envelope.sender], report.term == term else {
      shared.counters.notAMember += 1
      return
    }
    peers[slot].unitLoads = Array(report.loads.prefix(ClusterLimits.loadEntryCount))
  }

  // MARK: Membership

  mutating func insert(_ peer: Peer) {
    let index = peers.firstIndex { $0.profile.identifier > peer.profile.identifier } ?? peers.count
    peers.insert(peer, at: index)
    reindex()
  }

  private mutating func reindex() {
    slots = Dictionary(uniqueKeysWithValues: peers.enumerated().map { ($1.profile.identifier, $0) })
    hasVoters = peers.contains(where: \.isVoter)
    heardListVersion = peers.reduce(listVersion) { min($0, $1.reportedVersion) }
  }

  /// Takes a member out. Its units go to the pool at once if it has surely stopped (`restUntil` nil), else when its lease is over.
  mutating func remove(_ member: MemberIdentifier, _ reason: ClusterMember.DepartureReason, restUntil: Instant?, _ shared: inout Shared) {
    guard let slot = slots[member] else { return }
    let peer = peers.remove(at: slot)
    if departed.count < ClusterLimits.memberCount || departed[member] != nil {
      departed[member] = (peer.profile.incarnation, peer.lastSequence)
    }
    reindex()
    handouts.removeAll { $0.member == member }
    let orphaned = units.units { $0.holder == member || $0.isAssigned(to: member) }
    shared.report(.memberLeft(member, reason, units: orphaned.count))
    free(orphaned, until: restUntil, &shared)
    // One that is back under its number is in the list by that.
    if let restUntil, restUntil > shared.now, reason != .restarted {
      lingering.append(Lingering(profile: peer.profile, until: restUntil, isExpected: false))
    }
    retarget(from: member, shared)
    shared.act(.membersChanged(arrived: [], departed: [peer.profile]))
    isBalancing = true
    rekeying?.pending.remove(member)
    listChanged(&shared)
  }

  /// The list changed: everybody is told, and until all have it nobody new gets units.
  mutating func listChanged(_ shared: inout Shared) {
    listVersion += 1
    heardListVersion = peers.reduce(listVersion) { min($0, $1.reportedVersion) }
    listDueAt = shared.now
    shared.act(.setMembers(list(shared).map(\.profile)))
  }

  func list(_ shared: Shared) -> [MemberList.Member] {
    [MemberList.Member(profile: shared.profile, isDraining: shared.isDraining || shared.isLeaving)]
      + peers.map { MemberList.Member(profile: $0.profile, isDraining: $0.wantsNone) }
      + lingering.map { MemberList.Member(profile: $0.profile, isDraining: false) }
  }

  mutating func sendList(_ shared: inout Shared) {
    let members = list(shared)
    let partCount = (members.count + ClusterLimits.profileCount - 1) / ClusterLimits.profileCount
    for part in 0..<partCount {
      let first = part * ClusterLimits.profileCount
      shared.broadcast(
        .memberList(
          MemberList(
            term: term, version: listVersion, part: UInt8(part), partCount: UInt8(partCount),
            members: Array(members[first..<min(members.count, first + ClusterLimits.profileCount)]))))
    }
    listDueAt = shared.now + shared.timing.authority / 2
  }

  /// The table for people and gateways, once a second until every member has it.
  mutating func sendTable(_ shared: inout Shared) {
    let owners = [shared.identifier] + peers.map(\.profile.identifier)
    let partCount = (owners.count + ClusterLimits.assignmentCount - 1) / ClusterLimits.assignmentCount
    for part in 0..<partCount {
      let first = part * ClusterLimits.assignmentCount
      let assignments = owners[first..<min(owners.count, first + ClusterLimits.assignmentCount)].map { owner in
        AssignmentTable.Assignment(member: owner, units: units.held(by: owner))
      }
      shared.broadcast(
        .assignmentTable(
          AssignmentTable(term: term, version: units.version, part: UInt8(part), partCount: UInt8(partCount), assignments: assignments)))
    }
  }
}
