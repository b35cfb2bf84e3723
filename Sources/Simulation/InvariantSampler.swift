import Host

/// Asks hosts for their invariants, after one of sixteen events: after each it would take as long as the events themselves.
struct InvariantSampler {
  /// With a rule off the books are wrong, and what is to be shown is that packets are.
  var isOn: Bool
  private var count: UInt32 = 0

  init(isOn: Bool) { self.isOn = isOn }

  /// What does not hold; nothing when it is not this event's turn.
  mutating func look(at host: ApplianceHost) -> [String] {
    count &+= 1
    return isOn && count & 15 == 0 ? host.checkInvariants() : []
  }
}
