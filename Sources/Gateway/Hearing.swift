import Wire

// What a message must be before it changes anything, and what it changes.
extension Shared {
  /// IOS knows no longer one.
  static let longestHold = Interval.seconds(180)

  mutating func receive(_ packet: GlbpPacket, from envelope: GatewayRouter.Envelope) {
    counters.received += 1
    guard admits(packet, envelope) else { return }
    let known = neighbours[envelope.sender]
    guard known != nil || !packet.hellos.isEmpty else { return counters.withoutHello += 1 }
    guard known != nil || !neighbours.isFull else { return counters.tooManyGateways += 1 }
    guard isFresh(packet, envelope) else { return counters.replayed += 1 }
    if packet.member?.isLeaving == true { return lose(envelope.sender, .left) }
    note(packet, from: envelope.sender, known)
    measurement.hear(packet.traffic)
    merge(packet, from: envelope.sender)
  }

  private mutating func admits(_ packet: GlbpPacket, _ envelope: GatewayRouter.Envelope) -> Bool {
    guard packet.group == configuration.group else { return refuse(\.wrongGroup) }
    guard envelope.isAuthentic || !rules.contains(.authentication) else { return refuse(\.notAuthentic) }
    guard envelope.sender != own else {
      if packet.owner != configuration.ethernetAddress { reportConflict(packet.owner, own) }
      return refuse(\.duplicateAddress)
    }
    guard packet.member.map({ $0.address == envelope.sender }) ?? true else { return refuse(\.wrongSender) }
    guard packet.hellos.allSatisfy(hasSoundTimers) else { return refuse(\.impossibleTimers) }
    guard packet.hellos.allSatisfy({ isOurs($0.virtualAddress) }) else { return refuse(\.wrongVirtualAddress) }
    guard packet.forwarders.allSatisfy(isSound), packet.table.allSatisfy(isSound) else { return refuse(\.impossibleForwarder) }
    return true
  }

  private mutating func refuse(_ counter: WritableKeyPath<GatewayRouter.Counters, UInt64>) -> Bool {
    counters[keyPath: counter] += 1
    return false
  }

  private func hasSoundTimers(_ hello: GlbpHello) -> Bool {
    hello.helloMilliseconds > 0 && hello.holdMilliseconds > hello.helloMilliseconds
      && .milliseconds(UInt64(hello.holdMilliseconds)) <= Self.longestHold
  }

  /// A gateway that has not learnt the virtual address yet says none.
  private func isOurs(_ address: InternetAddress) -> Bool {
    configuration.virtualAddresses.contains(address) || address == .unspecified || address.ipv4 == 0
  }

  private func isSound(_ forwarder: GlbpForwarder) -> Bool {
    guard forwarder.number != 0 else { return forwarder.state != .active }
    return forwarder.virtualEthernet == .virtual(group: configuration.group, forwarder: forwarder.number)
  }

  private func isSound(_ table: GlbpTable) -> Bool { table.entries.allSatisfy { $0.serial <= ForwarderTable.serialLimit } }

  /// By the seal's numbers if there is a seal, and by the hello's own among ourselves.
  private mutating func isFresh(_ packet: GlbpPacket, _ envelope: GatewayRouter.Envelope) -> Bool {
    guard rules.contains(.authentication) else { return true }
    if let incarnation = envelope.incarnation, let sequence = envelope.sequence {
      guard neighbours.admitsSeal(envelope.sender, incarnation, sequence) else { return false }
    }
    guard let member = packet.member else { return true }
    return neighbours.admitsHello(envelope.sender, member.incarnation, member.sequence)
  }

  // MARK: What a hello says

  private mutating func note(_ packet: GlbpPacket, from sender: InternetAddress, _ known: Neighbour?) {
    var isNew = known == nil
    if let known, let old = known.member, let new = packet.member, old.incarnation != new.incarnation {
      report(.gatewayLost(sender, .restarted))
      isNew = true
    }
    let fresh = Neighbour(address: sender, ethernetAddress: packet.owner, hold: timers.hold, lastHeard: now, since: now)
    var neighbour = isNew ? fresh : known ?? fresh
    if isNew {
      report(.gatewayFound(sender))
      voice.answer()
    }
    neighbour.ethernetAddress = packet.owner
    neighbour.lastHeard = now
    take(packet, &neighbour)
    neighbours.put(neighbour)
    if isNew || known?.member?.carried != packet.member?.carried { measurement.isStale = true }
    if owesRelease(to: neighbour) { voice.answer() }
    for forwarder in table.numbers where releases[Int(forwarder)] == sender && neighbour.carries(forwarder) {
      releases[Int(forwarder)] = nil
    }
  }

  private func take(_ packet: GlbpPacket, _ neighbour: inout Neighbour) {
    if let hello = packet.hellos.first {
      neighbour.state = hello.state
      neighbour.priority = hello.priority
      neighbour.hold = .milliseconds(UInt64(hello.holdMilliseconds))
    }
    neighbour.member = packet.member
    if let weight = packet.forwarders.first?.weight { neighbour.weight = weight }
    guard packet.member == nil else {
      neighbour.willingSince = neighbour.isReady && !neighbour.isUnwilling ? neighbour.willingSince ?? now : nil
      return
    }
    neighbour.claims = packet.forwarders.filter { $0.state == .active }.map { ($0.number, $0.priority) }
    neighbour.offers = packet.forwarders.filter { $0.state == .listen && $0.number != 0 }.map(\.number)
    neighbour.isAsking = packet.forwarders.contains { $0.number == 0 && $0.state == .listen }
  }

  /// Newer words about forwarders. Who keeps the table and finds that another table had given away what is in good hands here says it again:
  /// after a partition the winner's table counts.
  private mutating func merge(_ packet: GlbpPacket, from sender: InternetAddress) {
    guard packet.member != nil else { return }
    let isKeeping = isKeeper
    let isKeepers = !isKeeping && (packet.hellos.first?.state == .active || activeNeighbour?.isForeign == true)
    if isKeepers, let part = packet.table.first { correct(part) }
    for entry in packet.table.flatMap(\.entries) {
      let mine = table[entry.forwarder]
      if isKeepers, let mine, mine.serial > entry.serial { correct(entry.forwarder) }
      guard table.merge(entry, at: now), isKeeping, let mine, let holder = mine.holder, holder != entry.holder else { continue }
      // Outside a cluster one of two keepers that hear each other yields at once.
      guard isInGoodHands(entry.forwarder, holder), !isSeated || mayRescue(entry.forwarder) else { continue }
      table.set(entry.forwarder, at: now) { $0 = mine }
      noteRescue(entry.forwarder)
      voice.speakNow()
    }
  }

  /// The keeper does not know the newest word: it was another keeper's, whom it did not hear. Who knows it says it.
  private mutating func correct(_ forwarder: UInt8) {
    voice.corrections.insert(forwarder)
    voice.answer()
  }

  /// The same, by what a table says of itself: its newest serial, and how many forwarders it has.
  private mutating func correct(_ part: GlbpTable) {
    let isShort = Int(part.forwarderCount) < table.count
    guard isShort || part.version < UInt64(table.newestSerial) else { return }
    for forwarder in table.numbers {
      if let record = table[forwarder], isShort || UInt64(record.serial) > part.version { correct(forwarder) }
    }
  }

  private func isInGoodHands(_ forwarder: UInt8, _ holder: InternetAddress) -> Bool {
    if case .seated(let seat) = state { return seat.owners[forwarder] == holder }
    return holder == own ? carries(forwarder) : neighbours[holder]?.carries(forwarder) ?? false
  }

  // MARK: Silence

  /// Who has been silent for his hold time is gone. Not while this process itself was kept from listening.
  mutating func noticeSilence() {
    guard now >= blindUntil else { return }
    for neighbour in neighbours.all where now >= neighbour.lastHeard + neighbour.hold { lose(neighbour.address, .silent) }
  }

  var silenceDeadline: Instant? {
    neighbours.all.map { $0.lastHeard + $0.hold }.min().map { max($0, blindUntil) }
  }

  private mutating func lose(_ address: InternetAddress, _ reason: GatewayRouter.LossReason) {
    guard neighbours[address] != nil else { return }
    neighbours.remove(address, at: now)
    measurement.isStale = true
    report(.gatewayLost(address, reason))
  }

  // MARK: Conflicts

  /// At most one line a second: whoever does this does it often.
  mutating func reportConflict(_ ethernet: EthernetAddress, _ address: InternetAddress) {
    guard now >= conflictReported + .seconds(1) || conflictReported == .zero else { return }
    conflictReported = now
    report(.conflict(ethernet, address))
  }
}
