// The daemon's part in a unit's move: the messages between K and J, and what the decision maker is told. Which packets are held for whom, and
// in which order, is in `PacketHandover.swift`.

import CPacketPath
import Cluster
import Linux
import Logging
import PacketPath
import Wire

extension Daemon {
  /// The applications' numbers of `StateTransfer` that belong to this machine's own packets.
  enum InFlight {
    static let ask: UInt16 = 0xfffe
    static let done: UInt16 = 0xffff
    static let applications: Set = [ask, done]
    /// A machine that leaves stays for so long, to say again that it has nothing more.
    static let linger = Interval.milliseconds(120)
  }

  /// How long K holds packets that nobody asks for: a detection interval, since who needs longer is taken for dead, if they may be held for so
  /// long.
  private var holdingLimit: Interval { max(PacketHandover.leastLimit, min(section.detection, section.hold.duration)) }
  /// How long J waits for them. K's time began earlier, and is over by then on K's own clock too: what K sends later would come twice.
  private var waitingLimit: Interval { holdingLimit * 17 / 16 + .milliseconds(1) }

  private var holdsEverywhere: Bool { section.delivery != .forwarding }

  /// Looks after what may wait no longer than until then.
  func wakeHouse(by deadline: Instant?) {
    guard let deadline, deadline < housekeeping?.deadline ?? .init(nanoseconds: .max) else { return }
    housekeeping?.deadline = deadline
  }

  // MARK: K, who stops

  /// Whether a unit's packets are still held here; then `state` comes into force when they are gone.
  func keepsHolding(_ unit: Int, before state: UnitState) -> Bool {
    guard handover.keepsHolding(unit, before: state, at: BootClock.now(), limit: holdingLimit) else { return false }
    wakeHouse(by: handover.nextDeadline)
    return true
  }

  /// The units have stopped; their next owner will ask.
  func handOverPackets(of units: UnitSet, _ serial: UInt32, to target: MemberIdentifier) {
    handover.expectQuestion(about: units, from: target)
    handle(.stateHandedOver(serial: serial))
  }

  private func giveUp(_ units: UnitSet, to asker: MemberIdentifier, serial: UInt32) {
    guard let index = slots[asker], let profile = knownProfiles[asker] else { return }
    let heir = Heir(member: asker, index: UInt16(index), address: profile.ethernetAddress)
    handover.giveUp(units, to: heir, serial: serial, at: BootClock.now())
    wakeHouse(by: handover.nextDeadline)
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
    handover.receive(units, serial: serial, from: holder, at: BootClock.now())
    announceForwarders(units)
    ask(serial)
    wakeHouse(by: handover.nextDeadline)
  }

  private func ask(_ serial: UInt32) {
    guard let arrival = handover.arrivals[serial], let profile = knownProfiles[arrival.holder] else { return }
    tell(InFlight.ask, serial, arrival.units, to: profile)
  }

  private func complete(_ serial: UInt32) {
    handover.complete(serial)
    handle(.stateComplete(serial: serial))
  }

  // MARK: between them

  func takeTransfer(_ transfer: StateTransfer, from sender: MemberIdentifier) {
    guard let units = UnitSet(wireOctets: transfer.bytes) else { return }
    switch transfer.application {
    case InFlight.ask: giveUp(units, to: sender, serial: transfer.serial)
    case InFlight.done:
      guard handover.arrivals[transfer.serial]?.holder == sender else { return }
      complete(transfer.serial)
    default: break
    }
  }

  /// Says the last words that are due, and asks again where none came; gives up on a holder that has none, and on an heir that never asks.
  func pursueHandovers(at now: Instant) {
    for word in handover.takeLastWords(at: now) {
      guard let profile = knownProfiles[word.heir.member] else { continue }
      tell(InFlight.done, word.serial, word.units, to: profile)
    }
    for (serial, arrival) in handover.arrivals where now >= arrival.askedAt + PacketHandover.patience {
      guard now < arrival.since + waitingLimit else {
        complete(serial)
        continue
      }
      handover.asked(serial, at: now)
      ask(serial)
    }
    if !handover.endPartings(at: now).isEmpty { gatewayIsBehind = true }
    if endsLease, !handover.isParting {
      endsLease = false
      backend.tables.leaseDeadline = .zero
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
