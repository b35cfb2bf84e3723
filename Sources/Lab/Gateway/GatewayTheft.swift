/// A machine of the LAN says to everybody that the virtual addresses are its own: an intruder, or one with the gateway's address by mistake.
/// The hosts believe it; how long until the gateways have set them right?
struct GatewayTheft: Codable, Equatable, Sendable {
  /// Hosts that were sent astray: each time their packets went nowhere for longer than two of them need.
  var stolen = 0
  /// How long a host's packets went nowhere after one claim, the worst of all.
  var setRightMilliseconds = 0.0
  /// The same where another claim followed 100 ms later: claims are not answered more often than once a second.
  var setRightAfterSecondMilliseconds = 0.0
  /// Hosts whose gateway has another MAC address than before, at the end.
  var leftAstray = 0

  /// A second, and what it takes to hear of it.
  static let limitMilliseconds = 1200.0
  var holds: Bool {
    stolen > 0 && leftAstray == 0 && max(setRightMilliseconds, setRightAfterSecondMilliseconds) <= Self.limitMilliseconds
  }

  @Lines var lines: [String] {
    verdict(
      holds,
      "to all hosts: \(stolen) were sent astray, and set right within \(setRightMilliseconds.formatted(digits: 0)) ms; where another claim "
        + "followed, within \(setRightAfterSecondMilliseconds.formatted(digits: 0)) ms; \(leftAstray) were left with another MAC address")
  }
}

extension GatewayGroup {
  private static let rounds = 5

  /// Claims the virtual addresses, five times once and then twice, while all hosts send.
  func measureTheft() throws -> GatewayTheft {
    let streams = AddressFamily.allCases.flatMap { family in
      plan.hosts.map { GatewayStream(host: $0, family: family, packetsPerSecond: 500) }
    }
    let before = try AddressFamily.allCases.map(topology.gatewayAddresses)
    let traffic = try Prober(plan: plan, streams: streams)
    try pause(milliseconds: 500)
    var single: [Range<UInt64>] = []
    for _ in 0..<Self.rounds { single.append(try claimVirtualAddresses(times: 1)) }
    let double = try claimVirtualAddresses(times: 2)
    let after = try AddressFamily.allCases.map(topology.gatewayAddresses)
    let ledger = try traffic.finish()
    let silences = (single + [double]).map { window in
      ledger.flows.indices.map { Double(ledger.longestSilence(flow: $0, in: window).nanoseconds) / 1e6 }
    }
    var theft = GatewayTheft()
    theft.stolen = silences.reduce(0) { $0 + $1.count { $0 > 4 } }
    theft.setRightMilliseconds = silences.dropLast().flatMap { $0 }.max() ?? 0
    theft.setRightAfterSecondMilliseconds = silences.last?.max() ?? 0
    theft.leftAstray = zip(before, after).reduce(0) { sum, pair in sum + plan.hosts.count { pair.0[$0] != pair.1[$0] } }
    return theft
  }

  /// - Returns: the time from the first claim until all should be well again.
  private func claimVirtualAddresses(times: Int) throws -> Range<UInt64> {
    let begunAt = BootClock.nanoseconds
    try plan.strangerNamespace.enter {
      let sender = try FrameSender(interface: GatewayPlan.hostInterface)
      let hardware = try hardwareAddress(of: GatewayPlan.hostInterface)
      for time in 0..<times {
        if time > 0 { try pause(milliseconds: 100) }
        try sender.send(LanFrame.arpAnnouncement(from: hardware, GatewayPlan.virtualAddress(.four)))
        try sender.send(LanFrame.advertisement(from: hardware, GatewayPlan.virtualAddress(.six)))
      }
    }
    try pause(milliseconds: 2000)
    return begunAt..<BootClock.nanoseconds
  }
}
