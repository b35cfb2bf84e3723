import CPacketPath
import Cluster
import Host
import PacketPath
import Wire

/// A LAN in memory: machines, the wire between them, clients, and time, which passes only when nothing is left to do at an instant.
///
/// The machines run what ships: the host with its decision maker, and the packet path over its tables, on frames. What the kernel, the keys
/// and the wire do for them is here: datagrams are lost, late, doubled and out of order; a packet path obeys its tables by its own machine's
/// clock, whether or not the process still runs; what it sends up waits in a ring until the process reads it; clients send packets and see
/// who answers. The checker looks at the packet paths and at the clients only.
struct World: SimulatedWorld {
  let options: SimulationOptions
  var time: UInt64 = 0
  var queue = EventQueue()
  var datagrams = Datagrams<Datagram>()
  var machines: [Machine] = []
  var network: Network
  var random: SplitMix
  /// The members' own: so that a fault more or less does not change what they draw.
  var memberRandom: SplitMix
  var checker = Checker()
  var sampler: InvariantSampler
  var statistics = SimulationResult.Statistics()
  var loss: Double
  var heals: [Fault] = []
  var recorded: [Datagram] = []
  var nextKey: UInt64 = 1
  /// What the gateway wants, the newest.
  var places: [Int: MemberIdentifier] = [:]
  /// Of the newest master: what an attacker has seen in the headers.
  var lastTerm = Term.none
  var lastHealAt: UInt64 = 0
  var lastWholeAt: UInt64 = 0
  /// When every unit was last seen owned.
  var lastServed = Array(repeating: UInt64(0), count: UnitSet.unitCount)
  let doesTrace: Bool
  /// The clients' packets of the last while.
  var traffic = ClientTraffic()
  /// What the members reported, where it is to be kept: a long run reports more than fits in memory.
  var keepsReports = false
  private(set) var reports: [(time: UInt64, machine: Int, report: ClusterMember.Report)] = []

  static let clientCount = 4
  var delay: ClosedRange<Interval> { options.delay }
  var faults: FaultKinds { options.faults }
  var patience: Interval { options.detection }
  var usualLoss: Double { options.loss }

  init(_ options: SimulationOptions, trace: Bool = false) {
    self.options = options
    doesTrace = trace
    random = SplitMix(seed: options.seed)
    memberRandom = SplitMix(seed: options.seed &+ 0xabcdef)
    loss = options.loss
    sampler = InvariantSampler(isOn: options.safetyRules == .all)
    let isElsewhere = options.partition != .serve
    network = Network(machineCount: options.memberCount, clientCount: Self.clientCount, clientsAreElsewhere: isElsewhere)
    for index in 0..<options.memberCount { machines.append(makeMachine(index)) }
    for client in 0..<Self.clientCount { network.side[options.memberCount + client] = 0 }
  }

  // MARK: Machines

  private mutating func makeMachine(_ index: Int) -> Machine {
    let profile = MemberProfile(
      identifier: MemberIdentifier(rawValue: UInt16(index + 1)), incarnation: random.next(),
      address: InternetAddress(ipv4: 0x0a00_0001 + UInt32(index)), ethernetAddress: EthernetAddress(bits: UInt64(index + 1)), weight: 100,
      agreementKey: [])
    let clock = Machine.Clock(skew: options.clockSkew, using: &random)
    let native = Self.makePath(profile)
    return Machine(host: makeHost(profile, native), native: native, profile: profile, clock: clock)
  }

  private func makeHost(_ profile: MemberProfile, _ native: NativePacketPath) -> ApplianceHost {
    ApplianceHost(
      .init(
        profile: profile, isForwarding: false, detection: options.detection,
        hold: HoldLimits(packetCount: 4096, byteCount: 8 << 20, duration: .seconds(1))),
      member: ClusterMember(configuration: configuration(profile)), gateway: makeGateway(profile), tables: native.tables)
  }

  /// An empty kernel: the program is there, and knows its machine.
  private static func makePath(_ profile: MemberProfile) -> NativePacketPath {
    let native = NativePacketPath()
    ClientTraffic.write(ownAddress: profile.ethernetAddress, to: native.tables)
    for unit in 0..<UnitSet.unitCount { native.tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false) }
    return native
  }

  private func configuration(_ profile: MemberProfile) -> ClusterMember.Configuration {
    var configuration = ClusterMember.Configuration(
      profile: profile, detectionInterval: options.detection, partition: options.partition, personalityVersion: 1)
    configuration.safetyRules = options.safetyRules
    configuration.hasApplicationState = options.handsOver
    configuration.balance = options.balance
    configuration.assignsEagerly = options.assignsEagerly
    return configuration
  }

  /// Starts a process; with what its pinned packet path still holds, if it is quick.
  mutating func start(_ index: Int) {
    disturb()
    machines[index].process = .running
    machines[index].hasClusterAddress = true
    let claims = machines[index].path.mine
    let lease = Instant(nanoseconds: machines[index].path.lease)
    let tables = machines[index].native.tables
    tables.forgetRole()
    for unit in 0..<UnitSet.unitCount where !claims.contains(unit) {
      tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false)
    }
    feed(.start(claims: claims, leaseDeadline: lease), to: index)
    // What the packet path has sent up since the last daemon died is there to be read.
    readRing(index)
    tellPlaces(index, within: 1_000_000_000)
    startGateway(index)
  }

  /// The process ends; everything it knew is gone.
  mutating func kill(_ index: Int) {
    disturb()
    die(index)
    machines[index].profile.incarnation = random.next()
    machines[index].host = makeHost(machines[index].profile, machines[index].native)
    machines[index].gatewayRun &+= 1
    machines[index].keys = Machine.Keys()
    machines[index].outgoingSequence = 0
    machines[index].isMasterPhase = false
  }

  /// The machine loses power: its packet path is gone, too.
  mutating func powerOff(_ index: Int) {
    kill(index)
    let native = Self.makePath(machines[index].profile)
    machines[index].native = native
    machines[index].host = makeHost(machines[index].profile, native)
    look(at: index)
  }

  /// A stopped process goes on, with everything that came meanwhile.
  mutating func resume(_ index: Int) {
    guard machines[index].hasOwnAddress else { return powerOff(index) }
    disturb()
    machines[index].process = .running
    // The ring is there to be read like the sockets.
    readRing(index)
    feed(network.hasCarrier[index] ? .carrierFound : .carrierLost, to: index)
    readBacklog(index)
    handle(.timer, index)
  }

  // MARK: Feeding members

  mutating func feed(_ event: ClusterMember.Event, to index: Int) { handle(.member(event), index) }

  /// Gives the process an event, and does what it wants done.
  mutating func handle(_ event: ApplianceHost.Event, _ index: Int) {
    let now = Instant(nanoseconds: machines[index].clock.local(time))
    let effects = machines[index].host.handle(event, at: now, using: &memberRandom)
    let isChanged = effects.contains { if case .viewChanged = $0 { true } else { false } }
    if isChanged { look(at: index) } else { lookAtLease(index) }
    for sentence in sampler.look(at: machines[index].host) {
      checker.report(.brokenInvariant, at: time, "machine \(index + 1): \(sentence)")
    }
    for effect in effects { carryOut(effect, index) }
    setTimer(index)
  }

  // MARK: What the process wants done

  private mutating func carryOut(_ effect: ApplianceHost.Effect, _ index: Int) {
    switch effect {
    case .send(let message, let destination, let protection): send(message, to: destination, protection, index)
    case .transmit(let frame, _): carry(frame, from: index)
    case .deliver(let frame, _): answer(frame, index)
    case .emptyRing:
      readRing(index)
      handle(.ringEmptied, index)
    case .perform(let action): perform(action, index)
    case .report(let report):
      if doesTrace { print("\(Double(time / 1000) / 1000) ms gateway \(index + 1): \(report)") }
    case .hello: checker.report(.badAction, at: time, "gateway \(index + 1) speaks to a group that stands alone")
    case .hear, .viewChanged, .gatewayLeft: break
    }
  }

  private mutating func perform(_ action: ClusterMember.Action, _ index: Int) {
    switch action {
    case .announce: checkAnnouncement(index)
    case .newGroupKey(let epoch):
      machines[index].keys.groupKeys[epoch] = nextKey
      nextKey += 1
    case .adoptGroupKey(let epoch, let sealed, _): machines[index].keys.groupKeys[epoch] = sealed.reduce(0) { $0 << 8 | UInt64($1) }
    case .useGroupKey(let epoch): machines[index].keys.sending = epoch
    case .retireGroupKeys(let epoch): machines[index].keys.groupKeys = machines[index].keys.groupKeys.filter { $0.key == epoch }
    case .report(let report): take(report, index)
    case .probeAddresses: askForOwners(index)
    default: break
    }
  }

  private mutating func take(_ report: ClusterMember.Report, _ index: Int) {
    if doesTrace { print("\(Double(time / 1000) / 1000) ms machine \(index + 1): \(report)") }
    if keepsReports { reports.append((time, index, report)) }
    switch report {
    case .becameMaster(let term, _):
      disturb()
      statistics.mastersMade += 1
      lastTerm = term
    case .memberJoined: statistics.joins += 1
    case .unitsMoving(let units, _, _, _):
      statistics.unitsMoved += 1
      for unit in units { focus(on: unit) }
    case .leaseLapsed, .masterSilent, .memberLeft, .steppedDown, .exited: disturb()
    case .conflictingClaims: statistics.conflictingClaims += 1
    default: break
    }
  }

  /// Looks at the packet path's tables, and lets the checker know what is new in them.
  private mutating func look(at index: Int) {
    lookAtLease(index)
    let tables = machines[index].native.tables
    var mine = UnitSet()
    var unassigned = UnitSet()
    for unit in 0..<UnitSet.unitCount {
      let record = tables.units[unit]
      if record.mine == UInt8(skein_mine) { mine.insert(unit) }
      if record.owner == UInt16(skein_no_member) { unassigned.insert(unit) }
    }
    machines[index].path.unassigned = unassigned
    let gained = mine.subtracting(machines[index].path.mine)
    setMine(machines[index].path.mine.subtracting(mine), false, index)
    if !gained.isEmpty { checkState(gained, index) }
    setMine(gained, true, index)
  }

  private mutating func lookAtLease(_ index: Int) {
    let tables = machines[index].native.tables
    machines[index].path.isMaster = tables.has(flag: skein_flag_master)
    setLease(tables.lease.pointee.deadline, index)
  }

  private mutating func setLease(_ deadline: UInt64, _ index: Int) {
    let isLonger = deadline > machines[index].path.lease
    machines[index].path.lease = deadline
    guard isLonger, checker.contestedCount > 0 else { return }
    let mine = machines[index].path.mine
    for (word, bits) in mine.words.enumerated() where bits != 0 {
      for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 && checker.isContested(word << 6 + bit) {
        checker.check(word << 6 + bit, of: index, machines, network, at: time)
      }
    }
  }

  private mutating func setMine(_ units: UnitSet, _ isMine: Bool, _ index: Int) {
    let mine = machines[index].path.mine
    let changed = isMine ? units.subtracting(mine) : units.intersection(mine)
    if isMine { machines[index].path.mine.formUnion(changed) } else { machines[index].path.mine.subtract(changed) }
    for (word, bits) in changed.words.enumerated() where bits != 0 {
      for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 {
        let unit = word << 6 + bit
        if !isMine {
          checker.lost(unit)
        } else if checker.gained(unit) {
          checker.check(unit, of: index, machines, network, at: time)
        }
      }
    }
  }

  // MARK: Rules 2 and 3

  private mutating func checkState(_ units: UnitSet, _ index: Int) {
    guard !machines[index].host.arriving.intersection(units).isEmpty else { return }
    checker.report(.ownedWithoutState, at: time, "machine \(index + 1) owns units before their packets are in")
  }

  private mutating func checkAnnouncement(_ index: Int) {
    let machine = machines[index]
    guard machine.path.isMaster, machine.hasLease(at: time), machine.host.arriving.isEmpty else {
      checker.report(.announcedFirst, at: time, "machine \(index + 1) announces before it may process")
      return
    }
  }

  // MARK: The wire

  mutating func send(_ message: ClusterMessage, to destination: ClusterMember.Destination, _ protection: Protection, _ index: Int) {
    machines[index].outgoingSequence += 1
    let keys = machines[index].keys
    let key = protection == .sealed ? keys.groupKeys[keys.sending] ?? 0 : 0
    let datagram = Datagram(
      message: fill(message, index), sender: machines[index].profile.identifier, incarnation: machines[index].profile.incarnation,
      sequence: machines[index].outgoingSequence, protection: protection, epoch: protection == .sealed ? keys.sending : 0, key: key,
      sourceAddress: machines[index].profile.address)
    statistics.datagrams += 1
    if doesTrace { trace(message, to: destination, index) }
    record(datagram)
    let slot = datagrams.add(datagram)
    switch destination {
    case .everyone: for other in machines.indices where other != index { transmit(slot, from: index, to: other) }
    case .member(let member, _):
      let other = Int(member.rawValue) - 1
      if machines.indices.contains(other), other != index { transmit(slot, from: index, to: other) }
    }
    datagrams.freeIfUnused(slot)
  }

  /// What hands units over; of the rest the reports tell enough.
  private func trace(_ message: ClusterMessage, to destination: ClusterMember.Destination, _ index: Int) {
    guard case .member(let member, _) = destination else { return }
    let text: String? =
      switch message {
      case .assign(let order): "assigns \(order.units.count) units by order \(order.serial), from \(order.previousOwner?.rawValue ?? 0)"
      case .deassign(let order): "takes \(order.units.count) units by order \(order.serial), for \(order.target.rawValue)"
      case .acknowledge(let acknowledge): "acknowledges \(acknowledge.units.count) units of order \(acknowledge.serial)"
      case .stateTransfer(let transfer): StateChannel(rawValue: transfer.application).map { "\($0), order \(transfer.serial)" }
      default: nil
      }
    if let text { print("\(Double(time / 1000) / 1000) ms machine \(index + 1): \(text), to \(member.rawValue)") }
  }

  /// Puts the group key into what hands it over.
  private func fill(_ message: ClusterMessage, _ index: Int) -> ClusterMessage {
    func octets(_ epoch: UInt32) -> [UInt8] {
      let key = machines[index].keys.groupKeys[epoch] ?? 0
      return (0..<8).map { UInt8(truncatingIfNeeded: key >> UInt64(56 - 8 * $0)) }
    }
    switch message {
    case .joinOk(var ok):
      ok.sealedGroupKey = octets(ok.epoch)
      return .joinOk(ok)
    case .groupKey(var handover):
      handover.sealedGroupKey = octets(handover.epoch)
      return .groupKey(handover)
    default: return message
    }
  }

  mutating func transmit(_ slot: UInt32, from: Int, to: Int) {
    guard network.passes(from: from, to: to), !random.chance(loss) else { return }
    schedule(slot, to: to)
    if random.chance(options.duplication) { schedule(slot, to: to) }
  }

  mutating func deliver(_ slot: UInt32, to index: Int) {
    switch machines[index].process {
    case .dead: datagrams.release(slot)
    case .stopped:
      let isKept = machines[index].hasOwnAddress && machines[index].backlog.count < 256
      if isKept { machines[index].backlog.append(slot) } else { datagrams.release(slot) }
    case .running:
      guard let datagram = datagrams[slot] else { return }
      datagrams.release(slot)
      statistics.delivered += 1
      open(datagram, index)
    }
  }

  /// What `Credentials` would do.
  private mutating func open(_ datagram: Datagram, _ index: Int) {
    var isAuthentic = !datagram.isForged
    if datagram.protection == .sealed, !datagram.isForged {
      guard let key = machines[index].keys.groupKeys[datagram.epoch], key == datagram.key else {
        return hearStranger(datagram, index)
      }
      let isSeen = machines[index].keys.windows[datagram.incarnation, default: .init()].accepts(datagram.sequence)
      isAuthentic = isSeen
    } else if datagram.protection == .sealed, options.safetyRules.contains(.authentication) {
      return hearStranger(datagram, index)
    }
    let envelope = ClusterMember.Envelope(
      sender: datagram.sender, incarnation: datagram.incarnation, protection: datagram.protection, epoch: datagram.epoch,
      sequence: datagram.sequence, sourceAddress: datagram.sourceAddress, isAuthentic: isAuthentic)
    if isAuthentic, case .stateTransfer(let transfer) = datagram.message, StateChannel(rawValue: transfer.application) != nil {
      return handle(.channel(transfer, from: envelope), index)
    }
    feed(.received(datagram.message, from: envelope), to: index)
  }

  /// The header says whose keepalive it is, though the body cannot be read.
  private mutating func hearStranger(_ datagram: Datagram, _ index: Int) {
    guard case .masterKeepalive = datagram.message else { return }
    feed(.undecipherable(sender: datagram.sender, sourceAddress: datagram.sourceAddress), to: index)
  }

  // MARK: Running

  /// Starts the machines one after another and lets time pass.
  mutating func run() -> SimulationResult {
    begin()
    let end = options.duration.nanoseconds
    scheduleFaults(until: end > options.settling.nanoseconds ? end - options.settling.nanoseconds : 0)
    queue.add(.sample, at: 50_000_000)
    advance(until: end)
    finish()
    return SimulationResult(seed: options.seed, violations: checker.violations, statistics: statistics)
  }

  mutating func begin() {
    for index in machines.indices {
      queue.add(.fault, at: random.below(UInt64(300_000_000)), machine: index, value: Fault.startValue)
    }
    queue.add(.packet, at: 1_000_000)
    disturb()
  }

  mutating func happen(_ entry: EventQueue.Entry) {
    let index = Int(entry.machine)
    switch entry.kind {
    case .delivery: deliver(entry.value, to: index)
    case .timer: lookAtTimer(index, entry.value)
    case .packet: sendPacket()
    case .ring: lookAtRing(index)
    case .packetDue: settlePacket(entry.value)
    case .focus: send(from: index, port: UInt16(truncatingIfNeeded: entry.value))
    case .fault: strike(entry.value, index)
    case .heal: heal(Int(entry.value))
    case .attack: attack()
    case .sample: sample()
    case .place: place(index)
    case .rearrange: rearrange()
    case .measure: measureGateway(entry.value, index)
    case .switching: break
    case .addressQuestion: answerForAddresses(index, to: Int(entry.value))
    case .addressAnswer: hearOwner(Int(entry.value), at: index)
    }
  }

  // MARK: Who has the cluster addresses?

  private mutating func askForOwners(_ index: Int) {
    for other in machines.indices where other != index { resolve(.addressQuestion, from: index, to: other) }
  }

  /// The kernel answers for a master that has a lease, whether its process runs or not.
  private mutating func answerForAddresses(_ index: Int, to asker: Int) {
    guard machines[index].path.isMaster, machines[index].hasLease(at: time) else { return }
    resolve(.addressAnswer, from: index, to: asker)
  }

  /// ARP is lost, late and cut off like everything else.
  private mutating func resolve(_ kind: EventQueue.Kind, from: Int, to: Int) {
    guard network.passes(from: from, to: to), !random.chance(loss) else { return }
    queue.add(kind, at: time + drawDelay(), machine: to, value: UInt32(truncatingIfNeeded: from))
  }

  private mutating func hearOwner(_ owner: Int, at index: Int) {
    switch machines[index].process {
    case .running:
      let address = InternetAddress(ipv4: 0x0a00_00ff)
      feed(.addressInUse(address, by: machines[owner].profile.ethernetAddress, isCluster: true), to: index)
    case .stopped: queue.add(.addressAnswer, at: time + 5_000_000, machine: index, value: UInt32(truncatingIfNeeded: owner))
    case .dead: break
    }
  }

  // MARK: Coming together again

  private mutating func sample() {
    queue.add(.sample, at: time + 50_000_000)
    let settledFrom = options.duration.nanoseconds - min(options.duration.nanoseconds, options.settling.nanoseconds)
    guard time + 1_000_000_000 > settledFrom else { return }
    for unit in 0..<UnitSet.unitCount where checker.isOwned(unit) {
      if machines.contains(where: { $0.processes(unit, at: time) }) { lastServed[unit] = time }
    }
    guard time > settledFrom, time > lastHealAt else { return }
    if statistics.convergence == .zero, objection() == nil {
      statistics.convergence = Interval(nanoseconds: time - max(lastHealAt, settledFrom))
    }
    // The odd keepalive too many may still be lost; what does not pass is a fault.
    guard let objection = objection() else { return lastWholeAt = time }
    if time > max(lastHealAt + options.convergence.nanoseconds, lastWholeAt + 2_000_000_000) {
      checker.report(.notConverged, at: time, objection)
    }
  }

  /// What is still wrong with a cluster that nothing happens to.
  private func objection() -> String? {
    let masters = machines.indices.filter { machines[$0].process == .running && machines[$0].path.isMaster }
    guard masters.count == 1, let master = masters.first else { return "\(masters.count) masters: \(masters.map { $0 + 1 })" }
    let unserved = (0..<UnitSet.unitCount).filter { time > lastServed[$0] + 500_000_000 }
    if !unserved.isEmpty { return "\(unserved.count) units without an owner, such as \(unserved[0]), master \(master + 1)" }
    let now = Instant(nanoseconds: machines[master].clock.local(time))
    guard let snapshot = machines[master].member?.snapshot(at: now) else { return "no member" }
    let running = machines.count { $0.process == .running }
    guard snapshot.members.count == running else { return "\(snapshot.members.count) of \(running) machines are members" }
    return misplacement(snapshot)
  }

  private mutating func finish() {
    statistics.memberSeconds = Double(options.memberCount) * Double(options.duration.nanoseconds) / 1e9
  }
}
