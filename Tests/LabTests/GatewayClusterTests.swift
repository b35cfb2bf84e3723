import Testing

@testable import Lab

@Suite struct GatewayClusterTests {
  /// One a millisecond to each of two forwarders, as `router` says which came out where; nil for nowhere.
  private static func ledger(_ router: (_ millisecond: UInt64, _ forwarder: UInt8) -> Int?) -> ProbeLedger {
    var ledger = ProbeLedger(flowCount: 512)
    for millisecond in UInt64(1)...300 {
      for forwarder in [UInt8(1), 2] {
        let flow = GatewayClusterStream.flow(of: forwarder, .four)
        ledger.sent(flow: flow, at: millisecond * 1_000_000)
        guard let router = router(millisecond, forwarder) else { continue }
        ledger.answered(flow: flow, sequence: millisecond - 1, by: router, at: millisecond * 1_000_000 + 50_000)
      }
    }
    return ledger
  }

  /// What a router had a moment ago, and what it is given after the failure, is not what its failure takes.
  @Test func whoIsBereftIsWhomTheFailedRouterServedLast() {
    let ledger = Self.ledger { millisecond, forwarder in
      if forwarder == 2 { return millisecond < 150 || millisecond > 250 ? 7 : 8 }
      return millisecond < 100 ? 8 : millisecond < 200 ? 7 : nil
    }
    #expect(ledger.flows(ownedBy: 7, before: 200_000_000) == [1])
    #expect(ledger.flows(ownedBy: 8, before: 200_000_000) == [2])
    #expect(ledger.flows(ownedBy: 7, before: 120_000_000) == [1, 2])
    #expect(ledger.flows(ownedBy: 9, before: 200_000_000).isEmpty)
  }

  @Test func silenceIsOfThoseAskedFor() {
    let ledger = Self.ledger { millisecond, forwarder in
      100..<180 ~= millisecond && forwarder == 1 || 200..<220 ~= millisecond ? nil : 7
    }
    let all = UInt64(1_000_000)..<300_000_000
    #expect(ledger.longestSilence([1, 2], in: all) == 81)
    #expect(ledger.longestSilence([2], in: all) == 21)
    #expect(ledger.longestSilence([], in: all) == 0)
  }

  @Test func aFamilyHasFlowsOfItsOwn() {
    let flows = [UInt8(0), 1, 255].flatMap { forwarder in AddressFamily.allCases.map { GatewayClusterStream.flow(of: forwarder, $0) } }
    #expect(flows == [0, 256, 1, 257, 255, 511])
  }

  @Test func aStretchOfTheRunHasWhatWasSentInIt() {
    let part = Self.ledger { millisecond, _ in millisecond == 120 ? nil : 7 }.sent(in: 100_000_000..<150_000_000)
    #expect(part.probeCount == 100 && part.lost() == 2)
    #expect(part.flows[1].first?.sentAt == 100_000_000 && part.flows[2].last?.sentAt == 149_000_000)
    #expect(part.flows[3].isEmpty)
  }

  @Test func whenNothingWasSentTheMachineStoodStill() {
    var ledger = ProbeLedger(flowCount: 2)
    for (flow, time) in [(0, UInt64(1)), (1, 5), (0, 30), (1, 31)] { ledger.sent(flow: flow, at: time) }
    #expect(ledger.standstills(longerThan: 10).map(\.at) == [5])
    #expect(ledger.standstills(longerThan: 10).map(\.nanoseconds) == [25])
  }
}
