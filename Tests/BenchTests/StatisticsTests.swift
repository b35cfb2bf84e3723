import Foundation
import Testing
import Wire

@testable import Bench

/// The arithmetic; the measuring needs root, a quiet machine and seconds: `skein bench`.
@Suite struct StatisticsTests {
  @Test func medianIsTheMiddleOne() {
    #expect([5, 1, 3].median == 3)
    #expect([4, 1, 3, 2].median == 3)
    #expect([Int]().median == nil)
  }

  @Test func midmeanLeavesOutWhatSticksOut() {
    #expect([1.0, 45, 46, 1000].midmean == 45.5)
    #expect([7.0].midmean == 7)
    #expect([Double]().midmean == 0)
  }

  @Test func rateIsJudgedByItsRatio() {
    let good = DropRateFigure(skein: [100, 100, 100], bare: [95, 95, 95], reading: [96])
    #expect(good.ratio == 0.95 && good.goal.isMet && good.packetsPerSecond == 10_000_000)
    #expect(!DropRateFigure(skein: [100], bare: [89], reading: [90]).goal.isMet)
  }

  @Test func figuresSayWhatIsAskedForByName() throws {
    let figure = PacketPathFigure(
      name: "drop", nanoseconds: 20, floorNanoseconds: 7, aboveFloorNanoseconds: 13, nativeNanoseconds: 9,
      goal: Goal("at most 25", isMet: true))
    let text = String(decoding: try JSONEncoder().encode([figure]), as: UTF8.self)
    for field in ["\"name\":\"drop\"", "\"nanoseconds\":20", "\"floorNanoseconds\":7"] { #expect(text.contains(field)) }
  }

  @Test func everyRowIsAsLongAsItsHeading() {
    let figure = PacketPathFigure(
      name: "take", nanoseconds: 50, floorNanoseconds: 7, aboveFloorNanoseconds: 43, nativeNanoseconds: 9, goal: nil)
    let rate = DropRateFigure(skein: [100], bare: [89], reading: [90])
    for rows in [[figure, figure].rows, DropRateReport(generated: rate, sent: rate).rows] {
      #expect(Set(rows.map(\.count)).count == 1)
    }
  }

  @Test func simulationReportsWhatItRan() {
    let report = Bench.simulation(for: .zero)
    #expect(report.members == 64 && report.simulatedSeconds > 0 && report.hoursPerSecond > 0 && report.datagrams > 0)
  }
}
