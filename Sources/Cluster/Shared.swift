import Wire

/// What outlives a change of state: who this machine is, what it processes, what it has promised, and the actions of the event at hand.
struct Shared: Sendable {
  typealias Action = ClusterMember.Action
  typealias Report = ClusterMember.Report

  let configuration: ClusterMember.Configuration
  let timing: Timing
  var profile: MemberProfile
  var personalityVersion: UInt64
  var settingsDigest: UInt64
  var counters = ClusterMember.Counters()
  var actions: [Action] = []
  var dice = Dice()
  var now = Instant.zero

  var holdings = Holdings()
  var clock = SequenceClock()
  var known = KnownMembers()
  /// The newest term that an authentic message named.
  var highestTerm = Term.none
  var promise: Promise?
  /// Until then a machine that has just started neither echoes nor votes: it does not know what its last run promised.
  var quietUntil = Instant.zero
  /// The group key that is sealed under; nil before the first.
  var epoch: UInt32?
  var hashSeed: UInt64?

  /// When anything that others sent last came in, and when another master was last heard, surely or by an unreadable keepalive.
  private(set) var heard = Instant.zero
  var traffic = Instant.zero
  var masterHeard = Instant.zero
  var strangerHeard = Instant.zero
  /// When the last silence of an authority's length or more has ended.
  private var silentUntil = Instant.zero

  var probeAnswers = RateLimit(burst: 8, interval: .milliseconds(5))

  var isDraining = false
  var isLeaving = false
  /// Members whose certificate was revoked while this machine ran, and who have not shown another since.
  var revoked: Set<MemberIdentifier> = []
  var places = Places()
  var packetsPerSecond: UInt32 = 0
  var unitLoads: [LoadReport.UnitLoad] = []
  var knownOwners = KnownOwners()

  init(_ configuration: ClusterMember.Configuration) {
    self.configuration = configuration
    timing = Timing(configuration)
    profile = configuration.profile
    personalityVersion = configuration.personalityVersion
    settingsDigest = configuration.settingsDigest
  }

  var identifier: MemberIdentifier { profile.identifier }

  // MARK: Hearing

  /// Something came in that others sent.
  mutating func hear() {
    if now - heard >= timing.authority { silentUntil = now }
    heard = now
  }

  /// Whether the wire is silent, or was within the last authority's length.
  var isWireSilent: Bool { now - heard >= timing.authority || now - silentUntil < timing.authority }

  // MARK: Saying

  mutating func act(_ action: Action) { actions.append(action) }
  mutating func report(_ report: Report) { actions.append(.report(report)) }

  mutating func send(_ message: ClusterMessage, to destination: ClusterMember.Destination, _ protection: Protection) {
    counters.sent += 1
    actions.append(.send(message, to: destination, protection))
  }

  mutating func send(_ message: ClusterMessage, to profile: MemberProfile, _ protection: Protection = .sealed) {
    send(message, to: .member(profile.identifier, profile.address), protection)
  }

  mutating func broadcast(_ message: ClusterMessage, _ protection: Protection = .sealed) { send(message, to: .everyone, protection) }

  // MARK: Promising

  /// That a master's or candidate's authority, which counts on this machine's word, will not be undermined by it.
  struct Promise: Sendable {
    var master: MemberIdentifier
    var term: Term
    var until: Instant
  }

  /// Whether this machine may lend its word to that master now.
  func mayPromise(_ master: MemberIdentifier, _ term: Term) -> Bool {
    guard now >= quietUntil else { return false }
    guard let promise, promise.until > now else { return true }
    return promise.master == master && promise.term <= term
  }

  /// Gives its word on what was received at `moment`.
  mutating func promise(_ master: MemberIdentifier, _ term: Term, from moment: Instant) {
    let until = moment + timing.promise
    if let promise, promise.master == master, promise.term == term, promise.until >= until { return }
    promise = Promise(master: master, term: term, until: until)
  }

  /// The master said itself that it has stopped.
  mutating func releasePromise(to master: MemberIdentifier) {
    if promise?.master == master { promise = nil }
  }

  mutating func note(_ term: Term) { highestTerm = max(highestTerm, term) }

  // MARK: Processing

  var hasLease: Bool { holdings.lease > now }

  /// Moves the lease forward, never back.
  mutating func extendLease(to deadline: Instant) {
    let deadline = configuration.safetyRules.contains(.lease) ? deadline : Instant(nanoseconds: .max)
    guard deadline > holdings.lease, deadline > now else { return }
    holdings.lease = deadline
    act(.setLease(deadline))
  }

  /// A new master's first lease, in place of what the last one granted: that may last longer than the voters wait for this one.
  mutating func replaceLease(by deadline: Instant) {
    guard configuration.safetyRules.contains(.lease) else { return extendLease(to: deadline) }
    holdings.lease = deadline
    act(.setLease(deadline))
  }

  /// Rule 1: the units are processed under a lease or not at all. A lapsed one is noticed before anything else is done.
  mutating func noticeLapse() {
    guard holdings.lease != .zero, !hasLease, configuration.safetyRules.contains(.lease) else { return }
    counters.leasesLapsed += 1
    report(.leaseLapsed)
    holdings.unlearn(holdings.owned)
    stopEverything()
  }

  mutating func own(_ units: UnitSet) {
    guard !units.isEmpty else { return }
    holdings.own(units)
    act(.setUnits(units, owner: identifier, acknowledged: true))
    report(.unitsOwned(units))
  }

  mutating func stop(_ units: UnitSet, next: MemberIdentifier? = nil) {
    for serial in holdings.abandon(units) { act(.abandonState(serial: serial)) }
    let stopped = units.intersection(holdings.owned)
    guard !stopped.isEmpty else { return }
    holdings.disown(stopped)
    act(.setUnits(stopped, owner: next, acknowledged: false))
    report(.unitsStopped(stopped))
  }

  /// Nothing is processed here any more, nor announced.
  mutating func stopEverything() {
    abandonArriving()
    if holdings.lease != .zero {
      holdings.lease = .zero
      act(.setLease(.zero))
    }
    stop(holdings.owned)
  }

  mutating func abandonArriving() {
    for arriving in holdings.arriving { act(.abandonState(serial: arriving.serial)) }
    holdings.abandonArriving()
  }

  /// Takes an assignment; answers the units to acknowledge at once.
  mutating func take(_ assign: Assign) -> UnitSet {
    let (told, repeated) = holdings.take(serial: assign.serial, units: assign.units)
    // What this machine owns already it goes on processing, with the newest state that there is: the master only says so again.
    let kept = told.intersection(holdings.owned)
    let (acknowledged, new) = (repeated.intersection(holdings.owned).union(kept), told.subtracting(kept))
    guard !new.isEmpty else { return acknowledged }
    guard configuration.hasApplicationState else {
      own(new)
      return acknowledged.union(new)
    }
    for serial in holdings.abandon(new) { act(.abandonState(serial: serial)) }
    act(.awaitState(serial: assign.serial, new, from: assign.previousOwner))
    if configuration.safetyRules.contains(.return) {
      holdings.await(new, serial: assign.serial)
      return acknowledged
    }
    own(new)
    return acknowledged.union(new)
  }

  /// Rule 3: owned only once the state is in. Answers the units to acknowledge.
  mutating func completeArrival(serial: UInt32) -> UnitSet {
    guard let units = holdings.completeArrival(serial: serial) else { return UnitSet() }
    own(units)
    return units
  }

  /// Takes a de-assignment; answers the units to acknowledge at once.
  mutating func take(_ deassign: Deassign) -> UnitSet {
    let (new, repeated) = holdings.take(serial: deassign.serial, units: deassign.units)
    guard !new.isEmpty else { return holdings.isParting(serial: deassign.serial) ? UnitSet() : repeated }
    stop(new, next: deassign.target)
    guard configuration.hasApplicationState else { return repeated.union(new) }
    holdings.part(new, serial: deassign.serial)
    act(.handOverState(serial: deassign.serial, new, to: deassign.target))
    return UnitSet()
  }

  /// Another master, or the same one anew: what was on the way is told afresh.
  mutating func begin(_ reign: Reign) {
    note(reign.term)
    abandonArriving()
    holdings.begin(reign)
    knownOwners.begin()
  }
}
