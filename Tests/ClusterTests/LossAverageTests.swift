import Testing

@testable import Cluster

@Suite("Adaptive keepalive interval (WO 00/31945, Failover Handling)")
struct LossAverageTests {
  /// n·Pⁿ < 1/3600, worked out by hand for each.
  @Test(arguments: [
    (0.0, 2), (0.0117, 2), (0.0119, 3), (0.04, 3), (0.0452, 3), (0.0455, 4), (0.05, 4), (0.0912, 4), (0.0914, 5), (0.1, 5), (0.2, 7),
    (0.3, 9), (0.5, 16), (0.6, 20), (1.0, 20),
  ])
  func smallestNumberOfTolerableLosses(loss: Double, expected: Int) {
    #expect(LossAverage.toleratedLosses(for: loss) == expected)
  }

  @Test func averageMovesByOneHundredTwentyEighth() {
    var average = LossAverage()
    average.record(lost: 1)
    #expect(average.value == 1.0 / 128)
    average.record(lost: 0)
    #expect(average.value == 127.0 / 128 / 128)
  }

  @Test func aLongSilenceIsNotMoreThanEverythingLost() {
    var average = LossAverage()
    for _ in 0..<1000 { average.record(lost: .max) }
    #expect(average.value <= 1)
    #expect(average.toleratedLosses == 20)
  }

  @Test func nFollowsTheLossUpAndDown() {
    var average = LossAverage()
    for number in 0..<2000 { average.record(lost: number % 10 == 0 ? 1 : 0) }
    #expect(average.toleratedLosses >= 5)
    for _ in 0..<2000 { average.record(lost: 0) }
    #expect(average.toleratedLosses == 2)
  }
}
