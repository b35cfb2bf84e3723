/// What `skein lab balance` found.
public struct BalanceReport: LabReport, Equatable {
  /// One thing that happened, and what everybody had when it was over.
  struct Step: Codable, Equatable, Sendable {
    var by: BalanceRule
    var what: String
    /// What each member should have, in percent, in the order of their numbers.
    var targets: [Double]
    /// Whether it had to come to that.
    var isDemanded: Bool
    var units: [Int] = []
    /// Each member's part of the probes, 0 to 1.
    var shares: [Double] = []
    var unitsMoved = 0
    /// Until everybody had its part.
    var seconds = 0.0
    var lost = 0
    /// What took those that were lost.
    var losses: [Loss] = []

    init(by rule: BalanceRule, what: String, parts: [Int], isDemanded: Bool = true) {
      by = rule
      self.what = what
      let sum = Double(max(1, parts.reduce(0, +)))
      targets = parts.map { Double($0) * 100 / sum }
      self.isDemanded = isDemanded
    }

    /// Whether everybody has its part: of the units to one, or of the traffic within what is tolerated.
    var isReached: Bool {
      switch by {
      case .count, .weight:
        units.count == targets.count
          && zip(units, targets).allSatisfy { abs(Double($0) - $1 * Double(MemberStatus.unitCount) / 100) <= 1 }
      case .traffic: isFollowed
      }
    }

    /// Whether the probes went where they should. By count they are too few flows to tell.
    var isFollowed: Bool {
      guard let tolerance = BalanceCommand.tolerancePoints[by] else { return true }
      return shares.count == targets.count && zip(shares, targets).allSatisfy { abs($0 * 100 - $1) <= tolerance }
    }

    var holds: Bool { losses.excuse(lost) && hasItsParts }
    /// Whether everybody has its part, where that is demanded.
    fileprivate var hasItsParts: Bool { !isDemanded || isReached && isFollowed }
  }

  var mode: DeliveryMode
  var members: Int
  /// How far from its target a member's part of the probes may be, in percentage points, by what is balanced.
  var tolerancePoints: [String: Double]
  var steps: [Step] = []
  /// Probes that nobody answered.
  var lost = 0
  /// What took them, and how many nothing explains.
  var losses: [Loss] = []
  var unexplained = 0
  /// Of those that nothing explains: they were answered, and the answer was not seen.
  var answersUnseen = 0
  /// Probes with more than one answer on the wire.
  var answeredTwice = 0
  var probes = 0
  var seconds = 0.0

  init(command: BalanceCommand) {
    mode = command.options.mode
    members = command.options.members
    let tolerances = BalanceCommand.tolerancePoints.filter { command.rules.contains($0.key) }
    tolerancePoints = Dictionary(uniqueKeysWithValues: tolerances.map { ($0.key.rawValue, $0.value) })
  }

  /// Every step came to the parts that it had to come to, no probe was answered twice, and each lost one is the host's or its
  /// virtual wires' doing.
  public var succeeded: Bool { !steps.isEmpty && losses.excuse(lost) && answeredTwice == 0 && steps.allSatisfy(\.holds) }
  /// Nothing is amiss but lost probes, and a daemon's standstill took all that the host and its virtual wires did not.
  public var stoodStill: Bool {
    !succeeded && !steps.isEmpty && losses.excuseOrStandstill(lost) && answeredTwice == 0 && steps.allSatisfy(\.hasItsParts)
  }

  /// Writes a line for each step, by rule: units and probes of each member, units moved, seconds and losses.
  public var lines: [String] {
    "\(members) members, delivery by \(mode.rawValue), \(probes) probes"
    for rule in BalanceRule.allCases where steps.contains(where: { $0.by == rule }) {
      let tolerance = tolerancePoints[rule.rawValue].map { ", probes within \($0.formatted(digits: 0)) points" } ?? ""
      "by \(rule.rawValue)\(rule == .traffic ? "" : ", units to one")\(tolerance):"
      for step in steps where step.by == rule { Self.line(step) }
    }
    verdict(losses.excuse(lost), "lost: \(lost)")
    losses.lines(of: lost, answersUnseen: answersUnseen)
    verdict(answeredTwice == 0, "answered twice: \(answeredTwice)")
  }

  private static func line(_ step: Step) -> String {
    let shares = step.shares.map { ($0 * 100).formatted(digits: 0) }.joined(separator: "/")
    let columns = [
      step.what.padding(40), "units \(step.units.map(String.init).joined(separator: "/"))".padding(20), "probes \(shares) %".padding(20),
      "moved \(step.unitsMoved)".padding(11), "\(step.seconds.formatted(digits: 1)) s, lost \(step.lost)",
    ]
    let text = columns.joined()
    return step.isDemanded || !step.holds ? verdict(step.holds, text) : "        " + text
  }
}
