import Cluster
import Testing
import Wire

@Suite("Figure 6: coming in, or becoming the master")
struct StartingTests {
  @Test func loneMachineWaitsOutALeaseBeforeItOwnsOrAnnounces() {
    var lan = Lan(1)
    lan.start(0)
    let begun = lan.now
    let isServing = lan.run(within: .seconds(3)) { $0.count(0) == 1024 }
    #expect(isServing)
    // 100 ms for an answer, 100 ms for an objection, then a lease.
    #expect(lan.now - begun >= .milliseconds(400))
    #expect(lan.records[0].announcements.allSatisfy { $0.time - begun >= .milliseconds(400) })
    lan.run(for: .milliseconds(50))
    #expect(lan.records[0].announcements.count == 1)
    #expect(lan.records[0].announcements.first?.reason == .takeover)
  }

  @Test func machineWaitsForAsLongAsAClusterThatItCannotReadAnswersForTheAddress() {
    var lan = Lan(1)
    lan.addressOwnerIsCluster = true
    lan.start(0)
    lan.run(for: .seconds(120))
    #expect(lan.count(0) == 0 && lan.records[0].announcements.isEmpty)
    // It rests two seconds and asks again.
    #expect(lan.reports(0) { if case .addressInUse(_, _, waits: true) = $0 { true } else { false } } > 40)
    lan.addressOwnerIsCluster = nil
    let isServing = lan.run(within: .seconds(4)) { $0.count(0) == 1024 }
    #expect(isServing)
  }

  @Test func whoIsNoClusterKeepsAMachineFromItsReignForHalfAMinute() {
    var lan = Lan(1)
    lan.addressOwnerIsCluster = false
    lan.start(0)
    lan.run(for: .seconds(29))
    #expect(lan.count(0) == 0)
    lan.run(for: .seconds(5))
    #expect(lan.count(0) == 1024)
    #expect(lan.reports(0) { if case .addressInUse(_, _, waits: false) = $0 { true } else { false } } == 1)
  }

  @Test func masterThatServesDoesNotStopForAnAnswerThatComesLate() {
    var lan = Lan(1)
    lan.form()
    lan.feed(Lan.addressInUse(true), to: 0)
    #expect(lan.count(0) == 1024 && lan.masters == [0])
  }

  @Test func silentWireMakesNoOwner() {
    var lan = Lan(1)
    lan.hasTraffic = [false]
    lan.start(0)
    lan.run(for: .seconds(5))
    #expect(lan.masters == [0])
    #expect(lan.count(0) == 0)
    #expect(lan.records[0].announcements.isEmpty)
  }

  @Test func machinesSwitchedOnTogetherFindOneMasterAndShareTheUnits() {
    var lan = Lan(5)
    for index in lan.members.indices { lan.start(index) }
    lan.run(for: .seconds(4))
    #expect(lan.masters.count == 1)
    #expect(lan.served == .all)
    for index in lan.members.indices { #expect((204...206).contains(lan.count(index))) }
    #expect(lan.conflicts.isEmpty)
  }

  @Test func joinerRepeatsTheChallengeAndIsTakenIn() {
    var lan = Lan(2)
    lan.form()
    let requests = lan.sent(by: 1) { if case .joinRequest = $0 { true } else { false } }
    guard case .joinRequest(let first) = requests.first?.message, case .joinRequest(let last) = requests.last?.message else {
      Issue.record("no JOIN REQUEST")
      return
    }
    #expect(first.challenge == 0 && last.challenge != 0 && first.nonce == last.nonce)
    #expect(lan.phase(1) == .member)
    #expect(lan.count(0) == 512 && lan.count(1) == 512)
  }

  @Test func refusedJoinerRestsAndTriesAgain() {
    var lan = Lan(2)
    lan.members[1] = ClusterMember(
      configuration: .init(profile: Lan.profile(1), personalityVersion: 1, settingsDigest: 99))
    lan.form()
    #expect(lan.phase(1) == .waiting)
    #expect(lan.reports(1) { if case .refusedBy(_, _, .differentConfiguration, _) = $0 { true } else { false } } == 1)
    lan.run(for: .seconds(10))
    #expect(lan.reports(1) { if case .refusedBy = $0 { true } else { false } } == 2)
    #expect(lan.count(1) == 0)
  }

  @Test func olderJoinerFetchesThePersonalityAndJoins() {
    var lan = Lan(2)
    lan.members[1] = ClusterMember(configuration: .init(profile: Lan.profile(1), personalityVersion: 0))
    lan.form()
    let fetches = lan.records[1].actions.contains { if case .fetchPersonality(Lan.identifier(0), _, 1) = $0 { true } else { false } }
    #expect(fetches)
    lan.feed(.personality(version: 1, settingsDigest: 0), to: 1)
    lan.run(for: .seconds(2))
    #expect(lan.phase(1) == .member)
  }

  @Test func masterTakesANewerPersonalityFromAJoinerAndThenSendsTheOthersForIt() {
    var lan = Lan(3)
    lan.members[2] = ClusterMember(configuration: .init(profile: Lan.profile(2), personalityVersion: 2))
    lan.form()
    let fetches = lan.records[0].actions.contains { if case .fetchPersonality(Lan.identifier(2), _, 2) = $0 { true } else { false } }
    #expect(fetches)
    lan.feed(.personality(version: 2, settingsDigest: 0), to: 0)
    lan.run(for: .seconds(4))
    #expect(lan.phase(2) == .member)
    #expect(lan.phase(1) == .waiting)
    #expect(lan.served == .all)
    lan.feed(.personality(version: 2, settingsDigest: 0), to: 1)
    lan.run(for: .seconds(4))
    #expect(lan.phase(1) == .member)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func newerJoinerThatAgreesInTheSettingsServesWhileTheMasterFetches() {
    var lan = Lan(2)
    lan.members[1] = ClusterMember(configuration: .init(profile: Lan.profile(1), personalityVersion: 2))
    lan.form()
    #expect(lan.phase(0) == .master)
    #expect(lan.phase(1) == .member)
    #expect(lan.served == .all)
  }

  @Test func newerJoinerWithOtherSettingsWaitsUntilTheMasterHasThem() {
    var lan = Lan(2)
    lan.members[1] = ClusterMember(configuration: .init(profile: Lan.profile(1), personalityVersion: 2, settingsDigest: 99))
    lan.form()
    #expect(lan.phase(1) != .member)
    lan.feed(.personality(version: 2, settingsDigest: 99), to: 0)
    lan.run(for: .seconds(2))
    #expect(lan.phase(1) == .member)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func objectionSendsACandidateBackToJoining() {
    var lan = Lan(2)
    lan.hasTraffic = [false, false]
    lan.start(1)
    _ = lan.run(within: .seconds(1)) { $0.phase(1) == .offering }
    guard case .offerMaster(let offer) = lan.records[1].sent.last?.message else {
      Issue.record("no OFFER MASTER")
      return
    }
    var objection = OtherMasterExists(
      answering: offer.nonce &+ 1, term: Term(rawValue: 8), master: Lan.identifier(0), address: Lan.profile(0).address, memberCount: 3,
      personalityVersion: 1)
    lan.feed(.received(.otherMasterExists(objection), from: lan.envelope(0, .signed)), to: 1)
    #expect(lan.phase(1) == .offering)
    #expect(lan.members[1].counters.wrongNonce == 1)
    objection.answering = offer.nonce
    lan.feed(.received(.otherMasterExists(objection), from: lan.envelope(0, .signed)), to: 1)
    #expect(lan.phase(1) == .joining)
  }

  /// Which of the first eight messages between joiner and master are lost does not matter.
  @Test func joiningSurvivesEveryPatternOfEarlyLosses() {
    for pattern in 0..<256 {
      var lan = Lan(2)
      lan.start(0)
      lan.run(for: .milliseconds(700))
      let counter = Box(0)
      lan.drops = { from, to, message in
        if case .masterKeepalive = message { return false }
        counter.value += 1
        return counter.value <= 8 && pattern >> (counter.value - 1) & 1 == 1
      }
      lan.start(1)
      let isIn = lan.run(within: .seconds(5)) { $0.phase(1) == .member && $0.count(1) > 0 && $0.served == .all }
      #expect(isIn, "pattern \(pattern)")
      #expect(lan.conflicts.isEmpty, "pattern \(pattern)")
    }
  }
}

/// Something that a closure may count in.
final class Box<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}
