import Wire

/// When the next hello goes, and from which virtual MACs.
struct Voice: Sendable {
  /// The first repetition of news: they may be lost.
  static let firstRepeat = Interval.milliseconds(5)
  /// Answers to what others say do not follow faster: two who answer each other must not fill the wire.
  static let leastGap = Interval.milliseconds(2)

  var sequence: UInt64 = 0
  var nextHello = Instant.zero
  var lastHello = Instant.zero
  var repeatAt: Instant?
  var repeatGap = Interval.zero
  var isWanted = false
  /// Virtual MACs that the next hello must come from, so that switches learn.
  var announced: [UInt8] = []
  /// Records that the keeper does not know.
  var corrections = ForwarderSet()
  /// The last one of those that are heard from in turn.
  var cursor: UInt8 = 0

  /// There is news: now, and again soon.
  mutating func speakNow() { isWanted = true }

  mutating func announce(_ forwarder: UInt8) {
    announced.append(forwarder)
    isWanted = true
  }

  /// Somebody should hear this gateway's hello soon.
  mutating func answer() { nextHello = min(nextHello, lastHello + Self.leastGap) }

  func isDue(at now: Instant) -> Bool { isWanted || now >= nextHello || repeatAt.map { now >= $0 } ?? false }
  var deadline: Instant { min(nextHello, repeatAt ?? nextHello) }

  /// A hello goes now. News are repeated ever more seldom up to half a hello interval; `isUrgent` keeps that up.
  mutating func note(_ hello: Interval, isUrgent: Bool, at now: Instant) {
    if isWanted {
      repeatGap = Self.firstRepeat
      repeatAt = now + repeatGap
    } else if let due = repeatAt, now >= due {
      repeatGap = repeatGap * 2
      repeatAt = repeatGap < hello / 2 ? now + repeatGap : isUrgent ? now + hello / 2 : nil
    }
    isWanted = false
    lastHello = now
    nextHello = now + hello
    announced = []
    sequence += 1
  }
}

extension Shared {
  /// How much shorter than the hold time the lease is: clocks differ, and a hello may be later than planned.
  private var leaseMargin: Interval { max(timers.hello / 2, timers.hold / 16) }

  /// Says hello if it is time, and renews the lease by it.
  mutating func speakIfDue() {
    guard isRunning, voice.isDue(at: now) else { return }
    let sources = chooseSources()
    voice.note(timers.hello, isUrgent: hasArrivals, at: now)
    if !isSeated {
      lease = rules.contains(.lease) ? now + (timers.hold - leaseMargin) : now + .seconds(86_400)
      act(.setLease(lease))
    }
    counters.hellosSent += 1
    let packets = hello(isFarewell: false)
    voice.corrections = ForwarderSet()
    for (place, packet) in packets.enumerated() { act(.send(packet, from: place == 0 ? sources : [.own])) }
  }

  mutating func sayFarewell() {
    voice.sequence += 1
    for packet in hello(isFarewell: true) { act(.send(packet, from: [.own])) }
  }

  /// This gateway's own address, the virtual MACs that are new or on their way here, and some of the others in turn: each once a second, or
  /// once a hello. One that is about to go is left out, or switches would learn it here again.
  private mutating func chooseSources() -> [GatewayRouter.Source] {
    let arriving = table.numbers.filter { if case .arriving = holdings[Int($0)] { true } else { false } }
    let settled = table.numbers.filter { carriesTraffic($0) && table[$0]?.holder == own }
    let share = UInt64(settled.count) * min(timers.hello.nanoseconds, 1_000_000_000) / 1_000_000_000 + (settled.isEmpty ? 0 : 1)
    let inTurn = (settled.filter { $0 > voice.cursor } + settled.filter { $0 <= voice.cursor }).prefix(Int(share))
    let turn = now >= voice.nextHello ? Array(inTurn) : []
    voice.cursor = turn.last ?? voice.cursor
    let all = Set(arriving + turn + voice.announced.filter { settled.contains($0) }).sorted()
    return [.own] + all.map { .forwarder($0) }
  }

  private func hello(isFarewell: Bool) -> [GlbpPacket] {
    var parts: [GlbpTlv] = []
    if !isSeated { parts += forwarderTlvs(isFarewell: isFarewell) }
    let entries = isKeeper ? table.entries() : table.entries { holdings[Int($0)] != nil || voice.corrections.contains($0) }
    if !entries.isEmpty, !isFarewell { parts += GlbpTable.tlvs(version: UInt64(table.newestSerial), gateways: [], entries: entries) }
    parts += GlbpTraffic.tlvs(carriedTraffic)
    return GlbpPacket.packets(
      group: configuration.group, owner: configuration.ethernetAddress,
      common: configuration.virtualAddresses.map { .hello(ownHello($0, isFarewell: isFarewell)) } + [
        .member(ownMember(isFarewell: isFarewell))
      ], parts: parts)
  }

  private func ownHello(_ virtualAddress: InternetAddress, isFarewell: Bool) -> GlbpHello {
    GlbpHello(
      state: isFarewell ? .listen : glbpState, priority: isFarewell ? 0 : configuration.priority,
      helloMilliseconds: UInt32(clamping: max(1, timers.hello.nanoseconds / 1_000_000)),
      holdMilliseconds: UInt32(clamping: max(2, timers.hold.nanoseconds / 1_000_000)),
      redirectSeconds: UInt16(clamping: timers.redirect.nanoseconds / 1_000_000_000),
      timeoutSeconds: UInt16(clamping: timers.timeout.nanoseconds / 1_000_000_000),
      virtualAddress: virtualAddress)
  }

  private var glbpState: GlbpState {
    switch state {
    case .active: .active
    case .standby: .standby
    case .speaking: .speak
    case .seated(let seat): seat.isMaster ? .active : .listen
    case .unstarted, .listening, .down, .left: .listen
    }
  }

  private func ownMember(isFarewell: Bool) -> GlbpMember {
    GlbpMember(
      address: own, wantedForwarderCount: UInt8(clamping: configuration.forwarderCount), share: configuration.share,
      isDraining: isDraining || isLeaving, isLeaving: isFarewell, isBelowThreshold: !weighing.isForwarding, isReady: isReady,
      incarnation: configuration.incarnation, sequence: voice.sequence, carried: ForwarderSet(table.numbers.filter { carries($0) }),
      arriving: ForwarderSet(table.numbers.filter { if case .arriving = holdings[Int($0)] { true } else { false } }))
  }

  /// What foreign speakers know of: who forwards for what, a request for a forwarder, and the answer to theirs.
  private func forwarderTlvs(isFarewell: Bool) -> [GlbpTlv] {
    guard !isFarewell else { return [] }
    var tlvs = table.numbers.filter { carries($0) }.map { forwarderTlv($0, .active, priority(of: $0)) }
    guard hasForeigners else { return tlvs }
    if activeNeighbour?.isForeign == true, isReady, isEmptyHanded, !isUnwilling { tlvs.append(forwarderTlv(0, .listen, Self.homePriority)) }
    if isKeeper {
      for forwarder in table.numbers where isOffered(forwarder) { tlvs.append(forwarderTlv(forwarder, .listen, Self.homePriority)) }
    }
    return tlvs
  }

  private func isOffered(_ forwarder: UInt8) -> Bool {
    guard let holder = table[forwarder]?.holder, let neighbour = neighbours[holder] else { return false }
    return neighbour.isForeign && !neighbour.carries(forwarder)
  }

  private func forwarderTlv(_ number: UInt8, _ state: GlbpState, _ priority: UInt8) -> GlbpTlv {
    let address = number == 0 ? EthernetAddress(bits: 0) : EthernetAddress.virtual(group: configuration.group, forwarder: number)
    return .forwarder(GlbpForwarder(number: number, state: state, priority: priority, weight: weighing.weight, virtualEthernet: address))
  }
}
