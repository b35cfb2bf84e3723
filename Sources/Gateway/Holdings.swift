import Wire

/// What this gateway does for a forwarder. What it does nothing for has none of these.
enum Holding: Sendable {
  /// It is coming: what reaches its virtual MAC is held.
  case arriving
  /// This gateway forwards for it: it is its own, or is until the new holder asks for it.
  case carried
}

extension Shared {
  static let homePriority = GlbpForwarder.ownerPriority
  /// Seen from routers that forward for a virtual MAC that was given to another.
  static let guestPriority: UInt8 = 135

  func carries(_ forwarder: UInt8) -> Bool {
    if case .carried = holdings[Int(forwarder)] { true } else { false }
  }

  /// The holdings follow the table: what is this gateway's is taken, what is another's is let go, in that order of safety which the essay
  /// of GatewayRouter.swift gives.
  mutating func settle() {
    guard !isSeated else { return }
    for forwarder in table.numbers {
      switch holdings[Int(forwarder)] {
      case nil: if isMine(forwarder) { take(forwarder) }
      case .arriving: proceed(forwarder)
      case .carried: if let reason = reasonToStop(forwarder) { stop(forwarder, reason) }
      }
    }
  }

  private func isMine(_ forwarder: UInt8) -> Bool {
    guard let record = table[forwarder], record.holder == own, !record.isRetired else { return false }
    return isReady && !isOutranked(forwarder)
  }

  private mutating func take(_ forwarder: UInt8) {
    guard !mayOpen(forwarder) else { return open(forwarder, wasHeld: false) }
    holdings[Int(forwarder)] = .arriving
    act(.hold(forwarder))
    voice.announce(forwarder)
  }

  private mutating func proceed(_ forwarder: UInt8) {
    guard isMine(forwarder) else {
      holdings[Int(forwarder)] = nil
      act(.stop(forwarder))
      return act(.dropHeld(forwarder))
    }
    if mayOpen(forwarder) { open(forwarder, wasHeld: true) }
  }

  private mutating func open(_ forwarder: UInt8, wasHeld: Bool) {
    holdings[Int(forwarder)] = .carried
    act(.forward(forwarder))
    if wasHeld { act(.releaseHeld(forwarder)) }
    report(.forwarding(forwarder))
    voice.announce(forwarder)
    releases[Int(forwarder)] = nil
  }

  mutating func stop(_ forwarder: UInt8, _ reason: GatewayRouter.StopReason) {
    let wasArriving = if case .arriving = holdings[Int(forwarder)] { true } else { false }
    holdings[Int(forwarder)] = nil
    // In this order: what is sent up before the packet path stops is dropped too.
    act(.stop(forwarder))
    if wasArriving { act(.dropHeld(forwarder)) }
    report(.stoppedForwarding(forwarder, reason))
    releases[Int(forwarder)] = table[forwarder]?.holder
    voice.speakNow()
  }

  mutating func stopAll(_ reason: GatewayRouter.StopReason) {
    for forwarder in table.numbers where holdings[Int(forwarder)] != nil { stop(forwarder, reason) }
  }

  /// Whether nobody else forwards: nobody says so, and the one who did has said that he stopped, or has been silent for his hold time.
  private func mayOpen(_ forwarder: UInt8) -> Bool {
    guard rules.contains(.release), let record = table[forwarder] else { return true }
    guard !neighbours.all.contains(where: { $0.carries(forwarder) }) else { return false }
    if record.isFree || now >= record.learned + groupHold { return true }
    guard let previous = record.previous, previous != own else { return false }
    if let neighbour = neighbours[previous] { return !neighbour.isForeign && neighbour.lastHeard > record.learned }
    return neighbours.absence(of: previous) != nil
  }

  private func reasonToStop(_ forwarder: UInt8) -> GatewayRouter.StopReason? {
    guard let record = table[forwarder], !record.isRetired, let holder = record.holder else { return .retired }
    if isOutranked(forwarder) { return .taken }
    guard holder != own else { return nil }
    if record.isFree { return .taken }
    guard let heir = neighbours[holder] else { return nil }
    return heir.carries(forwarder) || heir.awaits(forwarder) ? .moved : nil
  }

  /// What this gateway's claim to a forwarder is worth among GLBP's speakers.
  func priority(of forwarder: UInt8) -> UInt8 { table[forwarder]?.home == own ? Self.homePriority : Self.guestPriority }

  /// Whether a foreign speaker forwards for it with a better claim: the higher priority, then the higher address.
  private func isOutranked(_ forwarder: UInt8) -> Bool {
    guard !neighbours.foreign.isEmpty else { return false }
    let rank = Rank(priority: priority(of: forwarder), address: own)
    return neighbours.foreign.contains { foreign in
      guard let claim = foreign.claims.first(where: { $0.forwarder == forwarder }) else { return false }
      return Rank(priority: claim.priority, address: foreign.address) > rank
    }
  }

  /// Who must be asked again: somebody to whom a forwarder was released still says that he waits for it.
  func owesRelease(to neighbour: Neighbour) -> Bool {
    table.numbers.contains { releases[Int($0)] == neighbour.address && neighbour.awaits($0) }
  }

  var isEmptyHanded: Bool { holdings.allSatisfy { $0 == nil } }
  var hasArrivals: Bool {
    table.numbers.contains { if case .arriving = holdings[Int($0)] { true } else { false } }
  }
}
