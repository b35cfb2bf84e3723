import ArgumentParser
import Foundation
import Gateway
import Node
import Wire

/// The virtual gateway.
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "The virtual gateway: several routers behind one address.",
    subcommands: [
      GatewayStatusCommand.self, GatewayForwardersCommand.self, GatewayClientsCommand.self, GatewayPlanCommand.self,
      GatewayHistoryCommand.self,
    ], defaultSubcommand: GatewayStatusCommand.self)
}

/// What would be moved, and why.
struct GatewayPlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Says which virtual MACs would move, and which one the next host would be given.",
    discussion: """
      Nothing is changed. Without --loads the daemon says what it has measured. The loads are a list for each gateway, one number for each of its virtual MACs, in any unit: \
      `skein gateway plan --loads '[[20,13,15,15,7],[10,5,0,10,5]]'`. The plan brings the group as close to its target as moves can, by the \
      fewest moves (`--prefer fewest`) or by small ones, which leave finer moves for later (`--prefer small`).
      """)
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "The load of each virtual MAC, by gateway, as JSON.", transform: gatewayLoads) var loads: [[Double]]?
  @Option(help: "The share that each gateway should carry, such as 50,50 or 2,1,1. Equal by default.", transform: gatewayShares)
  var shares: [Double] = []
  @Option(help: "Which of equally good plans.") var prefer = MovePreference.fewest
  @Option(help: "Nothing moves while every gateway is within so many percentage points of its target.") var deadBand = 5.0

  func validate() throws {
    guard shares.isEmpty || shares.count == loads?.count else {
      throw ValidationError("--shares has \(shares.count) numbers for \(loads?.count ?? 0) gateways in --loads; one for each is needed")
    }
    guard (0...100).contains(deadBand) else { throw ValidationError("--dead-band is 0 to 100 percentage points") }
  }

  func run() async throws {
    guard let loads else {
      let report: GatewayMovesReport = try await daemon.client.get("/v1/gateway/plan")
      return output.json ? try printJSON(report) : print(report.text)
    }
    let report = GatewayPlanReport(loads: loads, shares: shares, preference: prefer, deadBand: deadBand / 100)
    if output.json { try printJSON(report) } else { print(report.text) }
  }
}

extension MovePreference: ExpressibleByArgument {}

/// A plan as it is printed. Gateways and forwarders by position, from 0.
struct GatewayPlanReport: Codable {
  struct Move: Codable {
    var from: Int
    var to: Int
    var forwarder: Int
    var load: Double
  }
  struct Answer: Codable {
    var gateway: Int
    var forwarder: Int
  }
  var moves: [Move]
  var before: [Double]
  var after: [Double]
  var target: [Double]
  var withinDeadBand: Bool
  var nextAnswer: Answer?

  init(loads: [[Double]], shares: [Double], preference: MovePreference, deadBand: Double) {
    var planner = MovePlanner()
    planner.preference = preference
    planner.deadBand = deadBand
    let plan = planner.plan(loads.enumerated().map { GatewayLoad($1, share: shares.isEmpty ? 1 : shares[$0]) })
    moves = plan.moves.map { Move(from: $0.from, to: $0.to, forwarder: $0.forwarder, load: $0.load) }
    (before, after, target, withinDeadBand) = (plan.before, plan.after, plan.target, plan.isWithinDeadBand)
    nextAnswer = Self.nextAnswer(loads, shares, deadBand)
  }

  private static func nextAnswer(_ loads: [[Double]], _ shares: [Double], _ threshold: Double) -> Answer? {
    var answers = Answers(method: .leastTraffic)
    answers.threshold = threshold
    var number: UInt8 = 0
    let gateways = loads.enumerated().map { index, loads in
      AnsweringGateway(
        InternetAddress(ipv4: UInt32(index)),
        loads.map { load in
          number &+= 1
          return .init(number: number, load: load)
        }, share: shares.isEmpty ? 1 : shares[index])
    }
    answers.update(gateways, hostCount: 0, measuredAt: .zero)
    return answers.nextByLeastTraffic.map { Answer(gateway: $0.gateway, forwarder: $0.forwarder) }
  }

  var text: String {
    let rows = before.indices.map { gateway in
      ["\(gateway)", percent(before[gateway]), percent(target[gateway]), percent(after[gateway])]
    }
    return ([skein.table([["gateway", "now", "target", "after"]] + rows), "", reason] + moveLines + answerLine).joined(separator: "\n")
  }

  private var reason: String {
    if withinDeadBand { return "  Nothing to move: every gateway is within the dead band." }
    if moves.isEmpty { return "  Nothing to move: no move would bring the gateways closer to their targets." }
    return "  \(moves.count == 1 ? "One move brings" : "\(moves.count) moves bring") the gateways closest to their targets:"
  }

  private var moveLines: [String] {
    moves.map { "  forwarder \($0.forwarder) of gateway \($0.from), \(percent($0.load)), goes to gateway \($0.to)" }
  }

  private var answerLine: [String] {
    guard let nextAnswer else { return [] }
    return ["  The next host that asks is given forwarder \(nextAnswer.forwarder) of gateway \(nextAnswer.gateway)."]
  }

  private func percent(_ load: Double) -> String {
    let total = before.reduce(0, +)
    return total > 0 ? String(format: "%.1f %%", load / total * 100) : "0 %"
  }
}

/// The loads from the command line: one list for each gateway.
private func gatewayLoads(_ text: String) throws -> [[Double]] {
  guard let loads = try? JSONDecoder().decode([[Double]].self, from: Data(text.utf8)) else {
    throw ValidationError("the loads are no JSON list of lists of numbers; write one list for each gateway, such as [[20,13],[10,5]]")
  }
  guard !loads.isEmpty else { throw ValidationError("the loads name no gateway; write one list for each, such as [[20,13],[10,5]]") }
  let all = loads.joined()
  guard !all.isEmpty else { throw ValidationError("no gateway has a virtual MAC; write the load of each, such as [[20,13],[10,5]]") }
  guard loads.count <= 256, all.count <= 256 else {
    throw ValidationError("\(loads.count) gateways and \(all.count) virtual MACs; at most 256 of each")
  }
  guard all.allSatisfy({ $0 >= 0 && $0.isFinite }) else { throw ValidationError("a load is a number that is not negative") }
  return loads
}

/// The shares from the command line.
private func gatewayShares(_ text: String) throws -> [Double] {
  let shares = text.split(separator: ",", omittingEmptySubsequences: false).map {
    Double($0.trimmingCharacters(in: CharacterSet(charactersIn: " %")))
  }
  let numbers = shares.compactMap { $0 }.filter { $0 >= 0 && $0.isFinite }
  guard numbers.count == shares.count, numbers.contains(where: { $0 > 0 }) else {
    throw ValidationError("“\(text)” are no shares: write a number for each gateway, none negative and not all 0, such as 50,50")
  }
  return numbers
}
