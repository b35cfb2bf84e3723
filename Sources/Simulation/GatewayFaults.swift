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
    let kind = allowed[Int(value) % allowed.count]
    let duration = 1_000_000 + random.below(span)
    if kind == .operators { operate(machine, duration) } else { strike(kind, machine, duration) }
  }

  private mutating func operate(_ machine: Int, _ duration: UInt64) {
    guard machines[machine].process == .running else { return }
    switch random.below(5) {
    case 0: feed(.drain(true), to: machine)
    case 1: feed(.drain(false), to: machine)
    case 2: feed(.tracked(0, isUp: false), to: machine)
    case 3: feed(.tracked(0, isUp: true), to: machine)
    default:
      feed(.leave, to: machine)
      schedule(.left, machine, after: duration + options.timers.hold.nanoseconds)
    }
  }

  mutating func heal(_ number: Int) {
    undo(heals[number])
    checker.checkAll(machines, network, at: time)
  }

  // MARK: The attacker

  /// Everything is somebody's, by an authority without end; or a farewell.
  mutating func forge(_ datagram: inout GatewayDatagram) {
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
