import Cluster
import Testing
import Wire

@Suite("A member's events (figures 8G to 8I), draining and leaving")
struct MemberTests {
  // MARK: 8G, 8H

  @Test func applicationsHearOfArrivalsAndDepartures() {
    var lan = Lan(3)
    lan.form()
    lan.crash(2)
    lan.run(for: .seconds(1))
    let changes = lan.records[1].actions.compactMap { action in
      if case .membersChanged(let arrived, let departed) = action { (arrived.map(\.identifier), departed.map(\.identifier)) } else { nil }
    }
    #expect(changes.contains { $0.0.contains(Lan.identifier(2)) })
    #expect(changes.last?.1 == [Lan.identifier(2)])
  }

  @Test func keepaliveSequenceOnlyGrowsAndComesOftenEnough() {
    var lan = Lan(2)
    lan.form()
    let sent = lan.sent(by: 1) { if case .clientKeepalive = $0 { true } else { false } }
    let sequences = sent.compactMap { if case .clientKeepalive(let keepalive) = $0.message { keepalive.sequence } else { nil } }
    #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
    // n = 2: three in each half of the detection interval.
    let lastSecond = sent.count { $0.time > lan.now - .seconds(1) }
    #expect((29...31).contains(lastSecond))
  }

  @Test func exitClusterSendsAMemberBackToJoiningWithoutItsUnits() {
    var lan = Lan(2)
    lan.form()
    let term = lan.members[0].snapshot(at: lan.now).term
    let exit = ExitCluster(member: Lan.identifier(1), reason: .notAMember, answering: 0, term: term)
    lan.feed(.received(.exitCluster(exit), from: lan.envelope(0)), to: 1)
    #expect(lan.phase(1) == .joining)
    #expect(lan.records[1].mine.isEmpty && lan.records[1].lease == .zero)
    lan.run(for: .seconds(3))
    #expect(lan.count(1) == 512)
    #expect(lan.conflicts.isEmpty)
  }

  // MARK: Whose the others' units are

  /// What two members say of every unit, each of those that are its own first.
  private func agree(_ lan: Lan, _ one: Int, _ other: Int) -> Bool {
    let (left, right) = (lan.members[one].snapshot(at: lan.now).units, lan.members[other].snapshot(at: lan.now).units)
    return left.map(\.owner) == right.map(\.owner)
  }

  @Test func tableOfOwnersThatWasLostIsToldAgain() {
    var lan = Lan(3)
    lan.form()
    lan.run(for: .seconds(2))
    #expect(agree(lan, 0, 1) && agree(lan, 0, 2))
    lan.drops = { _, receiver, message in if case .assignmentTable = message { receiver == 1 } else { false } }
    lan.feed(.drain(true), to: 2)
    lan.run(for: .seconds(3))
    #expect(!agree(lan, 0, 1))
    lan.drops = { _, _, _ in false }
    lan.run(for: .seconds(2))
    #expect(agree(lan, 0, 1))
  }

  @Test func tableOfOwnersIsToldOnceToThoseWhoHaveIt() {
    var lan = Lan(3)
    lan.form()
    lan.run(for: .seconds(2))
    let before = lan.sent(by: 0) { if case .assignmentTable = $0 { true } else { false } }.count
    lan.run(for: .seconds(10))
    #expect(lan.sent(by: 0) { if case .assignmentTable = $0 { true } else { false } }.count == before)
  }

  /// Ten members' owners fit no single message.
  @Test func tableOfOwnersInPartsIsTakenWhole() {
    var lan = Lan(10)
    lan.form()
    lan.run(for: .seconds(10))
    #expect(agree(lan, 0, 9))
    var lost = 0
    let drained = lan.members[0].snapshot(at: lan.now).members.last?.profile.identifier
    lan.drops = { _, receiver, message in
      guard case .assignmentTable(let table) = message else { return false }
      return receiver == 4 && table.part == 1
    }
    lan.feed(.drain(true), to: 9)
    lan.run(for: .seconds(3))
    lost = lan.members[4].snapshot(at: lan.now).units.count { $0.owner == drained }
    // Half a table would leave the first part's new owners beside the second's old ones.
    #expect(lost > 0 && !agree(lan, 0, 4))
    lan.drops = { _, _, _ in false }
    lan.run(for: .seconds(2))
    #expect(agree(lan, 0, 4))
  }

  // MARK: Draining and leaving

  @Test(arguments: [0, 1]) func drainedMemberHasNoUnitsAndTakesThemBackWhenUndrained(index: Int) {
    var lan = Lan(3)
    lan.form()
    lan.feed(.drain(true), to: index)
    var worst = 0
    for _ in 0..<1500 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
    }
    #expect(lan.count(index) == 0)
    #expect(lan.members[index].snapshot(at: lan.now).isDrained)
    #expect(lan.served == .all && worst <= 4)
    lan.feed(.drain(false), to: index)
    lan.run(for: .seconds(3))
    #expect(lan.count(index) == 341 || lan.count(index) == 342)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func memberThatLeavesHandsItsUnitsOverFirst() {
    var lan = Lan(3)
    lan.form()
    lan.feed(.leave, to: 2)
    var worst = 0
    for _ in 0..<2000 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
    }
    #expect(lan.phase(2) == .left)
    #expect(lan.records[2].lease == .zero)
    #expect(lan.records[2].actions.contains(.stopped))
    #expect(worst <= 4)
    #expect(lan.reports(0) { if case .memberLeft(_, .farewell, _) = $0 { true } else { false } } == 1)
  }

  @Test func masterThatLeavesIsSucceededAtOnce() {
    var lan = Lan(3)
    lan.form()
    lan.feed(.leave, to: 0)
    var worst = 0
    var masterless = 0
    for _ in 0..<3000 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
      if lan.masters.isEmpty { masterless += 1 }
    }
    #expect(lan.phase(0) == .left)
    #expect(lan.masters == [1])
    #expect(worst <= 4)
    // The promise to a master that said farewell need not run out.
    #expect(masterless <= 3)
    #expect(lan.conflicts.isEmpty)
  }

  /// The clients' packets would come to a machine that takes none.
  @Test func whoBecomesTheMasterOnlyToLeaveAnnouncesNothing() {
    var lan = Lan(2)
    lan.form()
    lan.drops = { _, receiver, _ in receiver == 1 }
    lan.feed(.leave, to: 1)
    lan.crash(0)
    #expect(lan.run(within: .seconds(4)) { $0.records[1].actions.contains(.stopped) })
    #expect(lan.records[1].announcements.isEmpty)
  }

  @Test func lastOneLeavesWithoutAnybodyToHandOverTo() {
    var lan = Lan(1)
    lan.form()
    lan.feed(.leave, to: 0)
    #expect(lan.phase(0) == .left)
    #expect(lan.records[0].lease == .zero && lan.records[0].mine.isEmpty)
  }

  // MARK: State

  @Test func unitsAreOwnedOnlyWhenTheirStateIsIn() {
    var lan = Lan(2) { $0.hasApplicationState = true }
    lan.completesState[1] = false
    lan.form()
    guard
      case .awaitState(let serial, let units, _) = lan.records[1].actions.first(where: {
        if case .awaitState = $0 { true } else { false }
      })
    else {
      Issue.record("no state awaited")
      return
    }
    #expect(lan.records[1].mine.isEmpty)
    lan.feed(.stateComplete(serial: serial), to: 1)
    #expect(lan.records[1].mine == units)
  }

  @Test func stateLeavesBeforeADeassignmentIsAcknowledged() {
    var lan = Lan(2)
    lan.members[1] = ClusterMember(
      configuration: {
        var configuration = Lan.configuration(1)
        configuration.hasApplicationState = true
        return configuration
      }())
    lan.form()
    lan.completesState[1] = false
    lan.feed(.drain(true), to: 1)
    lan.run(for: .milliseconds(50))
    let handovers = lan.records[1].actions.compactMap {
      if case .handOverState(let serial, let units, _) = $0 { (serial, units) } else { nil }
    }
    #expect(!handovers.isEmpty)
    #expect(handovers.allSatisfy { lan.records[0].mine.intersection($0.1).isEmpty })
    for (serial, _) in handovers { lan.feed(.stateHandedOver(serial: serial), to: 1) }
    lan.run(for: .milliseconds(50))
    #expect(handovers.allSatisfy { lan.records[0].mine.intersection($0.1) == $0.1 })
  }
}
