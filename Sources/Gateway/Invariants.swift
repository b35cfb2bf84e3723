import Wire

// What must hold after every event, said once more from the outside. Tests and the simulator ask after each `handle`; the daemon does not.

extension GatewayRouter {
  /// What must hold now and does not, a sentence for each; none when all is well.
  public func checkInvariants() -> [String] {
    var broken = shared.brokenInvariants
    if shared.isRunning != (nextDeadline != nil) { broken.append("it runs and waits for nothing, or the other way round") }
    if let nextDeadline, nextDeadline < shared.now {
      broken.append("something was due \((shared.now - nextDeadline).nanoseconds) ns ago")
    }
    return broken
  }
}

extension Shared {
  fileprivate var brokenInvariants: [String] {
    var broken: [String] = []
    if !isRunning, !isEmptyHanded { broken.append("it forwards and does not run") }
    if isRunning, !isSeated, lease == .zero, !isEmptyHanded { broken.append("it forwards without a lease") }
    for forwarder in UInt8(1)...255 where holdings[Int(forwarder)] != nil && table[forwarder] == nil {
      broken.append("it forwards for \(forwarder), of which the table says nothing")
    }
    return broken
  }
}
