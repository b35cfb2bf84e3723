/// Smoothed loss of one member's keepalives, and how many in a row must be tolerated for it (WO 00/31945, "Failover Handling").
struct LossAverage: Hashable, Sendable {
  /// P, 0…1.
  private(set) var value = 0.0

  /// n may be 2…20.
  static let toleratedLosses = 2...20
  /// 1/K: one false failover a week is the policy, whatever unit the seed's K has.
  static let tolerance = 1.0 / 3600

  /// Takes in the keepalives lost between two that came: d = sequence − last − 1, P ← P·127/128 + d/128.
  mutating func record(lost count: UInt64) {
    let bounded = Double(min(count, UInt64(Self.toleratedLosses.upperBound)))
    value = min(1, value * 127 / 128 + bounded / 128)
  }

  /// The smallest n in 2…20 with n·Pⁿ < 1/K; 20 if none is.
  var toleratedLosses: Int { Self.toleratedLosses(for: value) }

  /// The smallest n in 2…20 with n·Pⁿ < 1/K; 20 if none is.
  static func toleratedLosses(for loss: Double) -> Int {
    var power = loss
    for n in toleratedLosses {
      power *= loss
      if Double(n) * power < tolerance { return n }
    }
    return toleratedLosses.upperBound
  }
}
