import CPacketPath
import Foundation
import Gateway
import Host
import Linux
import PacketPath
import Wire

extension GatewayRunner {
  /// What `skein gateway status` shows.
  func report(_ router: GatewayRouter, events: [EventReport]) -> GatewayReport {
    let now = BootClock.now()
    let snapshot = router.snapshot(at: now)
    let forwarders = forwarders(router, snapshot)
    return GatewayReport(
      group: Int(section.group), addresses: section.addresses.map(\.description), interface: section.interface,
      address: "\(machine.ownAddress)", mode: mode == .alone ? "alone" : "cluster", state: snapshot.phase.rawValue,
      activeGateway: snapshot.activeGateway?.description, standby: snapshot.standbyGateway?.description, priority: Int(section.priority),
      weight: Int(snapshot.weight), helloMilliseconds: section.timers.hello.inMilliseconds,
      holdMilliseconds: section.timers.hold.inMilliseconds, answers: section.answers.rawValue, steering: section.steering.method.rawValue,
      packetPath: backend.choice.report, routing: fastRouting.interfaces.isEmpty ? "kernel" : "xdp",
      leaseMilliseconds: (backend.tables.leaseDeadline - now).inMilliseconds, gateways: gateways(router, snapshot, forwarders, now),
      forwarders: forwarders, clients: router.clientCount, uptimeSeconds: (now - startedAt).inMilliseconds / 1000,
      residentBytes: Int((try? ProcessUsage.current().residentByteCount) ?? 0), events: events, warnings: warnings(snapshot))
  }

  private func forwarders(_ router: GatewayRouter, _ snapshot: GatewayRouter.Snapshot) -> [ForwarderReport] {
    let total = snapshot.forwarders.reduce(0) { $0 + $1.octetsPerSecond }
    return snapshot.forwarders.map { forwarder in
      let counted = backend.tables.traffic(ofForwarder: forwarder.number)
      return ForwarderReport(
        forwarder: Int(forwarder.number), virtualMac: "\(EthernetAddress.virtual(group: section.group, forwarder: forwarder.number))",
        home: forwarder.home?.description, holder: forwarder.holder?.description, here: here(forwarder),
        isHandedOut: !forwarder.isRedirectEnded && !forwarder.isRetired, octetsPerSecond: forwarder.octetsPerSecond,
        packetsPerSecond: forwarder.packetsPerSecond, share: percent(forwarder.octetsPerSecond, of: total), packets: counted.packets,
        octets: counted.octets, clients: router.clientCount(of: forwarder.number))
    }
  }

  /// By the packet path's own table, not by what the decision maker believes.
  private func here(_ forwarder: GatewayRouter.Forwarder) -> String {
    switch backend.tables.units[Int(forwarder.number)].mine {
    case UInt8(skein_mine): "forwarding"
    case UInt8(skein_mine_moving): "holding"
    default: "elsewhere"
    }
  }

  private func gateways(
    _ router: GatewayRouter, _ snapshot: GatewayRouter.Snapshot, _ forwarders: [ForwarderReport], _ now: Instant
  ) -> [GatewayPeerReport] {
    let total = forwarders.reduce(0) { $0 + $1.octetsPerSecond }
    let plan = router.plan()
    let sum = plan.plan.target.reduce(0, +)
    let targets = Dictionary(zip(plan.gateways, plan.plan.target), uniquingKeysWith: { $1 })
    return snapshot.gateways.map { gateway in
      let held = forwarders.filter { $0.holder == gateway.address.description }
      let octets = held.reduce(0) { $0 + $1.octetsPerSecond }
      return GatewayPeerReport(
        address: "\(gateway.address)", state: gateway.givesAway ? "draining" : gateway.phase.rawValue, priority: Int(gateway.priority),
        weight: Int(gateway.weight), isForeign: gateway.isForeign, forwarders: held.count, octetsPerSecond: octets,
        packetsPerSecond: held.reduce(0) { $0 + $1.packetsPerSecond }, share: percent(octets, of: total),
        target: percent(targets[gateway.address] ?? 0, of: sum), heardMillisecondsAgo: gateway.lastHeard.map { (now - $0).inMilliseconds })
    }
  }

  func percent(_ part: Double, of whole: Double) -> Double { whole > 0 ? part / whole * 100 : 0 }

  private func warnings(_ snapshot: GatewayRouter.Snapshot) -> [String] {
    var warnings: [String] = []
    if snapshot.phase == .left {
      return ["this gateway has left the group: what is shown is old, and only a restart of the daemon brings it back"]
    }
    if mode == .alone, let trouble = LineWriter.standardError.trouble { warnings.append(trouble) }
    if mode == .alone, let warning = backend.choice.warning { warnings.append(warning) }
    if mode == .alone { warnings += machine.changes.warnings(at: BootClock.now()) }
    if snapshot.activeGateway == nil { warnings.append("no active virtual gateway: hosts that ask are not answered") }
    if !snapshot.isForwarding { warnings.append("this gateway forwards nothing: its weight is \(snapshot.weight)") }
    for name in tracked.down { warnings.append("\(name) is down") }
    if case .none = section.authentication, mode == .alone {
      warnings.append("messages are not authenticated: any machine of this network can take the group over (gateway.authentication)")
    }
    if messenger.counters.wrongAuthentication > 0 {
      warnings.append("\(messenger.counters.wrongAuthentication) messages had another key or none: do all gateways have the same?")
    }
    return warnings
  }

  /// What `skein gateway clients` shows, those that asked last first.
  func clients(_ router: GatewayRouter, limit: Int) -> GatewayClientsReport {
    let now = BootClock.now()
    let holders = Dictionary(router.snapshot(at: now).forwarders.map { ($0.number, $0.holder) }, uniquingKeysWith: { $1 })
    return GatewayClientsReport(
      clients: router.clients(limit: limit).map { client in
        .init(
          ethernetAddress: "\(client.host.ethernet)", address: "\(client.host.address)", forwarder: Int(client.forwarder),
          virtualMac: "\(EthernetAddress.virtual(group: section.group, forwarder: client.forwarder))",
          holder: (holders[client.forwarder] ?? nil)?.description, askedSecondsAgo: (now - client.askedAt).inMilliseconds / 1000,
          questions: client.askCount)
      }, total: router.clientCount, forgotten: router.forgottenClientCount)
  }

  /// The gateway's counters, by reason.
  func counters(_ appliance: GatewayAppliance) -> [CounterReport] {
    let (messages, own) = (messenger.counters, appliance.counters)
    let named: [(String, String, UInt64)] = [
      ("received", "GLBP messages", messages.received + own.received),
      ("hopLimit", "from beyond a router: its TTL is not 255 (RFC 5082)", messages.hopLimit),
      ("malformed", "not GLBP, or cut short", messages.malformed + own.malformed),
      ("otherGroup", "of another group", messages.otherGroup),
      ("missingAuthentication", "without the authentication that is configured", messages.missingAuthentication),
      ("wrongAuthentication", "with another key or text", messages.wrongAuthentication),
      ("sendFailures", "messages that the kernel did not take", own.unsent),
      ("questions", "questions of hosts for a virtual address, sent up by the packet path", own.questions),
      ("answers", "answers to hosts", own.answered),
      ("answersUnsent", "answers that the kernel did not take", own.answersUnsent),
      ("questionsMalformed", "questions that could not be read", own.questionsMalformed),
      ("exported", "records sent to the collector", exporter?.exported ?? 0),
      ("exportFailures", "messages that did not go out to the collector", exporter?.failures ?? 0),
    ]
    return named.map { CounterReport(group: "gateway", name: $0.0, meaning: $0.1, value: $0.2) }
      + appliance.router.counters.named.map { CounterReport(group: "gateway", name: $0.name, meaning: $0.meaning, value: $0.value) }
  }
}

extension GatewayRunner {
  /// What `skein gateway plan` shows.
  func plan(_ router: GatewayRouter) -> GatewayMovesReport {
    let (gateways, forwarders, plan) = router.plan()
    let total = plan.before.reduce(0, +)
    let moves = plan.moves.map { move in
      GatewayMovesReport.Move(
        from: "\(gateways[move.from])", to: "\(gateways[move.to])", forwarder: Int(forwarders[move.from][move.forwarder]),
        load: percent(move.load, of: total))
    }
    return GatewayMovesReport(
      gateways: gateways.map(\.description), before: plan.before.map { percent($0, of: total) },
      after: plan.after.map { percent($0, of: total) }, target: plan.target.map { percent($0, of: total) }, moves: moves,
      why: why(router, plan, total))
  }

  private var due: String {
    let steering = section.steering
    return "moved once the disparity has lasted for \(steering.window.inMilliseconds / 1000) s, "
      + "and \(steering.minimumBetweenMoves.inMilliseconds / 1000) s after the last move, takeover or registration"
  }

  private func isGross(_ router: GatewayRouter, _ plan: MovePlan, _ total: Double) -> Bool {
    let deviations = zip(plan.before, plan.target).map { $0 - $1 }
    return (deviations.max() ?? 0) - (deviations.min() ?? 0) > router.configuration.steering.grossDisparity * total
  }

  private func why(_ router: GatewayRouter, _ plan: MovePlan, _ total: Double) -> String {
    if total == 0 { return "there is no traffic" }
    if plan.isWithinDeadBand { return "every gateway is within \(section.steering.deadBand) points of its target" }
    if plan.moves.isEmpty { return "no move would bring the gateways closer to their targets" }
    switch section.steering.method {
    case .answers: return "nothing is moved: `steering.method` is answers; these moves would bring the gateways closest to their targets"
    case .moves: return due
    case .hybrid:
      return isGross(router, plan, total) ? due : "moved only for gross disparity, over 20 points; until then the answers to hosts do it"
    }
  }
}
