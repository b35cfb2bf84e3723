import Gateway
import Testing
import Wire

@Suite struct SteeringTests {
  static func seconds(_ count: Int) -> Instant { .zero + .seconds(UInt64(count)) }

  /// Measures the same loads every second; when and what moved.
  static func run(_ steering: inout Steering, _ loads: [[Double]], seconds: ClosedRange<Int>) -> [(at: Int, plan: MovePlan)] {
    seconds.compactMap { second in
      steering.measure(loads.map { GatewayLoad($0) }, at: Self.seconds(second)).map { (second, $0) }
    }
  }

  @Test func answersAloneMoveNothing() {
    var steering = Steering()
    steering.options.method = .answers
    #expect(Self.run(&steering, [[50, 50], []], seconds: 0...600).isEmpty)
  }

  @Test func theHybridMovesOnlyForGrossDisparity() {
    var steering = Steering()
    #expect(Self.run(&steering, [[20, 20, 18], [20, 22]], seconds: 0...600).isEmpty)
    steering.options.method = .moves
    #expect(!Self.run(&steering, [[20, 20, 8, 10], [20, 22]], seconds: 601...1200).isEmpty)
  }

  @Test func aLastingDisparityIsMovedOnceTheWindowIsOver() {
    var steering = Steering()
    let moved = Self.run(&steering, table2, seconds: 0...30)
    #expect(moved.map(\.at) == [10])
    #expect(moved.first?.plan.after == [50, 50])
  }

  @Test func aShortPeakMovesNothing() {
    var steering = Steering()
    for second in 0..<600 {
      let loads = second % 10 == 9 ? [[50.0], [50.0]] : table2
      #expect(steering.measure(loads.map { GatewayLoad($0) }, at: Self.seconds(second)) == nil)
    }
  }

  @Test func betweenTwoRoundsLiesTheTimeBetweenMoves() {
    var steering = Steering()
    steering.options.timeBetweenMoves = .seconds(60)
    #expect(Self.run(&steering, table2, seconds: 0...200).map(\.at) == [10, 70, 130, 190])
  }

  @Test func aTakeoverStartsTheTimeAnew() {
    var steering = Steering()
    _ = Self.run(&steering, table2, seconds: 0...9)
    steering.moved(at: Self.seconds(9))
    #expect(Self.run(&steering, table2, seconds: 10...100).map(\.at) == [69])
  }

  @Test func aMoveThatHardlyHelpsIsNotMade() {
    var steering = Steering()
    steering.options.method = .moves
    // The first cannot be relieved; between the others there is little to gain.
    #expect(Self.run(&steering, [[80], [6, 3, 2], [5, 4]], seconds: 0...600).isEmpty)
  }

  /// An hour of loads that jump by half around their means, and for each move the receiving gateway's.
  @Test(arguments: [Steering.Method.moves, .hybrid], 1...8)
  func noiseDoesNotMakeVirtualMACsWander(_ method: Steering.Method, _ seed: Int) {
    var generator = Seeded(UInt64(seed))
    var steering = Steering()
    steering.options.method = method
    let gatewayCount = 2 + seed % 3
    let means = (0..<gatewayCount * 4).map { _ in Double.random(in: 1...20, using: &generator) }
    var smoothed = means
    var holders = means.indices.map { _ in 0 }
    var (moveCounts, lastMove) = (means.map { _ in 0 }, 0)
    for second in 0..<3600 {
      for mac in means.indices {
        smoothed[mac] += (means[mac] * Double.random(in: 0.5...1.5, using: &generator) - smoothed[mac]) / 11
      }
      let held = (0..<gatewayCount).map { gateway in means.indices.filter { holders[$0] == gateway } }
      guard let plan = steering.measure(held.map { GatewayLoad($0.map { smoothed[$0] }) }, at: Self.seconds(second)) else { continue }
      lastMove = second
      for move in plan.moves {
        holders[held[move.from][move.forwarder]] = move.to
        moveCounts[held[move.from][move.forwarder]] += 1
      }
    }
    #expect(moveCounts.allSatisfy { $0 <= 2 }, "\(moveCounts)")
    #expect(moveCounts.reduce(0, +) > 0 && lastMove < 300, "moved as late as \(lastMove) s")
  }
}
