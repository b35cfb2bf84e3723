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

import CPacketPath
import Cluster
import Linux
import Logging
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

extension Daemon {
  /// The applications' numbers of `StateTransfer` that belong to this machine's own packets.
  enum InFlight {
    static let ask: UInt16 = 0xfffe
    static let done: UInt16 = 0xffff
    static let applications: Set = [ask, done]
    static let patience = Interval.milliseconds(5)
    static let leastLimit = Interval.milliseconds(60)
    /// A machine that leaves stays for so long, to say again that it has nothing more.
    static let linger = Interval.milliseconds(120)
  }

  /// How long K holds packets that nobody asks for: a detection interval, since who needs longer is taken for dead, if they may be held for so
  /// long.
  private var holdingLimit: Interval { max(InFlight.leastLimit, min(section.detection, section.hold.duration)) }
  /// How long J waits for them. K's time began earlier, and is over by then on K's own clock too: what K sends later would come twice.
  private var waitingLimit: Interval { holdingLimit * 17 / 16 + .milliseconds(1) }

  private var holdsEverywhere: Bool { section.delivery != .forwarding }

  // MARK: K, who stops

  /// Whether a unit that was just taken away, or that still parts, goes on sending its packets up; then `state` comes into force later.
  func keepsHolding(_ unit: Int, before state: UnitState) -> Bool {
    guard holdsEverywhere, !state.isMine else {
      partings[unit] = nil
      return false
    }
    if partings[unit] != nil {
      partings[unit]?.then = state
      return true
    }
    guard backend.tables.units[unit].mine == UInt8(skein_mine), backend.tables.leaseDeadline > BootClock.now() else {
      // Coming here, and the table says so: it stays as `receivePackets` left it.
      return backend.tables.units[unit].mine == UInt8(skein_mine_moving) && arrivals.values.contains { $0.units.contains(unit) }
    }
    partings[unit] = Parting(then: state, target: nil, until: BootClock.now() + holdingLimit)
    hold(unit)
    return true
  }

  private func hold(_ unit: Int) {
    let own = slots[profile.identifier].map { UInt16($0) }
    backend.tables.setUnit(unit, owner: own, isAcknowledged: false, isMine: false, isMoving: true)
    housekeeping?.deadline = BootClock.now() + InFlight.patience
  }

  /// The units have stopped; their next owner will ask.
  func handOverPackets(of units: UnitSet, _ serial: UInt32, to target: MemberIdentifier) {
    for unit in units { partings[unit]?.target = target }
    handle(.stateHandedOver(serial: serial))
  }

  /// The next owner holds its own copies from now on: it gets what was held here, and then the word that this was all.
  private func giveUp(_ units: UnitSet, to asker: MemberIdentifier, serial: UInt32) {
    guard let index = slots[asker], let profile = knownProfiles[asker] else { return }
    let now = BootClock.now()
    let late = units.filter { partings[$0].map { now >= $0.until } ?? false }
    for unit in units { stopHolding(unit, for: asker, UInt16(index)) }
    backend.drain()
    for unit in late { held.forget(unit) }
    for unit in units { for packet in held.release(unit, at: now) { send(packet, to: profile.ethernetAddress) } }
    tell(InFlight.done, serial, units, to: profile)
  }

  private func stopHolding(_ unit: Int, for asker: MemberIdentifier, _ index: UInt16) {
    if let parting = partings[unit] {
      guard parting.target == asker || parting.target == nil else { return }
      partings[unit] = nil
      backend.tables.setUnit(unit, owner: index, isAcknowledged: true, isMine: false)
    } else if backend.tables.units[unit].owner == index, backend.tables.units[unit].mine == UInt8(skein_not_mine) {
      backend.tables.setUnit(unit, owner: index, isAcknowledged: true, isMine: false)
    }
  }

  private func send(_ packet: HeldPackets.Packet, to address: EthernetAddress) {
    var frame = packet.frame
    // To a virtual MAC address it goes as it came: the switches know the next owner's port by now, and its packet path the address.
    let destination = gateway?.isVirtual(frame) == true ? Array(frame.prefix(6)) : address.wireOctets
    frame.replaceSubrange(0..<12, with: destination + machine.interface.ethernetAddress.wireOctets)
    do { try backend.transmit(frame) } catch { logger.debug("a held packet was lost: \(error)") }
  }

  /// In forwarding mode this master, which alone hands out packets, holds them from before the member is told to stop.
  func stopForwarding(_ units: UnitSet, to member: MemberIdentifier) {
    guard !holdsEverywhere, let index = slots[member] else { return }
    for unit in units { backend.tables.setUnit(unit, owner: UInt16(index), isAcknowledged: false, isMine: false) }
  }

  // MARK: J, who starts

  /// Holds the units' packets here, and asks for those that were held elsewhere before.
  func receivePackets(of units: UnitSet, _ serial: UInt32, from previous: MemberIdentifier?) {
    let holder = previous.flatMap { knownProfiles[$0] == nil ? nil : $0 } ?? member.snapshot(at: BootClock.now()).master
    guard holdsEverywhere, let holder, holder != profile.identifier else { return handle(.stateComplete(serial: serial)) }
    let now = BootClock.now()
    arrivals[serial] = Arrival(units: units, holder: holder, askedAt: now, since: now)
    for unit in units {
      partings[unit] = nil
      hold(unit)
    }
    announceForwarders(units)
    ask(serial)
  }

  private func ask(_ serial: UInt32) {
    guard let arrival = arrivals[serial], let profile = knownProfiles[arrival.holder] else { return }
    tell(InFlight.ask, serial, arrival.units, to: profile)
  }

  func abandonPackets(_ serial: UInt32) {
    guard let arrival = arrivals.removeValue(forKey: serial) else { return }
    for unit in arrival.units where backend.tables.units[unit].mine == UInt8(skein_mine_moving) {
      backend.tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false)
    }
  }

  /// Processes what was held for a unit that is this machine's now.
  func open(_ unit: Int) {
    guard !held.isEmpty else { return }
    for packet in held.release(unit, at: BootClock.now()) { rerun(packet) }
  }

  // MARK: a last owner that could not be asked

  /// Where every member sees every packet, one that was taken out but had its lease still may have processed what is held here.
  func forgetHeld(_ units: UnitSet) {
    guard holdsEverywhere else { return }
    backend.drain()
    for unit in units { held.forget(unit) }
  }

  // MARK: between them

  func takeTransfer(_ transfer: StateTransfer, from sender: MemberIdentifier) {
    guard let units = UnitSet(wireOctets: transfer.bytes) else { return }
    switch transfer.application {
    case InFlight.ask: giveUp(units, to: sender, serial: transfer.serial)
    case InFlight.done:
      guard arrivals[transfer.serial]?.holder == sender else { return }
      complete(transfer.serial)
    default: break
    }
  }

  private func complete(_ serial: UInt32) {
    backend.drain()
    arrivals[serial] = nil
    handle(.stateComplete(serial: serial))
  }

  /// Asks again where no answer came; gives up on a holder that has none.
  func pursueHandovers(at now: Instant) {
    for (serial, arrival) in arrivals where now >= arrival.askedAt + InFlight.patience {
      guard now < arrival.since + waitingLimit else {
        complete(serial)
        continue
      }
      arrivals[serial]?.askedAt = now
      ask(serial)
    }
    if endsLease, partings.isEmpty {
      endsLease = false
      backend.tables.leaseDeadline = .zero
    }
    for (unit, parting) in partings where now >= parting.until {
      partings[unit] = nil
      held.forget(unit)
      write(parting.then, unit)
    }
  }

  private func tell(_ what: UInt16, _ serial: UInt32, _ units: UnitSet, to profile: MemberProfile) {
    let term = member.snapshot(at: BootClock.now()).term
    let transfer = StateTransfer(
      term: term, serial: serial, unit: 0, application: what, piece: 0, pieceCount: 1, bytes: units.wireOctets)
    send(.stateTransfer(transfer), to: .member(profile.identifier, profile.address), .sealed)
  }
}

extension UnitSet {
  /// The 128 octets of the set: unit 0 is the lowest bit of the first.
  fileprivate var wireOctets: [UInt8] {
    var octets = [UInt8](repeating: 0, count: Self.unitCount / 8)
    for unit in self { octets[unit >> 3] |= 1 << UInt8(unit & 7) }
    return octets
  }

  fileprivate init?(wireOctets octets: [UInt8]) {
    guard octets.count == Self.unitCount / 8 else { return nil }
    self.init()
    for unit in 0..<Self.unitCount where octets[unit >> 3] >> UInt8(unit & 7) & 1 == 1 { insert(unit) }
  }
}

extension EthernetAddress {
  fileprivate var wireOctets: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: bits >> UInt64(40 - 8 * $0)) } }
}
