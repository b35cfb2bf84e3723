import Testing

@testable import Lab

@Suite struct ProbeLedgerTests {
  /// One flow, a probe each 10 ns from 100 on; `answers` says who answers each, and when: nothing, or some.
  private func ledger(_ answers: [[(member: Int, at: UInt64)]]) -> ProbeLedger {
    var ledger = ProbeLedger(flowCount: 1)
    for (sequence, answers) in answers.enumerated() {
      ledger.sent(flow: 0, at: 100 + UInt64(sequence) * 10)
      for answer in answers { ledger.answered(flow: 0, sequence: UInt64(sequence), by: answer.member, at: answer.at) }
    }
    return ledger
  }

  @Test func everyAnswerOnTheWireCounts() {
    let ledger = ledger([[(1, 101)], [(1, 111), (2, 112)], [(1, 121), (1, 122)], []])
    #expect(ledger.answeredTwice == 2)
    #expect(ledger.probeCount == 4)
    #expect(ledger.lost(flows: [0], sentIn: 0..<1000) == 1)
    #expect(ledger.lost(flows: [0], sentIn: 0..<130) == 0)
  }

  @Test func answerToNothingIsIgnored() {
    var ledger = ledger([[]])
    ledger.answered(flow: 0, sequence: 1, by: 1, at: 101)
    ledger.answered(flow: 1, sequence: 0, by: 1, at: 101)
    ledger.answered(flow: -1, sequence: 0, by: 1, at: 101)
    ledger.answered(flow: 0, sequence: .max, by: 1, at: 101)
    #expect(ledger.lost(flows: [0], sentIn: 0..<1000) == 1)
  }

  @Test func ownerIsWhoAnsweredLast() {
    let ledger = ledger([[(1, 101)], [(2, 111)], []])
    #expect(ledger.owner(ofFlow: 0) == 2)
    #expect(ledger.owner(ofFlow: 0, before: 110) == 1)
    #expect(ledger.owner(ofFlow: 0, before: 100) == nil)
    #expect(ledger.flows(ownedBy: 1, before: 110) == [0])
  }

  @Test func silenceIsMeasuredBetweenAnswersThatWereHeard() {
    let ledger = ledger([[(1, 101)], [], [], [(2, 131)], [(2, 141)]])
    #expect(ledger.longestSilence(flow: 0, in: 105..<1000) == .init(nanoseconds: 859, endedAt: nil))
    #expect(ledger.longestSilence(flow: 0, in: 105..<141) == .init(nanoseconds: 30, endedAt: 131))
  }

  @Test func probeKeptBackAndAnsweredLateDoesNotShortenTheSilence() {
    let ledger = ledger([[(1, 101)], [(2, 151)], [(2, 151)], [(2, 151)], [(2, 152)]])
    #expect(ledger.lost(flows: [0], sentIn: 0..<1000) == 0)
    #expect(ledger.longestSilence(flow: 0, in: 105..<152) == .init(nanoseconds: 50, endedAt: 151))
  }

  @Test func silenceThatBeganBeforeTheWindowCountsInFull() {
    let ledger = ledger([[(1, 101)], [], [(1, 121)], [(1, 131)]])
    #expect(ledger.longestSilence(flow: 0, in: 115..<131) == .init(nanoseconds: 20, endedAt: 121))
  }

  @Test func memberThatStillAnswersIsFoundByWhatItWasAsked() {
    let ledger = ledger([[(2, 101)], [(2, 999)], [(1, 121), (2, 122)]])
    #expect(ledger.lastQuestion(answeredBy: 2, sentIn: 105..<200) == 110)
    #expect(ledger.lastQuestion(answeredBy: 2, sentIn: 115..<200) == nil)
  }

  @Test func flowThatNobodyAnswersIsSilentToTheEnd() {
    let ledger = ledger([[], [], []])
    #expect(ledger.longestSilence(flow: 0, in: 100..<200) == .init(nanoseconds: 100, endedAt: nil))
    #expect(!ledger.isAnswered(since: 0))
  }

  @Test func flowIsAnsweredSinceItsLatestAnswer() {
    let ledger = ledger([[(1, 101)], [(1, 111)], []])
    #expect(ledger.isAnswered(since: 111))
    #expect(!ledger.isAnswered(since: 112))
  }
}

@Suite struct FailoverRunTests {
  /// Two flows, member 1's and member 2's; 2 fails at 200, 1 takes over at 240, the repair begins at 300.
  private func ledger(change: (inout ProbeLedger) -> Void = { _ in }) -> ProbeLedger {
    var ledger = ProbeLedger(flowCount: 2)
    for sequence in 0..<UInt64(25) {
      let time = 100 + sequence * 10
      ledger.sent(flow: 0, at: time)
      ledger.sent(flow: 1, at: time)
      ledger.answered(flow: 0, sequence: sequence, by: 1, at: time + 1)
      if time < 200 { ledger.answered(flow: 1, sequence: sequence, by: 2, at: time + 1) }
      if time >= 240 { ledger.answered(flow: 1, sequence: sequence, by: 1, at: time + 1) }
    }
    change(&ledger)
    return ledger
  }

  private func run(_ ledger: ProbeLedger) throws -> FailoverRun {
    try FailoverRun(ledger: ledger, victims: [2], failedAt: 195, failedBy: 195, healedAt: 300)
  }

  @Test func cleanTakeoverLosesOnlyTheVictimsProbes() throws {
    let run = try run(ledger())
    #expect(run.answeredTwice == 0)
    #expect(run.lostOnSurvivors == 0)
    #expect(run.lostAfterRecovery == 0)
    #expect(run.lostOnReturn == 0)
    #expect(run.neverRecovered == 0)
    #expect(run.probes == 50)
    #expect(run.stillAnsweredMilliseconds == 0)
  }

  @Test func eachKindOfLossIsCountedApart() throws {
    let run = try run(
      ledger { ledger in
        // Three more probes of each flow, without an answer: two before the repair and one after.
        for time: UInt64 in [250, 260, 310] {
          ledger.sent(flow: 0, at: time)
          ledger.sent(flow: 1, at: time)
        }
        ledger.answered(flow: 0, sequence: 3, by: 2, at: 999)
      })
    #expect(run.lostOnSurvivors == 2)
    #expect(run.lostAfterRecovery == 2)
    #expect(run.lostOnReturn == 2)
    #expect(run.answeredTwice == 1)
  }

  @Test func flowsThatNobodyTookOverAreCounted() throws {
    var ledger = ProbeLedger(flowCount: 1)
    ledger.sent(flow: 0, at: 100)
    ledger.answered(flow: 0, sequence: 0, by: 2, at: 101)
    ledger.sent(flow: 0, at: 200)
    #expect(try run(ledger).neverRecovered == 1)
  }

  @Test func victimWithoutFlowsIsNoMeasurement() {
    #expect(throws: LabError.self) { try FailoverRun(ledger: ledger(), victims: [3], failedAt: 195, failedBy: 195, healedAt: 300) }
  }
}

@Suite struct FlowChoiceTests {
  @Test func everyMemberGetsItsFlowsAndNobodysAreLeftOut() {
    #expect(chooseFlows(owners: [1, nil, 1, 2, 1, 3, 2]) { $0 == 3 ? 0 : 2 } == [0, 2, 3, 6])
  }
}
