// The packets in flight while a unit moves: none is lost, none is processed twice.
//
// Where every member sees every packet (unicast and multicast delivery), a unit that moves from K to J meets two gaps: a packet may arrive
// after K has stopped and before J has started, and a packet that somebody held for J may be one that J has taken itself. So packets in
// flight count as state (specification 1, "state in, then own"):
//
//   K is told to stop      its packet path sends the unit's packets up instead of taking them, and K holds them
//   J is told to start     its packet path sends them up too; J holds its copies, and asks K (or the master, if K is dead) for what it has
//   K is asked             it stops holding, sends what it held to J's own MAC address, and after that "that was all"
//   J has it all           copies are recognised by their content; J opens the unit, processes what was held, and acknowledges
//
// At every moment somebody holds or takes: K before it stops, K's queue until it is asked, J's queue from before it asked, J from then on.
// In forwarding mode the master alone hands out packets and holds them in between; there is nothing to do here but to stop forwarding to K
// before K is told.
//
// The order in which K stops holding is what this file is about. A packet that K's packet path sent up is in the ring until the daemon reads
// it, and J may have dropped its own copy before it began to hold: K's is the only one. So
//
//   1. the table says that the unit is J's     nothing more is sent up from now on
//   2. the ring is emptied                     what comes out is J's as well, and goes the way of what was held: by `given`
//   3. what is held is sent to J
//   4. "that was all", a millisecond later     the ring is emptied once more before it
//
// The other order, ring before table, would leave in the ring what is sent up between the two. This one has a gap too: the packet path runs
// on other processors, may have read the table before the first step and reach the ring after the second. A run of it takes microseconds, so
// the millisecond of the fourth step lets it come out before the last word is said, when J still recognises copies. Where a hypervisor stops
// that processor for longer, the packet comes out later still, and is sent on to J nevertheless, for as long as K may hold anything: J has
// most likely dropped its copy, which was processed before the stop began. That J has its copy too and takes both is possible only then.
//
// The same order holds elsewhere. J opens a unit by the table first, then releases what it held, and what comes out of the ring later is
// released as it comes (`keep`). A unit that nobody asked for in time: the table, the ring, then what is held is forgotten. `forgetHeld` empties
// the ring of what arrived before; what comes out after it arrived after it, since the last owner's lease was over a guard's time before.
// A wait that is off (`abandon`) changes the table alone: what was held is there for whoever begins to wait next, for a detection interval.

import CPacketPath
import Cluster
import PacketPath
import Wire

/// What the packet path is told of a unit.
struct UnitState: Equatable {
  var owner: UInt16?
  var isAcknowledged: Bool
  var isMine: Bool
}

/// One of the masters' orders: of two, the later is the greater.
struct Order: Comparable {
  var term: Term
  var serial: UInt32
  static let none = Order(term: .none, serial: 0)
  static func < (left: Order, right: Order) -> Bool { (left.term, left.serial) < (right.term, right.serial) }
}

/// Units that come to this machine.
struct Arrival {
  /// The assignment.
  var order: Order
  var units: UnitSet
  var holder: MemberIdentifier
  /// How often it was asked, and when it is asked again.
  var questions = 1
  var askAgainAt: Instant
  var since: Instant
}

/// A unit that this machine has stopped processing, and holds packets for.
struct Parting {
  /// What the packet path is told when the packets are gone.
  var then: UnitState
  /// By which it stopped. An assignment that came later tells to whom the unit goes, which need not be for whom it was to stop: the master
  /// may have thought better of it by then. An earlier one is an old question.
  var order: Order
  var until: Instant
}

/// A unit's next owner, who gets what was held.
struct Heir: Equatable {
  var member: MemberIdentifier
  /// The packet path's index of it.
  var index: UInt16
  var profile: MemberProfile
}

/// "That was all", which is still to be said.
struct LastWord: Equatable {
  /// The heir's assignment.
  var order: Order
  var units: UnitSet
  var heir: Heir
  var due: Instant
}

/// Which units are between two members, as this machine sees it.
struct PacketHandover {
  /// How long K holds packets that nobody asks for, at least; and how long it sends on what comes out of the ring late.
  static let leastLimit = Interval.milliseconds(60)
  /// What a run of the packet path that began before may take to its end.
  static let settlingTime = Interval.milliseconds(1)
  /// J asks again after this time, and after longer and longer.
  static let patience = Interval.milliseconds(5)
  static let longestPatience = Interval.milliseconds(40)

  struct Gift {
    var heir: Heir
    var until: Instant
  }

  var arrivals: [UInt32: Arrival] = [:]
  var partings: [Int: Parting] = [:]
  var lastWords: [LastWord] = []
  /// Units that were given away a moment ago.
  var given: [Int: Gift] = [:]
  /// Units that are waited for no longer: until then, what was held for them is there for whoever begins to wait next.
  var leftBehind: [Int: Instant] = [:]

  /// Whether a unit still parts, or an heir waits for the last word; until then this machine's lease must not end before its time.
  var isParting: Bool { !partings.isEmpty || !lastWords.isEmpty }

  /// When something is due; nil when nothing is.
  var nextDeadline: Instant? {
    var next: Instant?
    func consider(_ due: Instant) { next = min(next ?? due, due) }
    for arrival in arrivals.values { consider(arrival.askAgainAt) }
    for parting in partings.values { consider(parting.until) }
    for word in lastWords { consider(word.due) }
    for until in leftBehind.values { consider(until) }
    return next
  }

  mutating func expectQuestion(about units: UnitSet, after order: Order) {
    for unit in units { partings[unit]?.order = order }
  }
}

extension ApplianceHost {
  /// How long K holds packets that nobody asks for: a detection interval, since who needs longer is taken for dead, if they may be held for so
  /// long.
  private var holdingLimit: Interval {
    max(PacketHandover.leastLimit, min(configuration.detection, configuration.hold.duration))
  }
  /// How long J waits for a K that is no member any more. K's time began earlier, and is over by then on K's own clock too: what K sends
  /// later would come twice. For a K that is a member J waits for a detection interval longer: J may be the one that is late, with K's
  /// packets in its own queue, and would take them beside those that it held itself. If it were later than that, its lease would be over.
  private func waitingLimit(for holder: MemberIdentifier) -> Interval {
    holdingLimit * 17 / 16 + .milliseconds(1) + (slots[holder] == nil ? .zero : configuration.detection)
  }

  func store(_ state: UnitState, _ unit: Int) {
    tables.setUnit(unit, owner: state.owner, isAcknowledged: state.isAcknowledged, isMine: state.isMine)
  }

  /// The packet path sends the unit's packets up.
  private mutating func hold(_ unit: Int) {
    handover.given[unit] = nil
    handover.leftBehind[unit] = nil
    tables.setUnit(unit, owner: tables.settings.pointee.own_member, isAcknowledged: false, isMine: false, isMoving: true)
  }

  private func isHere(_ unit: Int) -> Bool { tables.units[unit].mine == UInt8(skein_mine) }

  // MARK: Packets sent up

  /// Keeps a packet that the packet path could not decide; its unit may have been opened or given away since it was sent up, and then
  /// nothing else would release it.
  /// - Returns: whether it waits for an owner.
  mutating func keep(_ upcall: Upcall) -> Bool {
    let unit = upcall.unit
    let record = tables.units[unit]
    let isBetween = record.mine != UInt8(skein_not_mine) || handover.leftBehind[unit] != nil
    guard isBetween || record.acknowledged == 1 || isWaitedFor(upcall.frame) else {
      held.countForgotten()
      return false
    }
    held.hold(upcall.frame, unit: unit, interface: upcall.interface, at: now)
    if record.mine == UInt8(skein_mine) {
      open(unit)
    } else if record.acknowledged == 1 {
      if let gift = handover.given[unit], gift.heir.index == record.owner, now < gift.until {
        hand(unit, to: gift.heir)
      } else {
        passOn(unit)
      }
    } else {
      return true
    }
    return false
  }

  /// Whether a packet may still be wanted here, although its unit neither comes nor goes and nobody is known to have it. It was sent up
  /// before this machine stopped holding, or stopped being the master, and came out of the ring after what it held was forgotten. Where
  /// every member has seen it, its owner answers it: were it kept, it would be answered once more when the unit comes here.
  private func isWaitedFor(_ frame: [UInt8]) -> Bool {
    !holdsEverywhere || isVirtual(frame) || tables.has(flag: skein_flag_master)
  }

  /// Packets of a unit that is another's. In the other modes than forwarding its owner has seen them itself, but not those to a virtual MAC
  /// address.
  private mutating func passOn(_ unit: Int) {
    for packet in held.release(unit, at: now) {
      if !holdsEverywhere || isVirtual(packet.frame) { rerun(packet) } else { held.countForgotten() }
    }
  }

  /// Runs a held packet through the packet path once more.
  /// - Returns: false when it still cannot be decided.
  @discardableResult
  mutating func rerun(_ packet: HeldPackets.Packet) -> Bool {
    switch replay.decide(packet, at: now) {
    case .deliver(let frame): effects.append(.deliver(frame, interface: packet.interface))
    case .transmit(let frame): effects.append(.transmit(frame, .held))
    case .drop: held.countRefused()
    case .undecided: return false
    }
    return true
  }

  /// Processes what was held for a unit that is this machine's now.
  mutating func open(_ unit: Int) {
    guard !held.isEmpty else { return }
    for packet in held.release(unit, at: now) { rerun(packet) }
  }

  /// The owner has acknowledged these units.
  mutating func release(_ units: UnitSet, isOwn: Bool) {
    guard !held.isEmpty else { return }
    for unit in units {
      // Where every member holds, another owner has seen the packets itself, or asked for them.
      if isOwn || !holdsEverywhere { open(unit) } else { held.forget(unit) }
    }
  }

  /// Whether a frame is to one of the gateway's virtual MAC addresses.
  private func isVirtual(_ frame: [UInt8]) -> Bool {
    guard let group = gateway?.group, frame.count >= 14 else { return false }
    return EthernetAddress(bits: frame.prefix(6).reduce(0) { $0 << 8 | UInt64($1) }).virtualForwarder?.group == group
  }

  // MARK: K, who stops

  /// Whether a unit that was just taken away, or that still parts, goes on sending its packets up; then `state` comes into force later.
  mutating func keepsHolding(_ unit: Int, before state: UnitState) -> Bool {
    guard holdsEverywhere, !state.isMine else {
      handover.partings[unit] = nil
      handover.given[unit] = nil
      return false
    }
    if handover.partings[unit] != nil {
      handover.partings[unit]?.then = state
      return true
    }
    guard isHere(unit), tables.leaseDeadline > now else {
      // Coming here, and the table says so: it stays as `receivePackets` left it.
      return tables.units[unit].mine == UInt8(skein_mine_moving) && handover.arrivals.values.contains { $0.units.contains(unit) }
    }
    handover.partings[unit] = Parting(then: state, order: .none, until: now + holdingLimit)
    hold(unit)
    return true
  }

  /// The heir holds its own copies from now on: it gets what was held here. It waits for the last word, which is due in `lastWords`.
  mutating func giveUp(_ units: UnitSet, to heir: Heir, _ order: Order) {
    guard !handover.lastWords.contains(where: { $0.order == order && $0.heir == heir }) else { return }
    // What nobody asked for in time would come twice: the heir waits no longer either.
    let late = UnitSet(units.filter { unit in handover.partings[unit].map { now >= $0.until } ?? false })
    // An old question may name a unit that goes to somebody else by now: what is held stays for whoever that is.
    let given = UnitSet(units.filter { stopHolding($0, for: heir, order, isLate: late.contains($0)) })
    handover.lastWords.append(LastWord(order: order, units: units, heir: heir, due: now + PacketHandover.settlingTime))
    emptyRing(then: .give(given, late: late, to: heir))
  }

  /// - Returns: whether the unit is the heir's.
  private mutating func stopHolding(_ unit: Int, for heir: Heir, _ order: Order, isLate: Bool) -> Bool {
    if let parting = handover.partings[unit] {
      guard order > parting.order else { return false }
      handover.partings[unit] = nil
    } else {
      let record = tables.units[unit]
      guard record.owner == heir.index, record.mine == UInt8(skein_not_mine) else { return false }
    }
    // Without that rule what comes out of the ring now takes everything that is held with it.
    let remembers = member?.configuration.safetyRules.contains(.handover) ?? true
    if !isLate, remembers { handover.given[unit] = PacketHandover.Gift(heir: heir, until: now + PacketHandover.leastLimit) }
    store(UnitState(owner: heir.index, isAcknowledged: true, isMine: false), unit)
    return true
  }

  mutating func give(_ units: UnitSet, late: UnitSet, to heir: Heir) {
    for unit in units {
      if late.contains(unit) { held.forget(unit) } else { hand(unit, to: heir) }
    }
  }

  private mutating func hand(_ unit: Int, to heir: Heir) {
    guard let own = configuration.profile?.ethernetAddress else { return }
    for packet in held.release(unit, at: now) {
      var frame = packet.frame
      // To a virtual MAC address it goes as it came: the switches know the next owner's port by now, and its packet path the address.
      let destination = isVirtual(frame) ? Array(frame.prefix(6)) : heir.profile.ethernetAddress.octets
      frame.replaceSubrange(0..<12, with: destination + own.octets)
      effects.append(.transmit(frame, .held))
    }
  }

  /// The last words that are due are said after everything that they are the last of.
  mutating func sayLastWords() {
    let due = handover.lastWords.filter { now >= $0.due }
    if !due.isEmpty { emptyRing(then: .sayLastWords(due)) }
  }

  mutating func say(_ words: [LastWord]) {
    handover.lastWords.removeAll { words.contains($0) }
    for word in words { tell(.packetsGiven, word.order, word.units, to: word.heir.profile) }
  }

  /// Ends the partings that nobody asked about in time.
  mutating func endPartings() {
    handover.given = handover.given.filter { now < $0.value.until }
    let ended = handover.partings.filter { now >= $0.value.until }
    guard !ended.isEmpty else { return }
    for (unit, parting) in ended {
      handover.partings[unit] = nil
      store(parting.then, unit)
    }
    emptyRing(then: .endPartings(Array(ended.keys)))
  }

  // MARK: J, who starts

  /// Holds the units' packets here, and asks for those that were held elsewhere before.
  mutating func receivePackets(of units: UnitSet, _ serial: UInt32, from previous: MemberIdentifier?) {
    let holder = previous.flatMap { knownProfiles[$0] == nil ? nil : $0 } ?? member?.allegiance.master
    guard holdsEverywhere, let holder, holder != configuration.profile?.identifier else { return tell(.stateComplete(serial: serial)) }
    let order = Order(term: member?.allegiance.term ?? .none, serial: serial)
    handover.arrivals[serial] = Arrival(order: order, units: units, holder: holder, askAgainAt: now + PacketHandover.patience, since: now)
    for unit in units {
      handover.partings[unit] = nil
      hold(unit)
    }
    announceForwarders(units)
    ask(serial)
  }

  private mutating func ask(_ serial: UInt32) {
    guard let arrival = handover.arrivals[serial], let profile = knownProfiles[arrival.holder] else { return }
    tell(.packetsWanted, arrival.order, arrival.units, to: profile)
  }

  /// The wait is off. A new master may begin another in a moment, and what was held is there for that. After a detection interval it is
  /// forgotten: if this machine was cut off, the master has held the same packets, and given them to another owner.
  mutating func abandon(_ serial: UInt32) {
    guard let arrival = handover.arrivals.removeValue(forKey: serial) else { return }
    for unit in arrival.units where tables.units[unit].mine == UInt8(skein_mine_moving) {
      store(UnitState(owner: nil, isAcknowledged: false, isMine: false), unit)
      handover.leftBehind[unit] = now + configuration.detection
    }
  }

  private mutating func forgetLeftBehind() {
    let isMaster = tables.has(flag: skein_flag_master)
    for (unit, until) in handover.leftBehind where now >= until {
      handover.leftBehind[unit] = nil
      // A master holds for those that nobody has.
      if tables.units[unit].mine == UInt8(skein_not_mine), !isMaster { held.forget(unit) }
    }
  }

  // MARK: Between them

  /// A message of K's or J's. The seal is the whole cluster's, so somebody may have recorded it on its way to another member, who alone is
  /// to answer it.
  mutating func take(_ transfer: StateTransfer, from sender: MemberIdentifier) {
    guard transfer.bytes.starts(with: configuration.profile?.identifier.wireOctets ?? []),
      let units = UnitSet(wireOctets: transfer.bytes.dropFirst(2))
    else { return }
    let order = Order(term: transfer.term, serial: transfer.serial)
    switch StateChannel(rawValue: transfer.application) {
    case .packetsWanted:
      guard let index = slots[sender], let profile = knownProfiles[sender] else { return }
      begin(.giveUp(units, to: Heir(member: sender, index: UInt16(index), profile: profile), order))
    case .packetsGiven:
      guard let arrival = handover.arrivals[order.serial], arrival.holder == sender, arrival.order == order else { return }
      begin(.complete(serial: order.serial))
    default: break
    }
  }

  /// Says the last words that are due, and asks again where none came; gives up on a holder that has none, and on an heir that never asks.
  mutating func pursueHandovers() {
    begin(.sayLastWords)
    for (serial, arrival) in handover.arrivals where now >= arrival.askAgainAt {
      let wait = PacketHandover.patience * UInt64(1 << min(arrival.questions, 3))
      handover.arrivals[serial]?.questions += 1
      handover.arrivals[serial]?.askAgainAt = now + min(wait, PacketHandover.longestPatience)
      if now >= arrival.since + waitingLimit(for: arrival.holder) { begin(.complete(serial: serial)) } else { ask(serial) }
    }
    begin(.endPartings)
    forgetLeftBehind()
  }

  private mutating func tell(_ channel: StateChannel, _ order: Order, _ units: UnitSet, to profile: MemberProfile) {
    let transfer = StateTransfer(
      term: order.term, serial: order.serial, unit: 0, application: channel.rawValue, piece: 0, pieceCount: 1,
      bytes: profile.identifier.wireOctets + units.wireOctets)
    effects.append(.send(.stateTransfer(transfer), to: .member(profile.identifier, profile.address), .sealed))
  }
}

extension MemberIdentifier {
  fileprivate var wireOctets: [UInt8] { [UInt8(rawValue >> 8), UInt8(truncatingIfNeeded: rawValue)] }
}

extension UnitSet {
  /// The 128 octets of the set: unit 0 is the lowest bit of the first.
  fileprivate var wireOctets: [UInt8] {
    var octets = [UInt8](repeating: 0, count: Self.unitCount / 8)
    for unit in self { octets[unit >> 3] |= 1 << UInt8(unit & 7) }
    return octets
  }

  fileprivate init?(wireOctets octets: ArraySlice<UInt8>) {
    guard octets.count == Self.unitCount / 8 else { return nil }
    self.init()
    for unit in 0..<Self.unitCount where octets[octets.startIndex + (unit >> 3)] >> UInt8(unit & 7) & 1 == 1 { insert(unit) }
  }
}
