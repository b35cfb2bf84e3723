import Gateway
import Wire

/// A LAN of gateways in memory. The routers run unchanged; the node, the kernel and the wire are here: datagrams are lost, late, doubled and
/// out of order, a packet path obeys the last word and the lease that it was given, by its machine's clock, whether or not the process runs.
struct GatewayWorld: SimulatedWorld {
  let options: GatewayOptions
  var time: UInt64 = 0
  var queue = EventQueue()
  var datagrams = Datagrams<GatewayDatagram>()
  var machines: [GatewayMachine] = []
  var network: Network
  var random: SplitMix
  /// The routers' own: so that a fault more or less does not change what they draw.
  var routerRandom: SplitMix
  var checker: GatewayChecker
  var statistics = SimulationResult.Statistics()
  var loss: Double
  var heals: [Fault] = []
  var recorded: [GatewayDatagram] = []
  var lastHealAt: UInt64 = 0
  var lastWholeAt: UInt64 = 0
  /// In a run that measures a move: the switch and the stream of frames.
  var stream: FrameStream?
  let doesTrace: Bool

  static let group: UInt16 = 7
  var delay: ClosedRange<Interval> { options.delay }
  static let virtualAddress = InternetAddress(ipv4: 0x0a00_00fe)

  init(_ options: GatewayOptions, trace: Bool) {
    self.options = options
    doesTrace = trace
    random = SplitMix(seed: options.seed)
    routerRandom = SplitMix(seed: options.seed &+ 0xabcdef)
    loss = options.loss
    network = Network(machineCount: options.gatewayCount, clientCount: 0, clientsAreElsewhere: false)
    // What a hold time is by the slowest clock, and a look's distance more.
    let hold = options.timers.hold.nanoseconds
    checker = GatewayChecker(count: options.gatewayCount, hold: hold + UInt64(Double(hold) * options.clockSkew) + hold / 16)
    for index in 0..<options.gatewayCount { machines.append(makeMachine(index)) }
  }

  // MARK: Machines

  private mutating func makeMachine(_ index: Int) -> GatewayMachine {
    let skew = Int64(options.clockSkew * 1e9)
    let drift = skew == 0 ? 0 : Int64(random.next() % UInt64(2 * skew + 1)) - skew
    let clock = Machine.Clock(offset: 1_000_000_000 + random.below(UInt64(3_600_000_000_000)), drift: drift)
    return GatewayMachine(
      router: GatewayRouter(configuration: configuration(index, incarnation: 1)), address: Self.address(index), clock: clock, incarnation: 1
    )
  }

  static func address(_ index: Int) -> InternetAddress { InternetAddress(ipv4: 0x0a00_0001 + UInt32(index)) }

  private func configuration(_ index: Int, incarnation: UInt64) -> GatewayRouter.Configuration {
    var configuration = GatewayRouter.Configuration(
      group: Self.group, address: Self.address(index), ethernetAddress: EthernetAddress(bits: 0x0200_0000_0001 + UInt64(index)),
      incarnation: incarnation, virtualAddresses: [Self.virtualAddress])
    configuration.timers = options.timers
    configuration.forwarderCount = options.forwarderCount
    configuration.priority = UInt8(100 + index % 3)
    configuration.preempts = index % 4 == 0
    configuration.preemptDelay = .seconds(1)
    configuration.forwarderPreemptDelay = .seconds(5)
    configuration.lowerThreshold = 50
    configuration.upperThreshold = 80
    configuration.trackedObjects = [60]
    configuration.steering.method = .moves
    configuration.steering.window = .seconds(2)
    configuration.steering.timeBetweenMoves = .seconds(4)
    configuration.measurementWindow = .seconds(2)
    configuration.safetyRules = options.safetyRules
    return configuration
  }

  mutating func start(_ index: Int) {
    machines[index].process = .running
    feed(.start, to: index)
    if !network.hasCarrier[index] { feed(.carrierLost, to: index) }
  }

  /// The process ends; everything it knew is gone. Its packet path goes on.
  mutating func kill(_ index: Int) {
    die(index)
    machines[index].incarnation += 1
    machines[index].sequence = 0
    machines[index].router = GatewayRouter(configuration: configuration(index, incarnation: machines[index].incarnation))
    machines[index].isActive = false
  }

  /// The machine loses power: its packet path is gone, too.
  mutating func powerOff(_ index: Int) {
    kill(index)
    machines[index].path = GatewayMachine.Path()
  }

  /// A stopped process goes on, with everything that came meanwhile.
  mutating func resume(_ index: Int) {
    machines[index].process = .running
    feed(network.hasCarrier[index] ? .carrierFound : .carrierLost, to: index)
    readBacklog(index)
  }

  // MARK: Feeding routers

  mutating func feed(_ event: GatewayRouter.Event, to index: Int) {
    let now = Instant(nanoseconds: machines[index].clock.local(time))
    let actions = machines[index].router.handle(event, at: now, using: &routerRandom)
    for action in actions { carryOut(action, index) }
    setTimer(index)
  }

  mutating func goOff(_ index: Int) { feed(.timer, to: index) }

  // MARK: What routers want done

  private mutating func carryOut(_ action: GatewayRouter.Action, _ index: Int) {
    switch action {
    case .send(let packet, let sources): for source in sources { send(packet, from: source, index) }
    case .setLease(let deadline): setLease(deadline, index)
    case .forward(let forwarder):
      machines[index].path.states[Int(forwarder)] = .forwarding
      statistics.unitsMoved += 1
      checker.check(Int(forwarder), machines, network, at: time)
    case .hold(let forwarder): machines[index].path.states[Int(forwarder)] = .holding
    case .stop(let forwarder): machines[index].path.states[Int(forwarder)] = .dropping
    case .releaseHeld(let forwarder): releaseHeld(forwarder, index)
    case .dropHeld(let forwarder): stream?.drop(forwarder, at: index)
    case .setActive(let isActive):
      if isActive, !machines[index].isActive { statistics.mastersMade += 1 }
      machines[index].isActive = isActive
    case .report(let report):
      if doesTrace { print("\(Double(time / 1000) / 1000) ms gateway \(index + 1): \(report)") }
    case .place: checker.report(.badAction, at: time, "gateway \(index + 1) speaks to a cluster that there is not")
    case .answer, .correct, .stopped: break
    }
  }

  private mutating func setLease(_ deadline: Instant, _ index: Int) {
    let hadLease = machines[index].clock.local(time) < machines[index].path.lease
    machines[index].path.lease = deadline.nanoseconds
    if !hadLease { checker.checkAll(machines, network, at: time) }
  }

  // MARK: The wire

  private mutating func send(_ packet: GlbpPacket, from source: GatewayRouter.Source, _ index: Int) {
    machines[index].sequence += 1
    let datagram = GatewayDatagram(
      packet: packet, sender: machines[index].address, incarnation: machines[index].incarnation, sequence: machines[index].sequence,
      origin: index, source: source)
    statistics.datagrams += 1
    record(datagram)
    let slot = datagrams.add(datagram)
    if stream != nil { return toSwitch(slot) }
    for other in machines.indices where other != index { transmit(slot, from: index, to: other) }
    datagrams.freeIfUnused(slot)
  }

  private mutating func transmit(_ slot: UInt32, from: Int, to: Int) {
    guard network.passes(from: from, to: to), !random.chance(loss) else {
      if machines[to].process != .dead { checker.lost(from: from, to: to, at: time) }
      return
    }
    schedule(slot, to: to)
    if random.chance(options.duplication) { schedule(slot, to: to) }
  }

  mutating func deliver(_ slot: UInt32, to index: Int) {
    switch machines[index].process {
    case .dead: datagrams.release(slot)
    case .stopped: keep(slot, for: index)
    case .running:
      guard let datagram = datagrams[slot] else { return }
      datagrams.release(slot)
      statistics.delivered += 1
      if !datagram.isForged { checker.delivered(from: datagram.origin, to: index, at: time) }
      let envelope = GatewayRouter.Envelope(
        sender: datagram.sender, isAuthentic: !datagram.isForged, incarnation: datagram.incarnation, sequence: datagram.sequence)
      feed(.received(datagram.packet, from: envelope), to: index)
    }
  }

  private mutating func keep(_ slot: UInt32, for index: Int) {
    guard machines[index].backlog.count < 2048 else {
      datagrams.release(slot)
      return checker.disturb(at: time)
    }
    machines[index].backlog.append(slot)
  }

  // MARK: Running

  /// Starts the gateways one after another and lets time pass.
  mutating func run() -> SimulationResult {
    begin()
    let end = options.duration.nanoseconds
    scheduleFaults(until: end > options.settling.nanoseconds ? end - options.settling.nanoseconds : 0)
    advance(until: end)
    statistics.memberSeconds = Double(options.gatewayCount) * Double(end) / 1e9
    return SimulationResult(seed: options.seed, violations: checker.violations, statistics: statistics)
  }

  mutating func begin() {
    for index in machines.indices { queue.add(.fault, at: random.below(UInt64(300_000_000)), machine: index, value: Fault.startValue) }
    queue.add(.sample, at: 50_000_000)
    queue.add(.packet, at: 1_000_000_000)
  }

  mutating func happen(_ entry: EventQueue.Entry) {
    let index = Int(entry.machine)
    switch entry.kind {
    case .delivery: deliver(entry.value, to: index)
    case .timer: lookAtTimer(index, entry.value)
    case .packet: measure()
    case .switching: switchOver(entry.value, index)
    case .fault: strike(entry.value, index)
    case .heal: heal(Int(entry.value))
    case .attack: attack()
    case .sample: sample()
    case .packetDue, .focus, .ring, .place, .rearrange, .gatewayTimer, .measure, .addressQuestion, .addressAnswer: break
    }
  }

  /// Once a second every node reads its counters: forwarders have loads of their own, which change slowly.
  private mutating func measure() {
    queue.add(.packet, at: time + 1_000_000_000)
    let second = time / 1_000_000_000
    for index in machines.indices where machines[index].process == .running {
      var volumes: [UInt8: GatewayRouter.Volume] = [:]
      for forwarder in UInt8(1)...UInt8.max where machines[index].forwards(Int(forwarder), at: time) {
        let rate = UInt64(forwarder) * 7919 % 1000
        volumes[forwarder] = .init(packets: second * rate, octets: second * rate * 500)
      }
      feed(.traffic(volumes), to: index)
    }
  }

  // MARK: Coming together again

  private mutating func sample() {
    queue.add(.sample, at: time + checker.lookInterval)
    checker.checkAll(machines, network, at: time)
    let settledFrom = options.duration.nanoseconds - min(options.duration.nanoseconds, options.settling.nanoseconds)
    guard time > settledFrom, time > lastHealAt, stream == nil else { return }
    guard let objection = objection() else {
      if statistics.convergence == .zero { statistics.convergence = Interval(nanoseconds: time - max(lastHealAt, settledFrom)) }
      return lastWholeAt = time
    }
    // A move, and the odd hello too many lost, may still come between.
    let patience = options.convergence.nanoseconds
    if time > max(max(lastHealAt, settledFrom) + patience, lastWholeAt + patience / 2) {
      checker.report(.notConverged, at: time, objection)
    }
  }

  /// What is still wrong with a group that nothing happens to.
  private func objection() -> String? {
    let running = machines.indices.filter { machines[$0].process == .running }
    let active = running.filter { machines[$0].isActive }
    guard active.count == 1 else { return "\(active.count) active gateways: \(active.map { $0 + 1 })" }
    let known = Set(
      running.flatMap { index in
        machines[index].router.snapshot(at: .zero).forwarders.filter { !$0.isRetired }.map(\.number)
      })
    for forwarder in known.sorted() {
      let holders = machines.indices.filter { machines[$0].forwards(Int(forwarder), at: time) }
      if holders.count != 1 { return "forwarder \(forwarder) is with \(holders.map { $0 + 1 })" }
    }
    return known.isEmpty ? "no forwarder" : nil
  }
}

extension GatewayChecker {
  /// How often everything is looked at.
  var lookInterval: UInt64 { hold / 24 }
}
