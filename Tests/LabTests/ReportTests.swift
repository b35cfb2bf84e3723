import Foundation
import Testing

@testable import Lab

@Suite struct FiguresTests {
  @Test func medianIsTheMiddleAndWorstTheLongest() {
    #expect(Figures([3, 1, 2]).median == 2)
    #expect(Figures([4, 1, 2, 3]).median == 2.5)
    #expect(Figures([3, 1, 2]).worst == 3)
    #expect(Figures([3, 1, 2]).all == [3, 1, 2])
    #expect(Figures([]).worst == 0)
  }

  @Test(arguments: [("200ms", 200), ("20ms", 20), ("2s", 2000), ("2", nil), ("ms", nil), ("-1s", nil), ("2 s", nil), ("9999999999s", nil)])
  func timeIsReadOrRefused(text: String, expected: Int?) {
    #expect(milliseconds(from: text) == expected)
  }
}

/// The names that other programs rely on, and when a report says that all is well.
@Suite struct ReportTests {
  private func fields(_ report: some LabReport) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
  }

  private func ledger(answers: Int = 1) -> ProbeLedger {
    var ledger = ProbeLedger(flowCount: 1)
    ledger.sent(flow: 0, at: 1)
    for _ in 0..<answers { ledger.answered(flow: 0, sequence: 0, by: 1, at: 2) }
    return ledger
  }

  private func delivery(_ answers: [Int: Int], twice: Int = 0, datagramAnswers: Int = 1) -> DeliveryReport {
    var options = LabOptions()
    (options.mode, options.family) = (.unicast, .six)
    return DeliveryReport(
      command: DeliveryCommand(requests: 900, options: options),
      web: WebClients.Result(answers: answers, secondAnswers: Array(repeating: "", count: twice)),
      datagrams: ledger(answers: datagramAnswers))
  }

  @Test func deliveryReportHasItsFields() throws {
    let fields = try fields(delivery([1: 300, 2: 250, 3: 350]))
    #expect(fields["requests"] as? Int == 900)
    #expect(fields["answered"] as? Int == 900)
    #expect(fields["answeredTwice"] as? Int == 0)
    #expect((fields["shares"] as? [Double])?.count == 3)
    #expect(fields["family"] as? String == "6")
  }

  @Test func deliverySucceedsOnlyWhenEachIsAnsweredOnceAndEveryMemberDoesItsPart() {
    #expect(delivery([1: 300, 2: 225, 3: 375]).succeeded)
    #expect(!delivery([1: 300, 2: 224, 3: 376]).succeeded)
    #expect(!delivery([1: 450, 2: 450]).succeeded)
    #expect(!delivery([1: 300, 2: 300, 3: 299]).succeeded)
    #expect(!delivery([1: 300, 2: 300, 3: 300], twice: 1).succeeded)
    #expect(!delivery([1: 300, 2: 300, 3: 300], datagramAnswers: 2).succeeded)
    #expect(!delivery([1: 300, 2: 300, 3: 300], datagramAnswers: 0).succeeded)
  }

  private static let clean = FailoverRun(
    silenceMilliseconds: 150, survivorsSilenceMilliseconds: 2.5, stillAnsweredMilliseconds: 120, answeredTwice: 0, lostOnSurvivors: 0,
    lostAfterRecovery: 0,
    lostOnReturn: 0,
    neverRecovered: 0, probes: 1000)

  private func failover(mode: DeliveryMode = .multicast, victim: Victim = .member, _ change: (inout FailoverRun) -> Void = { _ in })
    -> FailoverReport
  {
    var run = Self.clean
    change(&run)
    var options = LabOptions()
    options.mode = mode
    return FailoverReport(
      command: FailoverCommand(victim: victim, failure: .kill, options: options), runs: [Self.clean, run],
      peers: [PeerReport(.init(make: .keepalived, advertSeconds: 1), members: [Self.clean])])
  }

  @Test func failoverReportHasItsFields() throws {
    let fields = try fields(failover())
    let silence = try #require(fields["silenceMilliseconds"] as? [String: Any])
    #expect(silence["median"] as? Double == 150)
    #expect(silence["worst"] as? Double == 150)
    #expect(fields["answeredTwice"] as? Int == 0)
    #expect(fields["lostOnSurvivors"] as? Int == 0)
    #expect(fields["masterGapMilliseconds"] == nil)
    #expect((fields["peers"] as? [Any])?.count == 1)
  }

  @Test func failoverFailsForEveryKindOfHarm() {
    #expect(failover().succeeded)
    #expect(!failover { $0.answeredTwice = 1 }.succeeded)
    #expect(!failover { $0.lostOnSurvivors = 1 }.succeeded)
    #expect(!failover { $0.lostAfterRecovery = 1 }.succeeded)
    #expect(!failover { $0.lostOnReturn = 1 }.succeeded)
    #expect(!failover { $0.neverRecovered = 1 }.succeeded)
    #expect(!failover { $0.stillAnsweredMilliseconds = 200.1 }.succeeded)
  }

  @Test func forwardingMasterMaySilenceEverybodyAndSaysForHowLong() {
    let report = failover(mode: .forwarding, victim: .master) {
      $0.lostOnSurvivors = 90; $0.survivorsSilenceMilliseconds = 180
    }
    #expect(report.succeeded)
    #expect(report.masterGapMilliseconds?.worst == 180)
    #expect(!failover(mode: .forwarding, victim: .member) { $0.lostOnSurvivors = 90 }.succeeded)
  }

  @Test func maintenanceReportHasItsFields() throws {
    let command = MaintenanceCommand(.rejoin, options: LabOptions())
    let good = MaintenanceReport(command: command, ledger: ledger(), windows: [.init(what: "step", times: 0..<10)])
    #expect(try fields(good)["lost"] as? Int == 0)
    #expect(good.succeeded)
    #expect(!MaintenanceReport(command: command, ledger: ledger(answers: 0), windows: []).succeeded)
    #expect(!MaintenanceReport(command: command, ledger: ledger(answers: 2), windows: []).succeeded)
  }

  @Test func linesOfAReportFitATerminal() {
    let texts = [delivery([1: 300, 2: 300, 3: 300]).text(), failover(mode: .forwarding, victim: .master).text()]
    for line in texts.flatMap({ $0.split(separator: "\n") }) { #expect(line.count <= 100) }
  }
}
