import Wire

// What the operator and the machine do to a gateway.
extension Shared {
  mutating func start() {
    guard case .unstarted = state else { return }
    act(.setActive(false))
    switch configuration.mode {
    case .alone:
      act(.setLease(.zero))
      for forwarder in UInt8(1)...UInt8.max { act(.stop(forwarder)) }
      state = .listening(Listening(until: now + timers.hold))
    // What the packet path still holds from the last run is the cluster's.
    case .cluster: state = .seated(Seat())
    }
    report(.state(phase, .started))
    voice.speakNow()
  }

  /// The lease ran out: this process was stopped, and others have taken over. What it knows is old.
  mutating func noticeLapse() {
    guard rules.contains(.lease), isRunning, !isSeated, lease != .zero, now >= lease else { return }
    report(.leaseLapsed)
    stopAll(.leaseLapsed)
    neighbours.removeAll(at: now)
    lease = .zero
    listenAgain(.leaseLapsed)
  }

  private mutating func listenAgain(_ reason: StateReason) {
    leader = nil
    willingSince = nil
    enter(.listening(Listening(until: now + timers.hold)), reason)
  }

  mutating func drain(_ isWanted: Bool) {
    guard isDraining != isWanted else { return }
    isDraining = isWanted
    report(.draining(isWanted))
    voice.speakNow()
  }

  /// Ten hold times are enough to give everything away.
  mutating func leave() {
    guard isRunning, !isLeaving else {
      if !isRunning, !isLeaving { depart() }
      return
    }
    leavesBy = now + timers.hold * 10
    report(.draining(true))
    voice.speakNow()
  }

  /// Everything is given away, or nobody can take it.
  mutating func departIfDone() {
    guard let leavesBy, isRunning else { return }
    let isWaiting = isSeated ? ownsUnits : !isEmptyHanded && places.contains { $0.address != own && !$0.isUnwilling }
    guard !isWaiting || now >= leavesBy else { return }
    depart()
  }

  private var ownsUnits: Bool {
    guard case .seated(let seat) = state else { return false }
    return seat.owners.values.contains(own) && seat.members.contains { $0.address != own && !$0.isDraining }
  }

  private mutating func depart() {
    stopAll(.left)
    if isRunning {
      if !isSeated { act(.setLease(.zero)) }
      if isActive { act(.setActive(false)) }
      sayFarewell()
    }
    state = .left
    lease = .zero
    report(.state(.left, .asked))
    act(.stopped)
  }

  mutating func loseCarrier() {
    guard isRunning, !isSeated else { return }
    report(.carrierLost)
    stopAll(.carrierLost)
    lease = .zero
    act(.setLease(.zero))
    neighbours.removeAll(at: now)
    if case .active = state { act(.setActive(false)) }
    state = .down
  }

  mutating func findCarrier() {
    guard case .down = state else { return }
    report(.carrierFound)
    listenAgain(.carrierFound)
  }

  mutating func weigh(_ change: (inout Weighing) -> Void) {
    let before = (weighing.weight, weighing.isForwarding)
    change(&weighing)
    guard before != (weighing.weight, weighing.isForwarding) else { return }
    report(.weight(weighing.weight, isForwarding: weighing.isForwarding))
    voice.speakNow()
  }

  mutating func noteWillingness() { willingSince = isReady && !isUnwilling ? willingSince ?? now : nil }
}
