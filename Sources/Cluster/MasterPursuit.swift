import Wire

extension Master {
  /// When the next thing is due by itself.
  func nextDeadline(_ shared: Shared) -> Instant {
    var next = min(min(nextKeepalive, watchdogAt), shared.holdings.lease == .zero ? graceUntil : renewalDeadline(shared))
    if let restedAt { next = min(next, restedAt) }
    if let retryAt { next = min(next, retryAt) }
    if let readyAt, !isReady, shared.hasLease { next = min(next, readyAt) }
    if case .probing(_, let resendAt, _) = solitude { next = min(next, resendAt) }
    if let rekeying { next = min(next, rekeying.resendAt) }
    return min(next, balanceAt)
  }

  /// Whatever is due now, after each event.
  mutating func pursue(_ shared: inout Shared) -> State? {
    if shared.holdings.lease == .zero, shared.now >= graceUntil { return stepDown(.leaseLapsed, &shared) }
    if shared.now + shared.timing.authority / 16 >= shared.holdings.lease { renewAlone(&shared) }
    considerSolitude(&shared)
    watch(&shared)
    wakeRested(&shared)
    becomeReady(&shared)
    if shared.configuration.assignsEagerly || isServing(shared) && solitude == .serving { assignFree(&shared) }
    balance(&shared)
    tell(&shared)
    retry(&shared)
    pursueRekeying(&shared)
    announce(&shared)
    guard mayLeave(shared) else { return nil }
    end(.leaving, &shared)
    return .left
  }

  /// Figure 8E: members that were not heard for a lease and the guard interval, and those that do not hear.
  private mutating func watch(_ shared: inout Shared) {
    guard shared.now >= watchdogAt else { return }
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
    guard !expected.isEmpty, shared.now >= expectedUntil else { return }
    for profile in expected { shared.report(.memberLeft(profile.identifier, .didNotFollow, units: 0)) }
    shared.act(.membersChanged(arrived: [], departed: expected))
    expected = []
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
    guard !isReady, let readyAt, shared.now >= readyAt, shared.hasLease else { return }
    isReady = true
    isBalancing = true
    shared.act(.setMaster(true))
  }

  private mutating func tell(_ shared: inout Shared) {
    if shared.now >= listDueAt, heardListVersion < listVersion { sendList(&shared) }
    if shared.now >= nextKeepalive { sendKeepalive(&shared) }
    if shared.now >= tableDueAt {
      tableDueAt = shared.now + .seconds(1)
      if toldTableVersion != units.version, !peers.isEmpty { sendTable(&shared) }
      retireOutdated(&shared)
    }
  }

  /// Rule 2: state in, own, announce.
  private mutating func announce(_ shared: inout Shared) {
    guard let due = announceAt, shared.now >= due, isReady, shared.hasLease, isAtWork, shared.holdings.arriving.isEmpty else {
      return
    }
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
