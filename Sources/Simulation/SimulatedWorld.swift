import Host
import Wire

/// What every LAN in memory does alike: time passes from one entry of the queue to the next, timers go off by each machine's own clock, and
/// datagrams take their time.
protocol SimulatedWorld {
  associatedtype Message
  var time: UInt64 { get set }
  var queue: EventQueue { get set }
  var datagrams: Datagrams<Message> { get set }
  var machines: [Machine] { get set }
  var network: Network { get set }
  var random: SplitMix { get set }
  var statistics: SimulationResult.Statistics { get set }
  /// Each datagram takes between these.
  var delay: ClosedRange<Interval> { get }
  mutating func happen(_ entry: EventQueue.Entry)
  mutating func deliver(_ slot: UInt32, to index: Int)
  /// Gives the process an event, and does what it wants done.
  mutating func handle(_ event: ApplianceHost.Event, _ index: Int)
  mutating func start(_ index: Int)
  /// A stopped process goes on.
  mutating func resume(_ index: Int)
  /// The process ends; its packet path goes on.
  mutating func kill(_ index: Int)
  /// The machine loses its process and its packet path.
  mutating func powerOff(_ index: Int)

  /// The kinds of faults that may strike.
  var faults: FaultKinds { get }
  /// After this silence somebody is taken for dead.
  var patience: Interval { get }
  /// The share of datagrams that is lost: while no burst of losses strikes, and now.
  var usualLoss: Double { get }
  var loss: Double { get set }
  /// All faults that have struck, by the numbers of their healing.
  var heals: [Fault] { get set }
  var lastHealAt: UInt64 { get set }
  /// What the attacker has heard.
  var recorded: [Message] { get set }
  mutating func forge(_ datagram: inout Message)
  /// Something happens: for so long packets may be lost by it, and not by moves.
  mutating func disturb(for duration: UInt64)
  var doesTrace: Bool { get }
}

extension SimulatedWorld {
  mutating func advance(until end: UInt64) {
    while let entry = queue.removeFirst() {
      guard entry.time <= end else {
        queue.add(entry.kind, at: entry.time, machine: Int(entry.machine), value: entry.value)
        time = end
        return
      }
      time = entry.time
      statistics.events += 1
      happen(entry)
    }
  }

  mutating func setTimer(_ index: Int) {
    guard let deadline = machines[index].host.nextDeadline else { return }
    let clock = machines[index].clock
    // An earlier look that is set already will look again.
    if machines[index].timerAt != .max, machines[index].timerAt > time, clock.local(machines[index].timerAt) <= deadline.nanoseconds {
      return
    }
    let at = max(time + 1, clock.world(deadline.nanoseconds))
    machines[index].timerAt = at
    machines[index].timerNumber &+= 1
    queue.add(.timer, at: at, machine: index, value: machines[index].timerNumber)
  }

  /// Looks at the timer, if this is the newest look.
  mutating func lookAtTimer(_ index: Int, _ number: UInt32) {
    guard number == machines[index].timerNumber else { return }
    machines[index].timerAt = .max
    guard machines[index].process == .running, let deadline = machines[index].host.nextDeadline else { return }
    if deadline.nanoseconds <= machines[index].clock.local(time) { handle(.timer, index) } else { setTimer(index) }
  }

  /// How long something on its way takes.
  mutating func drawDelay() -> UInt64 {
    delay.lowerBound.nanoseconds + random.below(delay.upperBound.nanoseconds - delay.lowerBound.nanoseconds + 1)
  }

  mutating func schedule(_ slot: UInt32, to: Int) {
    datagrams.retain(slot)
    queue.add(.delivery, at: time + drawDelay(), machine: to, value: slot)
  }

  /// Draws when something goes wrong, and at which machine; `interval` is the mean time between two faults.
  mutating func drawFaults(from start: UInt64, until end: UInt64, apart interval: Interval) {
    var at = start
    while true {
      at += 1 + random.below(interval.nanoseconds * 2)
      guard at < end else { return }
      queue.add(.fault, at: at, machine: random.below(machines.count), value: UInt32(truncatingIfNeeded: random.next() >> 34))
    }
  }

  // MARK: The ring

  /// The packet path sends a packet up; the process finds it in the ring from then on, and wakes up for it a little later.
  mutating func sendUp(_ upcall: ApplianceHost.Upcall, visibleAt: UInt64, _ index: Int) {
    machines[index].ring.append((visibleAt, upcall))
    queue.add(.ring, at: visibleAt + 1 + random.below(50_000), machine: index)
  }

  /// The process wakes up because something is in the ring.
  mutating func lookAtRing(_ index: Int) {
    if machines[index].process == .running { readRing(index) }
  }

  /// Everything that is there to be read.
  mutating func readRing(_ index: Int) {
    while let place = machines[index].ring.firstIndex(where: { $0.visibleAt <= time }) {
      let upcall = machines[index].ring.remove(at: place).upcall
      handle(.sentUp(upcall), index)
    }
  }

  // MARK: Processes

  /// A process that dies forgets what it has not read, and its timer.
  mutating func die(_ index: Int) {
    for datagram in machines[index].backlog { datagrams.release(datagram) }
    machines[index].backlog = []
    machines[index].ring = []
    machines[index].process = .dead
    machines[index].timerAt = .max
    machines[index].timerNumber &+= 1
  }

  /// A stopped process reads everything that came meanwhile.
  mutating func readBacklog(_ index: Int) {
    let backlog = machines[index].backlog
    machines[index].backlog = []
    for datagram in backlog { deliver(datagram, to: index) }
  }
}
