import Cluster
import Wire

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
    befall(allowed[Int(value) % allowed.count], machine, duration)
  }

  private mutating func befall(_ kind: FaultKinds, _ machine: Int, _ duration: UInt64) {
    switch kind {
    case .links: cutLinks(duration)
    case .operators: operate(machine, duration)
    default: strike(kind, machine, duration)
    }
  }

  private mutating func cutLinks(_ duration: UInt64) {
    for _ in 0..<max(2, machines.count * machines.count / 8) {
      let (from, to) = (random.below(machines.count), random.below(machines.count))
      network.cut(from: from, to: to, true)
      schedule(.cutLink, from, other: to, after: duration)
    }
  }

  private mutating func operate(_ machine: Int, _ duration: UInt64) {
    guard machines[machine].process == .running else { return }
    switch random.below(3) {
    case 0: feed(.drain(random.chance(0.5)), to: machine)
    case 1: feed(.setWeight(UInt16(50 + random.below(150))), to: machine)
    default:
      feed(.leave, to: machine)
      schedule(.left, machine, after: duration + 1_000_000_000)
    }
  }

  mutating func heal(_ number: Int) {
    let fault = heals[number]
    undo(fault)
    if !network.clientsAreElsewhere { grantGrace(fault) }
    checker.checkAll(machines, network, at: time)
  }

  private mutating func grantGrace(_ fault: Fault) {
    switch fault.kind {
    case .mute:
      // It served alone, unheard, while a machine that had lost the group's key began afresh. Neither could read the other.
      let key = machines[fault.machine].keys.groupKeys[machines[fault.machine].keys.sending]
      let isStranger = machines.contains { $0.path.isMaster && $0.keys.groupKeys[$0.keys.sending] != key }
      guard machines[fault.machine].path.isMaster, isStranger else { return }
      checker.graceUntil = max(checker.graceUntil, time + options.detection.nanoseconds / 2)
    case .partitioned:
      // Both sides served their own clients: until they have found each other, both answer. That is the policy.
      checker.graceUntil = max(checker.graceUntil, time + options.detection.nanoseconds * 2)
    default: break
    }
  }

  // MARK: The attacker

  mutating func forge(_ datagram: inout Datagram) {
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
