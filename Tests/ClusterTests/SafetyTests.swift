import Cluster
import Testing
import Wire

@Suite("The safety rules (specification 1)")
struct SafetyTests {
  // MARK: Rule 1, the lease

  @Test(arguments: [0, 1]) func stoppedMemberProcessesNothingAfterItsLease(index: Int) {
    var lan = Lan(3)
    lan.form()
    lan.isRunning[index] = false
    lan.run(for: index == 0 ? .milliseconds(101) : .milliseconds(201))
    #expect(lan.count(index) == 0)
    lan.run(for: .seconds(1))
    #expect(lan.served == .all)
    lan.isRunning[index] = true
    lan.run(for: .seconds(4))
    #expect(lan.masters.count == 1 && lan.served == .all)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func memberWithExpiredLeaseDropsItsUnitsBeforeItListens() {
    var lan = Lan(2)
    lan.form()
    lan.isRunning[1] = false
    lan.run(for: .milliseconds(300))
    lan.isRunning[1] = true
    let old = lan.sent(by: 0) { if case .masterKeepalive = $0 { true } else { false } }.last
    guard let old else { return }
    lan.feed(.received(old.message, from: lan.envelope(0)), to: 1)
    #expect(lan.records[1].mine.isEmpty)
    #expect(lan.members[1].counters.leasesLapsed == 1)
  }

  @Test func leaseCountsFromWhenTheKeepaliveWasSent() {
    var lan = Lan(2)
    lan.form()
    let mutedAt = lan.now
    lan.isMute[0] = true
    lan.run(for: .milliseconds(60))
    // The last keepalive of the master that arrived answers one that this member had sent before, not the one that it sends on hearing it.
    let answer =
      lan.sent(by: 0) { if case .masterKeepalive = $0 { true } else { false } }.map(\.time).filter { $0 < mutedAt }.max() ?? .zero
    let asked = lan.sent(by: 1) { if case .clientKeepalive = $0 { true } else { false } }.map(\.time).filter { $0 < answer }.max()
    #expect(asked != nil && lan.records[1].lease == asked.map { $0 + .milliseconds(200) }, "answered at \(answer)")
  }

  @Test func lostCarrierEndsTheLeaseAtOnce() {
    var lan = Lan(3)
    lan.form()
    for index in [0, 2] {
      lan.feed(.carrierLost, to: index)
      lan.isDeaf[index] = true
      lan.isMute[index] = true
      #expect(lan.records[index].lease == .zero && lan.records[index].mine.isEmpty)
      #expect(lan.phase(index) == .down)
    }
    lan.run(for: .seconds(1))
    for index in [0, 2] {
      lan.isDeaf[index] = false
      lan.isMute[index] = false
      lan.feed(.carrierFound, to: index)
    }
    lan.run(for: .seconds(5))
    #expect(lan.served == .all && lan.masters.count == 1)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func withoutTheRuleTheLeaseNeverEnds() {
    var lan = Lan(2) { $0.safetyRules.remove(.lease) }
    lan.form()
    #expect(lan.records[1].lease == Instant(nanoseconds: .max))
  }

  // MARK: Restarts

  @Test func daemonThatIsBackWithinItsLeaseKeepsItsUnits() {
    var lan = Lan(3)
    lan.form()
    let mine = lan.records[1].mine
    let lease = lan.records[1].lease
    lan.replace(1, incarnation: 2)
    lan.run(for: .milliseconds(70))
    #expect(lan.records[1].mine == mine)
    lan.start(1, claims: mine, lease: lease)
    for _ in 0..<1000 {
      lan.run(for: .milliseconds(1))
      #expect(mine.subtracting(lan.served).isEmpty)
    }
    #expect(lan.records[1].mine == mine)
    #expect(lan.reports(0) { if case .memberJoined(_, _, 341...342) = $0 { true } else { false } } == 1)
    #expect(lan.conflicts.isEmpty)
  }

  /// What the last run's lease has left may be less than the master's interval.
  @Test func daemonThatIsBackHasItsLeaseRenewedAtOnce() {
    var lan = Lan(3)
    lan.form()
    let (mine, lease) = (lan.records[1].mine, lan.records[1].lease)
    lan.replace(1, incarnation: 2)
    lan.run(for: .milliseconds(70))
    lan.start(1, claims: mine, lease: lease)
    #expect(lan.run(within: .seconds(1)) { $0.reports(0) { if case .memberJoined(_, _, 341...342) = $0 { true } else { false } } == 1 })
    #expect(lan.run(within: .milliseconds(1)) { $0.records[1].lease > lease })
  }

  /// Two keepalives of the master's come in 67 ms: what the last run's lease has left must not pass with waiting for them.
  @Test func daemonThatIsBackOnItsMachineDoesNotWaitForItsLastRunToFallSilent() {
    var lan = Lan(3)
    lan.form()
    let (mine, lease) = (lan.records[1].mine, lan.records[1].lease)
    lan.replace(1, incarnation: 2)
    lan.start(1, claims: mine, lease: lease)
    #expect(lan.run(within: .milliseconds(5)) { $0.records[1].lease > lease })
    #expect(lan.records[1].mine == mine && lan.conflicts.isEmpty)
  }

  @Test func daemonThatIsBackTooLateStartsAfresh() {
    var lan = Lan(3)
    lan.form()
    let lease = lan.records[1].lease
    let mine = lan.records[1].mine
    lan.replace(1, incarnation: 2)
    lan.run(for: .milliseconds(400))
    lan.start(1, claims: mine, lease: lease)
    #expect(lan.records[1].mine.isEmpty && lan.records[1].lease == .zero)
    lan.run(for: .seconds(4))
    #expect(lan.count(1) == 341 && lan.served == .all)
    #expect(lan.conflicts.isEmpty)
  }

  @Test func unitsOfARestartedMachineWithoutClaimsWaitForItsOldLease() {
    var lan = Lan(3)
    lan.form()
    // The packet path of the dead daemon goes on; the new one is told nothing of it and is on another machine with the same number.
    let crashed = lan.now
    let mine = lan.records[1].mine
    lan.crash(1)
    lan.replace(1, incarnation: 2)
    lan.run(for: .milliseconds(80))
    lan.start(1)
    lan.run(until: crashed + .milliseconds(165))
    #expect(mine.intersection(lan.served).isEmpty)
    lan.run(for: .seconds(4))
    #expect(lan.served == .all)
  }

  // MARK: Rule 4, authentication

  /// Everything that a member could hear, said by somebody without a key.
  private func forgeries(_ term: Term) -> [ClusterMessage] {
    let victim = Lan.identifier(1)
    return [
      .assign(Assign(term: term, serial: 1 << 30, member: victim, units: .all, previousOwner: nil)),
      .deassign(Deassign(term: term, serial: 1 << 30, member: victim, units: .all, target: Lan.identifier(2))),
      .exitCluster(ExitCluster(member: victim, reason: .notAMember, answering: 0, term: term)),
      .acknowledge(Acknowledge(term: term, serial: 1, units: .all)),
      .masterKeepalive(
        MasterKeepalive(
          term: Term(rawValue: 1 << 40), sequence: 1 << 40, part: 0, partCount: 1, intervalMicroseconds: 1, toleratedLosses: 255,
          memberCount: 1, memberListVersion: 0, assignmentVersion: 0, entries: [])),
      .memberList(MemberList(term: term, version: 1 << 30, part: 0, partCount: 1, members: [])),
      .otherMasterExists(
        OtherMasterExists(
          answering: 0, term: Term(rawValue: 1 << 40), master: victim, address: Lan.profile(1).address, memberCount: 255,
          personalityVersion: 9)),
      .nak(Nak(nonce: 0, reason: .clusterFull, challenge: 1, personalityVersion: 9, explanation: "")),
    ]
  }

  @Test func messagesThatAreNotAuthenticChangeNothingAndAreCounted() {
    var lan = Lan(3)
    lan.form()
    let term = lan.members[0].snapshot(at: lan.now).term
    for index in lan.members.indices {
      let before = lan.records[index].actions.count
      let counted = lan.members[index].counters.notAuthentic
      for message in forgeries(term) {
        for protection in Protection.allCases {
          let sender = (index + 1) % 3
          lan.feed(.received(message, from: lan.envelope(sender, protection, isAuthentic: false)), to: index)
        }
      }
      #expect(lan.records[index].actions.count == before)
      #expect(lan.members[index].counters.notAuthentic == counted + UInt64(forgeries(term).count * 2))
    }
    lan.run(for: .seconds(1))
    #expect(lan.served == .all && lan.masters == [0])
  }

  @Test func keepalivesOfAMemberCannotMakeItTheMaster() {
    var lan = Lan(3)
    lan.form()
    let term = lan.members[0].snapshot(at: lan.now).term
    let keepalive = MasterKeepalive(
      term: term, sequence: 1 << 40, part: 0, partCount: 1, intervalMicroseconds: 1000, toleratedLosses: 2, memberCount: 3,
      memberListVersion: 1, assignmentVersion: 1, entries: [])
    lan.feed(.received(.masterKeepalive(keepalive), from: lan.envelope(2)), to: 1)
    #expect(lan.members[1].counters.notMyMaster == 1)
    #expect(lan.members[1].snapshot(at: lan.now).master == Lan.identifier(0))
  }

  @Test func sealedMessagesInASignedEnvelopeAreRefused() {
    var lan = Lan(2)
    lan.form()
    let term = lan.members[0].snapshot(at: lan.now).term
    let assign = Assign(term: term, serial: 1 << 20, member: Lan.identifier(1), units: .all, previousOwner: nil)
    lan.feed(.received(.assign(assign), from: lan.envelope(0, .signed)), to: 1)
    #expect(lan.members[1].counters.wrongProtection == 1)
    #expect(lan.records[1].mine.count == 512)
  }

  @Test func assignmentFromBeforeTheJoinIsNotTaken() {
    var lan = Lan(2)
    lan.form()
    let term = lan.members[0].snapshot(at: lan.now).term
    var early = lan.envelope(0)
    early.sequence = 1
    let assign = Assign(term: term, serial: 1 << 20, member: Lan.identifier(1), units: .all, previousOwner: nil)
    lan.feed(.received(.assign(assign), from: early), to: 1)
    #expect(lan.records[1].mine.count == 512)
    #expect(lan.members[1].counters.oldSequence == 1)
  }

  @Test func repeatedAssignmentIsAcknowledgedAgainAndChangesNothing() {
    var lan = Lan(2)
    lan.form()
    guard let assign = lan.sent(by: 0, where: { if case .assign = $0 { true } else { false } }).last else {
      Issue.record("no ASSIGN")
      return
    }
    let before = lan.records[1].mine
    lan.feed(.received(assign.message, from: lan.envelope(0)), to: 1)
    guard case .acknowledge = lan.records[1].sent.last?.message else {
      Issue.record("no acknowledgement")
      return
    }
    #expect(lan.records[1].mine == before)
  }

  @Test func aFloodOfStrangersIsAnsweredSparingly() {
    var lan = Lan(2)
    lan.form()
    let before = lan.records[0].sent.count
    for number in 0..<10_000 {
      let request = JoinRequest(
        nonce: UInt64(number + 1), challenge: 0, profile: Lan.profile(5), personalityVersion: 1, settingsDigest: 0, term: .none,
        claims: .all, sequence: 1)
      var envelope = lan.envelope(1, .signed)
      envelope.sender = request.profile.identifier
      envelope.incarnation = request.profile.incarnation
      lan.feed(.received(.joinRequest(request), from: envelope), to: 0)
    }
    #expect(lan.records[0].sent.count - before < 100)
    #expect(lan.members[0].counters.rateLimited > 9_800)
  }
}
