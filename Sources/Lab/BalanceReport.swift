/// What `skein lab balance` found.
public struct BalanceReport: LabReport, Equatable {
  /// One thing that happened, and what everybody had when it was over.
  public struct Step: Codable, Equatable, Sendable {
    public var by: BalanceRule
    public var what: String
    /// What each member should have, in percent, in the order of their numbers.
    public var targets: [Double]
    /// Whether it had to come to that.
    public var isDemanded: Bool
    public var units: [Int] = []
    /// Each member's part of the probes, 0 to 1.
    public var shares: [Double] = []
    public var unitsMoved = 0
    /// Until everybody had its part.
    public var seconds = 0.0
    public var lost = 0
    /// What took those that were lost.
    public var losses: [Loss] = []

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

  public var mode: DeliveryMode
  public var members: Int
  /// How far from its target a member's part of the probes may be, in percentage points, by what is balanced.
  public var tolerancePoints: [String: Double]
  public var steps: [Step] = []
  /// Probes that nobody answered.
  public var lost = 0
  /// What took them, and how many nothing explains.
  public var losses: [Loss] = []
  public var unexplained = 0
  /// Of those that nothing explains: they were answered, and the answer was not seen.
  public var answersUnseen = 0
  /// Probes with more than one answer on the wire.
  public var answeredTwice = 0
  public var probes = 0
  public var seconds = 0.0

  init(command: BalanceCommand) {
    mode = command.mode
    members = command.options.members
    let tolerances = BalanceCommand.tolerancePoints.filter { command.rules.contains($0.key) }
    tolerancePoints = Dictionary(uniqueKeysWithValues: tolerances.map { ($0.key.rawValue, $0.value) })
  }

  public var succeeded: Bool { !steps.isEmpty && losses.excuse(lost) && answeredTwice == 0 && steps.allSatisfy(\.holds) }
  public var stoodStill: Bool {
    !succeeded && !steps.isEmpty && losses.excuseOrStandstill(lost) && answeredTwice == 0 && steps.allSatisfy(\.hasItsParts)
  }

  public func render(to output: inout some TextOutputStream) {
    print("\(members) members, delivery by \(mode.rawValue), \(probes) probes", to: &output)
    for rule in BalanceRule.allCases where steps.contains(where: { $0.by == rule }) {
      let tolerance = tolerancePoints[rule.rawValue].map { ", probes within \($0.formatted(digits: 0)) points" } ?? ""
      print("by \(rule.rawValue)\(rule == .traffic ? "" : ", units to one")\(tolerance):", to: &output)
      for step in steps where step.by == rule { print(Self.line(step), to: &output) }
    }
    print(verdict(losses.excuse(lost), "lost: \(lost)"), to: &output)
    for line in losses.lines(of: lost, answersUnseen: answersUnseen) { print(line, to: &output) }
    print(verdict(answeredTwice == 0, "answered twice: \(answeredTwice)"), to: &output)
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
