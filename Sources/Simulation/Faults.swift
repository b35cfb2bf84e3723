import Cluster
import Wire

/// Something that goes wrong for a while.
struct Fault {
  var kind: Kind
  var machine: Int
  var other = 0

  enum Kind {
    case paused, off, restarting, isolated, deaf, mute, partitioned, cutLink, lossBurst, carrierLost, left
    case interfaceGone, ownAddressGone, clusterAddressGone
  }

  /// Of a queue entry that starts a machine.
  static let startValue: UInt32 = .max
}

extension World {
  mutating func scheduleFaults(until end: UInt64) {
    if options.faults.contains(.attacker) { queue.add(.attack, at: 500_000_000) }
    if options.faults.contains(.placements), !options.hasGateway { schedulePlacements(until: end) }
    guard options.faults.subtracting([.attacker, .placements]) != .none else { return }
    drawFaults(from: 1_500_000_000, until: end, apart: options.faultInterval)
  }

  /// A fault begins, of a kind that the value draws from those allowed.
  mutating func strike(_ value: UInt32, _ machine: Int) {
    guard value != Fault.startValue else {
      if machines[machine].process == .running, machines[machine].timerAt == .max { start(machine) }
      return
    }
    let allowed: [FaultKinds] = [
      .pause, .crash, .restart, .isolation, .oneWay, .partition, .links, .lossBurst, .carrier, .operators,
      .interface, .ethernetAddress, .ownAddress, .clusterAddress,
    ].filter { options.faults.contains($0) && ($0 != .links || network.clientsAreElsewhere) }
    guard !allowed.isEmpty else { return }
    statistics.faults += 1
    // Some are short beside the detection interval, some long.
    let span = random.chance(0.5) ? options.detection.nanoseconds * 2 : 2_500_000_000
    let duration = 1_000_000 + random.below(span)
    strike(allowed[Int(value) % allowed.count], machine, duration)
  }

  private mutating func strike(_ kind: FaultKinds, _ machine: Int, _ duration: UInt64) {
    switch kind {
    case .pause: pause(machine, duration)
    case .crash: crash(machine, duration)
    case .restart: restart(machine, random.below(options.detection.nanoseconds * 3 / 2))
    case .isolation: isolate(machine, duration)
    case .oneWay: loseOneWay(machine, duration)
    case .partition: divide(duration)
    case .links: cutLinks(duration)
    case .lossBurst: burst(min(duration, 500_000_000))
    case .carrier: loseCarrier(machine, duration)
    case .operators: operate(machine, duration)
    default: change(kind, machine, duration)
    }
  }

  mutating func schedule(_ fault: Fault, after duration: UInt64) {
    heals.append(fault)
    if doesTrace {
      print("\(Double(time / 1000) / 1000) ms machine \(fault.machine + 1): FAULT \(fault.kind) for \(duration / 1_000_000) ms")
    }
    lastHealAt = max(lastHealAt, time + duration)
    disturb(for: duration + 1_000_000_000)
    queue.add(.heal, at: time + duration, machine: fault.machine, value: UInt32(heals.count - 1))
  }

  private mutating func pause(_ machine: Int, _ duration: UInt64) {
    guard machines[machine].process == .running else { return }
    machines[machine].process = .stopped
    schedule(Fault(kind: .paused, machine: machine), after: duration)
  }

  mutating func crash(_ machine: Int, _ duration: UInt64) {
    guard machines[machine].process == .running else { return }
    powerOff(machine)
    schedule(Fault(kind: .off, machine: machine), after: duration)
  }

  private mutating func restart(_ machine: Int, _ duration: UInt64) {
    guard machines[machine].process == .running else { return }
    kill(machine)
    schedule(Fault(kind: .restarting, machine: machine), after: duration)
  }

  private mutating func isolate(_ machine: Int, _ duration: UInt64) {
    guard !network.isDeaf[machine], !network.isMute[machine] else { return }
    network.isDeaf[machine] = true
    network.isMute[machine] = true
    schedule(Fault(kind: .isolated, machine: machine), after: duration)
  }

  private mutating func loseOneWay(_ machine: Int, _ duration: UInt64) {
    guard !network.isDeaf[machine], !network.isMute[machine] else { return }
    let isDeaf = random.chance(0.5)
    if isDeaf { network.isDeaf[machine] = true } else { network.isMute[machine] = true }
    schedule(Fault(kind: isDeaf ? .deaf : .mute, machine: machine), after: duration)
  }

  private mutating func divide(_ duration: UInt64) {
    guard network.passesForth, network.passesBack else { return }
    for place in network.side.indices { network.side[place] = random.chance(0.5) ? 1 : 0 }
    network.passesForth = random.chance(0.2)
    network.passesBack = !network.passesForth && random.chance(0.2)
    schedule(Fault(kind: .partitioned, machine: 0), after: duration)
  }

  private mutating func cutLinks(_ duration: UInt64) {
    disturb(for: duration + 1_000_000_000)
    for _ in 0..<max(2, machines.count * machines.count / 8) {
      let (from, to) = (random.below(machines.count), random.below(machines.count))
      network.cut(from: from, to: to, true)
      heals.append(Fault(kind: .cutLink, machine: from, other: to))
      queue.add(.heal, at: time + duration, machine: from, value: UInt32(heals.count - 1))
    }
    lastHealAt = max(lastHealAt, time + duration)
  }

  private mutating func burst(_ duration: UInt64) {
    loss = max(0.5, options.loss)
    schedule(Fault(kind: .lossBurst, machine: 0), after: duration)
  }

  private mutating func loseCarrier(_ machine: Int, _ duration: UInt64) {
    guard network.hasCarrier[machine] else { return }
    network.hasCarrier[machine] = false
    if machines[machine].process == .running { feed(.carrierLost, to: machine) }
    schedule(Fault(kind: .carrierLost, machine: machine), after: duration)
  }

  private mutating func operate(_ machine: Int, _ duration: UInt64) {
    guard machines[machine].process == .running else { return }
    switch random.below(3) {
    case 0: feed(.drain(random.chance(0.5)), to: machine)
    case 1: feed(.setWeight(UInt16(50 + random.below(150))), to: machine)
    default:
      feed(.leave, to: machine)
      schedule(Fault(kind: .left, machine: machine), after: duration + 1_000_000_000)
    }
  }

  mutating func heal(_ number: Int) {
    let fault = heals[number]
    if doesTrace { print("\(Double(time / 1000) / 1000) ms machine \(fault.machine + 1): HEALED \(fault.kind)") }
    switch fault.kind {
    case .paused: if machines[fault.machine].process == .stopped { resume(fault.machine) }
    case .off, .restarting: if machines[fault.machine].process == .dead { start(fault.machine) }
    case .isolated: (network.isDeaf[fault.machine], network.isMute[fault.machine]) = (false, false)
    case .deaf: network.isDeaf[fault.machine] = false
    case .mute: unmute(fault.machine)
    case .partitioned: unite()
    case .cutLink: network.cut(from: fault.machine, to: fault.other, false)
    case .lossBurst: loss = options.loss
    case .carrierLost: findCarrier(fault.machine)
    case .left: comeBack(fault.machine)
    case .interfaceGone, .ownAddressGone, .clusterAddressGone: changeBack(fault)
    }
    checker.checkAll(machines, network, at: time)
  }

  private mutating func unmute(_ machine: Int) {
    network.isMute[machine] = false
    // It served alone, unheard, while a machine that had lost the group's key began afresh. Neither could read the other.
    let key = machines[machine].keys.groupKeys[machines[machine].keys.sending]
    let isStranger = machines.contains { $0.path.isMaster && $0.keys.groupKeys[$0.keys.sending] != key }
    if machines[machine].path.isMaster, isStranger, !network.clientsAreElsewhere {
      checker.graceUntil = max(checker.graceUntil, time + options.detection.nanoseconds / 2)
    }
  }

  private mutating func unite() {
    (network.passesForth, network.passesBack) = (true, true)
    for place in network.side.indices { network.side[place] = 0 }
    // Both sides served their own clients: until they have found each other, both answer. That is the policy.
    if !network.clientsAreElsewhere { checker.graceUntil = max(checker.graceUntil, time + options.detection.nanoseconds * 2) }
  }

  private mutating func findCarrier(_ machine: Int) {
    network.hasCarrier[machine] = true
    if machines[machine].process == .running { feed(.carrierFound, to: machine) }
  }

  /// A machine that left is started anew.
  private mutating func comeBack(_ machine: Int) {
    guard machines[machine].process == .running else { return schedule(Fault(kind: .left, machine: machine), after: 100_000_000) }
    kill(machine)
    start(machine)
  }
}

// MARK: The attacker

extension World {
  /// Somebody on the wire hears everything, has no key, and says it again, later, elsewhere, or changed.
  mutating func attack() {
    queue.add(.attack, at: time + 2_000_000 + random.below(UInt64(20_000_000)))
    guard !recorded.isEmpty else { return }
    var datagram = recorded[random.below(recorded.count)]
    if random.chance(0.6) { forge(&datagram) }
    let slot = datagrams.add(datagram)
    let victim = random.below(machines.count)
    let isForEverybody = random.chance(0.3)
    statistics.forged += 1
    for index in machines.indices where index == victim || isForEverybody {
      if !network.isDeaf[index], network.hasCarrier[index] { schedule(slot, to: index) }
    }
    datagrams.freeIfUnused(slot)
  }

  mutating func record(_ datagram: Datagram) {
    guard options.faults.contains(.attacker), random.chance(0.02) || recorded.count < 64 else { return }
    if recorded.count < 512 { recorded.append(datagram) } else { recorded[random.below(512)] = datagram }
  }

  private mutating func forge(_ datagram: inout Datagram) {
    datagram.isForged = true
    let term = lastTerm
    let victim = MemberIdentifier(rawValue: UInt16(1 + random.below(machines.count)))
    if let master = machines.indices.first(where: { machines[$0].path.isMaster }), random.chance(0.7) {
      datagram.sender = machines[master].profile.identifier
      datagram.incarnation = machines[master].profile.incarnation
      datagram.sourceAddress = machines[master].profile.address
      datagram.sequence = .max
    }
    datagram.protection = .sealed
    let units = UnitSet([random.below(UnitSet.unitCount), random.below(UnitSet.unitCount)])
    switch random.below(5) {
    case 0:
      datagram.message = .assign(
        Assign(term: term, serial: 1_000_000 + UInt32(time / 1_000_000), member: victim, units: units, previousOwner: nil))
    case 1: datagram.message = .exitCluster(ExitCluster(member: victim, reason: .notAMember, answering: 0, term: term))
    case 2: datagram.message = .acknowledge(Acknowledge(term: term, serial: UInt32(random.below(1000)), units: .all))
    case 3: datagram.message = .deassign(Deassign(term: term, serial: 1_000_000, member: victim, units: units, target: victim))
    default:
      datagram.message = .assign(
        Assign(term: term, serial: 2_000_000 + UInt32(time / 1_000_000), member: victim, units: .all, previousOwner: nil))
    }
  }
}
