import Testing
import Wire

@testable import Gateway

@Suite("The election of the active virtual gateway")
struct ElectionTests {
  @Test func theHighestAddressIsActiveAndTheNextStandby() {
    var lan = Lan(4)
    lan.pass(.seconds(5))
    #expect(lan.active == [3])
    #expect((0..<4).map(lan.phase) == [.listen, .listen, .standby, .active])
  }

  @Test func priorityComesBeforeAddress() {
    var lan = Lan(3) { index, configuration in configuration.priority = [120, 110, 100][index] }
    lan.pass(.seconds(5))
    #expect(lan.active == [0])
    #expect(lan.phase(1) == .standby)
  }

  @Test func theStandbyTakesOverWithinTheHoldTime() {
    var lan = Lan(4)
    lan.pass(.seconds(5))
    lan.kill(3)
    lan.pass(.milliseconds(652))
    #expect(lan.active == [2])
    #expect(lan.counts() == [7, 7, 6, 0] || lan.counts().sorted() == [0, 6, 7, 7])
    lan.pass(.seconds(2))
    #expect(lan.phase(1) == .standby)
  }

  @Test func activeAndStandbyThatDieTogetherAreSucceededAtOnce() {
    var lan = Lan(4)
    lan.pass(.seconds(5))
    lan.kill(3)
    lan.kill(2)
    lan.pass(.milliseconds(653))
    #expect(lan.active == [1])
    #expect(lan.counts() == [10, 10, 0, 0])
  }

  @Test func aStandbyAndThenAnActiveGatewayThatDieAreSucceededAtOnce() {
    var lan = Lan(4)
    lan.pass(.seconds(5))
    lan.kill(2)
    lan.pass(.milliseconds(150))
    lan.kill(3)
    lan.pass(.milliseconds(655))
    #expect(lan.active == [1])
    #expect(lan.counts() == [10, 10, 0, 0])
  }

  @Test func anActiveGatewayThatLeavesIsSucceededAtOnce() {
    var lan = Lan(3)
    lan.pass(.seconds(5))
    lan.feed(.leave, to: 2)
    lan.pass(.milliseconds(50))
    #expect(lan.machines[2].hasStopped)
    #expect(lan.active == [1])
    #expect(lan.counts().reduce(0, +) == 15)
    #expect(lan.machines[2].reports.contains(.state(.left, .asked)))
  }

  @Test func aBetterGatewayDoesNotTakeTheActiveRoleUnlessItPreempts() {
    for preempts in [false, true] {
      var lan = Lan(3) { index, configuration in
        configuration.priority = index == 0 ? 200 : 100
        configuration.preempts = preempts
        configuration.preemptDelay = .seconds(2)
      }
      lan.pass(.seconds(5))
      #expect(lan.active == [0])
      lan.kill(0)
      lan.pass(.seconds(5))
      #expect(lan.active == [2])
      lan.restart(0)
      lan.pass(.milliseconds(1900))
      #expect(lan.active == [2])
      lan.pass(.seconds(5))
      #expect(lan.active == (preempts ? [0] : [2]))
    }
  }

  @Test func twoActiveGatewaysBecomeOneWithTheFirstHello() {
    var lan = Lan(4)
    lan.isLost = { _, from, to in (from < 2) != (to < 2) }
    lan.pass(.seconds(5))
    #expect(lan.active == [1, 3])
    lan.isLost = { _, _, _ in false }
    lan.pass(.milliseconds(210))
    #expect(lan.active == [3])
    lan.pass(.seconds(5))
    #expect((UInt8(1)...10).allSatisfy { lan.holders(of: $0).count == 1 })
    #expect(lan.counts().allSatisfy { $0 > 0 })
  }

  @Test func aGatewayWithoutCarrierStopsAndListensBeforeItComesBack() {
    var lan = Lan(3)
    lan.pass(.seconds(5))
    lan.feed(.carrierLost, to: 2)
    #expect(lan.machines[2].forwarding.isEmpty && !lan.machines[2].isActive && lan.machines[2].lease == .zero)
    lan.pass(.seconds(2))
    #expect(lan.active == [1])
    lan.feed(.carrierFound, to: 2)
    #expect(lan.phase(2) == .listen)
    lan.pass(.seconds(5))
    #expect(lan.active == [1])
  }
}
