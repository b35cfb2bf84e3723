import Host
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

// What goes wrong in either world alike. Each has faults and ways of healing of its own besides: ClusterFaults.swift, GatewayFaults.swift.
extension SimulatedWorld {
  /// A fault begins that needs nothing of either world.
  mutating func strike(_ kind: FaultKinds, _ machine: Int, _ duration: UInt64) {
    let isRunning = machines[machine].process == .running
    switch kind {
    case .pause where isRunning:
      machines[machine].process = .stopped
      schedule(.paused, machine, after: duration)
    case .crash where isRunning:
      powerOff(machine)
      schedule(.off, machine, after: duration)
    case .restart where isRunning:
      kill(machine)
      schedule(.restarting, machine, after: random.below(patience.nanoseconds * 3 / 2))
    case .isolation: cutOff(machine, .isolated, duration)
    case .oneWay: cutOff(machine, random.chance(0.5) ? .deaf : .mute, duration)
    case .partition: divide(duration)
    case .lossBurst:
      loss = max(0.5, usualLoss)
      schedule(.lossBurst, 0, after: min(duration, 500_000_000))
    case .carrier where network.hasCarrier[machine]:
      network.hasCarrier[machine] = false
      if isRunning { handle(.carrier(false), machine) }
      schedule(.carrierLost, machine, after: duration)
    default: change(kind, machine, duration)
    }
  }

  /// A fault has begun: it heals after so long.
  mutating func schedule(_ kind: Fault.Kind, _ machine: Int, other: Int = 0, after duration: UInt64) {
    heals.append(Fault(kind: kind, machine: machine, other: other))
    if doesTrace { print("\(Double(time / 1000) / 1000) ms machine \(machine + 1): FAULT \(kind) for \(duration / 1_000_000) ms") }
    lastHealAt = max(lastHealAt, time + duration)
    disturb(for: duration + 1_000_000_000)
    queue.add(.heal, at: time + duration, machine: machine, value: UInt32(heals.count - 1))
  }

  private mutating func cutOff(_ machine: Int, _ kind: Fault.Kind, _ duration: UInt64) {
    guard !network.isDeaf[machine], !network.isMute[machine] else { return }
    network.isDeaf[machine] = kind != .mute
    network.isMute[machine] = kind != .deaf
    schedule(kind, machine, after: duration)
  }

  private mutating func divide(_ duration: UInt64) {
    guard network.passesForth, network.passesBack else { return }
    for place in network.side.indices { network.side[place] = random.chance(0.5) ? 1 : 0 }
    network.passesForth = random.chance(0.2)
    network.passesBack = !network.passesForth && random.chance(0.2)
    schedule(.partitioned, 0, after: duration)
  }

  /// A fault ends.
  mutating func undo(_ fault: Fault) {
    let machine = fault.machine
    if doesTrace { print("\(Double(time / 1000) / 1000) ms machine \(machine + 1): HEALED \(fault.kind)") }
    switch fault.kind {
    case .paused: if machines[machine].process == .stopped { resume(machine) }
    case .off, .restarting: if machines[machine].process == .dead { start(machine) }
    case .isolated, .deaf, .mute: (network.isDeaf[machine], network.isMute[machine]) = (false, false)
    case .partitioned:
      (network.passesForth, network.passesBack) = (true, true)
      for place in network.side.indices { network.side[place] = 0 }
    case .cutLink: network.cut(from: machine, to: fault.other, false)
    case .lossBurst: loss = usualLoss
    case .carrierLost:
      network.hasCarrier[machine] = true
      if machines[machine].process == .running { handle(.carrier(true), machine) }
    case .left: comeBack(machine)
    case .interfaceGone, .ownAddressGone, .clusterAddressGone: changeBack(fault)
    }
  }

  /// A machine that left is started anew.
  private mutating func comeBack(_ machine: Int) {
    guard machines[machine].process == .running else { return schedule(.left, machine, after: 100_000_000) }
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
    let victim = random.below(machines.count)
    let isForEverybody = random.chance(0.3)
    statistics.forged += 1
    for index in machines.indices where index == victim || isForEverybody {
      if !network.isDeaf[index], network.hasCarrier[index] { schedule(slot, to: index) }
    }
    datagrams.freeIfUnused(slot)
  }

  mutating func record(_ datagram: Message) {
    guard faults.contains(.attacker), random.chance(0.02) || recorded.count < 64 else { return }
    if recorded.count < 512 { recorded.append(datagram) } else { recorded[random.below(512)] = datagram }
  }
}
