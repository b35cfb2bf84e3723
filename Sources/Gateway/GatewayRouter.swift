// One gateway of a virtual gateway
//
// WHAT THIS IS. WO 2005/018176 on top of Cisco's GLBP: the hosts of a LAN have one gateway address; several routers stand behind it, and which
// of them carries a host is decided by the virtual MAC that the host's question is answered with. Each router has a set of virtual MACs
// (*forwarders*); traffic is measured per forwarder, and steered by the answers and by moving forwarders. This module decides; it does
// nothing. Events go in, actions come out, time and random numbers are handed in. The packet path obeys the last word that it got from us, and
// the lease, also when this process hangs.
//
// THE TABLE (ForwarderTable.swift) says of each forwarder its home, its holder and a serial. One gateway keeps it (Keeper.swift): the active
// virtual gateway; under a foreign one the best of ours; in a cluster the master. It goes out in the keeper's hellos, and everybody repeats
// the records of what he carries. A record stands for itself and the higher serial wins, so lost, doubled and late parts do no harm, and
// every gateway can go on as the keeper. What a gateway carries, and what it waits for, is in every hello as two whole sets: what is
// missing there has been released. Nothing is an event on the wire; all of it is state, said again and again.
//
// WHY TWO GATEWAYS DO NOT FORWARD FOR ONE VIRTUAL MAC (Holdings.swift)
//  1. The holder that a record names *holds* what comes (arriving) until nobody who is heard says that he carries it, and the one before
//     has said a hello without it, or has been silent for his hold time. Only where the keeper knows that nobody has it (the record
//     is *free*: new, or its holder silent) does it open at once.
//  2. Who carries a forwarder that a newer record gives to another goes on until that one says he waits for it, or until the record is free:
//     then it stops at once, and says so.
//  3. The lease (Voice.swift) ends before the hold time that others count from *receiving* the hello that renewed it. A process that hangs
//     finds its packet path stopped before anybody takes over, and listens anew before it does anything else.
//  What remains, and cannot be helped without a majority: if a gateway's messages are lost for a whole hold time and its frames are not, two
//  forward until one of them hears the other. That ends with the first message, in whichever direction.
//
// A MOVE LOSES NOTHING. The new holder first holds, then speaks from the virtual MAC: the switch learns, and every frame that went to
// the old holder was on its wire before. When the old one hears it, it has forwarded all of those; it stops and says so; the new one runs what
// it held through its path. Lost messages are repeated after 5, 10, 20 ms and so on.
//
// THE ELECTION (Election.swift) is GLBP's: listen, speak, standby, active; priority, then address. The hold time that counts is the silent
// one's own. When active and standby died together, the best who knew them takes over at once.
//
// FOREIGN SPEAKERS have no member TLV. They know forwarders 1 to 4, by request and response TLVs: we claim ours with priority 167 at home and
// 135 elsewhere, as seen from Cisco's; the higher claim, then the higher address, keeps a forwarder. Whatever we do not know stays
// between ourselves.
//
// FRESHNESS. A seal's sequence grows; so does a hello's own number, which orders hellos where there is no seal. What is not authentic, older,
// of another group or impossible changes nothing but a counter (Hearing.swift).
//
// FILES. GatewayRouter: this, and the order in which conclusions are drawn. Shared: the states and what outlives them. Hearing, Voice:
// what is heard and said. Neighbours: who is heard. ForwarderTable, Holdings, Keeper: above. Election. Weighing: weight and tracked objects.
// Answering, Measurement: hosts, and the values that answer, measure and steer. Defence: of the virtual addresses against strangers. Seat: inside a cluster, where the cluster elects, leases and moves.
//
// ODDITIES. There is no "released" message: a hello without the forwarder is one. A gateway that has given all of its forwarders away by
// balancing registers again. A forwarder that balancing moves gets a new home; one that a drain or a death moves does not.
import Wire

/// One gateway of a virtual gateway: the decision maker of WO 2005/018176 and of GLBP. A value: it is fed events, and answers with actions;
/// it has no clock, no randomness, no sockets.
public struct GatewayRouter: Sendable {
  var shared: Shared
  /// When `Event.timer` is due; nil when nothing is waited for.
  public private(set) var nextDeadline: Instant?

  /// A gateway that waits for `Event.start`.
  public init(configuration: Configuration) { shared = Shared(configuration) }

  /// What it was started with. A weight that `Event.setWeight` has set since is not in it, but in `snapshot`.
  public var configuration: Configuration { shared.configuration }
  /// What it has heard, said and refused since this value was made; nothing sets them back.
  public var counters: Counters { shared.counters }

  /// Feeds an event and answers what to do about it, in order.
  public mutating func handle(_ event: Event, at now: Instant, using generator: inout some RandomNumberGenerator) -> [Action] {
    shared.now = now
    noticeDelay()
    shared.noticeLapse()
    dispatch(event, using: &generator)
    conclude()
    var actions: [Action] = []
    swap(&actions, &shared.actions)
    return actions
  }

  /// Who was kept from its own timer was kept from hearing, too: what has come meanwhile is heard before anybody is taken for dead.
  private mutating func noticeDelay() {
    guard let due = nextDeadline, shared.now > due + shared.timers.hello / 8 else { return }
    shared.blindUntil = shared.now + shared.timers.hello / 2
  }

  private mutating func dispatch(_ event: Event, using generator: inout some RandomNumberGenerator) {
    switch event {
    case .start: shared.start()
    case .received(let packet, let envelope): if shared.isRunning { shared.receive(packet, from: envelope) }
    case .timer: break
    case .hostAsked(let query, let forwarder): if shared.isRunning { shared.answer(query, forwarder, using: &generator) }
    case .traffic(let volumes): shared.measure(volumes)
    case .tracked(let object, let isUp): shared.weigh { $0.track(object, isUp: isUp) }
    case .setWeight(let weight): shared.weigh { $0.set(weight) }
    case .drain(let isWanted): shared.drain(isWanted)
    case .leave: shared.leave()
    case .carrierLost: shared.loseCarrier()
    case .carrierFound: shared.findCarrier()
    case .conflict(let ethernet, let address):
      shared.counters.conflicts += 1
      shared.reportConflict(ethernet, address)
      for place in shared.defences.indices where shared.defences[place].address == address { shared.defences[place].claim(at: shared.now) }
    case .clusterView(let isMaster, let members, let owners): shared.view(isMaster, members, owners)
    }
  }

  /// What follows from what is known now, whatever the event was; then the hello that says so.
  private mutating func conclude() {
    guard shared.isRunning else { return nextDeadline = nil }
    shared.noticeSilence()
    shared.elect()
    shared.noteLeader()
    shared.noteWillingness()
    shared.keep()
    shared.settle()
    shared.defend()
    shared.departIfDone()
    guard shared.isRunning else { return nextDeadline = nil }
    shared.speakIfDue()
    nextDeadline = shared.nextDeadline
  }
}

extension Shared {
  var nextDeadline: Instant {
    let candidates = ([silenceDeadline, electionDeadline, keeperDeadline, arrivalDeadline, leavesBy] + defences.map(\.nextAt)).compactMap {
      $0
    }
    return candidates.reduce(voice.deadline, min)
  }

  /// When an arrival may open although its old holder says nothing.
  private var arrivalDeadline: Instant? {
    guard hasArrivals else { return nil }
    return table.numbers.compactMap { forwarder -> Instant? in
      guard case .arriving = holdings[Int(forwarder)], let record = table[forwarder] else { return nil }
      let due = record.learned + groupHold
      return due > now ? due : nil
    }.min()
  }
}
