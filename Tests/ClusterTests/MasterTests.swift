import Cluster
import Testing
import Wire

@Suite("The master's events (figures 8A to 8F)")
struct MasterTests {
  // MARK: 8A

  /// Two groups that could not hear each other: each has a master. `alone` is cut off from the start.
  private func twoGroups(count: Int, alone: Int) -> Lan {
    var lan = Lan(count)
    let cut = Box(true)
    lan.drops = { from, to, _ in cut.value && (from == alone) != (to == alone) }
    for index in lan.members.indices { lan.start(index) }
    lan.run(for: .seconds(3))
    cut.value = false
    return lan
  }

  @Test func masterWithMoreMembersWinsTheTie() {
    var lan = twoGroups(count: 3, alone: 0)
    #expect(lan.masters.count == 2)
    lan.run(for: .seconds(2))
    #expect(lan.masters.count == 1 && lan.masters != [0])
    #expect(lan.phase(0) == .member)
    #expect(lan.served == .all)
    let winner = lan.masters[0]
    #expect(lan.records[winner].announcements.contains { $0.reason == .tieBreak })
    #expect(lan.reports(0) { if case .steppedDown(_, .lostTieBreak) = $0 { true } else { false } } == 1)
  }

  @Test func lowerAddressWinsBetweenEquals() {
    var lan = twoGroups(count: 2, alone: 0)
    #expect(lan.masters == [0, 1])
    lan.run(for: .seconds(2))
    #expect(lan.masters == [0])
    #expect(lan.phase(1) == .member)
  }

  @Test func masterThatServesNothingYieldsToOneThatDoes() {
    var lan = Lan(2)
    lan.hasTraffic = [false, true]
    let cut = Box(true)
    lan.drops = { _, _, _ in cut.value }
    lan.start(0)
    lan.start(1)
    lan.run(for: .seconds(3))
    #expect(lan.count(0) == 0 && lan.count(1) == 1024)
    cut.value = false
    lan.run(for: .seconds(2))
    #expect(lan.masters == [1])
    #expect(lan.conflicts.isEmpty)
  }

  @Test func objectionThatAnswersNothingChangesNothing() {
    var lan = Lan(2)
    lan.form()
    let forged = OtherMasterExists(
      answering: 12345, term: Term(rawValue: 99), master: Lan.identifier(1), address: Lan.profile(1).address, memberCount: 200,
      personalityVersion: 1)
    lan.feed(.received(.otherMasterExists(forged), from: lan.envelope(1, .signed)), to: 0)
    #expect(lan.masters == [0])
    #expect(lan.members[0].counters.wrongNonce == 1)
  }

  @Test func ownKeepaliveComingBackIsIgnored() {
    var lan = Lan(2)
    lan.form()
    guard let own = lan.sent(by: 0, where: { if case .masterKeepalive = $0 { true } else { false } }).last else { return }
    lan.feed(.received(own.message, from: lan.envelope(0)), to: 0)
    #expect(lan.members[0].counters.fromMyself == 1)
    #expect(lan.masters == [0])
  }

  // MARK: 8B

  @Test func strangersKeepaliveIsAnsweredWithExitCluster() {
    var lan = Lan(2)
    lan.form()
    let term = lan.members[0].snapshot(at: lan.now).term
    let keepalive = ClientKeepalive(
      term: term, sequence: 1, masterSequence: 0, memberListVersion: 0, assignmentVersion: 0, packetsPerSecond: 0, isDraining: false,
      isLeaving: false)
    var envelope = lan.envelope(1)
    envelope.sender = MemberIdentifier(rawValue: 77)
    lan.feed(.received(.clientKeepalive(keepalive), from: envelope), to: 0)
    guard case .exitCluster(let exit) = lan.records[0].sent.last?.message else {
      Issue.record("no EXIT CLUSTER")
      return
    }
    #expect(exit.member.rawValue == 77 && exit.reason == .notAMember)
  }

  @Test func lossOfKeepalivesRaisesN() {
    var lan = Lan(2)
    lan.form()
    let number = Box(0)
    lan.drops = { from, _, message in
      guard from == 1, case .clientKeepalive = message else { return false }
      number.value += 1
      return number.value % 5 == 0
    }
    lan.run(for: .seconds(20))
    let snapshot = lan.members[0].snapshot(at: lan.now)
    #expect((0.1...0.35).contains(snapshot.lossAverage))
    #expect(snapshot.toleratedLosses >= 5)
    #expect(lan.members[1].snapshot(at: lan.now).toleratedLosses == snapshot.toleratedLosses)
    #expect(snapshot.keepaliveInterval == .milliseconds(100) / UInt64(snapshot.toleratedLosses + 1))
  }

  // MARK: 8C

  @Test func keepaliveOfManyMembersComesInParts() {
    var lan = Lan(40)
    lan.form()
    let parts = lan.sent(by: 0) { if case .masterKeepalive = $0 { true } else { false } }.suffix(2).compactMap { sent in
      if case .masterKeepalive(let keepalive) = sent.message { keepalive } else { nil }
    }
    #expect(parts.map(\.part) == [0, 1] && parts.allSatisfy { $0.partCount == 2 && $0.memberCount == 40 })
    #expect(parts.map(\.entries.count) == [32, 7])
    #expect(lan.members[39].snapshot(at: lan.now).members.count == 40)
    for index in lan.members.indices { #expect((25...26).contains(lan.count(index))) }
  }

  /// A master that finds another count at a member than it thinks says again what that member owns. Who stopped then, and waited for
  /// packets that it had answered itself, answered them twice.
  @Test func whatIsAssignedAgainToItsOwnerGoesOnBeingProcessed() {
    var lan = Lan(3)
    lan.form()
    let mine = lan.records[1].mine
    let actions = lan.records[1].actions.count
    let term = lan.members[0].snapshot(at: lan.now).term
    let assign = Assign(term: term, serial: 1 << 20, member: Lan.identifier(1), units: mine, previousOwner: nil)
    lan.feed(.received(.assign(assign), from: lan.envelope(0)), to: 1)
    let new = lan.records[1].actions[actions...]
    #expect(!new.contains { if case .awaitState = $0 { true } else { false } })
    #expect(!new.contains { if case .setUnits = $0 { true } else { false } })
    #expect(
      new.contains {
        guard case .send(.acknowledge(let acknowledge), _, _) = $0 else { return false }
        return acknowledge.units == mine && acknowledge.serial == 1 << 20
      })
    #expect(lan.records[1].mine == mine)
  }

  // MARK: 8D

  @Test func balancedClusterMovesNothing() {
    var lan = Lan(3)
    lan.form()
    #expect([0, 1, 2].map { lan.count($0) }.sorted() == [341, 341, 342])
    let moved = lan.members[0].counters.unitsMoved
    lan.run(for: .seconds(20))
    #expect(lan.members[0].counters.unitsMoved == moved)
  }

  @Test func returningMemberGetsItsShareUnitByUnitAndNothingIsUnserved() {
    var lan = Lan(3)
    lan.form()
    lan.crash(2)
    lan.run(for: .seconds(1))
    lan.replace(2, incarnation: 2)
    lan.start(2)
    var worst = 0
    for _ in 0..<3000 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
    }
    #expect(lan.count(2) == 341)
    #expect(worst <= 4)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func twiceTheWeightGetsTwiceTheUnits() {
    var lan = Lan(3) { if $0.profile.identifier.rawValue == 2 { $0.profile.weight = 200 } }
    lan.form()
    #expect((511...513).contains(lan.count(1)))
    #expect((255...257).contains(lan.count(0)) && (255...257).contains(lan.count(2)))
    let moved = lan.members[0].counters.unitsMoved
    lan.run(for: .seconds(10))
    #expect(lan.members[0].counters.unitsMoved == moved)
    lan.feed(.setWeight(100), to: 1)
    lan.run(for: .seconds(3))
    #expect((341...342).contains(lan.count(1)))
  }

  @Test func busiestUnitsMoveWhereTheyHelpAndThenNoMore() {
    var lan = Lan(2) { $0.balance = .measuredTraffic }
    lan.form()
    let busy = lan.records[0].mine.prefix(4).map { $0 }
    report(&lan, busy, rounds: 6) { _ in 100 }
    #expect(busy.count { lan.records[1].mine.contains($0) } == 2)
    let moved = lan.members[0].counters.unitsMoved
    report(&lan, busy, rounds: 30) { _ in 100 }
    #expect(lan.members[0].counters.unitsMoved == moved)
  }

  @Test func trafficThatIsStillRisingMovesNothing() {
    var lan = Lan(2) { $0.balance = .measuredTraffic }
    lan.form()
    let busy = lan.records[0].mine.prefix(4).map { $0 }
    let moved = lan.members[0].counters.unitsMoved
    report(&lan, busy, rounds: 6) { 100 << $0 }
    #expect(lan.members[0].counters.unitsMoved == moved)
  }

  @Test func trafficThatIsNearlyEvenIsLeftAlone() {
    var lan = Lan(2) { $0.balance = .measuredTraffic }
    lan.form()
    let busy = lan.records[0].mine.prefix(52).map { $0 } + lan.records[1].mine.prefix(48)
    let moved = lan.members[0].counters.unitsMoved
    report(&lan, busy, rounds: 10) { _ in 100 }
    #expect(lan.members[0].counters.unitsMoved == moved)
  }

  @Test func whatWasMovedIsMeasuredBeforeMoreMoves() {
    var lan = Lan(2) { $0.balance = .measuredTraffic }
    lan.form()
    let busy = lan.records[0].mine.prefix(40).map { $0 }
    report(&lan, busy, rounds: 1) { _ in 100 }
    // From here on nobody looks again: the reports stay as they were.
    lan.run(for: .seconds(3))
    #expect(busy.count { lan.records[1].mine.contains($0) } == 20)
  }

  /// Both members look every two seconds; `rate` is each busy unit's in a round.
  private func report(_ lan: inout Lan, _ busy: [Int], rounds: Int, rate: (Int) -> Int) {
    for round in 0..<rounds {
      for index in 0...1 {
        let loads = busy.filter { lan.records[index].mine.contains($0) }.map {
          LoadReport.UnitLoad(unit: UInt16($0), packetsPerSecond: UInt32(rate(round)))
        }
        lan.feed(.load(loads, packetsPerSecond: UInt32(loads.count * rate(round))), to: index)
      }
      lan.run(for: .seconds(2))
    }
  }

  // MARK: 8E

  @Test func deadMembersUnitsGoToTheOthersWhoKeepTheirs() {
    var lan = Lan(3)
    lan.form()
    let before = [lan.records[0].mine, lan.records[1].mine]
    lan.crash(2)
    let crashed = lan.now
    let isServed = lan.run(within: .seconds(1)) { $0.served == .all }
    #expect(isServed)
    #expect(lan.now - crashed <= .milliseconds(216))
    for index in 0...1 { #expect(before[index].subtracting(lan.records[index].mine).isEmpty) }
    #expect(abs(lan.count(0) - lan.count(1)) <= 1)
  }

  @Test func withoutEagernessUnitsWaitForTheirNextPacket() {
    var lan = Lan(3) { $0.assignsEagerly = false }
    lan.form()
    lan.run(for: .seconds(12))
    #expect(lan.served == .all)
    lan.crash(2)
    lan.run(for: .milliseconds(230))
    let missing = UnitSet.all.subtracting(lan.served)
    #expect(missing.count > 300)
    lan.feed(.packetForUnassigned(unit: missing.first { _ in true } ?? 0), to: 0)
    lan.run(for: .milliseconds(2))
    #expect(lan.served.contains(missing.first { _ in true } ?? 0))
  }

  @Test func memberThatIsHeardButDoesNotHearIsTakenOut() {
    var lan = Lan(3)
    lan.form()
    lan.isDeaf[2] = true
    lan.run(for: .seconds(1))
    #expect(lan.count(0) + lan.count(1) == 1024)
    #expect(lan.count(2) == 0)
    #expect(lan.conflicts.isEmpty)
    lan.isDeaf[2] = false
    lan.run(for: .seconds(4))
    #expect(lan.count(2) == 341)
    #expect(lan.masters == [0])
  }

  // MARK: 8F

  @Test func applicationMayVetoAJoin() {
    var lan = Lan(2) { $0.asksApplications = true }
    lan.form()
    guard
      case .askApplications(let nonce, let profile) = lan.records[0].actions.first(where: {
        if case .askApplications = $0 { true } else { false }
      })
    else {
      Issue.record("the applications were not asked")
      return
    }
    #expect(profile.identifier == Lan.identifier(1))
    #expect(lan.phase(1) == .joining)
    lan.feed(.applicationsAnswered(nonce: nonce, refusal: "no licence"), to: 0)
    lan.run(for: .milliseconds(10))
    #expect(lan.phase(1) == .waiting)
    #expect(lan.reports(1) { if case .refusedBy(_, _, .application, "no licence") = $0 { true } else { false } } == 1)
  }

  @Test func applicationsThatAgreeLetTheJoinerIn() {
    var lan = Lan(2) { $0.asksApplications = true }
    lan.form()
    for action in lan.records[0].actions {
      if case .askApplications(let nonce, _) = action { lan.feed(.applicationsAnswered(nonce: nonce, refusal: nil), to: 0) }
    }
    lan.run(for: .seconds(2))
    #expect(lan.phase(1) == .member)
  }

  @Test func badCertificateIsToldSo() {
    var lan = Lan(2)
    lan.form()
    let request = JoinRequest(
      nonce: 5, challenge: 0, profile: Lan.profile(1, incarnation: 9), personalityVersion: 1, settingsDigest: 0, term: .none,
      claims: UnitSet(), sequence: 1)
    var envelope = lan.envelope(1, .signed, isAuthentic: false)
    envelope.refusal = .certificateExpired
    lan.feed(.received(.joinRequest(request), from: envelope), to: 0)
    guard case .nak(let nak) = lan.records[0].sent.last?.message else {
      Issue.record("no NAK")
      return
    }
    #expect(nak.reason == .certificateExpired && nak.nonce == 5)
    #expect(lan.members[0].counters.notAuthentic == 1 && lan.members[0].counters.joinsRefused == 1)
  }

  @Test func secondMachineWithALiveMembersNumberIsRefused() {
    var lan = Lan(3)
    lan.form()
    let challenge =
      lan.sent(by: 0) { if case .nak = $0 { true } else { false } }.compactMap { sent in
        if case .nak(let nak) = sent.message { nak.challenge } else { nil }
      }.last { $0 != 0 } ?? 0
    for _ in 0..<10 {
      let request = JoinRequest(
        nonce: 5, challenge: challenge, profile: Lan.profile(1, incarnation: 9), personalityVersion: 1, settingsDigest: 0, term: .none,
        claims: UnitSet(), sequence: 1)
      var envelope = lan.envelope(1, .signed)
      envelope.incarnation = request.profile.incarnation
      lan.feed(.received(.joinRequest(request), from: envelope), to: 0)
      lan.run(for: .milliseconds(20))
    }
    #expect(lan.count(1) == 341)
    #expect(lan.phase(1) == .member)
  }

  // MARK: Expelling

  @Test func expelledMemberLosesItsUnitsAndTheOthersGetANewKey() {
    var lan = Lan(3)
    lan.form()
    lan.isMute[2] = false
    lan.feed(.expel(Lan.identifier(2)), to: 0)
    lan.run(for: .seconds(1))
    #expect(lan.phase(2) == .waiting && lan.count(2) == 0)
    #expect(lan.served == .all)
    let handed = lan.sent(by: 0) { if case .groupKey = $0 { true } else { false } }
    #expect(!handed.isEmpty)
    #expect(handed.allSatisfy { if case .groupKey(let handover) = $0.message { handover.member == Lan.identifier(1) } else { false } })
    #expect(lan.records[0].actions.contains { if case .newGroupKey = $0 { true } else { false } })
    #expect(lan.conflicts.isEmpty)
  }

  /// The master holds what comes for them from the moment of the expel, and the expelled member processes it until it hears of it.
  @Test func whatCameWhileAnExpelledMemberHadItsLeaseIsNotHeldForTheNextOwner() throws {
    var lan = Lan(3)
    lan.form()
    let before = lan.records[0].actions.count
    lan.feed(.expel(Lan.identifier(2)), to: 0)
    lan.run(for: .seconds(1))
    let actions = lan.records[0].actions.dropFirst(before)
    let forgotten = try #require(actions.firstIndex { if case .forgetHeld(let units) = $0 { units.count >= 341 } else { false } })
    let given = try #require(actions.firstIndex { if case .setUnits(_, .some, _) = $0 { true } else { false } })
    #expect(forgotten < given)
  }
}
