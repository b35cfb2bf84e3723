import CPacketPath
import Gateway
import Host
import PacketPath
import Wire

/// A LAN of gateways in memory. The machines run what ships: a host with a router, and the packet path over its tables. What the kernel, the
/// keys and the wire do for them is here: datagrams are lost, late, doubled and out of order; a packet path obeys its tables by its own
/// machine's clock, whether or not the process still runs.
struct GatewayWorld: SimulatedWorld {
  let options: GatewayOptions
  var time: UInt64 = 0
  var queue = EventQueue()
  var datagrams = Datagrams<GatewayDatagram>()
  var machines: [Machine] = []
  var network: Network
  var random: SplitMix
  /// The routers' own: so that a fault more or less does not change what they draw.
  var routerRandom: SplitMix
  var checker: GatewayChecker
  var sampler: InvariantSampler
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
  var faults: FaultKinds { options.faults }
  var patience: Interval { options.timers.hold }
  var usualLoss: Double { options.loss }
  static let virtualAddress = InternetAddress(ipv4: 0x0a00_00fe)

  init(_ options: GatewayOptions, trace: Bool) {
    self.options = options
    doesTrace = trace
    random = SplitMix(seed: options.seed)
    routerRandom = SplitMix(seed: options.seed &+ 0xabcdef)
    loss = options.loss
    sampler = InvariantSampler(isOn: options.safetyRules == .all)
    network = Network(machineCount: options.gatewayCount, clientCount: 0, clientsAreElsewhere: false)
    // What a hold time is by the slowest clock, and a look's distance more.
    let hold = options.timers.hold.nanoseconds
    checker = GatewayChecker(count: options.gatewayCount, hold: hold + UInt64(Double(hold) * options.clockSkew) + hold / 16)
    for index in 0..<options.gatewayCount { machines.append(makeMachine(index)) }
  }

  // MARK: Machines

  private mutating func makeMachine(_ index: Int) -> Machine {
    let clock = Machine.Clock(skew: options.clockSkew, using: &random)
    let profile = MemberProfile(
      identifier: MemberIdentifier(rawValue: UInt16(index + 1)), incarnation: 1, address: Self.address(index),
      ethernetAddress: EthernetAddress(bits: 0x0200_0000_0001 + UInt64(index)), weight: 100, agreementKey: [])
    let native = Self.makePath(profile)
    return Machine(host: makeHost(index, profile, native), native: native, profile: profile, clock: clock)
  }

  private func makeHost(_ index: Int, _ profile: MemberProfile, _ native: NativePacketPath) -> ApplianceHost {
    ApplianceHost(
      .init(hold: HoldLimits(packetCount: 4096, byteCount: 8 << 20, duration: .seconds(1))), member: nil,
      gateway: GatewayAppliance(configuration(index, profile)), tables: native.tables)
  }

  /// An empty kernel: the program is there, and knows its machine and the group.
  private static func makePath(_ profile: MemberProfile) -> NativePacketPath {
    let native = NativePacketPath()
    ClientTraffic.write(ownAddress: profile.ethernetAddress, to: native.tables)
    native.tables.settings.pointee.virtual_mac = EthernetAddress.virtual(group: group, forwarder: 0).record
    native.tables.set(flag: skein_flag_gateway, true)
    for unit in 0..<UnitSet.unitCount { native.tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false) }
    return native
  }

  static func address(_ index: Int) -> InternetAddress { InternetAddress(ipv4: 0x0a00_0001 + UInt32(index)) }

  private func configuration(_ index: Int, _ profile: MemberProfile) -> GatewayRouter.Configuration {
    var configuration = GatewayRouter.Configuration(
      group: Self.group, address: profile.address, ethernetAddress: profile.ethernetAddress, incarnation: profile.incarnation,
      virtualAddresses: [Self.virtualAddress])
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
    machines[index].profile.incarnation += 1
    machines[index].outgoingSequence = 0
    machines[index].host = makeHost(index, machines[index].profile, machines[index].native)
  }

  /// The machine loses power: its packet path is gone, too.
  mutating func powerOff(_ index: Int) {
    machines[index].native = Self.makePath(machines[index].profile)
    machines[index].path = Machine.Path()
    kill(index)
  }

  /// A stopped process goes on, with everything that came meanwhile.
  mutating func resume(_ index: Int) {
    guard machines[index].hasOwnAddress else { return powerOff(index) }
    machines[index].process = .running
    readRing(index)
    feed(network.hasCarrier[index] ? .carrierFound : .carrierLost, to: index)
    readBacklog(index)
  }

  // MARK: Feeding routers

  mutating func feed(_ event: GatewayRouter.Event, to index: Int) { handle(.gateway(event), index) }

  mutating func handle(_ event: ApplianceHost.Event, _ index: Int) {
    let now = Instant(nanoseconds: machines[index].clock.local(time))
    let (hadLease, wasActive) = (machines[index].hasLease(at: time), machines[index].isActive)
    let effects = machines[index].host.handle(event, at: now, using: &routerRandom)
    machines[index].path.lease = machines[index].native.tables.lease.pointee.deadline
    if !hadLease, machines[index].hasLease(at: time) { checker.checkAll(machines, network, at: time) }
    if !wasActive, machines[index].isActive { statistics.mastersMade += 1 }
    for sentence in sampler.look(at: machines[index].host) {
      checker.report(.brokenInvariant, at: time, "gateway \(index + 1): \(sentence)")
    }
    for effect in effects { carryOut(effect, index) }
    setTimer(index)
  }

  // MARK: What the process wants done

  private mutating func carryOut(_ effect: ApplianceHost.Effect, _ index: Int) {
    switch effect {
    case .hello(let packet, let sources): for source in sources { send(packet, from: source, index) }
    case .deliver(let frame, _): stream?.forward(Int(ClientTraffic.number(in: frame)))
    case .emptyRing:
      readRing(index)
      handle(.ringEmptied, index)
    case .report(let report): take(report, index)
    case .send, .perform: checker.report(.badAction, at: time, "gateway \(index + 1) speaks to a cluster that there is not")
    case .transmit, .hear, .viewChanged, .gatewayLeft: break
    }
  }

  private mutating func take(_ report: GatewayRouter.Report, _ index: Int) {
    if doesTrace { print("\(Double(time / 1000) / 1000) ms gateway \(index + 1): \(report)") }
    guard case .forwarding(let forwarder) = report else { return }
    statistics.unitsMoved += 1
    checker.check(Int(forwarder), machines, network, at: time)
  }

  // MARK: The wire

  private mutating func send(_ packet: GlbpPacket, from source: EthernetAddress, _ index: Int) {
    machines[index].outgoingSequence += 1
    let datagram = GatewayDatagram(
      packet: packet, sender: machines[index].profile.address, incarnation: machines[index].profile.incarnation,
      sequence: machines[index].outgoingSequence, origin: index, source: source)
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
    guard machines[index].hasOwnAddress, machines[index].backlog.count < 2048 else {
      datagrams.release(slot)
      return checker.disturb(at: time)
    }
    machines[index].backlog.append(slot)
  }

  /// No client's packets are counted here.
  func disturb(for duration: UInt64) {}

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
    case .ring: lookAtRing(index)
    case .packetDue, .focus, .place, .rearrange, .measure, .addressQuestion, .addressAnswer: break
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
        machines[index].host.gateway?.router.snapshot(at: .zero).forwarders.filter { !$0.isRetired }.map(\.number) ?? []
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
