import Wire

// The election of the active virtual gateway and of the one behind it (GLBP's states, as HSRP has them: RFC 2281, 5.3).
extension Shared {
  typealias StateReason = GatewayRouter.StateReason

  /// Draws the conclusions from who is heard. Until nothing changes any more: an election may take two steps at once.
  mutating func elect() {
    for _ in 0..<4 {
      let before = phase
      step()
      guard phase != before else { return }
    }
  }

  private mutating func step() {
    switch state {
    case .listening(let listening): if now >= listening.until { listen() }
    case .speaking(let speaking): speak(until: speaking.until)
    case .standby: stand()
    case .active: reign()
    case .unstarted, .seated, .down, .left: break
    }
  }

  private mutating func listen() {
    if isHeir { return activate(.activeSilent) }
    if mayPreempt() { return activate(.preempted) }
    if let standby = standbyNeighbour, standby.rank > rank { return }
    guard !neighbours.all.contains(where: { isElector($0) && $0.rank > rank && !$0.isActive }) else { return }
    enter(.speaking(Speaking(until: now + timers.hold)), .bestStandby)
  }

  private mutating func speak(until: Instant) {
    // The standby fell silent first, and the active one before its place was taken.
    if isHeir { return activate(.activeSilent) }
    if mayPreempt() { return activate(.preempted) }
    if neighbours.all.contains(where: { isElector($0) && $0.rank > rank && !$0.isActive }) {
      return enter(.listening(Listening(until: now)), .betterStandby)
    }
    guard now >= until else { return }
    enter(.standby, .bestStandby)
  }

  private mutating func stand() {
    if mayPreempt() { return activate(.preempted) }
    guard activeNeighbour != nil else { return activate(wasLed ? .activeSilent : .nobodyElse) }
    if let standby = standbyNeighbour, standby.rank > rank { enter(.listening(Listening(until: now)), .betterStandby) }
  }

  private mutating func reign() {
    guard let other = activeNeighbour else { return }
    if other.rank > rank {
      enter(.speaking(Speaking(until: now + timers.hold)), .lostTie)
    } else {
      voice.answer()
    }
  }

  private func isElector(_ neighbour: Neighbour) -> Bool { neighbour.state == .speak || neighbour.state == .standby }

  /// Active and standby are gone, and of those who knew them this is the best: nobody needs to wait for an election.
  private var isHeir: Bool { activeNeighbour == nil && standbyNeighbour == nil && wasLed && isBest }
  private var isBest: Bool { !neighbours.all.contains { $0.isReady && $0.priority > 0 && $0.rank > rank } }

  /// Whether there has been an active virtual gateway that this one knew.
  private var wasLed: Bool { leader != nil }

  private mutating func mayPreempt() -> Bool {
    guard configuration.preempts, let active = activeNeighbour, active.priority < configuration.priority else {
      preemptsAt = nil
      return false
    }
    let due = preemptsAt ?? now + configuration.preemptDelay
    preemptsAt = due
    return now >= due
  }

  private mutating func activate(_ reason: StateReason) {
    leader = own
    enter(.active, reason)
    act(.setActive(true))
    nextSteering = now + timers.hold
  }

  mutating func enter(_ next: State, _ reason: StateReason) {
    if case .active = state { act(.setActive(false)) }
    state = next
    preemptsAt = nil
    report(.state(phase, reason))
    voice.speakNow()
  }

  /// Notes a change of the active virtual gateway.
  mutating func noteLeader() {
    guard let active = activeNeighbour, !isActive, leader != active.address else { return }
    leader = active.address
    report(.activeGateway(active.address))
  }

  /// Who keeps the table: the active virtual gateway, or under a foreign one the best of ours.
  var isKeeper: Bool {
    switch state {
    case .active: return true
    case .seated(let seat): return seat.isMaster
    case .listening, .speaking, .standby:
      guard let active = activeNeighbour, active.isForeign, isReady else { return false }
      return !neighbours.all.contains { !$0.isForeign && $0.isReady && $0.rank > rank }
    case .unstarted, .down, .left: return false
    }
  }

  var phase: GatewayRouter.Phase {
    switch state {
    case .unstarted: .starting
    case .listening: .listen
    case .speaking: .speak
    case .standby: .standby
    case .active: .active
    case .seated(let seat): seat.isMaster ? .active : .listen
    case .down: .down
    case .left: .left
    }
  }

  var electionDeadline: Instant? {
    switch state {
    case .listening(let listening): [listening.until > now ? listening.until : nil, preemptsAt].compactMap { $0 }.min()
    case .speaking(let speaking): min(speaking.until, preemptsAt ?? speaking.until)
    case .standby: preemptsAt
    case .unstarted, .active, .seated, .down, .left: nil
    }
  }
}
