import Gateway
import Testing

@Suite struct MovePlanTests {
  static func plan(_ loads: [[Double]], _ preference: MovePreference = .fewest) -> MovePlan {
    var planner = MovePlanner()
    planner.preference = preference
    return planner.plan(loads.map { GatewayLoad($0) })
  }

  @Test func table1NeedsNothing() {
    let plan = Self.plan([[10, 10, 10, 10, 10], [10, 10, 10, 10, 10]])
    #expect(plan.moves.isEmpty && plan.isWithinDeadBand)
  }

  @Test func table2BecomesTable3ByOneMove() {
    let plan = Self.plan(table2)
    #expect(plan.moves == [PlannedMove(from: 0, to: 1, forwarder: 0, load: 20)])
    #expect(plan.before == [70, 30] && plan.after == [50, 50])
  }

  @Test func table2BecomesTable4BySmallMoves() {
    let plan = Self.plan(table2, .small)
    #expect(plan.moves == [PlannedMove(from: 0, to: 1, forwarder: 1, load: 13), PlannedMove(from: 0, to: 1, forwarder: 4, load: 7)])
    #expect(plan.after == [50, 50])
  }

  @Test(arguments: MovePreference.allCases)
  func theOnlyBusyOneStaysWhereItIs(_ preference: MovePreference) {
    #expect(Self.plan([[100, 0, 0], [0, 0]], preference).moves.isEmpty)
    #expect(Self.plan([[0, 0], [0, 100, 0], []], preference).moves.isEmpty)
  }

  @Test func theBusyOneDoesNotFollowASharesWhim() {
    var planner = MovePlanner()
    planner.deadBand = 0
    let first = planner.plan([GatewayLoad([100], share: 40), GatewayLoad([], share: 60)])
    #expect(first.moves.count == 1)
    #expect(planner.plan([GatewayLoad([], share: 40), GatewayLoad([100], share: 60)]).moves.isEmpty)
  }

  @Test func nothingMovesWithinTheDeadBand() {
    #expect(Self.plan([[30, 25], [25, 20]]).isWithinDeadBand)
    #expect(!Self.plan([[30, 25.1], [25, 19.9]]).isWithinDeadBand)
  }

  @Test func sharesAreTheTarget() {
    let plan = MovePlanner().plan([GatewayLoad([10, 10, 10], share: 3), GatewayLoad([10], share: 1)])
    #expect(plan.moves.isEmpty && plan.target == [30, 10])
    #expect(MovePlanner().plan([GatewayLoad([10, 10, 10], share: 1), GatewayLoad([10], share: 3)]).after == [10, 30])
  }

  @Test func whoMayNotGiveOrReceiveIsLeftAlone() {
    let plan = MovePlanner().plan([
      GatewayLoad([40, 30], mayGive: false), GatewayLoad([20, 20, 20]), GatewayLoad([], mayReceive: false), GatewayLoad([5]),
      GatewayLoad([90], mayGive: false, mayReceive: false),
    ])
    #expect(!plan.moves.isEmpty)
    #expect(plan.moves.allSatisfy { $0.from == 1 && $0.to == 3 })
    #expect(plan.target[4] == 90)
  }

  @Test func badNumbersCountAsNothing() {
    let odd = [[Double.nan, -5, .infinity], [1, 2], []]
    let plan = Self.plan(odd)
    #expect(plan.before.allSatisfy { $0.isFinite && $0 >= 0 })
    #expect(Self.plan([]).moves.isEmpty)
    #expect(Self.plan([[], []]).moves.isEmpty)
    #expect(MovePlanner().plan([GatewayLoad([1, 1], share: .nan), GatewayLoad([], share: -1)]).after == [1, 1])
  }

  /// Loads of every kind: whole numbers with many ties, spread ones, heavy-tailed ones, zeros.
  static func random(_ gatewayCount: Int, _ count: Int, _ generator: inout Seeded) -> [GatewayLoad] {
    var gateways = (0..<gatewayCount).map { _ in GatewayLoad([]) }
    let kind = Int.random(in: 0..<4, using: &generator)
    for _ in 0..<count {
      let x = Double.random(in: 0...1, using: &generator)
      let load = [Double(Int(x * 20)), x, x * x * x * x, x < 0.4 ? 0 : x][kind]
      gateways[Int.random(in: 0..<gatewayCount, using: &generator)].loads.append(load)
    }
    if Bool.random(using: &generator) { return gateways }
    for index in gateways.indices {
      gateways[index].share = Double(Int.random(in: 1...3, using: &generator))
      gateways[index].mayGive = Int.random(in: 0..<6, using: &generator) > 0
      gateways[index].mayReceive = Int.random(in: 0..<6, using: &generator) > 0
    }
    return gateways
  }

  /// 10,000 groups, and each as many virtual MACs as trying everything allows in the time of a test.
  @Test func aSmallPlanIsTheBestThereIs() throws {
    var generator = Seeded(1)
    let most = [2: 10, 3: 9, 4: 7, 5: 6, 6: 6, 7: 5, 8: 5]
    for round in 0..<10_000 {
      let gatewayCount = 2 + round % 7
      let count = Int.random(in: 1...(most[gatewayCount] ?? 1), using: &generator)
      try Self.expectBest(Self.random(gatewayCount, count, &generator), round)
    }
  }

  @Test(arguments: [(5, 10), (6, 9), (8, 8), (7, 8)])
  func aPlanOfManyGatewaysIsTheBestThereIs(_ gatewayCount: Int, _ count: Int) throws {
    var generator = Seeded(UInt64(gatewayCount))
    try Self.expectBest(Self.random(gatewayCount, count, &generator), count)
  }

  static func expectBest(_ gateways: [GatewayLoad], _ round: Int) throws {
    var planner = MovePlanner()
    planner.preference = round % 2 == 0 ? .fewest : .small
    planner.deadBand = 0
    let plan = planner.plan(gateways)
    var checker = PlanChecker(gateways, planner)
    guard checker.total > 0, !plan.isWithinDeadBand else { return }
    checker.searchEverything()
    let best = try #require(checker.best)
    #expect(checker.rank(of: plan) == best, "\(gateways) \(planner.preference): \(plan.moves)")
  }

  /// What every plan must be, whatever its size.
  static func expectSound(_ gateways: [GatewayLoad], _ planner: MovePlanner) {
    let plan = planner.plan(gateways)
    #expect(plan == planner.plan(gateways))
    let checker = PlanChecker(gateways, planner)
    guard checker.total > 0 else { return }
    for move in plan.moves {
      #expect(gateways[move.from].mayGive && gateways[move.to].mayReceive && move.from != move.to)
      #expect(gateways[move.from].loads[move.forwarder] == move.load)
    }
    let (rank, nothing) = (checker.rank(of: plan), checker.rankOfNothing)
    #expect(plan.moves.isEmpty || checker.isBefore(rank, nothing), "no better than doing nothing")
    #expect(checker.largestDeviation(plan.after) <= checker.largestDeviation(plan.before) + 1e-9 * checker.total)
    #expect(planner.plan(carriedOut(plan, gateways)).moves.isEmpty, "a second plan moves again: \(gateways)")
  }

  @Test func aSecondPlanMovesNothing() {
    var generator = Seeded(2)
    for round in 0..<3000 {
      var planner = MovePlanner()
      planner.preference = round % 2 == 0 ? .fewest : .small
      planner.deadBand = round % 3 == 0 ? 0 : 0.05
      planner.resolution = round % 5 == 0 ? 0.01 : 1e-9
      let count = round % 4 == 0 ? Int.random(in: 11...60, using: &generator) : Int.random(in: 1...10, using: &generator)
      Self.expectSound(Self.random(2 + round % 7, count, &generator), planner)
    }
  }

  @Test func manyVirtualMACsComeWithinTwoPercentOfALongSearch() {
    var generator = Seeded(3)
    var worst = 0.0
    for round in 0..<120 {
      let count = [11, 12, 13, 14, 16, 20, 30, 50][round % 8]
      var gateways = Self.random(2 + round / 8 % 7, count, &generator)
      for index in gateways.indices { (gateways[index].mayGive, gateways[index].mayReceive) = (true, true) }
      var planner = MovePlanner()
      planner.deadBand = 0
      let plan = planner.plan(gateways)
      let total = plan.before.reduce(0, +)
      guard total > 0 else { continue }
      let mine = zip(plan.after, plan.target).reduce(0) { max($0, abs($1.0 - $1.1)) } / total
      let best = LongSearch(gateways, plan.target).run(restarts: 300, using: &generator) / total
      worst = max(worst, mine - best)
      #expect(mine <= best + 0.02, "\(gateways.map(\.loads))")
    }
    print("planner beside a long search: at most \(worst) of the total further from the target")
  }

  /// Prints the time, asserts the work.
  @Test(arguments: [(256, 16), (256, 2), (64, 8), (20, 8), (16, 8), (10, 8), (240, 8)])
  func theWorkOfAPlanIsBounded(_ count: Int, _ gatewayCount: Int) {
    var generator = Seeded(4)
    var (evaluations, moves) = (0, 0)
    var time = Duration.zero
    for _ in 0..<20 {
      let gateways = (0..<gatewayCount).map { gateway in
        GatewayLoad(
          (0..<count / gatewayCount).map { _ in
            let x = Double.random(in: 0...1, using: &generator)
            return x * x * Double(gateway + 1)
          })
      }
      let start = ContinuousClock.now
      let plan = MovePlanner().plan(gateways)
      time = max(time, ContinuousClock.now - start)
      evaluations = max(evaluations, plan.evaluationCount)
      moves = max(moves, plan.moves.count)
    }
    print("\(count) virtual MACs on \(gatewayCount) gateways: at most \(time), \(evaluations) evaluations, \(moves) moves")
    #expect(evaluations < 10_000_000)
    if count == 256 { #expect(evaluations < 500_000) }
  }
}
