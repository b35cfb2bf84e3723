import Foundation

/// Machines of a lab whose counters are read, and the machine that they all run on.
struct BookedMachines {
  var console: Console
  /// Members, or routers.
  var numbers: [Int]
  /// For people: "member" or "router".
  var word = "member"
  /// Whether a probe may come by any of them.
  var isAnybodys: Bool
  var hasGateway: Bool
  /// How long a lease that a killed daemon leaves may last.
  var leaseMilliseconds: Int?
  /// A machine's counters by their names; nil while it cannot be asked.
  var counters: (Int) -> [String: Int]?
  /// What interfaces, sockets and processors dropped.
  var hostCounters: () -> [LossCounter: Int]
  /// What a machine's daemon reported.
  var events: (Int) -> [SkeinDaemons.Event]
  /// Which member's application answered which of a ledger's probes.
  var answersGiven: (ProbeLedger) -> [ProbeLedger.ProbeKey: GivenAnswer] = { _ in [:] }
}

/// Every counter that may take a probe of one cluster's, read again and again: a page for each stretch of a run.
final class LossBooks {
  let machines: BookedMachines
  /// Members that are made to fail: what they count explains nothing.
  var failed: Set<Int> = []
  private(set) var pages: [LossPage] = []
  let opened = (boot: BootClock.nanoseconds, clock: Date().timeIntervalSince1970)
  private var begun = BootClock.nanoseconds
  /// The daemons' counters when the books were opened, and when they could be asked last.
  private(set) var tables: (first: [Int: [String: Int]], last: [Int: [String: Int]]) = ([:], [:])
  private var last: [LossCounter: Int] = [:]
  /// How often any member's lease has run out since.
  private(set) var leasesLapsed = 0
  /// The daemon that was killed in this stretch, and when, in seconds since 1970.
  private var crash: (member: Int, at: Double)?

  /// Opens the books.
  init(_ machines: BookedMachines) {
    self.machines = machines
    turnPage()
    (pages, leasesLapsed, tables.first) = ([], 0, tables.last)
  }

  /// A daemon is killed now, and its next one started.
  func noteCrash(of member: Int) { crash = (member, Date().timeIntervalSince1970) }

  /// Ends a stretch. To be called before a daemon that may have counted ends: what it counted goes with it.
  func turnPage() {
    let tables = machines.numbers.reduce(into: [Int: [String: Int]]()) { $0[$1] = machines.counters($1) }
    let before = self.tables.last
    self.tables.last.merge(tables) { $1 }
    // A daemon that is not there begins anew.
    var now = last.filter { counter, _ in !counter.cause.fails || counter.member.map { tables[$0] != nil || failed.contains($0) } ?? true }
    for (member, table) in tables where !failed.contains(member) {
      now.merge(productCounters(member, table)) { $1 }
    }
    // A reverse ARP request, which a gateway sends, is dropped by every machine that hears it.
    now.merge(machines.hostCounters().filter { !machines.hasGateway || !$0.key.isReceiver }) { $1 }
    let rises = [LossCounter: Int].rise(from: last, to: now)
    let standstills = standstills(before, tables) + (lateStart(rises).map { [$0] } ?? [])
    leasesLapsed += tables.reduce(0) { $0 + rise("cluster.leasesLapsed", before[$1.key], $1.value) }
    let end = BootClock.nanoseconds
    pages.append(LossPage(times: begun..<end, rises: rises, standstills: standstills))
    (begun, last, crash) = (end, now, nil)
  }

  /// What took these probes. Of those that nothing explains it is said what is known of them.
  func explain(_ lost: [LostProbe]) -> Losses {
    let losses = attribute(lost)
    for probe in losses.strays.prefix(8) {
      guard let page = pages.first(where: { $0.times.contains(probe.sentAt) }) else { continue }
      machines.console.say("    nothing explains a lost probe: \(probe.text(since: page.times.lowerBound))")
    }
    return losses
  }

  /// What took these probes.
  func attribute(_ lost: [LostProbe]) -> Losses {
    var lost = lost
    if machines.isAnybodys { for index in lost.indices { lost[index].members = [] } }
    return Losses.attribute(lost, pages)
  }

  /// The lost ones of this ledger's probes that count, with what the members' applications know of them.
  func explain(_ ledger: ProbeLedger, where counts: (_ flow: Int, _ sentAt: UInt64) -> Bool = { _, _ in true }) -> Losses {
    explain(ledger.lostProbes(answered: machines.answersGiven(ledger), where: counts))
  }

  /// A daemon that was started meanwhile counts from nothing.
  func rise(_ name: String, _ before: [String: Int]?, _ after: [String: Int]) -> Int {
    let (earlier, value) = (before?[name] ?? 0, after[name] ?? 0)
    return value < earlier ? value : value - earlier
  }

  private func standstills(_ before: [Int: [String: Int]], _ tables: [Int: [String: Int]]) -> [LossPage.Standstill] {
    tables.compactMap { member, table in
      guard !failed.contains(member), rise("cluster.standstills", before[member], table) > 0 else { return nil }
      return .init(member: member, milliseconds: rise("cluster.standstillMilliseconds", before[member], table))
    }
  }

  /// A daemon that was killed, and whose next one took longer to begin than the lease that the last one left: longer than a whole one, or
  /// the packet path, which goes on under it, says that it ran out.
  private func lateStart(_ rises: [LossCounter: Int]) -> LossPage.Standstill? {
    guard let crash, let first = machines.events(crash.member).map(\.time).first(where: { $0 >= crash.at }) else { return nil }
    let milliseconds = Int((first - crash.at) * 1000)
    let ranOut = rises.contains { $0.key.member == crash.member && $0.key.place.hasSuffix(Self.leaseExpired) }
    guard ranOut || milliseconds >= machines.leaseMilliseconds ?? .max else { return nil }
    return .init(member: crash.member, milliseconds: milliseconds, isLateStart: true)
  }

  // MARK: the counters

  private static let leaseExpired = "packets.leaseExpired"

  /// Those that no probe should meet. That a packet is another member's is a matter of course where every member sees it.
  private static let product: [String: Loss.Cause] = [
    leaseExpired: .path, "packets.unassignedDropped": .path, "packets.unacknowledgedDropped": .path,
    "packets.memberMissing": .path, "packets.malformed": .path, "packets.headerLimit": .path, "packets.tableMissing": .path,
    "packets.ringFull": .ring, "packets.heldOverflow": .held, "packets.heldExpired": .held, "packets.heldUnsent": .held,
    "packets.heldRefused": .held, "packets.heldForgotten": .forgotten,
  ]

  private func productCounters(_ member: Int, _ table: [String: Int]) -> [LossCounter: Int] {
    var result: [LossCounter: Int] = [:]
    // The switch knows who has a virtual MAC address: nobody else should get what is sent there.
    let atGateway: [String: Loss.Cause] = machines.hasGateway ? ["packets.notForwarder": .path] : [:]
    for (name, cause) in Self.product.merging(atGateway, uniquingKeysWith: { $1 }) {
      guard let value = table[name] else { continue }
      result[LossCounter(cause: cause, member: member, place: "\(machines.word) \(member), \(name)")] = value
    }
    return result
  }
}

extension [LossCounter: Int] {
  /// Frames that these namespaces' interfaces dropped, towards their peers or from them, and what waited for a processor in vain.
  /// - Parameter wires: where they are, and on which member's way an interface there lies; nil for one on every way.
  static func drops(_ wires: [(namespace: Namespace, member: (String) -> Int?)]) -> Self {
    wires.reduce(into: backlog) { result, place in
      for (name, received, sent) in KernelBooks.interfaceDrops(KernelBooks.table("dev", in: place.namespace)) {
        for (value, words) in [(received, LossCounter.received), (sent, "sent and dropped")] {
          let (member, words) = (place.member(name), "\(place.namespace.role) \(name), \(words)")
          result[LossCounter(cause: .wire, member: member, meetsAnswers: true, place: words)] = value
        }
      }
    }
  }

  /// Over all processors. The kernel has one such table for all namespaces.
  private static var backlog: Self {
    let drops = KernelBooks.backlogDrops(KernelBooks.text("/proc/net/softnet_stat"))
    return [LossCounter(cause: .backlog, meetsAnswers: true, place: "the processors' queues (softnet_stat)"): drops]
  }
}

extension Namespace {
  /// Its name without the run's.
  fileprivate var role: String { name.split(separator: "-").last.map(String.init) ?? name }
}
