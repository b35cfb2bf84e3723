import Cluster
import Testing
import Wire

@testable import Node
@testable import Simulation

@Suite struct EventLogTests {
  private static let start = Instant(nanoseconds: 5_000_000_000)
  private static let (one, two, three) = (
    MemberIdentifier(rawValue: 1), MemberIdentifier(rawValue: 2), MemberIdentifier(rawValue: 3)
  )

  private static func move(_ unit: Int, to target: MemberIdentifier = one) -> Event {
    Event(reporting: ClusterMember.Report.unitsMoving(UnitSet(CollectionOfOne(unit)), from: three, to: target, .balance))
  }

  /// Appends at so many milliseconds after the start.
  private func append(_ event: Event, after milliseconds: UInt64, _ log: inout EventLog) {
    log.append(event, at: Self.start + .milliseconds(milliseconds), time: 1000 + Double(milliseconds) / 1000)
  }

  @Test func movesOfOneCauseAreOneEvent() {
    var log = EventLog()
    for unit in 0..<341 { append(Self.move(unit), after: UInt64(unit) * 20, &log) }
    #expect(log.after(0).isEmpty && log.newest == 0)
    log.settle(at: Self.start + .milliseconds(340 * 20 + 999))
    #expect(log.after(0).isEmpty)
    log.settle(at: Self.start + .milliseconds(340 * 20 + 1000))
    #expect(log.after(0).map(\.text) == ["341 units moving from member 3 to 1: balance"])
    #expect(log.after(0).map(\.count) == [341] && log.after(0).map(\.since) == [1000] && log.after(0).map(\.time) == [1006.8])
    #expect(log.after(1).isEmpty)
  }

  @Test func anotherCauseOrPairIsAnotherEvent() {
    var log = EventLog()
    let drain = Event(reporting: ClusterMember.Report.unitsMoving(UnitSet(CollectionOfOne(1)), from: Self.three, to: Self.one, .drain))
    for event in [Self.move(1), Self.move(2, to: Self.two), drain, Self.move(3)] { append(event, after: 0, &log) }
    log.settle(at: Self.start + .seconds(1))
    #expect(
      Set(log.after(0).map(\.text)) == [
        "2 units moving from member 3 to 1: balance", "unit 2 moving from member 3 to 2: balance",
        "unit 1 moving from member 3 to 1: drain",
      ])
    #expect(log.after(0).map(\.number) == [1, 2, 3])
  }

  @Test func anEventGrowsForTenSecondsAtMost() {
    var log = EventLog()
    for unit in 0..<100 { append(Self.move(unit), after: UInt64(unit) * 250, &log) }
    log.settle(at: Self.start + .seconds(30))
    #expect(log.after(0).map(\.count) == [40, 40, 20])
  }

  @Test func routineWashesNothingNotableAway() {
    var log = EventLog()
    append(Event(reporting: ClusterMember.Report.becameMaster(Term(rawValue: 1), .nobodyElse)), after: 0, &log)
    for round in 0..<UInt64(3 * EventLog.routineCapacity) { append(Self.move(1), after: round * 2000, &log) }
    log.settle(at: .init(nanoseconds: .max))
    let events = log.after(0)
    #expect(events.first?.name == "becameMaster" && events.count == 1 + EventLog.routineCapacity)
    #expect(events.last?.number == log.newest && log.newest == UInt64(1 + 3 * EventLog.routineCapacity))
    #expect(log.latest.map(\.name) == ["becameMaster"])
  }

  @Test func theNewestNotableOnesAreKept() {
    var log = EventLog()
    for term in 0..<UInt64(EventLog.notableCapacity + 10) {
      append(Event(reporting: ClusterMember.Report.becameMaster(Term(rawValue: term), .elected)), after: term, &log)
    }
    #expect(log.after(0).compactMap(\.fields.term) == Array(10..<UInt64(EventLog.notableCapacity + 10)))
    #expect(log.latest.count == EventLog.latestCount)
  }

  /// Whoever asks again and again for what is new is told each event once, and of all that happened.
  @Test(arguments: UInt64(1)...20) func whoFollowsSeesEachEventOnceAndWhole(seed: UInt64) {
    var (random, log) = (SplitMix(seed: seed), EventLog())
    var (milliseconds, moved, told, after) = (UInt64(0), 0, [EventReport](), UInt64(0))
    for unit in 0..<2000 {
      milliseconds += random.below(unit % 100 == 0 ? UInt64(15_000) : 300)
      if random.chance(0.1) {
        append(Event(reporting: ClusterMember.Report.carrierLost), after: milliseconds, &log)
      } else {
        append(Self.move(unit % 1024, to: random.chance(0.5) ? Self.one : Self.two), after: milliseconds, &log)
        moved += 1
      }
      guard random.chance(0.3) else { continue }
      log.settle(at: Self.start + .milliseconds(milliseconds))
      told += log.after(after)
      after = told.last?.number ?? 0
    }
    log.settle(at: .init(nanoseconds: .max))
    told += log.after(after)
    #expect(told.map(\.number) == Array(1...UInt64(told.count)))
    #expect(told.compactMap(\.fields.units).reduce(0, +) == moved)
  }

  /// What the members of a cluster report while one of them is drained and takes work again.
  @Test(arguments: 0..<3, [UInt64(1), 2, 3]) func aDrainAndItsEndAreAtMostTwelveEvents(victim: Int, seed: UInt64) {
    var options = SimulationOptions()
    options.memberCount = 3
    options.seed = seed
    options.faults = .none
    var world = World(options)
    world.begin()
    world.advance(until: 15_000_000_000)
    world.keepsReports = true
    for drains in [true, false] {
      world.feed(.drain(drains), to: victim)
      world.advance(until: world.time + 15_000_000_000)
      #expect((world.machines[victim].path.mine.count == 0) == drains)
    }
    var (single, most) = (0, 0)
    for machine in world.machines.indices {
      let reports = world.reports.filter { $0.machine == machine }
      var log = EventLog()
      // The daemon of the one that is drained writes both orders down.
      if machine == victim { for name in [Event.Name.drainOrdered, .undrainOrdered] { log.append(Event(name), at: .zero, time: 0) } }
      for told in reports { log.append(Event(reporting: told.report), at: Instant(nanoseconds: told.time), time: Double(told.time) / 1e9) }
      log.settle(at: .init(nanoseconds: .max))
      #expect(log.newest <= 12, "machine \(machine + 1): \(log.after(0).map(\.text))")
      (single, most) = (single + reports.count, max(most, Int(log.newest)))
    }
    #expect(single > 1000 && most > 2)
  }
}
