import Foundation

/// What explains a lost packet, from every book that is kept: the members' counters and events, the drops on every wire, and how long the
/// machine itself stood still.
struct LossEvidence {
  private let cluster: SkeinCluster
  private let startedAt = BootClock.nanoseconds
  private let clockedAt = Date().timeIntervalSince1970
  private let counters: [Int: [String: Int]]
  private let drops: [String: Int]

  /// Opens the books.
  init(_ cluster: SkeinCluster) {
    self.cluster = cluster
    counters = Self.counters(cluster)
    drops = Self.drops(cluster.topology.plan)
  }

  /// What has changed since, for people: a line each.
  /// - Parameters:
  ///   - lost: the datagrams that came out nowhere.
  ///   - stalls: how long the lab's own thread of real-time priority could not run, and when.
  func lines(_ lost: [GatewayClusterStream.Datagram], _ stalls: [GatewayClusterStream.Stall]) -> [String] {
    bursts(lost) + stalls.map { "\(since($0.at)): the machine stood still for \($0.milliseconds.formatted(digits: 1)) ms" }
      + differences(counters, Self.counters(cluster)).sorted { $0.key < $1.key }.map { member, changed in
        let words = changed.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return "member \(member) counted: \(words.isEmpty ? "nothing" : words.joined(separator: ", "))"
      }
      + Self.drops(cluster.topology.plan).compactMap { wire, count in
        let dropped = count - (drops[wire] ?? 0)
        return dropped > 0 ? "dropped on the way, \(wire): \(dropped)" : nil
      }.sorted() + events()
  }

  private func since(_ time: UInt64) -> String { "at \(Int64(bitPattern: time &- startedAt) / 1_000_000) ms" }

  /// Losses that follow each other within 20 ms are one.
  private func bursts(_ lost: [GatewayClusterStream.Datagram]) -> [String] {
    var bursts: [[GatewayClusterStream.Datagram]] = []
    for datagram in lost {
      if let last = bursts.last?.last, datagram.sentAt - last.sentAt < 20_000_000 {
        bursts[bursts.count - 1].append(datagram)
      } else {
        bursts.append([datagram])
      }
    }
    return bursts.prefix(8).map { burst in
      let milliseconds = Double((burst[burst.count - 1].sentAt - burst[0].sentAt) / 1000) / 1000
      let forwarders = Set(burst.map(\.forwarder)).sorted().map(String.init).joined(separator: " ")
      let six = burst.count { $0.isSix }
      return
        "\(since(burst[0].sentAt)): lost \(burst.count) (IPv6: \(six)) within \(milliseconds.formatted(digits: 1)) ms, to \(forwarders)"
    }
  }

  private func events() -> [String] {
    cluster.members.flatMap { member in
      news(of: member).suffix(60).map {
        (time: $0.time, line: "at \(Int(($0.time - clockedAt) * 1000)) ms: member \(member): \($0.text)")
      }
    }.sorted { $0.time < $1.time }.map(\.line)
  }

  private func news(of member: Int) -> [SkeinCluster.Event] {
    ((try? cluster.events(member)) ?? []).filter { $0.time >= clockedAt }
  }

  // MARK: the books

  private static let kept: Set = [
    "packets.leaseExpired", "packets.notForwarder", "packets.ringFull", "packets.unassignedDropped", "packets.unacknowledgedDropped",
    "packets.unacknowledged", "packets.unassigned", "packets.heldOverflow", "packets.heldExpired", "packets.heldReleased", "packets.sentOn",
    "packets.routeUnresolved", "packets.routedByKernel", "packets.disabled", "cluster.leasesLapsed", "cluster.elections",
    "cluster.retransmissions", "security.receiveOverflow", "security.sendFailures", "gateway.moves", "gateway.takeovers",
  ]

  private static func counters(_ cluster: SkeinCluster) -> [Int: [String: Int]] {
    Dictionary(uniqueKeysWithValues: cluster.members.compactMap { member in (try? cluster.counterTable(member)).map { (member, $0) } })
  }

  /// A daemon that was started meanwhile counts from nothing.
  private func differences(_ before: [Int: [String: Int]], _ after: [Int: [String: Int]]) -> [Int: [String: Int]] {
    after.reduce(into: [:]) { result, entry in
      let old = before[entry.key] ?? [:]
      result[entry.key] = entry.value.filter { Self.kept.contains($0.key) }.reduce(into: [:]) { changes, counter in
        let earlier = old[counter.key] ?? 0
        let change = counter.value < earlier ? counter.value : counter.value - earlier
        if change > 0 { changes[counter.key] = change }
      }
    }
  }

  /// Frames that a wire had no room for, by the end that sent them, and those that waited for a processor in vain.
  private static func drops(_ plan: Plan) -> [String: Int] {
    var result: [String: Int] = [:]
    for namespace in plan.namespaces {
      let table = try? namespace.enter { try String(contentsOfFile: "/proc/thread-self/net/dev", encoding: .utf8) }
      for (name, _, sent) in KernelBooks.interfaceDrops(table ?? "") { result["\(namespace.name) \(name)"] = sent }
    }
    result["the processors' queues"] =
      KernelBooks.backlogDrops((try? String(contentsOfFile: "/proc/net/softnet_stat", encoding: .utf8)) ?? "")
    return result
  }
}
