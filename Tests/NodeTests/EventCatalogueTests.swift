import Cluster
import Foundation
import Gateway
import Testing
import Wire

@testable import Node

/// The table of events has a line for each that there is, and docs/operations.md has the same lines.
@Suite struct EventCatalogueTests {
  private static let member = MemberIdentifier(rawValue: 3)
  private static let address = InternetAddress(ipv4: 0xc000_0201)

  /// Every report that the decision makers can make, with each of its reasons.
  private static var reported: [Event] {
    typealias Report = ClusterMember.Report
    let term = Term(rawValue: 7)
    var reports: [Report] = [
      .following(master: member, term), .masterSilent(member, term), .memberJoined(member, address, unitsKept: 0),
      .unitsAssigned(.all, to: member), .unitsOwned(.all), .unitsStopped(.all), .conflictingClaims(.all, member), .leaseLapsed,
      .newGroupKey(epoch: 1), .draining(member, true), .draining(member, false), .carrierLost, .carrierFound, .servingAlone, .idleAlone,
    ]
    reports += ClusterMember.MasterReason.allCases.map { .becameMaster(term, $0) }
    reports += ClusterMember.StepDownReason.allCases.map { .steppedDown(term, $0) }
    reports += ClusterMember.DepartureReason.allCases.map { .memberLeft(member, $0, units: 341) }
    reports += ClusterMember.MoveReason.allCases.map { .unitsMoving(.all, from: member, to: member, $0) }
    reports += RefusalReason.allCases.flatMap {
      [Report.refusedBy(member, address, $0, explanation: ""), .refusedJoiner(member, $0, explanation: "")]
    }
    reports += ExitReason.allCases.map { .exited($0, by: member) }
    reports += [true, false].map { .addressInUse(address, by: EthernetAddress(bits: 1), waits: $0) }
    return reports.map { Event(reporting: $0) } + [Event(reporting: ClusterMember.Report.leaseLapsed, standstill: .seconds(1))]
  }

  private static var reportedByGateways: [Event] {
    typealias Report = GatewayRouter.Report
    var reports: [Report] = [
      .activeGateway(address), .gatewayFound(address), .forwarding(1), .redirectEnded(1), .retired(1), .draining(true), .draining(false),
      .conflict(EthernetAddress(bits: 1), address), .leaseLapsed, .carrierLost, .carrierFound,
    ]
    reports += GatewayRouter.StateReason.allCases.map { .state(.active, $0) }
    reports += GatewayRouter.LossReason.allCases.map { .gatewayLost(address, $0) }
    reports += GatewayRouter.AssignmentReason.allCases.map { .assigned(1, to: address, $0) }
    reports += GatewayRouter.StopReason.allCases.map { .stoppedForwarding(1, $0) }
    reports += [true, false].map { .weight(100, isForwarding: $0) }
    return reports.map { Event(reporting: $0) }
  }

  /// What the daemon itself says.
  private static let own: [Event] =
    ["interfaceGone", "interfaceRenamed", "addressGone", "ethernetAddress", "mtu"].map { Event(.machineChanged, $0) }
    + ["address", "variable", "filter", "loopback"].map { Event(.machinePutRight, $0) } + plain

  private static let plain: [Event] = [
    Event(.packetPathFallback), Event(.drainOrdered), Event(.undrainOrdered), Event(.leaveOrdered), Event(.configurationReloaded),
    Event(.reloadRefused, "invalid"), Event(.reloadRefused, "needsRestart"), Event(.startsAfresh), Event(.personalityFetched),
    Event(.personalityUnfit), Event(.machineNotPutRight), Event(.clockJumped, "forward"), Event(.clockJumped, "backward"),
    Event(.startedAfresh), Event(.waitedForMachine), Event(.gatewayRouting, "kernel"), Event(.gatewayRouting, "xdp"),
  ]

  private static func word(_ name: Event.Name, _ reason: String?) -> String { "\(name.rawValue) \(reason ?? "")" }

  @Test func everyEventHasItsLineAndEveryLineItsEvent() {
    let events = Set((Self.reported + Self.reportedByGateways + Self.own).map { Self.word($0.name, $0.reason) })
    let lines = EventCatalogue.all.map { Self.word($0.name, $0.reason) }
    #expect(lines.count == Set(lines).count)
    #expect(events == Set(lines), "\(events.symmetricDifference(lines).sorted())")
    #expect(Set(EventCatalogue.all.map(\.name)) == Set(Event.Name.allCases))
  }

  @Test func everyLineSaysWhatItMeansAndWhatToDo() {
    for line in EventCatalogue.all {
      #expect(!line.meaning.isEmpty && !line.advice.isEmpty, "\(Self.word(line.name, line.reason))")
      #expect(!line.documented.dropFirst(2).dropLast(2).replacing(" | ", with: "").contains("|"), "\(line.documented)")
    }
  }

  /// No place of a sentence stays empty when the decision makers' reports fill it.
  @Test func everySentenceIsWhole() {
    for event in Self.reported + Self.reportedByGateways {
      #expect(!event.text.contains { "{}[]?".contains($0) } || event.name == .addressInUse, "\(event.text)")
    }
  }

  @Test func theDocumentHasTheSameLines() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
    let section = try #require(page.components(separatedBy: "\n### Events and their reasons\n").dropFirst().first)
    let lines = section.components(separatedBy: "\n## ")[0].split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
    let expected = EventCatalogue.all.map(\.documented)
    for line in expected where !lines.contains(line) { Issue.record("docs/operations.md lacks the line\n\(line)") }
    for line in lines where !expected.contains(line) { Issue.record("docs/operations.md has a line for no event\n\(line)") }
  }

  @Test(arguments: [
    (
      ClusterMember.Report.memberLeft(member, .silent, units: 341),
      "member 3 is out: not heard for the detection interval; 341 units to assign"
    ),
    (.memberLeft(member, .deaf, units: 1), "member 3 is out: heard, but it does not hear; 1 unit to assign"),
    (.memberJoined(member, address, unitsKept: 0), "member 3 (192.0.2.1) joined"),
    (.memberJoined(member, address, unitsKept: 5), "member 3 (192.0.2.1) joined, keeping 5 units"),
    (.refusedJoiner(member, .application, explanation: ""), "member 3 may not join: an application objects"),
    (.refusedJoiner(member, .application, explanation: "no disk"), "member 3 may not join: an application objects (no disk)"),
    (.unitsMoving(UnitSet(CollectionOfOne(17)), from: member, to: member, .balance), "unit 17 moving from member 3 to 3: balance"),
    (.becameMaster(Term(rawValue: 2), .masterSilent), "this machine is the master of term 2: the last one fell silent"),
  ]) func aSentenceIsMadeOfTheFields(report: ClusterMember.Report, sentence: String) {
    #expect(Event(reporting: report).text == sentence)
  }

  @Test func aSentenceKnowsOneForwarderFromSeveral() {
    func text(_ numbers: [Int]) -> String {
      Event(.forwarderAssigned, "registered", .init { ($0.forwarders, $0.address) = (numbers, "10.0.0.1") }).text
    }
    #expect(text([4]) == "forwarder 4 goes to 10.0.0.1: it registered")
    #expect(text([1, 2, 9]) == "forwarders 1, 2 and 9 go to 10.0.0.1: it registered")
    #expect(text(Array(1...24)) == "24 forwarders go to 10.0.0.1: it registered")
  }

  @Test func theFieldsOfAnEventAreTyped() throws {
    var log = EventLog()
    log.append(Event(reporting: ClusterMember.Report.memberLeft(Self.member, .silent, units: 341)), at: .zero, time: 5)
    let event = try #require(log.after(0).first)
    #expect(event.name == "memberLeft" && event.reason == "silent" && event.severity == "warning" && event.kind == "membership")
    let json = String(decoding: try JSONEncoder().encode(event.fields), as: UTF8.self)
    #expect(json == #"{"member":3,"units":341}"# || json == #"{"units":341,"member":3}"#)
  }
}
