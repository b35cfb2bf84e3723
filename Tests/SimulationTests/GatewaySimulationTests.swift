import Gateway
import Testing
import Wire

@testable import Simulation

@Suite("The simulator of virtual gateways")
struct GatewaySimulationTests {
  private func options(_ count: Int) -> GatewayOptions {
    var options = GatewayOptions()
    options.gatewayCount = count
    options.duration = .seconds(30)
    options.settling = .seconds(9)
    options.faultInterval = .seconds(1)
    return options
  }

  private func expectClean(_ first: UInt64, _ count: UInt64, _ options: GatewayOptions) {
    var options = options
    for seed in first..<first + count {
      options.seed = seed
      let result = GatewaySimulator.run(options)
      if !result.isClean {
        Issue.record("seed \(seed), \(options.gatewayCount) gateways: \(result.violations.first.map(\.description) ?? "")")
      }
    }
  }

  @Test(arguments: [2, 3, 5, 8])
  func noTwoForwardAndTheGroupBecomesWhole(gateways: Int) { expectClean(1, 20, options(gateways)) }

  @Test func machinesThatChangeUnderTheirProcesses() {
    var options = options(4)
    options.faults = [.interface, .ethernetAddress, .ownAddress, .pause]
    expectClean(1, 20, options)
  }

  @Test func withLostMessages() {
    var options = options(5)
    options.loss = 0.1
    expectClean(100, 20, options)
  }

  @Test func holdOfSixtyFiveMilliseconds() {
    var options = options(4)
    options.timers = GatewayRouter.Timers(hello: .milliseconds(20), hold: .milliseconds(65))
    options.delay = .microseconds(20)...Interval.microseconds(200)
    options.duration = .seconds(15)
    expectClean(200, 10, options)
  }

  @Test(arguments: [GatewayRouter.SafetyRules.lease, .release, .authentication])
  func checkerFailsWithoutARule(rule: GatewayRouter.SafetyRules) {
    var options = options(5)
    options.safetyRules.remove(rule)
    let isNoticed = (UInt64(1)...100).contains { seed in
      options.seed = seed
      return !GatewaySimulator.run(options).isClean
    }
    #expect(isNoticed)
  }

  @Test func sameSeedSameRun() {
    var options = options(5)
    options.loss = 0.05
    options.seed = 4711
    #expect(GatewaySimulator.run(options).statistics == GatewaySimulator.run(options).statistics)
  }

  @Test(arguments: [2, 3])
  func aMoveLosesNothingAndForwardsNothingTwice(gateways: Int) {
    for seed in UInt64(1)...10 {
      var options = options(gateways)
      options.seed = seed
      let figures = GatewaySimulator.measureMove(options, interval: .microseconds(100))
      #expect(figures.moves >= 4 && figures.held > 0)
      #expect(figures.lost == 0 && figures.forwardedTwice == 0 && figures.overtaken == 0, "seed \(seed): \(figures)")
    }
  }
}
