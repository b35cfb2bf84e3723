import Foundation
import Testing

@testable import Lab

@Suite("What took a lost probe") struct LossesTests {
  private static let ring = LossCounter(cause: .ring, member: 1, place: "member 1, packets.ringFull")
  private static let port = LossCounter(cause: .wire, member: 2, meetsAnswers: true, place: "switch m2, sent and dropped")
  private static let queue = LossCounter(cause: .backlog, meetsAnswers: true, place: "the processors' queues")
  private static let socket = LossCounter(cause: .socket, member: 2, place: "member 2, the application's socket")

  private func probe(_ sentAt: UInt64 = 5, of members: Set<Int> = [1], answeredBy: Int? = nil) -> LostProbe {
    LostProbe(sentAt: sentAt, members: members, answeredBy: answeredBy)
  }

  private func attribute(_ lost: [LostProbe], _ rises: [LossCounter: Int]) -> Losses {
    Losses.attribute(lost, [LossPage(times: 0..<10, rises: rises)])
  }

  @Test func aCounterExplainsNoMoreThanItRoseBy() {
    let losses = attribute([probe(), probe(), probe()], [Self.ring: 2])
    #expect(losses.causes == [Loss(.ring, 2, Self.ring.place)])
    #expect(losses.unexplained == 1)
    #expect(losses.causes.excuse(0) && !losses.causes.excuse(1))
  }

  @Test func aProbeIsNotLostOnAnothersWay() {
    #expect(attribute([probe(of: [1])], [Self.port: 1]).unexplained == 1)
    #expect(attribute([probe(of: [1, 2])], [Self.port: 1]).causes.map(\.cause) == [.wire])
    #expect(attribute([probe(of: [])], [Self.port: 1]).causes.map(\.cause) == [.wire])
  }

  @Test func theProductIsBlamedBeforeTheMachine() {
    let losses = attribute([probe(), probe()], [Self.queue: 5, Self.ring: 1])
    #expect(losses.causes == [Loss(.ring, 1, Self.ring.place), Loss(.backlog, 1, Self.queue.place)])
    #expect(losses.causes.map(\.fails) == [true, false])
    #expect(!losses.causes.excuse(2) && losses.causes.excuse(1))
  }

  @Test func anotherStretchOfTheRunExplainsNothing() {
    let pages = [LossPage(times: 0..<10, rises: [Self.queue: 5]), LossPage(times: 10..<20)]
    #expect(Losses.attribute([probe(15)], pages).unexplained == 1)
    #expect(Losses.attribute([probe(25)], pages).unexplained == 1)
  }

  @Test func whatWasAnsweredWasLostOnTheWayBack() {
    let rises = [Self.ring: 9, Self.socket: 9]
    let losses = attribute([probe(of: [1, 2], answeredBy: 2)], rises)
    #expect(losses.unexplained == 1 && losses.answersUnseen == 1)
    #expect(attribute([probe(of: [1, 2], answeredBy: 2)], [Self.port: 1]).causes.map(\.cause) == [.wire])
    #expect(attribute([probe(of: [1, 2], answeredBy: 1)], [Self.port: 1]).unexplained == 1)
  }

  @Test func whatTheClientCouldNotSendIsNobodyElses() {
    let losses = attribute([LostProbe(sentAt: 5, isUnsent: true)], [Self.ring: 1])
    #expect(losses.causes.map(\.cause) == [.client] && losses.causes.excuse(1))
  }

  /// A full queue is the machine's doing; an address that is gone is not.
  @Test func anAnswerThatTheKernelRefusedIsTheSocketsOnlyForWantOfRoom() {
    func refused(_ error: Int32) -> Losses { attribute([LostProbe(sentAt: 5, answeredBy: 1, refusal: error)], [:]) }
    #expect(refused(ENOBUFS).causes.map(\.cause) == [.socket] && refused(ENOBUFS).causes.excuse(1))
    #expect(refused(EADDRNOTAVAIL).unexplained == 1 && refused(EADDRNOTAVAIL).answersUnseen == 1)
  }

  @Test func aStandstillTakesWhatWasLostMeanwhileAndStillFails() {
    var page = LossPage(times: 0..<10, rises: [Self.ring: 1])
    page.standstills = [.init(member: 3, milliseconds: 250)]
    let losses = Losses.attribute([probe(), probe(15)], [page, LossPage(times: 10..<20)])
    #expect(losses.inStandstills == 1 && losses.unexplained == 1)
    #expect(!losses.causes.excuse(1) && losses.causes.excuseOrStandstill(1) && !losses.causes.excuseOrStandstill(2))
  }

  @Test func aCounterThatIsSmallerHasBegunAnew() {
    #expect([LossCounter: Int].rise(from: [Self.ring: 7, Self.port: 3], to: [Self.ring: 2, Self.port: 3]) == [Self.ring: 2])
    #expect([LossCounter: Int].rise(from: [:], to: [Self.ring: 2]) == [Self.ring: 2])
  }

  @Test func aFrameThatAnInterfaceCountsAndTheQueueTooIsOneFrame() {
    let interface = LossCounter(cause: .wire, member: 1, meetsAnswers: true, place: "m1 eth0, \(LossCounter.received)")
    let rises = [LossCounter: Int].rise(from: [:], to: [interface: 2, Self.queue: 3])
    #expect(rises == [interface: 2, Self.queue: 1])
  }

  @Test func aLedgerKnowsWhoseALostProbeMayHaveBeen() {
    var ledger = ProbeLedger(flowCount: 2)
    for sequence in UInt64(0)..<4 {
      for flow in 0..<2 { ledger.sent(flow: flow, at: 10 * sequence) }
    }
    for (sequence, member) in [(UInt64(0), 1), (3, 2)] { ledger.answered(flow: 0, sequence: sequence, by: member, at: 40) }
    ledger.refused(flow: 1)
    let lost = ledger.lostProbes(answered: [.init(flow: 0, sequence: 2): .init(member: 1)]) { flow, time in flow == 0 || time == 30 }
    #expect(lost.map(\.sentAt) == [10, 20, 30])
    #expect(lost.map(\.members) == [[1, 2], [1, 2], []])
    #expect(lost.map(\.answeredBy) == [nil, 1, nil])
    #expect(lost.map(\.isUnsent) == [false, false, true])
  }

  @Test func tablesOfTheKernelAreRead() {
    let devices = """
      Inter-|   Receive                                                |  Transmit
       face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
          lo:       0       0    0    9    0     0          0         0        0       0    0    9    0     0       0          0
        eth0:    1500      10    0    3    0     0          0         0     2500      20    0    4    0     0       0          0
      """
    let drops = KernelBooks.interfaceDrops(devices)
    #expect(drops.map(\.name) == ["eth0"] && drops.map(\.received) == [3] && drops.map(\.sent) == [4])
    #expect(KernelBooks.backlogDrops("0000a1b2 00000002 00000000\n00000001 0000000a 00000000\n") == 12)
    let sockets = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
       512: 6400A8C0:1E61 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 ffff 7
       513: 6400A8C0:1E62 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12346 2 ffff 8
      """
    #expect(KernelBooks.socketDrops(sockets, port: 7777) == 7)
    let protocols = """
      Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ReasmFails
      Ip: 2 64 8705 1 2 3
      Udp: InDatagrams NoPorts InErrors InCsumErrors
      Udp: 681 4 9 5
      """
    #expect(KernelBooks.missedFragments(protocols) == 3)
    let refused = KernelBooks.stackDrops(protocols).filter { $0.value > 0 }
    #expect(refused.map(\.name) == ["IpInHdrErrors", "IpInAddrErrors", "UdpNoPorts", "UdpInCsumErrors"])
    #expect(refused.map(\.value) == [1, 2, 4, 5])
  }
}

@Suite("Reports that say what took their losses") struct LossReportTests {
  private func report(_ causes: [Loss]) -> MaintenanceReport {
    var ledger = ProbeLedger(flowCount: 1)
    for time in UInt64(1)...2 { ledger.sent(flow: 0, at: time) }
    return MaintenanceReport(command: .init(.drain, options: LabOptions()), ledger: ledger, windows: [], losses: Losses(causes: causes))
  }

  @Test func whatTheMachineTookFailsNothing() {
    #expect(report([Loss(.backlog, 2, "queues")]).succeeded)
    #expect(!report([Loss(.backlog, 1, "queues")]).succeeded)
    #expect(!report([Loss(.backlog, 1, "queues"), Loss(.held, 1, "member 1")]).succeeded)
  }

  @Test func aProvedStandstillIsWorthAnotherTryAndNothingElseIs() {
    #expect(report([Loss(.standstill, 1, "member 1"), Loss(.wire, 1, "port")]).stoodStill)
    #expect(!report([Loss(.standstill, 1, "member 1")]).stoodStill)
    #expect(!report([Loss(.standstill, 1, "member 1"), Loss(.path, 1, "member 1")]).stoodStill)
    #expect(!report([Loss(.wire, 2, "port")]).stoodStill)
  }

  @Test func theFieldsHaveTheirNames() throws {
    let text = try report([Loss(.wire, 1, "switch m2, sent and dropped")]).json()
    let fields = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let loss = try #require((fields["losses"] as? [[String: Any]])?.first)
    #expect(loss["cause"] as? String == "wire" && loss["count"] as? Int == 1 && loss["fails"] as? Bool == false)
    #expect(loss["where"] as? String == "switch m2, sent and dropped")
    #expect(fields["unexplained"] as? Int == 1)
  }

  @Test func everyLineSaysWhatItIs() {
    let lines = report([Loss(.wire, 1, "switch m2, sent and dropped")]).text()
    #expect(lines.contains("1 lost by switch m2, sent and dropped (the machine that the lab runs on: fails nothing)"))
    #expect(lines.contains("1 lost and unexplained"))
  }
}

@Suite("The books of a lab") struct LossBooksTests {
  /// A daemon that is restarted counts from zero, and may soon have counted as much as the last one.
  @Test func aDaemonThatWasNotThereBeginsAnew() {
    var dropped: Int? = 3
    let books = LossBooks(
      BookedMachines(
        console: Console(quiet: true), numbers: [1], isAnybodys: false, hasGateway: false,
        counters: { _ in dropped.map { ["packets.leaseExpired": $0] } }, hostCounters: { [:] }, events: { _ in [] }))
    dropped = nil
    books.turnPage()
    dropped = 3
    books.turnPage()
    #expect(books.pages.map { $0.rises.values.reduce(0, +) } == [0, 3])
    books.turnPage()
    #expect(books.pages.last?.rises == [:])
  }

  @Test func whatIsKnownOfAProbeIsSaid() {
    var ledger = ProbeLedger(flowCount: 1)
    for time: UInt64 in [1_000_000, 3_000_000, 5_500_000] { ledger.sent(flow: 0, at: time) }
    ledger.answered(flow: 0, sequence: 0, by: 1, at: 1_100_000)
    ledger.answered(flow: 0, sequence: 2, by: 3, at: 5_600_000)
    let lost = ledger.lostProbes()
    #expect(
      lost.map { $0.text(since: 500_000) } == [
        "number 1 of flow 0, 2.500 ms into its step, member 1 answered the one sent 2.000 ms before, "
          + "member 3 the one sent 2.500 ms after"
      ])
  }
}
