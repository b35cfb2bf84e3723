import Foundation
import Testing

@testable import Lab

/// What the virtual gateway's labs say, and when they say that all is well.
@Suite struct GatewayReportTests {
  private func cell(twice: Int = 0, lostOnReturn: Int = 0) -> GatewayFailoverReport {
    var run = FailoverRun(
      silenceMilliseconds: 60, survivorsSilenceMilliseconds: 2.5, stillAnsweredMilliseconds: 0, answeredTwice: twice, lostOnSurvivors: 0,
      lostAfterRecovery: 0, lostOnReturn: lostOnReturn, neverRecovered: 0, probes: 1000)
    (run.answersSilenceMilliseconds, run.seconds) = (5, 4)
    let command = GatewayFailoverCommand(victim: .both, failure: .link, helloMilliseconds: 20, holdMilliseconds: 65, options: LabOptions())
    return GatewayFailoverReport(command: command, runs: [run, run], peers: [])
  }

  private func matrix(_ cells: [GatewayFailoverReport], broken: [GatewayMatrixReport.Broken] = []) -> GatewayMatrixReport {
    var report = GatewayMatrixReport(runs: 2)
    report.cells = cells
    report.broken = broken
    report.conclude(since: BootClock.nanoseconds)
    return report
  }

  @Test func aCellMeasuredInAnotherProcessIsReadAsItWasWritten() throws {
    let cell = cell()
    #expect(try JSONDecoder().decode(GatewayFailoverReport.self, from: Data(cell.json().utf8)) == cell)
  }

  @Test func aMatrixFailsWithOneCellThatFailsOrBreaks() {
    #expect(matrix([cell(), cell()]).succeeded)
    #expect(!matrix([cell(), cell(twice: 1)]).succeeded)
    #expect(!matrix([cell(), cell(lostOnReturn: 1)]).succeeded)
    let broken = matrix([cell()], broken: [.init(name: "hold 65 ms, avg, kill", reason: "no router is active")])
    #expect(!broken.succeeded && broken.text().contains("no router is active"))
  }

  @Test func aTheftThatNobodyFellForShowsNothing() {
    var theft = GatewayTheft()
    #expect(!theft.holds)
    theft.stolen = 12
    (theft.setRightMilliseconds, theft.setRightAfterSecondMilliseconds) = (8, 1002)
    #expect(theft.holds)
    theft.leftAstray = 1
    #expect(!theft.holds)
  }
}
