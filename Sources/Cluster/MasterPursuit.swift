import Wire

extension Master {
  /// Everything that a master does by itself when its time has come. `nextDeadline` comes from this table, and what `pursue` does asks it;
  /// `renewal`, `probe` and `rekeying` look at more than the time. What is not in it would wait until something else wakes the master.
  enum Duty: CaseIterable, Sendable {
    /// Without a lease for so long it was no master.
    case endWithoutLease
    case renewal
    case keepalive
    case watch
    /// Machines whose last lease is over.
    case forgetLingering
    case wakeRested
    case retry
    case becomeReady
    /// Alone, and the wire silent.
    case becomeIdle
    case probe
    /// All members are silent.
    case callMembers
    case rekeying
    case memberList
    case assignmentTable
    case announcement
    case balance
  }

  /// When this is to be done; nil when it is not.
  func due(_ duty: Duty, _ shared: Shared) -> Instant? {
    switch duty {
    case .endWithoutLease: shared.holdings.lease == .zero ? graceUntil : nil
    case .renewal: shared.holdings.lease == .zero ? nil : renewalDeadline(shared)
    case .keepalive: nextKeepalive
    case .watch: watchdogAt
    case .forgetLingering: lingering.map(\.until).min()
    case .wakeRested: restedAt
    case .retry: retryAt
    case .becomeReady: isReady || !shared.hasLease ? nil : readyAt
    case .becomeIdle: isServing(shared) && peers.isEmpty && solitude == .serving ? shared.heard + shared.timing.quiet : nil
    case .probe: if case .probing(_, let resendAt, let until) = solitude, isServing(shared) { min(resendAt, until) } else { nil }
    case .callMembers: mayCall(shared) ? max(lastPeerHeard + shared.timing.bereavement, calledAt + shared.timing.collecting / 4) : nil
    case .rekeying: rekeying.map { min($0.resendAt, $0.deadline) }
    case .memberList: heardListVersion < listVersion ? listDueAt : nil
    case .assignmentTable: tableDueAt
    case .announcement: isReady && shared.hasLease && isAtWork && shared.holdings.arriving.isEmpty ? announceAt : nil
    case .balance: balanceAt
    }
  }

  func isDue(_ duty: Duty, _ shared: Shared) -> Bool { due(duty, shared).map { shared.now >= $0 } ?? false }

  /// When the next thing is due by itself.
  func nextDeadline(_ shared: Shared) -> Instant { Duty.allCases.reduce(nextKeepalive) { min($0, due($1, shared) ?? $0) } }

  /// Whatever is due now, after each event.
  mutating func pursue(_ shared: inout Shared) -> State? {
    if isDue(.endWithoutLease, shared) { return stepDown(.leaseLapsed, &shared) }
    if shared.now + shared.timing.authority / 16 >= shared.holdings.lease { renewAlone(&shared) }
    considerSolitude(&shared)
    callMembers(&shared)
    watch(&shared)
    forgetLingering(&shared)
    wakeRested(&shared)
    becomeReady(&shared)
    if shared.configuration.assignsEagerly || isServing(shared) && solitude == .serving { assignFree(&shared) }
    balance(&shared)
    tell(&shared)
    retry(&shared)
    pursueRekeying(&shared)
    // Who leaves now would draw the clients' packets to a machine that takes none.
    guard mayLeave(shared) else {
      announce(&shared)
      return nil
    }
    end(.leaving, &shared)
    return .left
  }

  /// Figure 8E: members that were not heard for a lease and the guard interval, and those that do not hear.
  private mutating func watch(_ shared: inout Shared) {
    guard isDue(.watch, shared) else { return }
    let silence = shared.timing.silence
    for member in peers.map(\.profile.identifier) {
      guard let slot = slots[member] else { continue }
      let peer = peers[slot]
      if shared.now >= peer.lastHeard + silence {
        remove(member, .silent, restUntil: nil, &shared)
      } else if shared.now >= peer.hearsUntil {
        remove(member, isDeaf(peer, shared) ? .deaf : .silent, restUntil: peer.lastHeard + silence, &shared)
      }
    }
    watchdogAt = peers.reduce(shared.now + silence) { min($0, min($1.lastHeard + silence, $1.hearsUntil)) }
  }

  private mutating func forgetLingering(_ shared: inout Shared) {
    guard isDue(.forgetLingering, shared) else { return }
    let lost = lingering.filter { $0.isExpected && shared.now >= $0.until }.map(\.profile)
    for profile in lost { shared.report(.memberLeft(profile.identifier, .didNotFollow, units: 0)) }
    if !lost.isEmpty { shared.act(.membersChanged(arrived: [], departed: lost)) }
    lingering.removeAll { shared.now >= $0.until }
    listChanged(&shared)
  }

  /// Whether it went on sending for two keepalive intervals after the last of this master's keepalives that it is known to have heard. One
  /// that died or was cut off has sent nothing after its answer to that. One that is deaf goes on, until its own watchdog on this master
  /// expires; that is long before this master's, so how lately it was heard tells nothing.
  private func isDeaf(_ peer: Peer, _ shared: Shared) -> Bool {
    let interval = shared.timing.keepaliveInterval(toleratedLosses: toleratedLosses)
    return peer.lastHeard + shared.timing.silence >= peer.hearsUntil + interval * 2
  }

  private mutating func becomeReady(_ shared: inout Shared) {
    guard isDue(.becomeReady, shared) else { return }
    isReady = true
    isBalancing = true
    shared.act(.setMaster(true))
  }

  private mutating func tell(_ shared: inout Shared) {
    if isDue(.memberList, shared) { sendList(&shared) }
    if isDue(.keepalive, shared) { sendKeepalive(&shared) }
    if isDue(.assignmentTable, shared) {
      tableDueAt = shared.now + .seconds(1)
      if peers.contains(where: { $0.reportedTableVersion != units.version }) { sendTable(&shared) }
      retireOutdated(&shared)
    }
  }

  /// Rule 2: state in, own, announce.
  private mutating func announce(_ shared: inout Shared) {
    guard isDue(.announcement, shared) else { return }
    shared.act(.announce(announceReason))
    announceReason = .periodic
    announceAt = shared.now + shared.configuration.announceInterval
  }

  private var isAtWork: Bool {
    switch solitude {
    case .idle, .probing: false
    case .accompanied, .serving: true
    }
  }

  /// Members with an older personality fetch the newer one, one after the other, each after its units have gone.
  private mutating func retireOutdated(_ shared: inout Shared) {
    if let newer = peers.first(where: { $0.personalityVersion > shared.personalityVersion }) {
      fetch(from: newer.profile, newer.profile.address, newer.personalityVersion, &shared)
    }
    guard let slot = peers.firstIndex(where: { $0.personalityVersion < shared.personalityVersion }) else { return }
    let peer = peers[slot]
    guard peer.isOutdated else {
      peers[slot].isOutdated = true
      isBalancing = true
      return
    }
    guard units.load(of: peer.profile.identifier) == 0, peer.unitCount == 0 else { return }
    shared.send(
      .exitCluster(ExitCluster(member: peer.profile.identifier, reason: .olderConfiguration, answering: 0, term: term)), to: peer.profile)
    remove(peer.profile.identifier, .expelled, restUntil: peer.lastHeard + shared.timing.silence, &shared)
  }
}
