// One member of an IP cluster
//
// WHAT THIS IS. WO 00/31945, figures 6 and 8A to 8I: several machines answer as one; a hash says whose work unit a packet is; one member,
// the master, gives the 1,024 units away. This module decides; it does nothing. Events go in, actions come out, time and random numbers are
// handed in. The packet path (figure 9) is elsewhere and is told only three things by us: which units are mine, until when, and whether
// this machine is the master. It obeys the last word it got even when this process hangs, is stopped or is dead. So everything here is
// arranged around one sentence: *when a unit is given to a new owner, the old one's packet path has already stopped.*
//
// THE INTERVALS (Timing.swift). D is the detection interval, and the lease of a unit. P = D/2 is the master's authority. A guard interval of
// D/16 + 1 ms is added wherever somebody else's deadline is waited for: clocks may differ by 6 %, and a daemon needs a moment. n, 2 to 20,
// adapts to the loss (LossAverage.swift); keepalives go every P/(n+1), so that n in a row may be lost.
//
// WHY TWO MEMBERS NEVER OWN A UNIT
//  1. A member's lease ends D after it *sent* the newest keepalive that the master echoed. The master counts from when it *received* it, and
//     gives the units away D + guard later. The echo is of the member's own number, so late, doubled and reordered keepalives do no harm.
//  2. A member without a lease owns nothing: when it runs out, the units are let go, not kept for better times; nothing is taken on without
//     one (Shared.swift). A member that its master took out starts over, and lets go first.
//  3. An ASSIGN counts if its serial is the newest for the unit in this reign, and it was sent after the JOIN OK that made this member.
//  4. A master has a lease too: P after it *sent* the newest of its keepalives that a quorum echoed. Who echoes a keepalive received at t
//     promises to echo and elect nobody else before t + P + guard. So when everybody whose word the master may count on has let his promise
//     run out, its lease is over, its own units are free, and no echo of it renews anybody's lease any more. A machine that has just
//     started does not know what it promised, and gives its word to nobody for P + guard.
//  5. A new master knows what its voters own: they say so with their vote, and take nothing on from the old master after it. What nobody
//     claims is free at once if nothing can be missing: everybody in the last list has answered; the list is whole; the candidate's own
//     lease still runs, so the old master cannot have taken it out and told others things behind its back; and a newcomer is given units
//     only when every member has the list that names it. Otherwise those units wait D + guard, and members that come late may still claim
//     theirs; those stay in the list meanwhile, so that the next successor would ask them too. So does one that a master has taken out,
//     while its lease may run: its units rest so long, and a successor knows of that by the list alone. One that was expelled, and has
//     not heard of it when that master dies, can come in again by its vote; it must then be expelled again.
//  6. Whoever becomes master without having been voted for (figure 6) waits out D + guard before it gives away anything.
//
// WHY A DEAD MASTER COSTS THE OTHERS NOTHING. The watchdog on the master and the promise are the same deadline, P + guard after its last
// keepalive. The survivors' leases end D − P/(n+1) after it. In between, D/2 less an interval and the guard, a successor offers itself
// (ranked by address, apart by P/8), the others vote with their claims, and its first keepalive renews their leases (Succession.swift).
//
// PARTITIONS. `majority`: master and lease need more than half of the configured members; rules 1 to 6 hold whatever the network does.
// `serve`: one other member is enough, or none, and each side serves what reaches it. That is safe because the messages travel with the
// traffic: who cannot be heard cannot answer either. What remains is the moment of healing, when two sides that both think they own
// everything become audible at once. So a master that is alone and hears nothing lets its units go, and one that has let them go does not
// take them up again before it has asked, for a whole lease, whether there is anybody (MasterTies.swift). A machine whose cable comes back
// thus says nothing until it is a member again. Not covered, and by definition not coverable: both sides had clients of their own; then
// both answer until the tie-break, which takes one keepalive and a round trip. The same holds for a machine that others could not hear
// while it heard them, if they have begun a group with another key meanwhile.
//
// FRESHNESS. Sealed messages have a replay window below us. Signed ones are judged here: an answer repeats the nonce of what it answers; a
// JOIN REQUEST repeats the master's challenge, and carries a sequence number that grows. A master steps down only before an objection that
// answers its own nonce. What cannot be read or does not verify changes nothing but a counter.
//
// FILES. ClusterMember: this, and which state gets which event. State: the states and what each listens to. Shared: what outlives a change
// of state. Holdings: what this machine processes. Joining: figure 6. Following: a member. Succession: a member whose master is silent.
// Master and its extensions: Units (8D, 8E, 9), Places (what the gateway wants), Joins (8F), Ties (8A), Keys, Pursuit (what is due). The simulator (module Simulation) runs
// all of this by the thousand, with every fault we could think of; most sentences above are there because it found what happens without.
//
// ODDITIES. The seed prints the test for balancing as K − 1 ≥ J − 1, which always holds; it means K − 1 ≥ J + 1. OFFER MASTER with a member
// count of 0 is a lone master that serves nothing: it loses every tie, and members whose master is silent just now object to it. A vote is a
// JOIN REQUEST that repeats the offer's nonce as its challenge. Terms order reigns of masters that know of each other; two sides may reach
// the same one, so a reign is a term and an incarnation.

import Wire

/// One member of an IP cluster: the decision maker of WO 00/31945, figures 6 and 8A to 8I. A value: it is fed events, and answers with
/// actions; it has no clock, no randomness, no sockets.
public struct ClusterMember: Sendable {
  var state = State.unstarted
  var shared: Shared
  /// When `Event.timer` is due; nil when nothing is waited for.
  public private(set) var nextDeadline: Instant?
  /// Since when, without a pause, somebody has answered for a cluster address each time that this machine asked; and when last.
  private var addressHeldSince = Instant.zero
  private var addressHeard = Instant.zero

  /// How long whoever is no cluster can keep this machine from a reign.
  private static let addressPatience = Interval.seconds(30)

  /// A member that waits for `Event.start`.
  public init(configuration: Configuration) { shared = Shared(configuration) }

  /// What it was started with: a weight or personality that an event has set since is not in it.
  public var configuration: Configuration { shared.configuration }
  /// What it has received, sent and refused since this value was made; nothing sets them back.
  public var counters: Counters { shared.counters }
  /// What this machine processes while its lease lasts.
  public var ownedUnits: UnitSet { shared.holdings.owned }

  private var deadline: Instant? {
    switch state {
    case .unstarted, .left, .down: nil
    case .joining(let joining): orLapse(joining.nextDeadline)
    case .offering(let offering): orLapse(offering.nextDeadline)
    case .resting(let resting): resting.until
    case .following(let following): orLapse(following.nextDeadline(shared))
    case .orphaned(let orphaned): orLapse(orphaned.nextDeadline(shared))
    case .candidate(let candidate): orLapse(candidate.nextDeadline)
    case .reigning(let master): master.nextDeadline(shared)
    }
  }

  private func orLapse(_ deadline: Instant) -> Instant {
    shared.holdings.lease == .zero ? deadline : min(deadline, shared.holdings.lease)
  }

  /// Feeds an event and answers what to do about it, in order.
  public mutating func handle(_ event: Event, at now: Instant, using generator: inout some RandomNumberGenerator) -> [Action] {
    shared.now = now
    shared.dice.refill(from: &generator)
    let before = viewStamp
    noticeLapse()
    noticeStandstill()
    dispatch(event)
    pursue()
    nextDeadline = deadline
    if viewStamp != before { shared.act(.viewChanged) }
    var actions: [Action] = []
    swap(&actions, &shared.actions)
    return actions
  }

  /// A master that was stopped for too long finds that it is none, whatever it is about to hear.
  private mutating func noticeLapse() {
    let hadLease = shared.holdings.lease != .zero
    shared.noticeLapse()
    guard hadLease, shared.holdings.lease == .zero, case .reigning(var master) = state else { return }
    state = master.stepDown(.leaseLapsed, &shared)
  }

  /// While this machine stood still it did not listen either, so that time is nobody's silence: what came meanwhile is still to be read.
  private mutating func noticeStandstill() {
    guard let due = nextDeadline, shared.now > due else { return }
    reign { $0.lastPeerHeard = min($1.now, $0.lastPeerHeard + ($1.now - due)) }
  }

  private mutating func dispatch(_ event: Event) {
    switch event {
    case .start(let claims, let leaseDeadline): start(claims, leaseDeadline)
    case .received(let message, let envelope): if admits(message, envelope) { receive(message, from: envelope) }
    case .undecipherable: hearStranger()
    case .timer: timer()
    case .packetForUnassigned(let unit): hearTraffic { $0.packetArrived(for: unit, &$1) }
    case .heardTraffic: hearTraffic { $0.renewAlone(&$1) }
    case .applicationsAnswered(let nonce, let refusal): reign { $0.applicationsAnswered(nonce: nonce, refusal: refusal, &$1) }
    case .stateComplete(let serial): acknowledge(shared.completeArrival(serial: serial), serial)
    case .stateHandedOver(let serial): acknowledge(shared.holdings.completeParting(serial: serial) ?? UnitSet(), serial)
    case .drain(let isWanted): drain(isWanted)
    case .leave: leave()
    case .expel(let member): reign { $0.expel(member, .expelled, &$1) }
    case .revoked(let members): revoke(members)
    case .place(let places): place(places)
    case .setWeight(let weight): change { $0.profile.weight = max(1, weight) }
    case .personality(let version, let digest): takePersonality(version, digest)
    case .load(let loads, let packetsPerSecond): report(loads, packetsPerSecond)
    case .addressInUse(let address, let ethernet, let isCluster): hearOwner(of: address, ethernet, isCluster)
    case .carrierLost: loseCarrier()
    case .carrierFound: findCarrier()
    }
  }

  // MARK: Messages

  /// Rule 4: what is not authentic, or not protected as it must be, changes nothing and is counted.
  private mutating func admits(_ message: ClusterMessage, _ envelope: Envelope) -> Bool {
    shared.counters.received += 1
    guard envelope.sender != shared.identifier || envelope.incarnation != shared.profile.incarnation else {
      shared.counters.fromMyself += 1
      return false
    }
    guard envelope.isAuthentic || !shared.configuration.safetyRules.contains(.authentication) else {
      shared.counters.notAuthentic += 1
      if case .joinRequest(let request) = message, let reason = envelope.refusal {
        reign { $0.refuseUnauthentic(request, reason, envelope, &$1) }
      }
      return false
    }
    guard message.allows(envelope.protection) else {
      shared.counters.wrongProtection += 1
      return false
    }
    shared.hear()
    if case .joinRequest = message, envelope.protection == .signed { shared.revoked.remove(envelope.sender) }
    return true
  }

  private mutating func receive(_ message: ClusterMessage, from envelope: Envelope) {
    advance { state, shared in
      switch state {
      case .joining(var joining): state = joining.receive(message, from: envelope, &shared) ?? .joining(joining)
      case .offering(var offering): state = offering.receive(message, from: envelope, &shared) ?? .offering(offering)
      case .following(var following): state = following.receive(message, from: envelope, &shared) ?? .following(following)
      case .orphaned(var orphaned): state = orphaned.receive(message, from: envelope, &shared) ?? .orphaned(orphaned)
      case .candidate(var candidate): state = candidate.receive(message, from: envelope, &shared) ?? .candidate(candidate)
      case .reigning(var master):
        state = .unstarted
        state = master.receive(message, from: envelope, &shared) ?? .reigning(master)
      case .unstarted, .resting, .left, .down: shared.counters.unexpected += 1
      }
    }
  }

  private mutating func timer() {
    advance { state, shared in
      switch state {
      case .joining(var joining): state = joining.timer(&shared) ?? .joining(joining)
      case .offering(var offering): state = offering.timer(&shared) ?? .offering(offering)
      case .resting(let resting): if shared.now >= resting.until { state = .joining(Joining(&shared)) }
      case .following(var following): state = following.timer(&shared) ?? .following(following)
      case .orphaned(var orphaned): state = orphaned.timer(&shared) ?? .orphaned(orphaned)
      case .candidate(var candidate): state = candidate.timer(&shared) ?? .candidate(candidate)
      case .unstarted, .reigning, .left, .down: break
      }
    }
  }

  /// A change of state: the states' own functions say to which.
  private mutating func advance(_ body: (inout State, inout Shared) -> Void) { body(&state, &shared) }

  /// Does something as the master, if this machine is that.
  private mutating func reign(_ body: (inout Master, inout Shared) -> Void) {
    guard case .reigning(var master) = state else { return }
    state = .unstarted
    body(&master, &shared)
    state = .reigning(master)
  }

  /// After each event a master does what has become due.
  private mutating func pursue() {
    guard case .reigning(var master) = state else { return }
    state = .unstarted
    state = master.pursue(&shared) ?? .reigning(master)
  }

  private mutating func hearStranger() {
    shared.counters.undecipherable += 1
    shared.strangerHeard = shared.now
    reign { $0.challengeStranger(&$1) }
  }

  private mutating func hearTraffic(_ body: (inout Master, inout Shared) -> Void) {
    shared.traffic = shared.now
    shared.hear()
    reign(body)
  }

  private mutating func acknowledge(_ units: UnitSet, _ serial: UInt32) {
    guard !units.isEmpty else { return }
    if case .following(let following) = state { following.acknowledge(units, serial: serial, &shared) }
    reign { $0.acknowledgeOwn(units, serial, &$1) }
  }

  // MARK: What the operator and the machine do

  private mutating func start(_ claims: UnitSet, _ leaseDeadline: Instant) {
    guard case .unstarted = state else { return }
    shared.quietUntil = shared.now + shared.timing.promise
    shared.act(.setMaster(false))
    if leaseDeadline > shared.now, !claims.isEmpty {
      shared.holdings.own(claims)
      shared.holdings.lease = leaseDeadline
    } else {
      shared.act(.setLease(.zero))
      shared.act(.setUnits(.all, owner: nil, acknowledged: false))
    }
    shared.act(.setMembers([shared.profile]))
    state = .joining(Joining(&shared))
  }

  /// Somebody answers for a cluster address before this reign has begun to serve. A cluster that this machine cannot read or hear, of
  /// another authority or number or behind a firewall, it must not serve beside: it rests, asks again, and waits as long as that takes.
  /// Anybody else, such as a router that answers for every address, cannot keep a cluster down for longer than a while.
  private mutating func hearOwner(of address: InternetAddress, _ ethernet: EthernetAddress, _ isCluster: Bool) {
    guard case .reigning(var master) = state, !master.isReady else { return }
    let isNew = addressHeard == .zero || shared.now - addressHeard > shared.timing.lease * 4 + .seconds(10)
    if isNew { addressHeldSince = shared.now }
    addressHeard = shared.now
    let waits = isCluster || shared.now - addressHeldSince < Self.addressPatience
    shared.report(.addressInUse(address, by: ethernet, waits: waits))
    guard waits else { return }
    _ = master.stepDown(.addressInUse, &shared)
    state = .resting(Resting(shared, for: .seconds(2)))
  }

  private mutating func drain(_ isWanted: Bool) {
    shared.isDraining = isWanted
    change { _ in }
  }

  private mutating func leave() {
    shared.isLeaving = true
    switch state {
    case .unstarted, .joining, .offering, .resting, .down:
      shared.stopEverything()
      shared.act(.stopped)
      state = .left
    case .following, .reigning: change { _ in }
    case .orphaned, .candidate, .left: break
    }
  }

  private mutating func revoke(_ members: Set<MemberIdentifier>) {
    shared.revoked.formUnion(members)
    reign { $0.expelRevoked(&$1) }
  }

  private mutating func place(_ places: [Int: MemberIdentifier]) {
    shared.places = Places(places)
    reign { master, _ in master.isBalancing = true }
  }

  /// Something about this member that the others, or its own balancing, must know.
  private mutating func change(_ body: (inout Shared) -> Void) {
    let before = shared.profile
    body(&shared)
    if case .following(var following) = state {
      if shared.profile != before { following.sendProfile(&shared) } else { following.sendKeepalive(&shared) }
      state = .following(following)
    }
    reign { master, shared in
      master.isBalancing = true
      master.listChanged(&shared)
    }
  }

  private mutating func takePersonality(_ version: UInt64, _ digest: UInt64) {
    shared.personalityVersion = version
    shared.settingsDigest = digest
    if case .following(var following) = state {
      following.sendProfile(&shared)
      state = .following(following)
    }
    if case .resting(let resting) = state, resting.needsPersonality { state = .joining(Joining(&shared)) }
    reign { master, shared in
      master.announceReason = .configuration
      master.announceAt = shared.now
    }
  }

  private mutating func report(_ loads: [LoadReport.UnitLoad], _ packetsPerSecond: UInt32) {
    shared.packetsPerSecond = packetsPerSecond
    shared.unitLoads = Array(loads.prefix(ClusterLimits.loadEntryCount))
    // That there is no traffic any more is news where it is balanced.
    guard case .following(let following) = state, !loads.isEmpty || shared.configuration.balance == .measuredTraffic else { return }
    shared.send(.loadReport(LoadReport(term: following.term, loads: shared.unitLoads)), to: following.master)
  }

  private mutating func loseCarrier() {
    switch state {
    case .unstarted, .left, .down: return
    case .reigning(var master): master.end(.carrierLost, &shared)
    case .joining, .offering, .resting, .following, .orphaned, .candidate: shared.stopEverything()
    }
    shared.report(.carrierLost)
    state = .down
  }

  private mutating func findCarrier() {
    guard case .down = state else { return }
    shared.report(.carrierFound)
    state = .joining(Joining(&shared))
  }
}

extension ClusterMessage {
  /// Signed before there is a group key, sealed ever after; a few may be either.
  func allows(_ protection: Protection) -> Bool {
    switch self {
    case .joinRequest, .joinOk, .offerMaster, .otherMasterExists, .exitCluster: true
    case .nak, .personalityRequest, .personalityPart: protection == .signed
    case .masterKeepalive, .memberList, .assignmentTable, .assignmentQuery, .clientKeepalive, .assign, .deassign, .acknowledge, .loadReport,
      .stateTransfer, .groupKey:
      protection == .sealed
    }
  }
}

extension ClusterMember {
  /// What an operator may see.
  public func snapshot(at now: Instant) -> Snapshot {
    var result = Snapshot(
      phase: phase, term: .none, master: nil, leaseDeadline: shared.holdings.lease, members: [],
      units: shared.knownOwners.owners.map { .init(owner: $0, isAcknowledged: $0 != nil) }, ownUnits: shared.holdings.owned,
      keepaliveInterval: .zero,
      toleratedLosses: LossAverage.toleratedLosses.lowerBound, lossAverage: 0, epoch: shared.epoch ?? 0, isDraining: shared.isDraining,
      isDrained: shared.isDraining && shared.holdings.owned.isEmpty && shared.holdings.arriving.isEmpty, isLeaving: shared.isLeaving)
    shared.places.units.visit { result.places[$0] = shared.places[$0] }
    switch state {
    case .unstarted, .joining, .offering, .resting, .left, .down: result.units = ownUnits
    case .following(let following): describe(following, &result)
    case .orphaned(let orphaned): describe(orphaned.following, &result)
    case .candidate(let candidate): describe(candidate.orphaned.following, &result)
    case .reigning(let master): describe(master, &result)
    }
    return result
  }

  /// The term that this member is in, and its master: what is asked more often than the whole snapshot.
  public var allegiance: (term: Term, master: MemberIdentifier?) {
    switch state {
    case .unstarted, .joining, .offering, .resting, .left, .down: (.none, nil)
    case .following(let following): (following.term, following.master.identifier)
    case .orphaned(let orphaned): (orphaned.following.term, orphaned.following.master.identifier)
    case .candidate(let candidate): (candidate.orphaned.following.term, candidate.orphaned.following.master.identifier)
    case .reigning(let master): (master.term, shared.identifier)
    }
  }

  var phase: Phase {
    switch state {
    case .unstarted: .starting
    case .joining: .joining
    case .offering: .offering
    case .resting: .waiting
    case .following: .member
    case .orphaned, .candidate: .electing
    case .reigning: .master
    case .left: .left
    case .down: .down
    }
  }

  private var ownUnits: [Snapshot.Unit] {
    (0..<UnitSet.unitCount).map {
      let isOwn = shared.holdings.owned.contains($0)
      return .init(owner: isOwn ? shared.identifier : nil, isAcknowledged: isOwn)
    }
  }

  private func describe(_ following: Following, _ result: inout Snapshot) {
    result.term = following.term
    result.master = following.master.identifier
    result.keepaliveInterval = following.interval
    result.toleratedLosses = following.toleratedLosses
    result.lossAverage = following.loss
    for unit in result.units.indices {
      if shared.holdings.owned.contains(unit) {
        result.units[unit] = .init(owner: shared.identifier, isAcknowledged: true)
      } else if result.units[unit].owner == shared.identifier {
        result.units[unit] = .init(owner: nil, isAcknowledged: false)
      }
    }
    var counts: [MemberIdentifier: Int] = [:]
    for unit in result.units { if let owner = unit.owner { counts[owner, default: 0] += 1 } }
    result.members = shared.known.members.map { member in
      let identifier = member.profile.identifier
      return Snapshot.Member(
        profile: member.profile, unitCount: counts[identifier] ?? 0,
        lossAverage: identifier == shared.identifier ? following.loss : 0, lastHeard: nil, isDraining: member.isDraining,
        packetsPerSecond: identifier == shared.identifier ? shared.packetsPerSecond : 0)
    }
  }

  private func describe(_ master: Master, _ result: inout Snapshot) {
    result.term = master.term
    result.master = shared.identifier
    result.keepaliveInterval = shared.timing.keepaliveInterval(toleratedLosses: master.toleratedLosses)
    result.toleratedLosses = master.toleratedLosses
    result.lossAverage = master.worstLoss
    for unit in result.units.indices {
      let standing = master.units[unit]
      result.units[unit] = .init(owner: standing.holder ?? standing.heir, isAcknowledged: standing.holder != nil)
    }
    let own = Snapshot.Member(
      profile: shared.profile, unitCount: shared.holdings.owned.count, lossAverage: 0, lastHeard: nil,
      isDraining: shared.isDraining || shared.isLeaving, packetsPerSecond: shared.packetsPerSecond)
    result.members =
      [own]
      + master.peers.map { peer in
        Snapshot.Member(
          profile: peer.profile, unitCount: peer.unitCount, lossAverage: peer.loss.value, lastHeard: peer.lastHeard,
          isDraining: peer.wantsNone, packetsPerSecond: peer.packetsPerSecond)
      }
  }
}
