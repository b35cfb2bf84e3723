import Cluster
import Testing
import Wire

@Suite("Placements: which member should own which unit")
struct PlaceTests {
  /// Units 1 to 24, each on one of so many members.
  private func places(over count: Int) -> [Int: MemberIdentifier] {
    Dictionary(uniqueKeysWithValues: (1...24).map { ($0, Lan.identifier($0 % count)) })
  }

  private func place(_ places: [Int: MemberIdentifier], in lan: inout Lan) {
    for index in lan.members.indices where lan.isRunning[index] { lan.feed(.place(places), to: index) }
  }

  private func misplaced(_ places: [Int: MemberIdentifier], _ lan: Lan) -> [Int] {
    places.filter { !lan.records[Int($1.rawValue) - 1].mine.contains($0) }.map(\.key).sorted()
  }

  /// Units that each member has beside its placed ones.
  private func unplacedCounts(_ places: [Int: MemberIdentifier], _ lan: Lan) -> [Int] {
    lan.members.indices.map { lan.records[$0].mine.subtracting(UnitSet(places.keys)).count }
  }

  @Test func unitsPlacedBeforeTheStartAreAssignedThere() {
    var lan = Lan(3)
    let places = places(over: 3)
    for index in lan.members.indices { lan.feed(.place(places), to: index) }
    lan.form()
    #expect(misplaced(places, lan).isEmpty)
    #expect(lan.served == .all && lan.conflicts.isEmpty)
    #expect(unplacedCounts(places, lan).sorted() == [333, 333, 334])
  }

  @Test(arguments: [ClusterMember.BalanceRule.unitCount, .measuredTraffic]) func placedUnitsMoveThereAtMostFourAtATime(
    rule: ClusterMember.BalanceRule
  ) {
    var lan = Lan(3) { $0.balance = rule }
    lan.form()
    let places = places(over: 3)
    lan.feed(.load([.init(unit: 700, packetsPerSecond: 5)], packetsPerSecond: 5), to: 0)
    place(places, in: &lan)
    var worst = 0
    for _ in 0..<1000 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
    }
    #expect(misplaced(places, lan).isEmpty)
    #expect((1...4).contains(worst))
    #expect(lan.conflicts.isEmpty)
  }

  @Test func everythingMayBePlacedOnOneMember() {
    var lan = Lan(3)
    lan.form()
    let places = Dictionary(uniqueKeysWithValues: (0..<1024).map { ($0, Lan.identifier(1)) })
    place(places, in: &lan)
    lan.run(for: .seconds(4))
    #expect(lan.count(1) == 1024)
    place([:], in: &lan)
    lan.run(for: .seconds(4))
    #expect([0, 1, 2].map { lan.count($0) }.sorted() == [341, 341, 342])
  }

  @Test func changedPlacementMovesExactlyTheUnitsThatItChanges() {
    var lan = Lan(3)
    lan.form()
    var places = places(over: 3)
    place(places, in: &lan)
    lan.run(for: .seconds(3))
    let before = lan.records.map(\.mine)
    let moved = lan.members[0].counters.unitsMoved
    for unit in [3, 6, 9] { places[unit] = Lan.identifier(1) }
    place(places, in: &lan)
    lan.run(for: .seconds(5))
    #expect(lan.members[0].counters.unitsMoved == moved + 3)
    #expect(lan.records[0].mine == before[0].subtracting(UnitSet([3, 6, 9])))
    #expect(lan.records[1].mine == before[1].union(UnitSet([3, 6, 9])))
    #expect(lan.records[2].mine == before[2])
  }

  @Test func unknownUnitsAndMembersPlaceNothing() {
    var lan = Lan(2)
    lan.form()
    let moved = lan.members[0].counters.unitsMoved
    place([-1: Lan.identifier(1), 1024: Lan.identifier(1), 5: MemberIdentifier(rawValue: 99)], in: &lan)
    lan.run(for: .seconds(5))
    #expect(lan.members[0].counters.unitsMoved == moved)
    #expect(lan.members[0].snapshot(at: lan.now).places == [5: MemberIdentifier(rawValue: 99)])
  }

  @Test func deadMembersPlacedUnitsGoToTheSurvivorsAtOnceAndReturnOneByOne() {
    var lan = Lan(3)
    lan.form()
    let places = places(over: 3)
    place(places, in: &lan)
    lan.run(for: .seconds(3))
    lan.crash(2)
    let crashed = lan.now
    let isServed = lan.run(within: .seconds(1)) { $0.served == .all }
    #expect(isServed)
    #expect(lan.now - crashed <= .milliseconds(216))
    // They count like any other unit while their place is not to be had.
    #expect(abs(lan.count(0) - lan.count(1)) <= 1)
    lan.run(for: .seconds(5))
    lan.replace(2, incarnation: 2)
    lan.start(2)
    lan.feed(.place(places), to: 2)
    var worst = 0
    for _ in 0..<3000 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
    }
    #expect(misplaced(places, lan).isEmpty)
    #expect((1...4).contains(worst))
    #expect(lan.conflicts.isEmpty)
  }

  @Test(arguments: [0, 2]) func drainedMembersPlacedUnitsComeBackAfterwards(index: Int) {
    var lan = Lan(3)
    lan.form()
    let places = places(over: 3)
    place(places, in: &lan)
    lan.run(for: .seconds(2))
    lan.feed(.drain(true), to: index)
    lan.run(for: .seconds(3))
    #expect(lan.count(index) == 0 && lan.served == .all)
    let moved = lan.members[0].counters.unitsMoved
    lan.run(for: .seconds(20))
    #expect(lan.members[0].counters.unitsMoved == moved)
    lan.feed(.drain(false), to: index)
    lan.run(for: .seconds(4))
    #expect(misplaced(places, lan).isEmpty)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func successorGoesOnWithThePlacements() {
    var lan = Lan(3)
    lan.form()
    let places = places(over: 3).filter { $0.value != Lan.identifier(0) }
    place(places, in: &lan)
    lan.run(for: .seconds(3))
    let before = [lan.records[1].mine, lan.records[2].mine]
    lan.crash(0)
    lan.run(for: .seconds(4))
    #expect(lan.masters.count == 1 && lan.served == .all)
    #expect(misplaced(places, lan).isEmpty)
    for index in 1...2 { #expect(before[index - 1].subtracting(lan.records[index].mine).isEmpty) }
  }

  /// An hour, in which a member with two thirds of all traffic and units by placement is balanced with the others.
  @Test(arguments: [ClusterMember.BalanceRule.unitCount, .measuredTraffic]) func balanceAndPlacementLeaveEachOtherInPeace(
    rule: ClusterMember.BalanceRule
  ) {
    var lan = Lan(3) {
      $0.balance = rule
      $0.detectionInterval = .seconds(4)
      $0.profile.weight = $0.profile.identifier.rawValue == 2 ? 300 : 100
    }
    lan.hasTraffic = [false, false, false]
    lan.start(0)
    lan.start(1)
    lan.start(2)
    lan.run(for: .seconds(60))
    let places = Dictionary(uniqueKeysWithValues: (0..<600).map { ($0, Lan.identifier(2)) })
    place(places, in: &lan)
    lan.run(for: .seconds(120))
    report(&lan)
    lan.run(for: .seconds(60))
    let master = lan.masters.first ?? 0
    let (before, moved) = (lan.records.map(\.mine), lan.members[master].counters.unitsMoved)
    for _ in 0..<360 {
      lan.run(for: .seconds(10))
      report(&lan)
    }
    #expect(lan.masters == [master])
    #expect(misplaced(places, lan).isEmpty)
    #expect(lan.records.map(\.mine) == before)
    #expect(lan.members[master].counters.unitsMoved == moved)
  }

  /// Ten packets per second on every hundredth unit.
  private func report(_ lan: inout Lan) {
    for index in lan.members.indices {
      let loads = lan.records[index].mine.filter { $0 % 100 == 0 }.map { LoadReport.UnitLoad(unit: UInt16($0), packetsPerSecond: 10) }
      lan.feed(.load(loads, packetsPerSecond: UInt32(10 * loads.count)), to: index)
    }
  }
}
