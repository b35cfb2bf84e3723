import Foundation

/// `skein lab gateway-foreign`: a router that speaks GLBP by its public description and nothing of ours, beside two of ours.
public struct GatewayForeignCommand: LabCommand {
  var options: LabOptions
  private static let routers = 2

  /// Of the options, the number of members is not heeded: two routers and two hosts are enough.
  public init(options: LabOptions) { self.options = options }

  /// Lets the foreign router lead the group, then fall silent, and watches what the two of ours make of it.
  /// `LabError.timedOut` if they do not follow it within 25 s or take over within 15 s.
  public func run() throws -> GatewayForeignReport {
    try TestBed.with(try GatewayTopology(routers: Self.routers, hosts: 2, console: options.console)) { topology in
      var settings = GatewaySettings(options: options)
      // GLBP's own authentication that both could have is not described; so there is none.
      settings.isAuthenticated = false
      return try measure(topology, settings)
    }
  }

  private func measure(_ topology: GatewayTopology, _ settings: GatewaySettings) throws -> GatewayForeignReport {
    let console = options.console
    let plan = topology.plan
    let stranger = plan.strangerNamespace
    let hardware = try stranger.enter { LanFrame.octets(try hardwareAddress(of: GatewayPlan.hostInterface)) }
    let script = GlbpScript(address: LanFrame.address(GatewayPlan.strangerAddress), hardware: hardware)
    console.say(
      "\n1. A foreign router at \(GatewayPlan.strangerAddress) says hello every second: hold 4 s, priority 200, the active one, forwarder 1 of 4,"
    )
    console.say("   and something that nobody knows. Two of ours start beside it.")
    let speaker = try GlbpSpeaker(script, in: stranger)
    let group = try GatewayGroup(topology: topology, settings: settings)
    let following = "ours to follow the foreign router and to forward beside it"
    try wait(for: following, seconds: 25, everyMilliseconds: 200, detail: group.screens) {
      plan.routers.allSatisfy { router in
        guard let status = try? group.gatewayStatus(router) else { return false }
        return status.activeGateway == GatewayPlan.strangerAddress && status.forwarders.contains { $0.here == "forwarding" }
      }
    }
    var report = GatewayForeignReport()
    let during = try plan.routers.map(group.gatewayStatus)
    report.followed = during.allSatisfy { $0.activeGateway == GatewayPlan.strangerAddress }
    report.isShownAsForeign = during.allSatisfy { $0.gateways.contains { $0.address == GatewayPlan.strangerAddress && $0.isForeign } }
    report.forwardersBeside = during.map { status in status.forwarders.filter { $0.here == "forwarding" }.map(\.forwarder) }
    report.foreignForwarderWasLeft = !report.forwardersBeside.joined().contains(1)
    report.refused = try group.sum("gateway", "malformed", of: plan.routers)
    try show(group)

    console.say("\n2. It falls silent. Its own hold time, 4 s, is what counts.")
    report.hellos = try speaker.fallSilent()
    let silentAt = BootClock.nanoseconds
    try wait(for: "ours to elect one of their own and to take forwarder 1 over", seconds: 15, detail: group.screens) {
      let states = try plan.routers.map(group.gatewayStatus)
      return states.count { $0.state == "active" } == 1
        && states.count { $0.forwarders.contains { $0.forwarder == 1 && $0.here == "forwarding" } } == 1
    }
    report.takeoverSeconds = BootClock.seconds(since: silentAt)
    try show(group)
    let after = try plan.routers.map(group.gatewayStatus)
    report.holderOfForwarderOne = after[0].forwarders.first { $0.forwarder == 1 }?.holder ?? ""
    report.agree = Set(after.map(\.holders)).count == 1
    report.pings = try topology.pingGateway(.four)
    return report
  }

  private func show(_ group: GatewayGroup) throws {
    options.console.say(try group.tell(1, "gateway", "status").split(separator: "\n").map { "   \($0)" }.joined(separator: "\n"))
  }
}

/// What `skein lab gateway-foreign` found.
public struct GatewayForeignReport: LabReport, Equatable {
  /// Whether both of ours took it for the active virtual gateway, and know that it is foreign.
  var followed = false
  var isShownAsForeign = false
  /// What each of ours forwarded for beside it, and whether they left it its own.
  var forwardersBeside: [[Int]] = []
  var foreignForwarderWasLeft = false
  var hellos = 0
  /// Its messages that ours could not read.
  var refused = 0
  /// From its last word until ours had an active one and forwarded for its forwarder.
  var takeoverSeconds = 0.0
  var holderOfForwarderOne = ""
  /// Whether ours agree about who holds what.
  var agree = false
  /// Pings to the virtual address answered afterwards, of two.
  var pings = 0

  /// Ours followed the foreign router, forwarded beside it and could read all it said; no sooner than 2.5 s after its last word they took
  /// over, agree since, and answered both pings.
  public var succeeded: Bool {
    followed && isShownAsForeign && foreignForwarderWasLeft && forwardersBeside.allSatisfy { !$0.isEmpty } && refused == 0
      && takeoverSeconds >= 2.5 && !holderOfForwarderOne.isEmpty && agree && pings == 2
  }

  /// Writes each observation with its verdict.
  public var lines: [String] {
    "\nA foreign speaker of GLBP, \(hellos) hellos:"
    verdict(followed && isShownAsForeign, "both of ours took it for the active virtual gateway")
    verdict(
      foreignForwarderWasLeft && forwardersBeside.allSatisfy { !$0.isEmpty }, "both forwarded beside it: forwarders \(forwardersBeside)")
    verdict(refused == 0, "its messages that ours could not read: \(refused)")
    verdict(
      takeoverSeconds >= 2.5 && !holderOfForwarderOne.isEmpty,
      "it fell silent: forwarder 1 is \(holderOfForwarderOne)'s \(takeoverSeconds.formatted(digits: 1)) s after its last word")
    verdict(agree, "both say the same of every forwarder")
    verdict(pings == 2, "pings to the virtual address: \(pings) of 2")
  }
}
