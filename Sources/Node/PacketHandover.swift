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
// released as it comes (`take`). A unit that nobody asked for in time: the table, the ring, then what is held is forgotten. `forgetHeld` empties
// the ring of what arrived before; what comes out after it arrived after it, since the last owner's lease was over a guard's time before.
// A wait that is off (`abandon`) changes the table alone: what was held is there for whoever begins to wait next, or expires and is counted.

import CPacketPath
import Linux
import PacketPath
import Wire

/// What the packet path is told of a unit.
struct UnitState: Equatable {
  var owner: UInt16?
  var isAcknowledged: Bool
  var isMine: Bool
}

/// Units that come to this machine.
struct Arrival {
  var units: UnitSet
  var holder: MemberIdentifier
  var askedAt: Instant
  var since: Instant
}

/// A unit that this machine has stopped processing, and holds packets for.
struct Parting {
  /// What the packet path is told when the packets are gone.
  var then: UnitState
  var target: MemberIdentifier?
  var until: Instant
}

/// A unit's next owner, who gets what was held.
struct Heir: Equatable {
  var member: MemberIdentifier
  /// The packet path's index of it.
  var index: UInt16
  var address: EthernetAddress
}

/// "That was all", which is still to be said.
struct LastWord: Equatable {
  var serial: UInt32
  var units: UnitSet
  var heir: Heir
  var due: Instant
}

/// Holds packets of units that move, and keeps the order of table, ring and queue. Belongs to the daemon's thread.
final class PacketHandover {
  /// How long K holds packets that nobody asks for, at least; and how long it sends on what comes out of the ring late.
  static let leastLimit = Interval.milliseconds(60)
  /// What a run of the packet path that began before may take to its end.
  static let settlingTime = Interval.milliseconds(1)
  /// J asks again after this time.
  static let patience = Interval.milliseconds(5)

  private struct Gift {
    var heir: Heir
    var until: Instant
  }

  var held: HeldPackets
  private(set) var arrivals: [UInt32: Arrival] = [:]
  private(set) var partings: [Int: Parting] = [:]
  private(set) var lastWords: [LastWord] = []
  /// Units that were given away a moment ago.
  private var given: [Int: Gift] = [:]
  private let backend: any PathBackend
  private let replay: ReplayPath
  private let own: EthernetAddress
  /// Whether every member sees every packet, so that whoever a unit moves from or to holds its packets.
  private let holdsEverywhere: Bool
  /// Whether a frame is to a virtual MAC address of the gateway's.
  var isVirtual: ([UInt8]) -> Bool = { _ in false }

  init(_ backend: any PathBackend, own: EthernetAddress, holdsEverywhere: Bool, limits: ClusterSection.Hold) {
    self.backend = backend
    self.own = own
    self.holdsEverywhere = holdsEverywhere
    replay = ReplayPath(backend.tables)
    held = HeldPackets(limits: limits)
  }

  /// Whether a unit still parts, or an heir waits for the last word; until then this machine's lease must not end before its time.
  var isParting: Bool { !partings.isEmpty || !lastWords.isEmpty }

  /// When something is due; nil when nothing is.
  var nextDeadline: Instant? {
    let due = arrivals.values.map { $0.askedAt + Self.patience } + partings.values.map(\.until) + lastWords.map(\.due)
    return due.min()
  }

  private func store(_ state: UnitState, _ unit: Int) {
    backend.tables.setUnit(unit, owner: state.owner, isAcknowledged: state.isAcknowledged, isMine: state.isMine)
  }

  private func hold(_ unit: Int) {
    given[unit] = nil
    backend.tables.setUnit(
      unit, owner: backend.tables.settings.pointee.own_member, isAcknowledged: false, isMine: false, isMoving: true)
  }

  private func isHere(_ unit: Int) -> Bool { backend.tables.units[unit].mine == UInt8(skein_mine) }

  // MARK: packets sent up

  /// Keeps a packet that the packet path could not decide; its unit may have been opened or given away since it was sent up, and then
  /// nothing else would release it.
  /// - Returns: whether it waits for an owner.
  func take(_ frame: UnsafeRawBufferPointer, unit: Int, interface: UInt32, at now: Instant) -> Bool {
    held.hold(frame, unit: unit, interface: interface, at: now)
    let record = backend.tables.units[unit]
    if record.mine == UInt8(skein_mine) {
      open(unit, at: now)
    } else if record.acknowledged == 1 {
      if let gift = given[unit], gift.heir.index == record.owner, now < gift.until {
        hand(unit, to: gift.heir, at: now)
      } else {
        passOn(unit, at: now)
      }
    } else {
      return true
    }
    return false
  }

  /// Packets of a unit that is another's. In the other modes than forwarding its owner has seen them itself, but not those to a virtual MAC
  /// address.
  private func passOn(_ unit: Int, at now: Instant) {
    for packet in held.release(unit, at: now) where !holdsEverywhere || isVirtual(packet.frame) { rerun(packet) }
  }

  /// Runs a held packet through the packet path once more.
  /// - Returns: false when it still cannot be decided.
  @discardableResult
  func rerun(_ packet: HeldPackets.Packet) -> Bool {
    do { return try replay.rerun(packet, backend) } catch {
      held.countUnsent()
      return true
    }
  }

  /// Processes what was held for a unit that is this machine's now.
  func open(_ unit: Int, at now: Instant) {
    guard !held.isEmpty else { return }
    for packet in held.release(unit, at: now) { rerun(packet) }
  }

  /// The owner has acknowledged these units.
  func release(_ units: UnitSet, isOwn: Bool, at now: Instant) {
    guard !held.isEmpty else { return }
    for unit in units {
      // Where every member holds, another owner has seen the packets itself, or asked for them.
      if isOwn || !holdsEverywhere { open(unit, at: now) } else { held.forget(unit) }
    }
  }

  /// Where every member sees every packet, a last owner that could not be asked may have processed what has arrived so far.
  func forgetHeld(_ units: UnitSet) {
    guard holdsEverywhere else { return }
    backend.drain()
    for unit in units { held.forget(unit) }
  }

  // MARK: K, who stops

  /// Whether a unit that was just taken away, or that still parts, goes on sending its packets up; then `state` comes into force later.
  /// - Parameter limit: how long packets are held that nobody asks for.
  func keepsHolding(_ unit: Int, before state: UnitState, at now: Instant, limit: Interval) -> Bool {
    guard holdsEverywhere, !state.isMine else {
      partings[unit] = nil
      given[unit] = nil
      return false
    }
    if partings[unit] != nil {
      partings[unit]?.then = state
      return true
    }
    guard isHere(unit), backend.tables.leaseDeadline > now else {
      // Coming here, and the table says so: it stays as `receive` left it.
      return backend.tables.units[unit].mine == UInt8(skein_mine_moving) && arrivals.values.contains { $0.units.contains(unit) }
    }
    partings[unit] = Parting(then: state, target: nil, until: now + limit)
    hold(unit)
    return true
  }

  /// The units' next owner will ask.
  func expectQuestion(about units: UnitSet, from target: MemberIdentifier) {
    for unit in units { partings[unit]?.target = target }
  }

  /// The heir holds its own copies from now on: it gets what was held here. It waits for the last word, which is due in `lastWords`.
  func giveUp(_ units: UnitSet, to heir: Heir, serial: UInt32, at now: Instant) {
    guard !lastWords.contains(where: { $0.serial == serial && $0.heir == heir }) else { return }
    // What nobody asked for in time would come twice: the heir waits no longer either.
    let late = UnitSet(units.filter { partings[$0].map { now >= $0.until } ?? false })
    // An old question may name a unit that goes to somebody else by now: what is held stays for whoever that is.
    let heirs = UnitSet(units.filter { stopHolding($0, for: heir, isLate: late.contains($0), at: now) })
    backend.drain()
    for unit in heirs {
      if late.contains(unit) { held.forget(unit) } else { hand(unit, to: heir, at: now) }
    }
    lastWords.append(LastWord(serial: serial, units: units, heir: heir, due: now + Self.settlingTime))
  }

  /// - Returns: whether the unit is the heir's.
  private func stopHolding(_ unit: Int, for heir: Heir, isLate: Bool, at now: Instant) -> Bool {
    if let parting = partings[unit] {
      guard parting.target == heir.member || parting.target == nil else { return false }
      partings[unit] = nil
    } else {
      let record = backend.tables.units[unit]
      guard record.owner == heir.index, record.mine == UInt8(skein_not_mine) else { return false }
    }
    if !isLate { given[unit] = Gift(heir: heir, until: now + Self.leastLimit) }
    store(UnitState(owner: heir.index, isAcknowledged: true, isMine: false), unit)
    return true
  }

  private func hand(_ unit: Int, to heir: Heir, at now: Instant) {
    for packet in held.release(unit, at: now) { send(packet, to: heir.address) }
  }

  private func send(_ packet: HeldPackets.Packet, to address: EthernetAddress) {
    var frame = packet.frame
    // To a virtual MAC address it goes as it came: the switches know the next owner's port by now, and its packet path the address.
    let destination = isVirtual(frame) ? Array(frame.prefix(6)) : address.wireOctets
    frame.replaceSubrange(0..<12, with: destination + own.wireOctets)
    do { try backend.transmit(frame) } catch { held.countUnsent() }
  }

  /// The last words that are due, after everything that they are the last of.
  func takeLastWords(at now: Instant) -> [LastWord] {
    let due = lastWords.filter { now >= $0.due }
    guard !due.isEmpty else { return [] }
    backend.drain()
    lastWords.removeAll { now >= $0.due }
    return due
  }

  /// Ends the partings that nobody asked about in time.
  /// - Returns: the units whose state came into force.
  func endPartings(at now: Instant) -> [Int] {
    given = given.filter { now < $0.value.until }
    let ended = partings.filter { now >= $0.value.until }
    guard !ended.isEmpty else { return [] }
    for (unit, parting) in ended {
      partings[unit] = nil
      store(parting.then, unit)
    }
    backend.drain()
    for unit in ended.keys { held.forget(unit) }
    return Array(ended.keys)
  }

  // MARK: J, who starts

  /// Holds the units' packets here, until the holder has said that it has no more.
  func receive(_ units: UnitSet, serial: UInt32, from holder: MemberIdentifier, at now: Instant) {
    arrivals[serial] = Arrival(units: units, holder: holder, askedAt: now, since: now)
    for unit in units {
      partings[unit] = nil
      hold(unit)
    }
  }

  /// Takes note that the holder was asked again.
  func asked(_ serial: UInt32, at now: Instant) { arrivals[serial]?.askedAt = now }

  /// The wait is off.
  func abandon(_ serial: UInt32) {
    guard let arrival = arrivals.removeValue(forKey: serial) else { return }
    for unit in arrival.units where backend.tables.units[unit].mine == UInt8(skein_mine_moving) {
      store(UnitState(owner: nil, isAcknowledged: false, isMine: false), unit)
    }
  }

  /// Everything has arrived: what the holder sent is in the queue.
  func complete(_ serial: UInt32) {
    backend.drain()
    arrivals[serial] = nil
  }
}

extension EthernetAddress {
  fileprivate var wireOctets: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: bits >> UInt64(40 - 8 * $0)) } }
}
