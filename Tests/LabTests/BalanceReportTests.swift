import Testing

@testable import Lab

@Suite struct BalanceReportTests {
  private func step(_ rule: BalanceRule, units: [Int], shares: [Double], parts: [Int] = [100, 100, 200]) -> BalanceReport.Step {
    var step = BalanceReport.Step(by: rule, what: "", parts: parts)
    (step.units, step.shares) = (units, shares)
    return step
  }

  @Test func unitsMayDifferByOneFromWhatTheWeightsSay() {
    #expect(step(.weight, units: [255, 256, 513], shares: [0.25, 0.25, 0.5]).holds)
    #expect(!step(.weight, units: [254, 257, 513], shares: [0.25, 0.25, 0.5]).holds)
    #expect(!step(.weight, units: [256, 256], shares: [0.5, 0.5]).holds)
  }

  @Test func probesMustFollowWithinTheTolerance() {
    #expect(step(.weight, units: [256, 256, 512], shares: [0.31, 0.26, 0.43]).holds)
    #expect(!step(.weight, units: [256, 256, 512], shares: [0.33, 0.25, 0.42]).holds)
    #expect(step(.count, units: [342, 341, 341], shares: [0.6, 0.3, 0.1], parts: [1, 1, 1]).holds)
  }

  @Test func trafficGoesByTheProbesAlone() {
    #expect(step(.traffic, units: [900, 100, 24], shares: [0.38, 0.33, 0.29], parts: [1, 1, 1]).holds)
    #expect(!step(.traffic, units: [342, 341, 341], shares: [0.39, 0.33, 0.28], parts: [1, 1, 1]).holds)
  }

  @Test func lostProbeFailsEvenWhatIsOnlyLookedAt() {
    var step = BalanceReport.Step(by: .traffic, what: "", parts: [1, 1], isDemanded: false)
    #expect(step.holds)
    step.lost = 1
    #expect(!step.holds)
  }

  @Test func answersOfAMomentAreCountedByMember() {
    var ledger = ProbeLedger(flowCount: 1)
    for sequence in 0..<4 { ledger.sent(flow: 0, at: 100 + UInt64(sequence) * 10) }
    for (sequence, member) in [(0, 1), (1, 2), (2, 2)] { ledger.answered(flow: 0, sequence: UInt64(sequence), by: member, at: 200) }
    #expect(ledger.answers(sentIn: 105..<200) == [2: 2])
    #expect(ledger.answers(sentIn: 0..<105) == [1: 1])
  }
}
