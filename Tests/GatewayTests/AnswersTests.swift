import Gateway
import Testing
import Wire

@Suite struct AnswersTests {
  static func host(_ number: Int) -> GatewayHost {
    GatewayHost(
      ethernet: EthernetAddress(bits: 0x0200_0000_0000 + UInt64(number)), address: InternetAddress(ipv4: 0x0a00_0000 + UInt32(number)))
  }

  /// Gateways whose forwarders are numbered from 1 on.
  static func group(_ loads: [[Double]], weights: [UInt8] = [], shares: [Double] = []) -> [AnsweringGateway] {
    var number: UInt8 = 0
    return loads.enumerated().map { index, loads in
      AnsweringGateway(
        InternetAddress(ipv4: UInt32(index + 1)),
        loads.map { load in
          number += 1
          return .init(number: number, load: load)
        }, weight: weights.isEmpty ? 100 : weights[index], share: shares.isEmpty ? 1 : shares[index])
    }
  }

  /// So many new hosts ask; what each was told.
  static func ask(_ answers: inout Answers, _ count: Int) -> [UInt8] {
    var generator = Seeded(1)
    return (0..<count).compactMap { answers.answer(host($0), using: &generator) }
  }

  static func answers(_ method: AnswerMethod, _ group: [AnsweringGateway], hostCount: Int = 0) -> Answers {
    var answers = Answers(method: method)
    answers.update(group, hostCount: hostCount, measuredAt: .zero)
    return answers
  }

  @Test func roundRobinGoesThroughAllAndFromGatewayToGateway() {
    var answers = Self.answers(.roundRobin, Self.group([[0, 0], [0]]))
    #expect(Self.ask(&answers, 7) == [1, 3, 2, 1, 3, 2, 1])
  }

  @Test func randomGivesAll() {
    var answers = Self.answers(.random, Self.group([[0, 0], [0]]))
    #expect(Set(Self.ask(&answers, 100)) == [1, 2, 3])
  }

  @Test func weightsAreKeptInEveryRound() {
    var answers = Self.answers(.weighted, Self.group([[0, 0], [0], [0]], weights: [200, 100, 0]))
    let told = Self.ask(&answers, 12)
    #expect(told.count { $0 <= 2 } == 8 && told.count { $0 == 3 } == 4 && told.count { $0 == 1 } == 4)
    #expect(told.prefix(3).count { $0 <= 2 } == 2)
  }

  @Test func weightsThatAreAllZeroAreEqual() {
    var answers = Self.answers(.weighted, Self.group([[0], [0]], weights: [0, 0]))
    #expect(Self.ask(&answers, 4) == [1, 2, 1, 2])
  }

  @Test func aHostKeepsItsForwarderWhileTheSetIsUnchanged() {
    let group = Self.group([[0, 0, 0], [0, 0]])
    var answers = Self.answers(.hostDependent, group)
    let told = Self.ask(&answers, 1000)
    answers.update(Self.group([[9, 1], [5, 3, 2]]), hostCount: 7, measuredAt: .zero + .seconds(1))
    #expect(Self.ask(&answers, 1000) == told)
    for number in 1...5 { #expect((150...250).contains(told.count { $0 == number })) }
  }

  @Test func whenTheSetChangesOnlyTheHostsOfTheLostOneChange() {
    var answers = Self.answers(.hostDependent, Self.group([[0, 0, 0], [0, 0]]))
    let before = Self.ask(&answers, 1000)
    var group = Self.group([[0, 0, 0], [0, 0]])
    group[0].forwarders[1].mayBeAnswered = false
    answers.update(group, hostCount: 0, measuredAt: .zero)
    let after = Self.ask(&answers, 1000)
    #expect(zip(before, after).allSatisfy { $0 == $1 || $0 == 2 } && !after.contains(2))
  }

  @Test func table2IsAnsweredWithTheIdleOneOfTheLowerGateway() {
    let answers = Self.answers(.leastTraffic, Self.group(table2))
    #expect(answers.nextByLeastTraffic.map { [$0.gateway, $0.forwarder] } == [1, 2])
  }

  @Test func onceItPasses5PercentTheNextLowestIsTold() {
    let answers = Self.answers(.leastTraffic, Self.group([[20, 13, 15, 15, 7], [10, 5, 5.1, 10, 5]]))
    #expect(answers.nextByLeastTraffic.map { [$0.gateway, $0.forwarder] } == [1, 1])
  }

  @Test func withinTheThresholdItGoesRoundRobin() {
    var answers = Self.answers(.leastTraffic, Self.group([[27, 25], [25, 23]]), hostCount: 1000)
    #expect(Self.ask(&answers, 4) == [1, 3, 2, 4])
  }

  @Test func aBurstOfHostsIsSpreadByEstimate() {
    var answers = Self.answers(.leastTraffic, Self.group(table2), hostCount: 200)
    let told = Self.ask(&answers, 100)
    // Half a percent each: 40 hosts even the gateways out to the threshold, ten make the idle one equal to those of 5 %.
    #expect(told.prefix(10).allSatisfy { $0 == 8 })
    #expect((6...10).allSatisfy { number in number == 6 || number == 9 || told.contains(UInt8(number)) })
    for number in 1...10 { #expect(told.count { $0 == number } < 40, "\(number)") }
    #expect(told.contains { $0 <= 5 })
  }

  @Test func theEstimateFadesAsTheTrafficIsMeasured() {
    var answers = Self.answers(.leastTraffic, Self.group(table2), hostCount: 20)
    #expect(Self.ask(&answers, 3) == [8, 7, 8])
    answers.update(Self.group(table2), hostCount: 20, measuredAt: .zero + .seconds(1000))
    #expect(Self.ask(&answers, 1) == [8])
  }

  @Test func aHostThatAsksAgainIsCountedOnce() {
    var answers = Self.answers(.leastTraffic, Self.group(table2), hostCount: 40)
    var cache = ClientCache()
    var generator = Seeded(1)
    for _ in 0..<50 {
      let number = answers.answer(Self.host(1), last: cache.client(Self.host(1)), using: &generator)
      #expect(number == 8)
      cache.record(Self.host(1), forwarder: number ?? 0, at: .zero + .milliseconds(1))
    }
    #expect(Self.ask(&answers, 1) == [8])
  }

  @Test func sharesDecideWhichGatewayIsLowest() {
    let answers = Self.answers(.leastTraffic, Self.group([[50], [20], [30]], shares: [4, 1, 1]))
    #expect(answers.nextByLeastTraffic?.gateway == 0)
    #expect(Self.answers(.leastTraffic, Self.group([[50], [0]], shares: [1, 0])).nextByLeastTraffic?.gateway == 0)
  }

  @Test(arguments: AnswerMethod.allCases)
  func onlyWhatMayBeHandedOutIs(_ method: AnswerMethod) {
    var group = Self.group(table2)
    for forwarder in 1..<5 { group[1].forwarders[forwarder].mayBeAnswered = false }
    for forwarder in 0..<4 { group[0].forwarders[forwarder].mayBeAnswered = false }
    var answers = Self.answers(method, group, hostCount: 10)
    #expect(Set(Self.ask(&answers, 50)).isSubset(of: [5, 6]))
    answers.update(Self.group([[], []]), hostCount: 0, measuredAt: .zero)
    #expect(Self.ask(&answers, 3).isEmpty)
    answers.update([], hostCount: 0, measuredAt: .zero)
    #expect(Self.ask(&answers, 3).isEmpty)
  }
}
