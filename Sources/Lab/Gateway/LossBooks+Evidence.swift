extension LossBooks {
  /// All that is known of these losses, a line each: when they were, when the machine stood still, what the daemons counted and reported, and
  /// what was dropped on the way.
  func evidence(_ lost: [LostProbe], _ ledger: ProbeLedger) -> [String] {
    let standstills = ledger.standstills(longerThan: GatewayClusterStream.leastStandstill).map { at, nanoseconds in
      "\(since(at)): the machine stood still for \(nanoseconds.milliseconds.formatted(digits: 1)) ms"
    }
    let counted = tables.last.sorted { $0.key < $1.key }.map { member, table in
      let changes = changes(of: member, to: table)
      return "member \(member) counted: \(changes.isEmpty ? "nothing" : changes.joined(separator: ", "))"
    }
    let rises = pages.last?.rises.filter { $0.key.cause == .wire || $0.key.cause == .backlog } ?? [:]
    let dropped = rises.map { "dropped on the way, \($0.key.place): \($0.value)" }.sorted()
    let events = machines.numbers.flatMap { member in
      machines.events(member).filter { $0.time >= opened.clock }.suffix(60).map { (member, $0) }
    }.sorted { $0.1.time < $1.1.time }
    return bursts(lost) + standstills + counted + dropped
      + events.map { "at \(Int(($1.time - opened.clock) * 1000)) ms: member \($0): \($1.text)" }
  }

  private func since(_ time: UInt64) -> String { "at \(Int64(bitPattern: time &- opened.boot) / 1_000_000) ms" }

  /// Losses that follow each other within 20 ms are one.
  private func bursts(_ lost: [LostProbe]) -> [String] {
    var bursts: [[LostProbe]] = []
    for probe in lost {
      if let last = bursts.last?.last, probe.sentAt - last.sentAt < 20_000_000 {
        bursts[bursts.count - 1].append(probe)
      } else {
        bursts.append([probe])
      }
    }
    return bursts.prefix(8).map { burst in
      let length = (burst[burst.count - 1].sentAt - burst[0].sentAt).milliseconds.formatted(digits: 1)
      let flows = burst.compactMap(\.key?.flow)
      let forwarders = Set(flows.map { $0 % 256 }).sorted().map(String.init).joined(separator: " ")
      return "\(since(burst[0].sentAt)): lost \(burst.count) (IPv6: \(flows.count { $0 > 255 })) within \(length) ms, to \(forwarders)"
    }
  }

  private static let shown: Set = [
    "packets.leaseExpired", "packets.notForwarder", "packets.ringFull", "packets.unassignedDropped", "packets.unacknowledgedDropped",
    "packets.unacknowledged", "packets.unassigned", "packets.heldOverflow", "packets.heldExpired", "packets.heldReleased", "packets.sentOn",
    "packets.routeUnresolved", "packets.routedByKernel", "packets.disabled", "cluster.leasesLapsed", "cluster.elections",
    "cluster.retransmissions", "security.receiveOverflow", "security.sendFailures", "gateway.moves", "gateway.takeovers",
  ]

  private func changes(of member: Int, to table: [String: Int]) -> [String] {
    table.keys.filter(Self.shown.contains).sorted().compactMap { name in
      let change = rise(name, tables.first[member], table)
      return change > 0 ? "\(name) \(change)" : nil
    }
  }
}
