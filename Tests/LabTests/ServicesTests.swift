import Foundation
import Testing

@testable import Lab

@Suite struct ServicesPlanTests {
  private let plan: Plan
  init() throws { plan = try Plan(processIdentifier: 4711, memberCount: Plan.memberLimit, serverCount: Plan.serverLimit) }

  @Test func serversHaveAddressesOfTheirOwn() {
    for family in AddressFamily.allCases {
      let servers = plan.servers.map { Plan.serverAddress($0, family) }
      let members = plan.members.flatMap { [plan.address(of: $0, family), Plan.addressBesideServers(ofMember: $0, family)] }
      let all = servers + members + [Plan.serverGateway(family), Plan.clusterAddress(family)]
      #expect(Set(all).count == all.count)
      #expect(all.allSatisfy { SocketAddress($0, port: 1) != nil })
    }
    #expect(Set(plan.namespaces).count == 4 + Plan.memberLimit + Plan.serverLimit)
    #expect(plan.namespaces.allSatisfy { Plan.owner(ofNamespace: $0.name) == 4711 })
  }

  @Test func drawingFitsATerminal() {
    #expect(plan.drawing.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test func withoutServersThereAreNoServices() throws {
    let plan = try Plan(processIdentifier: 1, memberCount: 3)
    #expect(plan.servicesSection(.four).isEmpty && plan.serverGateways.isEmpty && plan.serverLines.isEmpty)
    #expect(throws: LabError.self) { try Plan(processIdentifier: 1, memberCount: 3, serverCount: Plan.serverLimit + 1) }
  }

  @Test(arguments: AddressFamily.allCases) func servicesNameEachServer(family: AddressFamily) {
    let text = plan.servicesSection(family)
    #expect(text.hasPrefix("services:\n  - name: web\n    address: \"\(Plan.clusterAddress(family))\"\n    port: 8080\n    servers:\n"))
    #expect(text.contains("      - { address: \"\(Plan.serverAddress(16, family))\", port: 7777 }\n"))
  }
}

@Suite struct ConnectionLedgerTests {
  /// A connection that is answered every 100 until `silence`, and after it.
  private static func ledger(silence: Range<UInt64> = 0..<0) -> ConnectionLedger {
    var ledger = ConnectionLedger()
    ledger.opened(at: 1)
    for time in stride(from: UInt64(100), to: 1000, by: 100) where !silence.dropFirst().contains(time) {
      ledger.sent(0, at: time)
      ledger.answered(0, at: silence.contains(time) ? silence.upperBound : time + 5)
    }
    return ledger
  }

  @Test func longestWaitIsFromQuestionToEcho() {
    #expect(Self.ledger().longestWait(0, in: 300..<800) == 5)
    #expect(Self.ledger(silence: 400..<650).longestWait(0, in: 300..<800) == 250)
    // All of a wait that touches the window counts, and none that does not.
    #expect(Self.ledger(silence: 400..<650).longestWait(0, in: 500..<800) == 250)
    #expect(Self.ledger(silence: 400..<650).longestWait(0, in: 660..<800) == 5)
  }

  @Test func waitWithoutAnEchoLastsToTheEnd() {
    var ledger = Self.ledger()
    ledger.sent(0, at: 1000)
    #expect(ledger.longestWait(0, in: 900..<1700) == 700)
    ledger.lost(0, .reset, at: 1200)
    #expect(ledger.longestWait(0, in: 900..<1700) == 200)
  }

  @Test func establishedIsWhatHadAnEchoAndLived() {
    var ledger = Self.ledger()
    #expect(ledger.established(before: 100).isEmpty)
    #expect(ledger.established(before: 200) == [0])
    ledger.lost(0, .reset, at: 500)
    #expect(ledger.established(before: 400) == [0])
    #expect(ledger.established(before: 600).isEmpty)
  }

  @Test func lostAreCountedByHow() {
    var ledger = ConnectionLedger()
    for index in 0..<4 { ledger.opened(at: UInt64(index)) }
    ledger.lost(0, .reset, at: 9)
    ledger.lost(0, .unanswered, at: 10)
    ledger.lost(1, .unanswered, at: 9)
    ledger.closed(2)
    ledger.lost(2, .broken, at: 9)
    #expect(ledger.lost(0..<4) == 2)
    #expect(ledger.lost(0..<4, .reset) == 1)
    #expect(ledger.lost(1..<4) == 1)
  }

  @Test func isAnsweredWhenAllThatLiveAre() {
    var ledger = Self.ledger()
    #expect(ledger.isAnswered(since: 900))
    #expect(!ledger.isAnswered(since: 901))
    ledger.sent(0, at: 1000)
    #expect(ledger.isAnswered(since: 900))
    ledger.opened(at: 1000)
    #expect(!ledger.isAnswered(since: 900))
    ledger.lost(1, .unanswered, at: 2000)
    #expect(ledger.isAnswered(since: 900))
  }

  @Test func waitsFromTheOpeningOrTheQuestion() {
    var ledger = ConnectionLedger()
    ledger.opened(at: 7)
    #expect(ledger.connections[0].waitsSince == 7)
    ledger.sent(0, at: 9)
    #expect(ledger.connections[0].waitsSince == 9)
    ledger.answered(0, at: 11)
    #expect(ledger.connections[0].waitsSince == nil)
  }
}

@Suite struct RefereeCountersTests {
  private static let before = "Tcp: InSegs InCsumErrors OutRsts\nTcp: 10 1 3\nUdp: InCsumErrors\nUdp: 0\n"
  private static let after = "Tcp: InSegs InCsumErrors OutRsts\nTcp: 90 1 8\nUdp: InCsumErrors\nUdp: 0\n"
  private static let extended = "TcpExt: PAWSEstab TCPSACKDiscard TCPChallengeACK\nTcpExt: 0 2 4\n"

  @Test func differencesAreOfAllMachines() {
    let counted = RefereeCounters([Self.after, Self.after]).since(RefereeCounters([Self.before, Self.before]))
    #expect(counted.values["TcpOutRsts"] == 10)
    #expect(counted.values["TcpInCsumErrors"] == 0)
    #expect(counted.areClean)
  }

  @Test func wrongAcknowledgmentIsAFaultAndAResetNot() {
    let counted = RefereeCounters([Self.before, Self.extended]).since(RefereeCounters([Self.before]))
    #expect(counted.values["TcpExtTCPSACKDiscard"] == 2)
    #expect(counted.values["TcpExtTCPChallengeACK"] == 4)
    #expect(!counted.areClean)
  }
}

@Suite struct ServicesReportTests {
  private func report(
    connections: Int = 2, web: Int = 30, referee: String = "", newcomers: ConnectionLedger? = nil,
    _ change: (inout ConnectionLedger) -> Void = { _ in }
  ) -> ServicesReport {
    var ledger = ConnectionLedger()
    for index in 0..<2 {
      ledger.opened(at: 1)
      ledger.sent(index, at: 2)
      ledger.answered(index, at: 3)
    }
    change(&ledger)
    return ServicesReport(
      command: ServicesCommand(event: .drain, connections: connections, options: LabOptions()), ledger: ledger, newcomers: newcomers,
      times: 10..<20, web: ["s1": web], connectionsPerServer: [1, 1, 0], referee: RefereeCounters([referee]))
  }

  @Test func reportHasItsFields() throws {
    let fields = try #require(JSONSerialization.jsonObject(with: Data(report().json().utf8)) as? [String: Any])
    for name in ["established", "lost", "reset", "newEstablished", "newLost", "wrong"] { #expect(fields[name] is Int) }
    #expect(fields["how"] as? String == "drain")
    #expect((fields["refereeCounters"] as? [String: Int])?.count == 6)
    #expect((fields["stallMilliseconds"] as? [String: Double])?.keys.sorted() == ["median", "worst"])
  }

  @Test func fails() {
    #expect(report().succeeded)
    #expect(!report(connections: 3).succeeded)
    #expect(!report(web: 29).succeeded)
    #expect(!report { $0.lost(1, .reset, at: 11) }.succeeded)
    #expect(!report { $0.noteWrong() }.succeeded)
    #expect(!report(referee: "Tcp: InCsumErrors\nTcp: 1\n").succeeded)
    #expect(report(referee: "Tcp: OutRsts\nTcp: 1\n").succeeded)
  }

  @Test func newConnectionWithoutAnEchoIsLost() {
    var newcomers = ConnectionLedger()
    newcomers.opened(at: 11)
    newcomers.sent(0, at: 12)
    #expect(report(newcomers: newcomers).newLost == 1)
    newcomers.answered(0, at: 13)
    newcomers.closed(0)
    #expect(report(newcomers: newcomers).newEstablished == 1)
    #expect(report(newcomers: newcomers).succeeded)
  }

  @Test func stalledIsWhoWaitedForLongerThanAQuestionsTime() {
    let report = report { ledger in
      ledger.sent(0, at: 10)
      ledger.answered(0, at: 100_000_011)
      ledger.sent(1, at: 10)
      ledger.answered(1, at: 211_001_010)
    }
    #expect(report.stalled == 1)
    #expect(report.stallMilliseconds.worst == 211.001)
  }

  @Test func lossBeforeTheFailureIsNoEstablishedConnection() {
    let report = report { $0.lost(1, .reset, at: 9) }
    #expect(report.established == 1 && report.lost == 0 && !report.succeeded)
  }

  @Test func linesFitATerminal() {
    #expect(report().text().split(separator: "\n").allSatisfy { $0.count <= 100 })
  }
}
