// What a virtual gateway has of its machine: sockets, addresses, filters, tracked objects, an exporter. What it does is decided in the daemon's
// host (`ApplianceHost`, `GatewayAppliance`); it lives on the daemon's thread.
//
//   GatewayRunner.swift          its parts
//   GatewayRunner+Reports.swift  what the API shows
//   GatewayMessenger.swift       GLBP on the wire: frames, seals, refusals
//   GatewayMachine.swift         what it changes of the machine

import Gateway
import Host
import Linux
import Logging
import PacketPath
import Wire

/// One machine's part in a virtual gateway. Belongs to the daemon's thread.
final class GatewayRunner {
  let section: GatewaySection
  let backend: any PathBackend
  let logger: Logger
  let mode: GatewayRouter.Mode
  let startedAt = BootClock.now()
  var machine: GatewayMachine
  var messenger: GatewayMessenger
  var tracked: TrackedObjects
  var exporter: TrafficExporter?
  /// Hears when what the packet path remembers of the kernel's routes is out of date; where XDP routes.
  private var routeMonitor: KernelMonitor?
  /// Hears of rules that come and go; nil where the kernel has no nftables.
  private var firewallMonitor: KernelMonitor?
  private var rulesReadAt = Instant.zero
  /// Of iptables, when the rules were read last.
  private var legacyTable: String?
  private var rulesHaveChanged = false
  private var note: (Event) -> Void = { _ in }
  /// Who routes, by the rules that there are now.
  private(set) var fastRouting = FastRouting.off(why: "not started")
  private var isRoutingDecided = false

  /// - Throws: what keeps it from starting, in words.
  init(_ machine: GatewayMachine, mode: GatewayRouter.Mode, _ backend: any PathBackend, _ logger: Logger) throws {
    section = machine.section
    self.mode = mode
    self.machine = machine
    self.backend = backend
    self.logger = logger
    messenger = try GatewayMessenger(section, machine, isInCluster: mode == .cluster)
    tracked = try TrackedObjects(section.tracked)
    let counted = backend.tables.volumes
    exporter = try section.export.map { try TrafficExporter($0, group: section.group, own: machine.ownAddress, counted: counted) }
  }

  /// What it does, for the daemon's host.
  var appliance: GatewayAppliance {
    GatewayAppliance(section.routerConfiguration(machine, mode, incarnation: messenger.incarnation))
  }

  /// Makes the machine a router, and listens: `note` gets what an operator wants to read, `hear` each message of the group.
  func start(on poller: Poller, note: @escaping (Event) -> Void, hear: @escaping (GatewayRouter.Event) -> Void) throws {
    self.note = note
    try machine.prepare()
    for problem in machine.changes.problems { logger.warning("\(problem)") }
    if section.routing != .kernel { try watchRoutes(on: poller) }
    if section.routing == .automatic { try watchFirewall(on: poller) }
    guard let socket = messenger.socket else { return }
    try poller.watch(socket.descriptor) { [weak self] _ in self?.readDatagrams().forEach(hear) }
  }

  private func readDatagrams() -> [GatewayRouter.Event] {
    var datagrams: [(bytes: [UInt8], source: InternetAddress, hopLimit: UInt8)] = []
    do {
      try messenger.socket?.receive { datagram in
        datagrams.append((datagram.isTruncated ? [] : Array(datagram.bytes), datagram.source.address, datagram.hopLimit))
      }
    } catch { logger.debug("receiving failed: \(error)") }
    return datagrams.compactMap { bytes, source, hopLimit in
      messenger.open(bytes, from: source, hopLimit: hopLimit, group: section.group).map { .received($0, from: $1) }
    }
  }

  /// From now on the packet path may remember the kernel's routes.
  private func watchRoutes(on poller: Poller) throws {
    let monitor = try KernelMonitor(.routes)
    routeMonitor = monitor
    try poller.watch(monitor.descriptor) { [weak self] _ in self?.readRouteChanges() }
    backend.tables.setRoutesChanged(at: BootClock.now().nanoseconds)
  }

  private func readRouteChanges() {
    do {
      guard try routeMonitor?.receive() == true else { return }
      backend.tables.setRoutesChanged(at: BootClock.now().nanoseconds)
    } catch {
      backend.tables.setRoutesChanged(at: 0)
      logger.warning("each packet asks the kernel for its route, for its changes cannot be heard: \(error)")
    }
  }

  /// Rules that come while XDP routes must be obeyed: from then on the kernel routes.
  private func watchFirewall(on poller: Poller) throws {
    guard let monitor = try? KernelMonitor(.firewall) else { return }
    firewallMonitor = monitor
    try poller.watch(monitor.descriptor) { [weak self] _ in
      _ = try? monitor.receive()
      self?.rulesHaveChanged = true
      self?.followRules(at: BootClock.now())
    }
  }

  /// Reads the rules when they may have changed, ten times a second at most: some machines have thousands, and change them all the time.
  func followRules(at now: Instant) {
    guard section.routing == .automatic, isRoutingDecided, now >= rulesReadAt + .milliseconds(100) else { return }
    // These tell nobody when they come.
    let legacy = FastRouting.legacyTable()
    guard rulesHaveChanged || firewallMonitor == nil || legacy != legacyTable else { return }
    legacyTable = legacy
    (rulesReadAt, rulesHaveChanged) = (now, false)
    guard (FastRouting.forwardingRule() == nil) == fastRouting.interfaces.isEmpty else { return }
    do {
      let decided = try FastRouting.decide(section.routing)
      guard decided != fastRouting else { return }
      fastRouting = decided
      try pathSettings().write(to: backend.tables)
      switch decided {
      case .on: note(Event(.gatewayRouting, "xdp"))
      case .off(let why): note(Event(.gatewayRouting, "kernel", .init { $0.explanation = why }))
      }
    } catch { logger.warning("who routes could not be decided anew: \(error)") }
  }

  /// The packet path's settings that are the gateway's. Who routes is decided here for the first time.
  func pathSettings() throws -> GatewaySettings {
    if !isRoutingDecided {
      fastRouting = try FastRouting.decide(section.routing)
      isRoutingDecided = true
      if case .off(let why) = fastRouting { logger.notice("the kernel routes: \(why)") }
    }
    return GatewaySettings(group: section.group, addresses: section.addresses, fastInterfaces: fastRouting.interfaces)
  }

  /// The packet path's other settings, where no cluster has any.
  func settingsWithoutCluster() throws -> PathSettings {
    let ethernet = machine.interface.ethernetAddress
    return PathSettings(
      ownAddress: ethernet, sharedAddress: ethernet, clusterAddresses: [], ownAddresses: try machine.ownAddresses(), delivery: .unicast,
      routing: false, l2tpSessions: false, sourceOnly: [])
  }

  /// Takes back what was changed of the machine.
  func stop() {
    exporter?.export(backend.tables.volumes, at: BootClock.now(), isLast: true)
    for error in machine.restore() { logger.warning("not restored: \(error)") }
  }

  /// Lets the interface hear these virtual MAC addresses, and no others of the group.
  func hear(_ addresses: Set<EthernetAddress>) {
    do { try machine.hear(addresses) } catch { logger.warning("the interface may not hear its virtual MAC addresses: \(error)") }
  }

  /// Frames with this message, authenticated, from each of these addresses.
  func frames(_ packet: GlbpPacket, from sources: [EthernetAddress]) -> [[UInt8]] { sources.map { messenger.frame(packet, from: $0) } }

  /// Once a second: follows the firewall's rules, exports what was forwarded, and looks at what is tracked.
  func look(at now: Instant) -> [GatewayRouter.Event] {
    followRules(at: now)
    exporter?.export(backend.tables.volumes, at: now)
    return tracked.look().map { .tracked($0.index, isUp: $0.isUp) }
  }
}

extension GatewaySection {
  /// What the decision maker is told.
  func routerConfiguration(_ machine: GatewayMachine, _ mode: GatewayRouter.Mode, incarnation: UInt64) -> GatewayRouter.Configuration {
    var result = GatewayRouter.Configuration(
      group: group, address: machine.ownAddress, ethernetAddress: machine.interface.ethernetAddress, incarnation: incarnation,
      virtualAddresses: addresses)
    result.mode = mode
    result.priority = priority
    result.preempts = preemption != nil
    result.preemptDelay = preemption ?? .zero
    result.timers = .init(hello: timers.hello, hold: timers.hold)
    result.timers.redirect = timers.redirect
    result.timers.timeout = timers.timeout
    result.forwarderCount = forwarderCount
    result.weight = UInt8(clamping: weight.maximum)
    result.lowerThreshold = UInt8(clamping: weight.lower)
    result.upperThreshold = UInt8(clamping: weight.upper)
    result.trackedObjects = tracked.map { UInt8(clamping: $0.subtract) }
    result.preemptsForwarders = forwarderPreemption != nil
    result.forwarderPreemptDelay = forwarderPreemption ?? .zero
    result.answerMethod = .init(answers)
    result.share = UInt16(steering.share)
    result.measurementWindow = steering.window
    result.steering.method = .init(steering.method)
    result.steering.planner.deadBand = steering.deadBand / 100
    result.steering.window = steering.window
    result.steering.timeBetweenMoves = steering.minimumBetweenMoves
    return result
  }
}

extension AnswerMethod {
  fileprivate init(_ answers: GatewaySection.Answers) {
    self =
      switch answers {
      case .roundRobin: .roundRobin
      case .random: .random
      case .weighted: .weighted
      case .hostDependent: .hostDependent
      case .leastTraffic: .leastTraffic
      }
  }
}

extension Steering.Method {
  fileprivate init(_ method: GatewaySection.Steering.Method) {
    self =
      switch method {
      case .answers: .answers
      case .moves: .moves
      case .hybrid: .hybrid
      }
  }
}
