import Gateway
import Wire

extension GatewayWorld {
  mutating func scheduleFaults(until end: UInt64) {
    if options.faults.contains(.attacker) { queue.add(.attack, at: 500_000_000) }
    guard options.faults.subtracting(.attacker) != .none else { return }
    drawFaults(from: 2_500_000_000, until: end, apart: options.faultInterval)
  }

  /// A fault begins, of a kind that the value draws from those allowed.
  mutating func strike(_ value: UInt32, _ machine: Int) {
    guard value != Fault.startValue else { return start(machine) }
    let allowed: [FaultKinds] = [
      .pause, .crash, .restart, .isolation, .oneWay, .partition, .lossBurst, .carrier, .operators,
      .interface, .ethernetAddress, .ownAddress,
    ].filter { options.faults.contains($0) }
    guard !allowed.isEmpty else { return }
    statistics.faults += 1
    // Some are short beside the hold time, some long.
    let span = random.chance(0.5) ? options.timers.hold.nanoseconds * 2 : options.timers.hold.nanoseconds * 5
    strike(allowed[Int(value) % allowed.count], machine, 1_000_000 + random.below(span))
  }

  private mutating func strike(_ kind: FaultKinds, _ machine: Int, _ duration: UInt64) {
    let isRunning = machines[machine].process == .running
    switch kind {
    case .pause where isRunning:
      machines[machine].process = .stopped
      schedule(.paused, machine, duration)
    case .crash where isRunning:
      powerOff(machine)
      schedule(.off, machine, duration)
    case .restart where isRunning:
      kill(machine)
      schedule(.restarting, machine, random.below(options.timers.hold.nanoseconds * 3 / 2))
    case .isolation: cutOff(machine, isDeaf: true, isMute: true, duration)
    case .oneWay:
      let isDeaf = random.chance(0.5)
      cutOff(machine, isDeaf: isDeaf, isMute: !isDeaf, duration)
    case .partition: divide(duration)
    case .lossBurst:
      loss = max(0.5, options.loss)
      schedule(.lossBurst, machine, min(duration, 500_000_000))
    case .carrier: loseCarrier(machine, duration)
    case .operators where isRunning: operate(machine, duration)
    case .interface, .ethernetAddress, .ownAddress: change(kind, machine, duration)
    default: break
    }
  }

  private mutating func schedule(_ kind: Fault.Kind, _ machine: Int, _ duration: UInt64) {
    schedule(Fault(kind: kind, machine: machine), after: duration)
  }

  mutating func schedule(_ fault: Fault, after duration: UInt64) {
    heals.append(fault)
    if doesTrace {
      print("\(Double(time / 1000) / 1000) ms gateway \(fault.machine + 1): FAULT \(fault.kind) for \(duration / 1_000_000) ms")
    }
    lastHealAt = max(lastHealAt, time + duration)
    queue.add(.heal, at: time + duration, machine: fault.machine, value: UInt32(heals.count - 1))
  }

  private mutating func cutOff(_ machine: Int, isDeaf: Bool, isMute: Bool, _ duration: UInt64) {
    guard !network.isDeaf[machine], !network.isMute[machine] else { return }
    network.isDeaf[machine] = isDeaf
    network.isMute[machine] = isMute
    schedule(isDeaf ? (isMute ? .isolated : .deaf) : .mute, machine, duration)
  }

  private mutating func divide(_ duration: UInt64) {
    guard network.passesForth, network.passesBack else { return }
    for place in network.side.indices { network.side[place] = random.chance(0.5) ? 1 : 0 }
    network.passesForth = random.chance(0.2)
    network.passesBack = !network.passesForth && random.chance(0.2)
    schedule(.partitioned, 0, duration)
  }

  private mutating func loseCarrier(_ machine: Int, _ duration: UInt64) {
    guard network.hasCarrier[machine] else { return }
    network.hasCarrier[machine] = false
    if machines[machine].process == .running { feed(.carrierLost, to: machine) }
    schedule(.carrierLost, machine, duration)
  }

  private mutating func operate(_ machine: Int, _ duration: UInt64) {
    switch random.below(5) {
    case 0: feed(.drain(true), to: machine)
    case 1: feed(.drain(false), to: machine)
    case 2: feed(.tracked(0, isUp: false), to: machine)
    case 3: feed(.tracked(0, isUp: true), to: machine)
    default:
      feed(.leave, to: machine)
      schedule(.left, machine, duration + options.timers.hold.nanoseconds)
    }
  }

  mutating func heal(_ place: Int) {
    let fault = heals[place]
    let machine = fault.machine
    switch fault.kind {
    case .paused: if machines[machine].process == .stopped { resume(machine) }
    case .off, .restarting: if machines[machine].process == .dead { start(machine) }
    case .isolated, .deaf, .mute: (network.isDeaf[machine], network.isMute[machine]) = (false, false)
    case .partitioned:
      (network.passesForth, network.passesBack) = (true, true)
      for place in network.side.indices { network.side[place] = 0 }
    case .lossBurst: loss = options.loss
    case .carrierLost:
      network.hasCarrier[machine] = true
      if machines[machine].process == .running { feed(.carrierFound, to: machine) }
    case .left: comeBack(machine)
    case .interfaceGone, .ownAddressGone: changeBack(fault)
    case .cutLink, .clusterAddressGone: break
    }
    checker.checkAll(machines, network, at: time)
  }

  /// A gateway that left is started anew.
  private mutating func comeBack(_ machine: Int) {
    guard machines[machine].process == .running else { return schedule(.left, machine, 100_000_000) }
    kill(machine)
    start(machine)
  }

  // MARK: The attacker

  /// Somebody on the wire hears everything, has no key, and says it again, later, elsewhere, or changed.
  mutating func attack() {
    queue.add(.attack, at: time + 2_000_000 + random.below(UInt64(20_000_000)))
    guard !recorded.isEmpty else { return }
    var datagram = recorded[random.below(recorded.count)]
    if random.chance(0.6) { forge(&datagram) }
    let slot = datagrams.add(datagram)
    statistics.forged += 1
    let victim = random.below(machines.count)
    let isForEverybody = random.chance(0.3)
    for index in machines.indices where index == victim || isForEverybody {
      if !network.isDeaf[index], network.hasCarrier[index] { schedule(slot, to: index) }
    }
    datagrams.freeIfUnused(slot)
  }

  func remembers(_ datagram: GatewayDatagram) -> Bool { options.faults.contains(.attacker) && !datagram.isForged }

  mutating func record(_ datagram: GatewayDatagram) {
    guard remembers(datagram), random.chance(0.02) || recorded.count < 64 else { return }
    if recorded.count < 512 { recorded.append(datagram) } else { recorded[random.below(512)] = datagram }
  }

  /// Everything is somebody's, by an authority without end; or a farewell.
  private mutating func forge(_ datagram: inout GatewayDatagram) {
    datagram.isForged = true
    datagram.sequence = .max
    let victim = Self.address(random.below(machines.count))
    datagram.packet.tlvs = datagram.packet.tlvs.map { tlv in
      switch tlv {
      case .member(var member):
        member.isLeaving = random.chance(0.3)
        member.sequence = .max
        member.carried = ForwarderSet(1...255)
        return .member(member)
      case .table: return forgedTable(holder: victim)
      case .hello(var hello):
        hello.priority = 255
        hello.state = .active
        return .hello(hello)
      default: return tlv
      }
    }
  }

  private func forgedTable(holder: InternetAddress) -> GlbpTlv {
    let entries = (UInt8(1)...5).map { GlbpTable.Entry(forwarder: $0, home: holder, holder: holder, isFree: true, serial: 1_000_000) }
    return .table(GlbpTable(version: 1, gatewayCount: 1, forwarderCount: 5, entries: entries))
  }
}
