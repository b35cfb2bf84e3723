import Foundation

/// Every counter that may take a probe of one cluster's, read again and again: a page for each stretch of a run.
final class LossBooks {
  private let cluster: SkeinCluster
  /// Members that are made to fail: what they count explains nothing.
  var failed: Set<Int> = []
  private(set) var pages: [LossPage] = []
  private var begun = BootClock.nanoseconds
  private var last: [LossCounter: Int] = [:]
  private var lastStandstills: [Int: (count: Int, milliseconds: Int)] = [:]
  private var lapses = 0
  private var lastLapses: [Int: Int] = [:]
  /// The daemon that was killed in this stretch, and when, in seconds since 1970.
  private var crash: (member: Int, at: Double)?

  /// Opens the books.
  init(_ cluster: SkeinCluster) {
    self.cluster = cluster
    turnPage()
    pages = []
    lapses = 0
  }

  /// How often any member's lease has run out since.
  var leasesLapsed: Int { lapses }

  /// A daemon is killed now, and its next one started.
  func noteCrash(of member: Int) { crash = (member, Date().timeIntervalSince1970) }

  /// Ends a stretch. To be called before a daemon that may have counted ends: what it counted goes with it.
  func turnPage() {
    let tables = Dictionary(uniqueKeysWithValues: cluster.members.compactMap { member in counters(of: member).map { (member, $0) } })
    var now = last
    for (member, table) in tables where !failed.contains(member) {
      now.merge(Self.productCounters(member, table, isGateway: cluster.settings.hasGateway)) { $1 }
    }
    now.merge(Self.hostCounters(cluster)) { $1 }
    let rises = [LossCounter: Int].rise(from: last, to: now)
    let standstills = standstills(tables) + (lateStart(rises).map { [$0] } ?? [])
    noteLapses(tables)
    let end = BootClock.nanoseconds
    pages.append(LossPage(times: begun..<end, rises: rises, standstills: standstills))
    (begun, last, crash) = (end, now, nil)
  }

  /// What took these probes.
  func explain(_ lost: [LostProbe]) -> Losses {
    let isAnybodys = cluster.settings.delivery == .forwarding
    let lost = lost.map { probe in
      var probe = probe
      if isAnybodys { probe.members = [] }
      return probe
    }
    return Losses.attribute(lost, pages)
  }

  /// The lost ones of this ledger's probes that count, with what the members' applications know of them.
  func explain(_ ledger: ProbeLedger, where counts: (_ flow: Int, _ sentAt: UInt64) -> Bool = { _, _ in true }) -> Losses {
    explain(ledger.lostProbes(where: counts, answered: cluster.answersGiven(ledger)))
  }

  /// A daemon's own, or its packet path's alone while it cannot be asked.
  private func counters(of member: Int) -> [String: Int]? {
    guard (try? cluster.daemon(member).endedWith) == .some(nil) else { return pinned(member) }
    return (try? cluster.counterTable(member)) ?? pinned(member)
  }

  private func pinned(_ member: Int) -> [String: Int]? {
    guard let reading = try? cluster.readPath(member) else { return nil }
    return Dictionary(reading.counters.map { ("\($0.group).\($0.name)", Int(clamping: $0.value)) }, uniquingKeysWith: +)
  }

  private func noteLapses(_ tables: [Int: [String: Int]]) {
    for (member, table) in tables {
      guard let value = table["cluster.leasesLapsed"] else { continue }
      let before = lastLapses[member] ?? 0
      lapses += value >= before ? value - before : value
      lastLapses[member] = value
    }
  }

  private func standstills(_ tables: [Int: [String: Int]]) -> [LossPage.Standstill] {
    tables.compactMap { member, table in
      guard let count = table["cluster.standstills"], let milliseconds = table["cluster.standstillMilliseconds"] else { return nil }
      let before = lastStandstills[member] ?? (0, 0)
      lastStandstills[member] = (count, milliseconds)
      guard count != before.count, count > 0, !failed.contains(member) else { return nil }
      return .init(member: member, milliseconds: milliseconds < before.milliseconds ? milliseconds : milliseconds - before.milliseconds)
    }
  }

  /// A daemon that was killed, and whose next one took longer to begin than the lease that the last one left: longer than a whole one, or
  /// the packet path, which goes on under it, says that it ran out.
  private func lateStart(_ rises: [LossCounter: Int]) -> LossPage.Standstill? {
    guard let crash, let first = (try? cluster.events(crash.member))?.first(where: { $0.time >= crash.at }) else { return nil }
    let milliseconds = Int((first.time - crash.at) * 1000)
    let ranOut = rises.contains { $0.key.member == crash.member && $0.key.place.hasSuffix(Self.leaseExpired) }
    guard ranOut || milliseconds >= cluster.settings.detectionMilliseconds else { return nil }
    return .init(member: crash.member, milliseconds: milliseconds, isLateStart: true)
  }

  // MARK: the counters

  private static let leaseExpired = "packets.leaseExpired"

  /// Those that no probe should meet. That a packet is another member's is a matter of course where every member sees it.
  private static let product: [String: Loss.Cause] = [
    leaseExpired: .path, "packets.unassignedDropped": .path, "packets.unacknowledgedDropped": .path,
    "packets.memberMissing": .path, "packets.malformed": .path, "packets.headerLimit": .path, "packets.tableMissing": .path,
    "packets.ringFull": .ring, "packets.heldOverflow": .held, "packets.heldExpired": .held, "packets.heldUnsent": .held,
  ]

  private static func productCounters(_ member: Int, _ table: [String: Int], isGateway: Bool) -> [LossCounter: Int] {
    var result: [LossCounter: Int] = [:]
    // The switch knows who has a virtual MAC address: nobody else should get what is sent there.
    let atGateway: [String: Loss.Cause] = isGateway ? ["packets.notForwarder": .path] : [:]
    for (name, cause) in product.merging(atGateway, uniquingKeysWith: { $1 }) {
      guard let value = table[name] else { continue }
      result[LossCounter(cause: cause, member: member, place: "member \(member), \(name)")] = value
    }
    return result
  }

  private static func hostCounters(_ cluster: SkeinCluster) -> [LossCounter: Int] {
    let plan = cluster.topology.plan
    var result = interfaces(plan.switchNamespace) { name in plan.members.first { plan.port(ofMember: $0) == name } }
    result.merge(interfaces(plan.clientNamespace(.near), member: { _ in nil })) { $1 }
    for namespace in [plan.routerNamespace, plan.clientNamespace(.far)] { result.merge(interfaces(namespace, member: { _ in nil })) { $1 } }
    for member in plan.members {
      let namespace = plan.namespace(ofMember: member)
      result.merge(interfaces(namespace, member: { _ in member })) { $1 }
      let place = "member \(member), the application's socket"
      result[LossCounter(cause: .socket, member: member, place: place)] = applicationDrops(namespace)
    }
    // A reverse ARP request, which a gateway sends, is dropped by every machine that hears it.
    if cluster.settings.hasGateway { result = result.filter { !$0.key.isReceiver } }
    result[LossCounter(cause: .backlog, meetsAnswers: true, place: "the processors' queues (softnet_stat)")] = backlogDrops()
    return result
  }

  /// Frames that an interface dropped, towards its peer or from it. The switch's ports send questions to members, and receive answers.
  private static func interfaces(_ namespace: Namespace, member: (String) -> Int?) -> [LossCounter: Int] {
    let table = (try? namespace.enter { try String(contentsOfFile: "/proc/thread-self/net/dev", encoding: .utf8) }) ?? ""
    var result: [LossCounter: Int] = [:]
    for (name, received, sent) in KernelBooks.interfaceDrops(table) {
      for (value, words) in [(received, LossCounter.received), (sent, "sent and dropped")] {
        let counter = LossCounter(cause: .wire, member: member(name), meetsAnswers: true, place: "\(namespace.role) \(name), \(words)")
        result[counter] = value
      }
    }
    return result
  }

  private static func applicationDrops(_ namespace: Namespace) -> Int {
    ["udp", "udp6"].reduce(0) { sum, name in
      let table = (try? namespace.enter { try String(contentsOfFile: "/proc/thread-self/net/\(name)", encoding: .utf8) }) ?? ""
      return sum + KernelBooks.socketDrops(table, port: ProbeMessage.port)
    }
  }

  /// Over all processors. The kernel has one such table for all namespaces.
  private static func backlogDrops() -> Int {
    KernelBooks.backlogDrops((try? String(contentsOfFile: "/proc/net/softnet_stat", encoding: .utf8)) ?? "")
  }
}

extension Namespace {
  /// Its name without the run's.
  fileprivate var role: String { name.split(separator: "-").last.map(String.init) ?? name }
}
