import Cluster
import Testing
import Wire

@Suite("Newer personalities and revoked certificates")
struct PersonalityTests {
  // MARK: Personality

  private func steppedDown(_ lan: Lan, _ index: Int) -> Int { lan.reports(index) { if case .steppedDown = $0 { true } else { false } } }

  @Test func masterTakesAJoinersNewerPersonalityInOfficeAndLosesNothing() {
    var lan = Lan(3) { if $0.profile.identifier.rawValue == 3 { ($0.personalityVersion, $0.settingsDigest) = (2, 1) } }
    lan.start(0)
    lan.run(for: .milliseconds(700))
    lan.start(1)
    lan.run(for: .seconds(3))
    lan.start(2)
    lan.run(for: .seconds(1))
    // The version alone, without a bundle, changes nothing.
    #expect(lan.masters == [0] && lan.count(0) + lan.count(1) == 1024 && lan.phase(2) == .joining)
    let isFetching = lan.records[0].actions.contains { if case .fetchPersonality(Lan.identifier(2), _, 2) = $0 { true } else { false } }
    #expect(isFetching)
    lan.feed(.personality(version: 2, settingsDigest: 1), to: 0)
    var worst = 0
    for _ in 0..<6000 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
      if lan.phase(1) == .waiting { lan.feed(.personality(version: 2, settingsDigest: 1), to: 1) }
    }
    #expect(worst <= 4)
    #expect(lan.masters == [0] && steppedDown(lan, 0) == 0)
    #expect([0, 1, 2].map { lan.count($0) }.sorted() == [341, 341, 342])
    #expect(lan.conflicts.isEmpty)
  }

  @Test func masterWithAnOlderPersonalityStepsDownBeforeOneWithTheNewer() {
    var lan = Lan(3) { if $0.profile.identifier.rawValue == 3 { $0.personalityVersion = 2 } }
    let cut = Box(true)
    lan.drops = { from, to, _ in cut.value && (from == 2) != (to == 2) }
    for index in lan.members.indices { lan.start(index) }
    lan.run(for: .seconds(3))
    #expect(lan.masters.count == 2)
    cut.value = false
    lan.run(for: .seconds(2))
    #expect(lan.masters == [2] && lan.count(2) == 1024)
    let older = lan.phase(0) == .waiting ? 0 : 1
    let isFetching = lan.records[older].actions.contains { if case .fetchPersonality(Lan.identifier(2), _, 2) = $0 { true } else { false } }
    #expect(isFetching)
    for index in 0...1 { lan.feed(.personality(version: 2, settingsDigest: 0), to: index) }
    lan.run(for: .seconds(14))
    #expect([0, 1, 2].map { lan.count($0) }.sorted() == [341, 341, 342])
  }

  /// What a daemon does that must start afresh for its personality.
  @Test func masterThatLeavesForANewerPersonalityHandsOverFirst() {
    var lan = Lan(3)
    lan.form()
    lan.feed(.leave, to: 0)
    var worst = 0
    for _ in 0..<3000 {
      lan.run(for: .milliseconds(1))
      worst = max(worst, 1024 - lan.served.count)
    }
    #expect(worst <= 4)
    #expect(lan.phase(0) == .left && lan.records[0].actions.contains(.stopped))
    lan.replace(0, incarnation: 2) { $0.personalityVersion = 2 }
    lan.start(0)
    lan.run(for: .seconds(1))
    let isFetching = lan.members.indices.contains { index in
      lan.records[index].actions.contains { if case .fetchPersonality(Lan.identifier(0), _, 2) = $0 { true } else { false } }
    }
    #expect(isFetching)
    #expect(lan.count(1) + lan.count(2) == 1024 && lan.conflicts.isEmpty)
  }

  // MARK: Revocation

  @Test func revokedMemberThatShowsAnotherCertificateIsLetInAgain() {
    var lan = Lan(3)
    lan.form()
    for index in lan.members.indices { lan.feed(.revoked([Lan.identifier(2)]), to: index) }
    lan.run(for: .seconds(1))
    #expect(lan.phase(2) == .waiting && lan.count(0) + lan.count(1) == 1024)
    // What the wire brings of it from now on is signed by the newer certificate, or `Credentials` would refuse it.
    lan.replace(2, incarnation: 2)
    lan.start(2)
    lan.run(for: .seconds(4))
    #expect(lan.phase(2) == .member && lan.count(2) == 341)
    lan.crash(0)
    lan.run(for: .seconds(4))
    #expect(lan.masters.count == 1 && lan.count(1) + lan.count(2) == 1024)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func successorPutsOutWhomItKnowsToBeRevoked() {
    var lan = Lan(4)
    lan.form()
    for index in 1...2 { lan.feed(.revoked([Lan.identifier(3)]), to: index) }
    lan.run(for: .seconds(1))
    #expect(lan.phase(3) == .member)
    lan.crash(0)
    lan.run(for: .seconds(2))
    #expect(lan.masters == [1])
    #expect(lan.phase(3) == .waiting && lan.count(3) == 0)
    #expect(lan.served == .all && lan.conflicts.isEmpty)
  }
}
