import Foundation

/// What explains a lost packet of one operation, from every book that is kept: the members' counters and events, the drops on every wire,
/// and how long the machine itself stood still.
struct LossEvidence {
  let books: LossBooks
  private let cluster: SkeinCluster
  private let startedAt = BootClock.nanoseconds
  private let clockedAt = Date().timeIntervalSince1970
  private let counters: [Int: [String: Int]]

  /// Opens the books.
  /// - Parameter failed: the member that does not run as it should.
  init(_ cluster: SkeinCluster, besides failed: Int?) {
    self.cluster = cluster
    counters = Self.counters(cluster)
    books = LossBooks(cluster.booked)
    books.failed = Set([failed].compactMap { $0 })
  }

  /// What has changed since, for people: a line each.
  func lines(_ lost: [LostProbe], _ ledger: ProbeLedger) -> [String] {
    let standstills = ledger.standstills(longerThan: GatewayClusterStream.leastStandstill).map { at, nanoseconds in
      "\(since(at)): the machine stood still for \(nanoseconds.milliseconds.formatted(digits: 1)) ms"
    }
    let counted = Self.counters(cluster).sorted { $0.key < $1.key }.map { member, table in
      let changes = changes(of: member, to: table)
      return "member \(member) counted: \(changes.isEmpty ? "nothing" : changes.joined(separator: ", "))"
    }
    let rises = books.pages.last?.rises.filter { $0.key.cause == .wire || $0.key.cause == .backlog } ?? [:]
    let dropped = rises.map { "dropped on the way, \($0.key.place): \($0.value)" }.sorted()
    return bursts(lost) + standstills + counted + dropped + events()
  }

  private func since(_ time: UInt64) -> String { "at \(Int64(bitPattern: time &- startedAt) / 1_000_000) ms" }

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

  private func events() -> [String] {
    cluster.members.flatMap { member in
      ((try? cluster.events(member)) ?? []).filter { $0.time >= clockedAt }.suffix(60).map {
        (time: $0.time, line: "at \(Int(($0.time - clockedAt) * 1000)) ms: member \(member): \($0.text)")
      }
    }.sorted { $0.time < $1.time }.map(\.line)
  }

  private static let kept: Set = [
    "packets.leaseExpired", "packets.notForwarder", "packets.ringFull", "packets.unassignedDropped", "packets.unacknowledgedDropped",
    "packets.unacknowledged", "packets.unassigned", "packets.heldOverflow", "packets.heldExpired", "packets.heldReleased", "packets.sentOn",
    "packets.routeUnresolved", "packets.routedByKernel", "packets.disabled", "cluster.leasesLapsed", "cluster.elections",
    "cluster.retransmissions", "security.receiveOverflow", "security.sendFailures", "gateway.moves", "gateway.takeovers",
  ]

  private static func counters(_ cluster: SkeinCluster) -> [Int: [String: Int]] {
    cluster.members.reduce(into: [:]) { $0[$1] = try? cluster.counters($1).table }
  }

  /// A daemon that was started meanwhile counts from nothing.
  private func changes(of member: Int, to table: [String: Int]) -> [String] {
    table.filter { Self.kept.contains($0.key) }.sorted { $0.key < $1.key }.compactMap { name, value in
      let earlier = counters[member]?[name] ?? 0
      let change = value < earlier ? value : value - earlier
      return change > 0 ? "\(name) \(change)" : nil
    }
  }
}
