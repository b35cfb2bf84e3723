import Cluster
import Testing
import Wire

@Suite("When the master falls silent (figure 8I, claim 7)")
struct SuccessionTests {
  // MARK: Silence that is none

  private static func call(_ message: ClusterMessage) -> OfferMaster? {
    if case .offerMaster(let offer) = message, offer.isMaster { offer } else { nil }
  }

  @Test func aMasterThatHearsNoMemberCallsThemAsOneMachine() {
    var lan = Lan(3)
    lan.form()
    lan.drops = { _, receiver, message in if case .clientKeepalive = message { receiver == 0 } else { false } }
    let start = lan.now
    lan.run(for: .milliseconds(150))
    let calls = lan.sent(by: 0) { Self.call($0) != nil }.filter { $0.time > start }
    #expect(calls.count > 8)
    #expect(Set(calls.compactMap { Self.call($0.message)?.memberCount }) == [1])
    #expect(calls.allSatisfy { $0.time > start + .milliseconds(30) })
    #expect(lan.conflicts.isEmpty)
  }

  @Test func aMemberAnswersItsMastersCallByAKeepalive() {
    var lan = Lan(3)
    lan.form()
    lan.run(for: .milliseconds(1))
    let call = OfferMaster(
      nonce: 9, answering: 0, term: lan.members[0].snapshot(at: lan.now).term, profile: Lan.profile(0), personalityVersion: 1,
      memberCount: 1,
      isMaster: true)
    let isAnswer = { (message: ClusterMessage) in if case .clientKeepalive = message { true } else { false } }
    let before = lan.sent(by: 1, where: isAnswer).count
    lan.feed(.received(.offerMaster(call), from: lan.envelope(0, .signed)), to: 1)
    #expect(lan.sent(by: 1, where: isAnswer).count == before + 1)
    // Of a flood of them, most are counted and left alone.
    for _ in 0..<50 { lan.feed(.received(.offerMaster(call), from: lan.envelope(0, .signed)), to: 1) }
    #expect(lan.sent(by: 1, where: isAnswer).count < before + 12)
    #expect(lan.members[1].counters.rateLimited > 30)
  }

  /// Steps through the time after something happened, and notes what nobody processed.
  private func silences(_ lan: inout Lan, for duration: Interval, of units: UnitSet) -> Interval {
    let end = lan.now + duration
    var last = lan.now
    while lan.now < end {
      lan.run(for: .microseconds(500))
      if !units.subtracting(lan.served).isEmpty { last = lan.now }
    }
    return last - (end - duration)
  }

  @Test(arguments: [2, 3, 5, 16]) func survivorsUnitsAreServedThroughout(count: Int) {
    for phase in 0..<12 {
      var lan = Lan(count)
      lan.form()
      lan.run(for: .milliseconds(UInt64(phase * 3)))
      let dead = lan.records[0].mine
      lan.crash(0)
      var copy = lan
      #expect(silences(&copy, for: .seconds(1), of: UnitSet.all.subtracting(dead)) == .zero)
      #expect(silences(&lan, for: .seconds(1), of: dead) <= .milliseconds(155))
      #expect(lan.masters == [1])
      #expect(lan.conflicts.isEmpty)
      #expect(lan.records[1].announcements.last?.reason == .takeover)
    }
  }

  @Test func aNewMasterKeepsNoLeaseOfTheLastOneLongerThanItsVotersWait() {
    var lan = Lan(3)
    lan.form()
    lan.feed(.leave, to: 0)
    #expect(lan.run(within: .seconds(5)) { $0.records[1].isMaster })
    #expect(lan.records[1].lease <= lan.now + lan.members[1].configuration.authorityInterval)
  }

  @Test func aMasterThatStoodStillDoesNotTakeThatForItsMembersSilence() {
    var lan = Lan(3)
    lan.form()
    let lease = lan.records[0].lease
    lan.isRunning[0] = false
    lan.run(until: lease - .milliseconds(2))
    lan.isRunning[0] = true
    // Traffic comes to its ears before what its members have said meanwhile.
    lan.feed(.heardTraffic, to: 0)
    #expect(lan.records[0].lease == lease)
  }

  @Test func majorityKeepsServingToo() {
    var lan = Lan(3) { $0.partition = .majority(of: 3) }
    for index in lan.members.indices { lan.start(index) }
    lan.run(for: .seconds(4))
    guard let master = lan.masters.first else {
      Issue.record("no master")
      return
    }
    let dead = lan.records[master].mine
    lan.crash(master)
    #expect(silences(&lan, for: .seconds(1), of: UnitSet.all.subtracting(dead)) == .zero)
    #expect(lan.served == .all)
  }

  @Test func sideWithoutAMajorityServesNothing() {
    var lan = Lan(3) { $0.partition = .majority(of: 3) }
    lan.form()
    lan.run(for: .seconds(2))
    guard let master = lan.masters.first else {
      Issue.record("no master")
      return
    }
    lan.drops = { from, to, _ in (from == master) != (to == master) }
    lan.run(for: .seconds(1))
    #expect(lan.count(master) == 0)
    #expect(lan.served == .all)
    lan.drops = { _, _, _ in true }
    lan.run(for: .seconds(1))
    #expect(lan.served.isEmpty)
    #expect(lan.conflicts.isEmpty)
    lan.drops = { _, _, _ in false }
    lan.run(for: .seconds(5))
    #expect(lan.served == .all && lan.masters.count == 1)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func secondInRankStepsInWhenTheFirstIsDeadToo() {
    var lan = Lan(4)
    lan.form()
    lan.crash(0)
    lan.crash(1)
    lan.run(for: .seconds(1))
    #expect(lan.masters == [2])
    #expect(lan.served == .all)
    #expect(lan.conflicts.isEmpty)
  }

  /// The last master took it out a moment before it died itself; it hangs, and its packet path goes on under its lease.
  @Test func unitsOfAMemberThatTheLastMasterTookOutWaitForItsLease() {
    var lan = Lan(4)
    lan.form()
    lan.isRunning[2] = false
    lan.feed(.expel(Lan.identifier(2)), to: 0)
    lan.run(for: .milliseconds(5))
    lan.crash(0)
    lan.run(for: .seconds(1))
    #expect(lan.conflicts.isEmpty)
    #expect(lan.masters == [1] && lan.count(1) + lan.count(3) == UnitSet.unitCount)
  }

  /// One of them may have been on its way to that member, which then has it as far as the last owner's packet path knows.
  @Test func unitsThatHaveRestedAreNobodysBeforeWhatWasHeldForThemIsForgotten() {
    var lan = Lan(3)
    lan.form()
    let units = lan.records[2].mine
    lan.isRunning[2] = false
    lan.feed(.expel(Lan.identifier(2)), to: 0)
    lan.records[0].actions = []
    lan.run(for: .milliseconds(400))
    let actions = lan.records[0].actions
    let place = actions.firstIndex { if case .forgetHeld(units) = $0 { true } else { false } }
    guard let place, place > 0, case .setUnits(units, owner: nil, acknowledged: false) = actions[place - 1] else {
      Issue.record("not taken back: \(actions.count) actions")
      return
    }
  }

  @Test func deafMasterStopsAndIsSucceeded() {
    var lan = Lan(3)
    lan.form()
    lan.isDeaf[0] = true
    lan.run(for: .milliseconds(105))
    #expect(lan.count(0) == 0)
    lan.run(for: .milliseconds(400))
    #expect(lan.masters.contains(1) && lan.served == .all)
    lan.isDeaf[0] = false
    lan.run(for: .seconds(4))
    #expect(lan.masters == [1] && lan.phase(0) == .member)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func muteMasterStopsAndIsSucceeded() {
    var lan = Lan(3)
    lan.form()
    lan.isMute[0] = true
    lan.run(for: .milliseconds(105))
    #expect(lan.count(0) == 0)
    lan.run(for: .seconds(2))
    // It hears its successor: no reason to begin a cluster of its own.
    #expect(lan.masters == [1])
    #expect(lan.phase(0) == .joining)
    #expect(lan.served == .all)
    lan.isMute[0] = false
    lan.run(for: .seconds(4))
    #expect(lan.masters == [1] && lan.count(0) == 341)
    #expect(lan.conflicts.isEmpty)
  }

  @Test(arguments: [0, 2]) func machineThatWasCutOffDoesNotServeWhenItsCableComesBack(index: Int) {
    var lan = Lan(3)
    lan.form()
    lan.isDeaf[index] = true
    lan.isMute[index] = true
    lan.run(for: .seconds(3))
    #expect(lan.count(index) == 0)
    #expect(lan.served == .all)
    lan.isDeaf[index] = false
    lan.isMute[index] = false
    lan.run(for: .seconds(4))
    #expect(lan.masters.count == 1)
    #expect(lan.count(index) >= 341)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func membersWhoHearTheMasterObjectToACandidate() {
    var lan = Lan(3)
    lan.form()
    lan.drops = { from, to, _ in from == 0 && to == 2 }
    lan.run(for: .seconds(2))
    #expect(lan.masters == [0])
    #expect(lan.conflicts.isEmpty)
    #expect(lan.sent(by: 1) { if case .otherMasterExists = $0 { true } else { false } }.isEmpty == false)
    lan.drops = { _, _, _ in false }
    lan.run(for: .seconds(4))
    #expect(lan.phase(2) == .member && lan.count(2) == 341)
  }

  /// Which of the first nine messages after the crash are lost does not matter.
  @Test func successionSurvivesEveryPatternOfEarlyLosses() {
    var formed = Lan(3)
    formed.form()
    formed.crash(0)
    formed.run(for: .milliseconds(80))
    for pattern in 0..<512 {
      var lan = formed
      let counter = Box(0)
      lan.drops = { _, _, _ in
        counter.value += 1
        return counter.value <= 9 && pattern >> (counter.value - 1) & 1 == 1
      }
      let isWhole = lan.run(within: .seconds(4)) { $0.masters.count == 1 && $0.served == .all }
      #expect(isWhole, "pattern \(pattern)")
      #expect(lan.conflicts.isEmpty, "pattern \(pattern)")
    }
  }
}
