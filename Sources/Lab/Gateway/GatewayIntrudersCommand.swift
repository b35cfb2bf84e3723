import Foundation

/// `skein lab gateway-intruders`: what somebody in the LAN may send to do harm. Everything is counted; nothing changes.
public struct GatewayIntrudersCommand: LabCommand {
  var askers: Int
  var options: LabOptions

  /// `askers`, 1 to 1,000,000, is how many hosts that nobody has ever seen ask for the gateway's MAC address.
  public init(askers: Int = 100_000, options: LabOptions) {
    self.askers = askers
    self.options = options
  }

  /// Attacks a group of three routers, one thing after the other, while six hosts send 500 packets a second each.
  public func run() throws -> GatewayIntrudersReport {
    guard 1...1_000_000 ~= askers else { throw LabError.badOption("--askers is 1 to 1,000,000") }
    return try TestBed.with(try GatewayTopology(routers: 3, hosts: 6, console: options.console)) { topology in
      try attack(GatewayGroup(topology: topology, settings: .unsteered(options)))
    }
  }

  /// One thing that an intruder does, and the counter of the group `gateway` that must show it.
  private struct Attack {
    var name: String
    var counter: String
    /// How many of them must be counted at least, over all routers.
    var expected: Int
    var perform: (FrameSender) throws -> Void
  }

  private func attack(_ group: GatewayGroup) throws -> GatewayIntrudersReport {
    let plan = group.plan
    let routers = group.machines
    try group.waitUntilSettled(routers)
    try group.topology.letHostsAskSeldom()
    let before = try routers.map(group.gatewayStatus)
    let streams = plan.hosts.map { GatewayStream(host: $0, packetsPerSecond: 500) }
    var report = GatewayIntrudersReport(askers: askers)
    options.console.say("somebody tells all hosts that the virtual addresses are at his own MAC address")
    report.theft = try group.measureTheft()
    let (books, startedAt) = (LossBooks(group.booked), BootClock.nanoseconds)
    let traffic = try Prober(plan: plan, streams: streams)
    report.residentBytesBefore = before.map(\.residentBytes)
    try pause(milliseconds: 500)
    let routerAddresses = try routers.map { router in
      try plan.namespace(of: router).enter { try hardwareAddress(of: plan.interface(of: router)) }
    }
    try plan.strangerNamespace.enter {
      let sender = try FrameSender(interface: GatewayPlan.hostInterface)
      let hardware = try hardwareAddress(of: GatewayPlan.hostInterface)
      for attack in attacks(hardware, plan, routerAddresses) {
        let counted = try group.sum("gateway", attack.counter, of: routers)
        options.console.say("\(attack.name)")
        options.console.say("   at \((BootClock.nanoseconds - startedAt) / 1_000_000) ms")
        try attack.perform(sender)
        try pause(milliseconds: 700)
        let seen = try group.sum("gateway", attack.counter, of: routers) - counted
        options.console.say("   gateway.\(attack.counter): \(seen) more")
        books.turnPage()
        report.attacks.append(.init(name: attack.name, counter: attack.counter, counted: seen, expected: attack.expected))
      }
    }
    try pause(milliseconds: 1500)
    let after = try routers.map(group.gatewayStatus)
    let ledger = try traffic.finish()
    books.turnPage()
    report.residentBytesAfter = after.map(\.residentBytes)
    report.activeChanged = Set(after.map(\.activeGateway)) != Set(before.map(\.activeGateway))
    report.holdersChanged = after.map(\.holders) != before.map(\.holders)
    report.packets = ledger.probeCount
    report.lost = ledger.lost()
    report.forwardedTwice = ledger.answeredTwice
    report.losses = books.explain(ledger).causes
    for line in ledger.lossLines(since: startedAt, name: { "host \(streams[$0].host)" }) { options.console.say("   \(line)") }
    return report
  }

  private func attacks(_ hardware: UInt64, _ plan: GatewayPlan, _ routerAddresses: [UInt64]) -> [Attack] {
    var script = GlbpScript(address: LanFrame.address(GatewayPlan.strangerAddress), hardware: LanFrame.octets(hardware))
    script.priority = 255
    let spoofed = script
    var asRouter = script
    asRouter.address = LanFrame.address(plan.address(of: 1, .four))
    let count = 100
    let everybody = count * plan.routerCount
    // To the routers alone: what comes of it at the hosts is measured for itself.
    let claims = routerAddresses.map { LanFrame.gratuitousArp(from: hardware, GatewayPlan.virtualAddress(.four), to: $0) }
    func attack(_ name: String, _ counter: String, expected: Int = everybody, times: Int = count, _ frame: @escaping (Int) -> [UInt8])
      -> Attack
    {
      Attack(name: "\(count) \(name)", counter: counter, expected: expected) { sender in
        for index in 0..<times {
          try sender.send(frame(index))
          BootClock.sleep(until: BootClock.nanoseconds + 1_000_000)
        }
      }
    }
    return [
      attack("messages whose TLVs are cut short or lie about their length", "malformed") { Self.malformed(spoofed, $0).frame() },
      attack("hellos of an active gateway with priority 255 and no authentication", "missingAuthentication") { _ in spoofed.frame() },
      attack("hellos with a seal of another key", "wrongAuthentication") { Self.wronglySealed(spoofed, $0).frame() },
      attack("hellos in the name of router 1, with priority 255", "missingAuthentication", expected: everybody - count) { _ in
        asRouter.frame()
      },
      attack("hellos from beyond a router (TTL 254)", "hopLimit") { _ in spoofed.frame(hopLimit: 254) },
      attack(
        "times somebody tells the routers that the virtual address is at his own MAC address (gratuitous ARP)", "conflicts",
        times: everybody
      ) { claims[$0 % claims.count] },
      Attack(name: "\(askers) hosts that nobody has ever seen ask for the gateway", counter: "questions", expected: 1) { sender in
        for index in 0..<askers {
          let number = UInt32(index).octets
          try? sender.send(
            LanFrame.arpRequest(
              from: [0x02, 0xaa, 0] + number.dropFirst(), [10, number[1] + 1] + number.dropFirst(2),
              for: GatewayPlan.virtualAddress(.four)))
        }
      },
    ]
  }

  private static func malformed(_ script: GlbpScript, _ index: Int) -> GlbpScript {
    var script = script
    let whole = script.hello
    let forwarder = script.forwarder(1)
    script.rawTlvs =
      switch index % 5 {
      case 0: Array(whole.prefix(1 + index % 27))
      case 1: [1, 0] + whole.dropFirst(2)
      case 2: whole + [2, 200] + forwarder.dropFirst(2)
      case 3: whole + [2, 1]
      default: whole + [UInt8.random(in: 4...255), 255, 1]
      }
    return script
  }

  /// Our own seal's type with a code under another key: whoever does not know the key cannot do better.
  private static func wronglySealed(_ script: GlbpScript, _ index: Int) -> GlbpScript {
    var script = script
    script.rawTlvs = script.hello + GlbpScript.seal(code: (0..<32).map { _ in UInt8.random(in: 0...255) }, sequence: UInt64(index))
    return script
  }
}

/// What `skein lab gateway-intruders` found.
public struct GatewayIntrudersReport: LabReport, Equatable {
  struct Attack: Codable, Equatable, Sendable {
    var name: String
    /// The counter of `skein counters` that must show it.
    var counter: String
    var counted: Int
    var expected: Int
  }
  var askers: Int
  var attacks: [Attack] = []
  /// Claims to the hosts.
  var theft = GatewayTheft()
  /// Each daemon's memory.
  var residentBytesBefore: [Int] = []
  var residentBytesAfter: [Int] = []
  var activeChanged = false
  var holdersChanged = false
  /// The hosts' packets meanwhile.
  var packets = 0
  var lost = 0
  var forwardedTwice = 0
  /// What took the lost ones.
  var losses: [Loss] = []

  init(askers: Int) { self.askers = askers }

  /// What a daemon's memory may grow by: a bounded table fills once.
  private static let growthLimit = 16 << 20
  private var growth: Int { zip(residentBytesAfter, residentBytesBefore).map { $0 - $1 }.max() ?? 0 }

  /// Every attack was counted as often as it must be, hosts sent astray were set right within 1.2 s, no daemon grew by more than 16 MiB,
  /// active gateway and holders are as before, nothing was forwarded twice, and each lost packet is the host's or its virtual wires'
  /// doing.
  public var succeeded: Bool {
    attacks.allSatisfy { $0.counted >= $0.expected } && theft.holds && growth <= Self.growthLimit && !activeChanged && !holdersChanged
      && losses.excuse(lost) && forwardedTwice == 0
  }

  /// Writes each attack with its counter, then what it did to the group: roles, memory, the hosts' packets.
  public var lines: [String] {
    "\nWhat intruders did:"
    for attack in attacks {
      verdict(attack.counted >= attack.expected, "\(attack.name): counted \(attack.counted) (\(attack.counter))")
    }
    theft.lines
    verdict(!activeChanged && !holdersChanged, "the active gateway and every holder are as before")
    verdict(growth <= Self.growthLimit, "memory grew by \(growth >> 10) KiB at most, of \((residentBytesAfter.max() ?? 0) >> 20) MiB")
    verdict(
      losses.excuse(lost) && forwardedTwice == 0, "of \(packets) packets of the hosts \(lost) were lost, \(forwardedTwice) forwarded twice")
    losses.lines(of: lost)
  }
}
