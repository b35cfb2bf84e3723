import CPacketPath
import Cluster
import Credentials
import Foundation
import Gateway
import Host
import Linux
import Logging
import PacketPath
import Wire

extension Daemon: Controllable {
  func status() -> StatusReport? {
    guard let cluster, let snapshot = clusterSnapshot else { return nil }
    let now = BootClock.now()
    let (section, machine, profile) = (cluster.section, cluster.machine, cluster.profile)
    let units = backend.tables.units
    return StatusReport(
      cluster: section.name, clusterIdentifier: Int(section.identifier.rawValue), member: Int(profile.identifier.rawValue),
      state: snapshot.phase.rawValue, term: snapshot.term.rawValue, master: snapshot.master.map { Int($0.rawValue) },
      address: "\(machine.ownAddress)", addresses: section.addresses.map(\.description), interface: machine.interface.name,
      delivery: section.delivery.rawValue, packetPath: backend.choice.report, detectionMilliseconds: section.detection.inMilliseconds,
      leaseMilliseconds: (backend.tables.leaseDeadline - now).inMilliseconds, partition: section.partition.rawValue,
      members: members(snapshot, now, cluster).sorted { $0.member < $1.member },
      units: .init(
        assigned: snapshot.units.count { $0.owner != nil }, acknowledged: snapshot.units.count { $0.owner != nil && $0.isAcknowledged },
        mine: (0..<UnitSet.unitCount).count { units[$0].mine == 1 }),
      personalityVersion: cluster.appliedPersonality, keyEpoch: snapshot.epoch,
      keepalive: .init(
        toleratedLosses: snapshot.toleratedLosses, intervalMilliseconds: snapshot.keepaliveInterval.inMilliseconds,
        loss: snapshot.lossAverage),
      hold: .init(
        packets: host.held.packetCount, octets: host.held.byteCount, overflowed: host.held.overflowed,
        expired: host.held.expired),
      uptimeSeconds: (now - startedAt).inMilliseconds / 1000,
      residentBytes: Int((try? ProcessUsage.current().residentByteCount) ?? 0), events: events.latest,
      warnings: warnings(snapshot, now, cluster))
  }

  /// The cluster as this member sees it; nil without one.
  var clusterSnapshot: ClusterMember.Snapshot? { host.member?.snapshot(at: BootClock.now()) }

  /// This machine has left its cluster, or its group of gateways, and does nothing any more.
  var hasLeft: Bool {
    if let snapshot = clusterSnapshot { return snapshot.phase == .left }
    return host.gateway?.router.snapshot(at: BootClock.now()).phase == .left
  }

  private func members(_ snapshot: ClusterMember.Snapshot, _ now: Instant, _ cluster: Membership) -> [MemberReport] {
    snapshot.members.map { member in
      let isSilent = member.lastHeard.map { now - $0 > cluster.section.detection } ?? false
      let state =
        isSilent
        ? "silent" : member.isDraining ? "draining" : member.profile.identifier == snapshot.master ? "master" : "member"
      let isHere = member.profile.identifier == cluster.profile.identifier
      // Only the master hears of the others' loads and losses.
      let isKnown = isHere || snapshot.phase == .master
      return MemberReport(
        member: Int(member.profile.identifier.rawValue), address: "\(member.profile.address)",
        ethernetAddress: "\(member.profile.ethernetAddress)", state: state, weight: Int(member.profile.weight), units: member.unitCount,
        packetsPerSecond: isHere ? Int(host.load.packetsPerSecond) : isKnown ? Int(member.packetsPerSecond) : nil,
        loss: isKnown ? member.lossAverage : nil,
        heardMillisecondsAgo: isHere ? nil : member.lastHeard.map { (now - $0).inMilliseconds })
    }
  }

  /// What an operator should know now.
  private func warnings(_ snapshot: ClusterMember.Snapshot, _ now: Instant, _ cluster: Membership) -> [String] {
    var warnings: [String] = []
    if let warning = backend.choice.warning { warnings.append(warning) }
    if let trouble = LineWriter.standardError.trouble { warnings.append(trouble) }
    if !hasCarrier { warnings.append("\(cluster.machine.interface.name) has no carrier: check the cable, the port and the switch") }
    warnings += cluster.machine.changes.warnings(at: now) + (gateway?.machine.changes.warnings(at: now) ?? [])
    if snapshot.phase == .waiting || snapshot.phase == .joining {
      warnings.append("not in the cluster: \(snapshot.phase.rawValue). `skein events` has the master's answer, if there was one")
    }
    if snapshot.phase == .left { warnings.append(Self.hasLeftCluster) }
    let takesNone = snapshot.phase == .master && snapshot.units.allSatisfy { $0.owner == nil }
    if takesNone { warnings.append("no work unit has an owner: `skein events` says why") }
    if snapshot.members.count > 0, snapshot.members.allSatisfy(\.isDraining) {
      warnings.append("every member is draining: the units stay where they are until one is undrained (`skein undrain`)")
    }
    if let claim = cluster.addressClaim, snapshot.phase != .member {
      let claimant = "\(claim.address) is answered for by \(claim.claimant) since before this machine wanted to serve it"
      warnings.append(
        snapshot.phase == .master
          ? "\(claimant); it serves nevertheless, for that is no cluster: clients may reach the other (proxy ARP?)"
          : "\(claimant): it waits and asks again every few seconds; `skein events` says more")
    }
    let duplicates = backend.tables.total(of: .duplicateAddress)
    if duplicates > 0 {
      warnings.append("another machine claimed a cluster address \(duplicates) times with its own MAC address: `skein doctor` names it")
    }
    let overflowed = host.held.overflowed
    if overflowed > 0 { warnings.append("\(overflowed) packets did not fit what may be held (cluster.hold)") }
    let days = Int((Double(cluster.security.certificateExpiry) - Date().timeIntervalSince1970) / 86400)
    if days < 30 {
      warnings.append(
        days < 0 ? "this machine's certificate has expired: it can join no more" : "this machine's certificate expires in \(days) days")
    }
    return warnings
  }

  func units() -> UnitsReport? {
    guard let cluster, let snapshot = clusterSnapshot else { return nil }
    return UnitsReport(
      owners: snapshot.units.map { $0.owner.map { Int($0.rawValue) } ?? 0 },
      acknowledged: snapshot.units.map { $0.owner != nil && $0.isAcknowledged },
      places: (0..<UnitSet.unitCount).map { snapshot.places[$0].map { Int($0.rawValue) } ?? 0 },
      packets: (0..<UnitSet.unitCount).map { backend.tables.traffic(of: $0).packets }, member: Int(cluster.profile.identifier.rawValue))
  }

  func counters() -> CountersReport {
    var result = backend.tables.counterReports + host.held.counterReports
    if let cluster, let member = host.member { result += counters(of: cluster, member) }
    if let gateway, let appliance = host.gateway { result += gateway.counters(appliance) }
    let disturbances = (cluster?.machine.changes.disturbanceCount ?? 0) + (gateway?.machine.changes.disturbanceCount ?? 0)
    result.append(MachineChanges.counterReport(disturbances))
    return CountersReport(
      counters: result + LineWriter.standardError.counterReports,
      leaseMilliseconds: (backend.tables.leaseDeadline - BootClock.now()).inMilliseconds)
  }

  private func counters(of cluster: Membership, _ member: ClusterMember) -> [CounterReport] {
    var result = member.counters.named.map { CounterReport(group: "cluster", name: $0.name, meaning: $0.meaning, value: $0.value) }
    result += [
      CounterReport(
        group: "cluster", name: "standstills",
        meaning: "times that this process did not run for so long that its lease, of which half was left, ran out",
        value: cluster.standstills.count),
      CounterReport(
        group: "cluster", name: "standstillMilliseconds", meaning: "milliseconds that this process did not run then",
        value: cluster.standstills.milliseconds),
    ]
    result += SecurityRefusal.allCases.map {
      CounterReport(group: "security", name: $0.rawValue, meaning: $0.meaning, value: cluster.security.counters[$0])
    }
    result.append(
      CounterReport(
        group: "security", name: "hopLimit", meaning: "from beyond a router: its hop limit is not 255 (RFC 5082), or cut short",
        value: cluster.refusedByHopLimit))
    result += datagramCounters(cluster)
    result.append(
      CounterReport(
        group: "security", name: "sendFailures", meaning: "datagrams that the kernel did not take", value: cluster.messenger.failures))
    return result
  }

  /// What became of datagrams that were not refused for a reason of their own.
  private func datagramCounters(_ cluster: Membership) -> [CounterReport] {
    let (opened, socket) = (cluster.security.counters, cluster.messenger.socket)
    let values: [(String, String, UInt64)] = [
      ("signedOpened", "signed datagrams that were authentic", opened.signedOpened),
      ("sealedOpened", "sealed datagrams that were authentic", opened.sealedOpened),
      ("signaturesChecked", "signatures verified, certificates' included", opened.signaturesChecked),
      ("misdirected", "for the members' port, but not to this machine's own address nor to the group", socket.misdirectedCount),
      ("receiveOverflow", "dropped by the kernel: the receive buffer was full", UInt64(socket.dropCount)),
    ]
    return values.map { CounterReport(group: "security", name: $0.0, meaning: $0.1, value: $0.2) }
  }

  func events(after number: UInt64, waitingSeconds seconds: Double) async -> EventsReport {
    let deadline = BootClock.now() + .milliseconds(UInt64(seconds * 1000))
    while events.newest <= number, BootClock.now() < deadline {
      await withCheckedContinuation { events.wait($0) }
    }
    return EventsReport(events: events.after(number))
  }

  func drain(_ on: Bool) async -> CommandReport {
    guard !hasLeft else { return CommandReport(done: false, text: cluster == nil ? Self.hasLeftGroup : Self.hasLeftCluster) }
    let before = clusterSnapshot
    asOrdered(by: Self.operatorActor) {
      if cluster != nil { record(Event(on ? .drainOrdered : .undrainOrdered)) }
      handle(.drain(on))
    }
    guard let cluster, let before else { return await gatewayDrained(on) }
    guard on else {
      return CommandReport(
        done: true,
        text: before.isDraining
          ? "this machine takes work again; the master gives it units at its next balance" : "this machine was not drained: nothing to do")
    }
    let others = before.members.filter { $0.profile.identifier != cluster.profile.identifier && !$0.isDraining }
    guard !others.isEmpty || before.ownUnits.isEmpty else {
      return CommandReport(
        done: false,
        text:
          "no other member takes work: the units stay here until one does. `skein members` shows who is in, `skein undrain` takes it back")
    }
    let drained = await waits(seconds: 60) { $0.clusterSnapshot?.isDrained == true }
    let left = clusterSnapshot?.ownUnits.count ?? 0
    return CommandReport(
      done: drained,
      text: drained
        ? "drained: this machine is a member without work"
        : "\(left) units are still here after 60 s: `skein members` shows who could take them, `skein undrain` takes it back")
  }

  /// The same of a gateway that stands alone.
  private func gatewayDrained(_ on: Bool) async -> CommandReport {
    guard on else { return CommandReport(done: true, text: "this gateway takes forwarders again") }
    let drained = await waits(seconds: 60) { $0.host.gateway?.router.snapshot(at: BootClock.now()).isDrained == true }
    return CommandReport(
      done: drained,
      text: drained
        ? "drained: this gateway forwards nothing, and stays in the group"
        : "not drained after 60 s; is there another gateway to take over?")
  }

  private static let hasLeftCluster = "this machine has left the cluster: `systemctl restart skein` brings it back"
  private static let hasLeftGroup = "this gateway has left its group: `systemctl restart skein` brings it back"

  func leave() async -> CommandReport {
    let hasLeft = cluster == nil ? Self.hasLeftGroup : Self.hasLeftCluster
    guard !self.hasLeft else { return CommandReport(done: true, text: hasLeft) }
    let isAlone = clusterSnapshot.map { $0.members.count <= 1 } ?? false
    await withCheckedContinuation { continuation in
      leaving.append(continuation)
      asOrdered(by: Self.operatorActor) {
        record(Event(.leaveOrdered))
        handle(.leave)
      }
    }
    guard cluster != nil else {
      return CommandReport(
        done: true, text: "left: the other gateways have its virtual MAC addresses. `systemctl stop skein` ends the daemon")
    }
    return CommandReport(
      done: true,
      text: isAlone
        ? "left; nobody serves the cluster addresses now" : "left: its work went to the others. `systemctl stop skein` ends the daemon")
  }

  func expel(_ number: Int) async -> CommandReport {
    guard let cluster, let snapshot = clusterSnapshot else {
      return CommandReport(done: false, text: "a group that stands alone has no members to expel; inside a cluster it has")
    }
    guard snapshot.phase == .master else {
      let master = snapshot.master.map { "run this on member \($0.rawValue)" } ?? "this machine knows of none; see `skein status`"
      return CommandReport(done: false, text: "only the master can expel: \(master)")
    }
    guard let raw = UInt16(exactly: number), snapshot.members.contains(where: { $0.profile.identifier.rawValue == raw }) else {
      return CommandReport(done: false, text: "there is no member \(number): `skein members` lists them")
    }
    guard raw != cluster.profile.identifier.rawValue else {
      return CommandReport(done: false, text: "member \(number) is this machine: `skein leave` takes it out in good order")
    }
    asOrdered(by: Self.operatorActor) { handle(.member(.expel(MemberIdentifier(rawValue: raw)))) }
    return CommandReport(done: true, text: "member \(number) is out; the others get a new group key")
  }

  func reload() async -> CommandReport { reloadNow(by: Self.operatorActor) }

  /// Who may ask the API: root alone, for the socket is his.
  static let operatorActor = "operator"

  func gatewayReport() async -> GatewayReport? {
    guard let gateway, let router = host.gateway?.router else { return nil }
    return gateway.report(router, events: events.latest)
  }
  func gatewayClients(limit: Int) async -> GatewayClientsReport? {
    guard let gateway, let router = host.gateway?.router else { return nil }
    return gateway.clients(router, limit: limit)
  }
  func gatewayPlan() async -> GatewayMovesReport? {
    guard let gateway, let router = host.gateway?.router else { return nil }
    return gateway.plan(router)
  }

  func trace(_ request: TraceRequest) async -> TraceReport {
    let addresses = (cluster?.section.addresses.map(\.address) ?? []) + (gateway?.section.addresses ?? [])
    let own = interface?.ethernetAddress ?? EthernetAddress(bits: 0)
    return Tracer(
      tables: backend.tables, owners: clusterSnapshot?.units.map(\.owner) ?? [],
      shared: cluster.flatMap { $0.section.addresses.isEmpty ? nil : $0.machine.sharedAddress } ?? own,
      clusterAddress: addresses.first ?? cluster?.machine.ownAddress ?? .unspecified
    ).trace(request)
  }

  /// Looks again ten times a second until `condition` holds, at most so long.
  private func waits(seconds: Double, until condition: (isolated Daemon) -> Bool) async -> Bool {
    for _ in 0..<Int(seconds * 10) {
      if condition(self) { return true }
      try? await Task.sleep(for: .milliseconds(100))
    }
    return condition(self)
  }
}
