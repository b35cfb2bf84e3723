import Testing
import Wire

@testable import Gateway

@Suite("Forwarders")
struct ForwarderTests {
  /// Table 2 of the seed: A has 70 %, B 30 %.
  static let tableTwo: [UInt8: UInt64] = [
    1: 20_000, 2: 13_000, 3: 15_000, 4: 15_000, 5: 7_000, 6: 10_000, 7: 5_000, 8: 0, 9: 10_000, 10: 5_000,
  ]

  @Test func everyGatewayGetsASetOfItsOwn() {
    var lan = Lan(3)
    lan.pass(.seconds(5))
    #expect(lan.counts() == [5, 5, 5])
    #expect((UInt8(1)...15).allSatisfy { lan.holders(of: $0).count == 1 })
    lan.machines.append(Lan.Machine(router: GatewayRouter(configuration: Lan.configuration(3))))
    lan.feed(.start, to: 3)
    lan.pass(.seconds(2))
    #expect(lan.counts() == [5, 5, 5, 5])
  }

  @Test func tableTwoLeadsToTheMoveOfTableThree() {
    var lan = Lan(2) { _, configuration in
      configuration.steering.method = .moves
      configuration.measurementWindow = .seconds(1)
      configuration.steering.window = .seconds(2)
      configuration.steering.timeBetweenMoves = .seconds(10)
    }
    lan.pass(.seconds(5))
    #expect(lan.machines[0].forwarding == [1, 2, 3, 4, 5])
    lan.measure(Self.tableTwo, seconds: 30)
    #expect(lan.machines[0].forwarding == [2, 3, 4, 5])
    #expect(lan.machines[1].released == [1])
    #expect(lan.machines[1].reports.contains(.assigned(1, to: Lan.address(1), .balance)))
    #expect(lan.machines[1].router.snapshot(at: lan.now).forwarders.first?.home == Lan.address(1))
  }

  /// A gateway without any would be taken for a new one, and given a set of its own.
  @Test func balanceTakesNobodysLastForwarder() {
    var lan = Lan(2) { index, configuration in
      configuration.share = index == 0 ? 1 : 1000
      configuration.steering.method = .moves
      configuration.measurementWindow = .seconds(1)
      configuration.steering.window = .seconds(2)
      configuration.steering.timeBetweenMoves = .seconds(10)
    }
    lan.pass(.seconds(5))
    lan.measure(Dictionary(uniqueKeysWithValues: (UInt8(1)...10).map { ($0, $0 <= 5 ? 10_000 : 0) }), seconds: 60)
    #expect(lan.counts() == [1, 9])
    #expect((UInt8(11)...20).allSatisfy { lan.holders(of: $0).isEmpty })
  }

  @Test func aDeadGatewaysForwardersAreSpreadByLoad() {
    var lan = Lan(4)
    lan.pass(.seconds(5))
    lan.measure(Dictionary(uniqueKeysWithValues: (UInt8(1)...20).map { ($0, UInt64($0 <= 5 ? 1000 : $0 <= 10 ? 100 : 1)) }), seconds: 5)
    lan.kill(1)
    lan.pass(.milliseconds(660))
    #expect((UInt8(1)...20).allSatisfy { lan.holders(of: $0).count == 1 })
    // The first has ten times what the others have: it gets nothing more.
    #expect(lan.counts()[0] == 5)
    #expect(lan.counts()[2] + lan.counts()[3] == 15)
  }

  @Test func aForwarderGoesHomeAfterTheDelay() {
    var lan = Lan(3)
    lan.pass(.seconds(5))
    lan.kill(0)
    lan.pass(.seconds(5))
    #expect(lan.counts() == [0, 8, 7] || lan.counts() == [0, 7, 8])
    lan.restart(0)
    lan.pass(.seconds(29))
    #expect(lan.counts()[0] == 0)
    lan.pass(.seconds(3))
    #expect(lan.counts() == [5, 5, 5])
    #expect(lan.machines[0].released.sorted() == [1, 2, 3, 4, 5])
  }

  @Test func aGatewayBelowItsThresholdGivesAwayAndTakesBack() {
    var lan = Lan(3) { _, configuration in
      configuration.weight = 110
      configuration.lowerThreshold = 95
      configuration.upperThreshold = 105
      configuration.trackedObjects = [10, 10]
      configuration.forwarderPreemptDelay = .seconds(2)
    }
    lan.pass(.seconds(5))
    lan.feed(.tracked(0, isUp: false), to: 0)
    lan.pass(.seconds(1))
    #expect(lan.counts()[0] == 5)
    lan.feed(.tracked(1, isUp: false), to: 0)
    lan.pass(.seconds(1))
    #expect(lan.counts()[0] == 0)
    lan.feed(.tracked(0, isUp: true), to: 0)
    lan.pass(.seconds(5))
    #expect(lan.counts()[0] == 0)
    lan.feed(.tracked(1, isUp: true), to: 0)
    lan.pass(.seconds(5))
    #expect(lan.counts() == [5, 5, 5])
  }

  @Test func redirectEndsAndTimeoutRetires() {
    var lan = Lan(2) { _, configuration in
      configuration.timers.redirect = .seconds(600)
      configuration.timers.timeout = .seconds(900)
      configuration.answerMethod = .roundRobin
    }
    lan.pass(.seconds(5))
    lan.kill(0)
    lan.pass(.seconds(590))
    #expect(Set(answers(lan)) == Set(1...10))
    lan.pass(.seconds(20))
    #expect(Set(answers(lan)) == Set(6...10))
    #expect(lan.machines[1].forwarding == Set(1...10))
    lan.pass(.seconds(300))
    #expect(lan.machines[1].forwarding == Set(6...10))
    #expect(lan.machines[1].router.snapshot(at: lan.now).forwarders.filter(\.isRetired).map(\.number) == [1, 2, 3, 4, 5])
  }

  @Test func aHostThatIsAnsweredWithADeadGatewaysMacIsServedWithinTheHoldTime() {
    var lan = Lan(3) { _, configuration in configuration.answerMethod = .roundRobin }
    lan.pass(.seconds(5))
    let lost = lan.machines[0].forwarding
    lan.kill(0)
    lan.pass(.milliseconds(300))
    for host in 0..<30 { lan.feed(.asks(Self.host(host), forwarder: nil), to: 2) }
    let given = Set(lan.machines[2].answers)
    #expect(given.isSuperset(of: lost))
    lan.pass(.milliseconds(355))
    #expect(given.allSatisfy { lan.holders(of: $0).count == 1 })
  }

  private func answers(_ lan: Lan) -> [UInt8] {
    var lan = lan
    for host in 0..<20 { lan.feed(.asks(Self.host(host), forwarder: nil), to: 1) }
    return lan.machines[1].answers
  }

  static func host(_ number: Int) -> GatewayHost {
    GatewayHost(
      ethernet: EthernetAddress(bits: 0x0200_0001_0000 + UInt64(number)), address: InternetAddress(ipv4: 0x0a01_0200 + UInt32(number)))
  }

  @Test(arguments: [30, 50, 70])
  func aMoveSurvivesLostMessages(percent: Int) {
    var lan = Lan(3)
    lan.pass(.seconds(5))
    lan.isLost = { number, _, _ in (number &* 2_654_435_761) >> 8 % 100 < percent }
    lan.feed(.drain(true), to: 0)
    for _ in 0..<60 {
      lan.pass(.milliseconds(5))
      #expect((UInt8(1)...15).allSatisfy { lan.holders(of: $0).count <= 1 })
    }
    lan.isLost = { _, _, _ in false }
    lan.pass(.seconds(2))
    #expect(lan.counts()[0] == 0)
    #expect((UInt8(1)...15).allSatisfy { lan.holders(of: $0).count == 1 })
    #expect(lan.machines.allSatisfy { machine in !machine.reports.contains { if case .gatewayLost = $0 { true } else { false } } })
  }

  @Test func theNewHolderSpeaksFromTheVirtualMacBeforeTheOldOneStops() {
    var lan = Lan(2)
    lan.pass(.seconds(5))
    lan.machines[1].sent = []
    lan.feed(.drain(true), to: 0)
    // The word of the drain, and the table: half a millisecond each.
    lan.pass(.microseconds(600))
    #expect(lan.machines[1].holding == [1, 2, 3, 4, 5])
    #expect(lan.machines[0].forwarding == [1, 2, 3, 4, 5])
    #expect(lan.machines[1].sent.last?.sources.contains(.forwarder(3)) == true)
    lan.pass(.milliseconds(2))
    #expect(lan.machines[0].forwarding.isEmpty && lan.machines[1].forwarding == Set(1...10))
  }

  /// The last holder does not hear that it is to stop. What it says counts, however long that takes.
  @Test func aForwarderDoesNotOpenWhileItsLastHolderSaysThatItCarriesIt() {
    var lan = Lan(2)
    lan.pass(.seconds(5))
    lan.isLost = { _, from, _ in from == 1 }
    lan.feed(.drain(true), to: 0)
    for _ in 0..<30 {
      lan.pass(.milliseconds(100))
      #expect((UInt8(1)...5).allSatisfy { lan.holders(of: $0) == [0] })
    }
    lan.isLost = { _, _, _ in false }
    lan.pass(.seconds(2))
    #expect(lan.machines[0].forwarding.isEmpty && lan.machines[1].forwarding == Set(1...10))
  }

  @Test func aGatewayThatHungStopsListensAndTakesNothingAtOnce() {
    var lan = Lan(2)
    lan.pass(.seconds(5))
    let lease = lan.machines[0].lease
    lan.machines[0].isAlive = false
    lan.pass(.milliseconds(660))
    #expect(lease < lan.now && lan.machines[1].forwarding == Set(1...10))
    lan.machines[0].isAlive = true
    lan.feed(.timer, to: 0)
    #expect(lan.machines[0].forwarding.isEmpty)
    #expect(lan.phase(0) == .listen)
    #expect(lan.machines[0].reports.contains(.leaseLapsed))
  }

  @Test func theLeaseEndsBeforeTheHoldTimeAndOutlivesTheNextHello() {
    for timers in [GatewayRouter.Timers(), .cisco, .init(hello: .milliseconds(20), hold: .milliseconds(65))] {
      var lan = Lan(1) { _, configuration in configuration.timers = timers }
      lan.pass(timers.hold * 5)
      #expect(lan.machines[0].lease > lan.now)
      #expect(lan.machines[0].lease < lan.now + timers.hold)
      #expect(lan.counts() == [5])
    }
  }

  @Test func everyVirtualMacIsHeardFromOnceASecond() {
    var lan = Lan(1) { _, configuration in configuration.forwarderCount = 32 }
    lan.pass(.seconds(5))
    lan.machines[0].sent = []
    lan.pass(.seconds(1))
    let sources = lan.machines[0].sent.flatMap(\.sources)
    #expect(Set(sources).count == 33)
    #expect(lan.machines[0].sent.allSatisfy { $0.sources.count <= 9 })
  }

  @Test func theLastGatewayLeavesWithNobodyToGiveTo() {
    var lan = Lan(1)
    lan.pass(.seconds(5))
    lan.feed(.leave, to: 0)
    #expect(lan.machines[0].hasStopped && lan.machines[0].forwarding.isEmpty && lan.machines[0].lease == .zero)
  }

  @Test func confirmationsComeFromTheHolderUnlessItHasTooMuch() {
    var lan = Lan(2) { _, configuration in
      configuration.measurementWindow = .seconds(1)
      configuration.steering.method = .answers
    }
    lan.pass(.seconds(5))
    lan.feed(.asks(Self.host(1), forwarder: 2), to: 0)
    lan.feed(.asks(Self.host(1), forwarder: 2), to: 1)
    #expect(lan.machines[0].answers == [2] && lan.machines[1].answers.isEmpty)
    lan.measure(Self.tableTwo, seconds: 10)
    lan.feed(.asks(Self.host(1), forwarder: 2), to: 0)
    lan.feed(.asks(Self.host(1), forwarder: nil), to: 0)
    #expect(lan.machines[0].answers == [2])
    lan.feed(.asks(Self.host(1), forwarder: nil), to: 1)
    #expect(lan.machines[1].answers == [8])
  }
}
