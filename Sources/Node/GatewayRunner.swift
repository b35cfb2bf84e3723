// A virtual gateway's router on this machine: it feeds the decision maker (`GatewayRouter`) and carries out its actions. It lives on the
// thread of the daemon that it is part of: a member of a cluster (`Daemon`), or a gateway by itself (`GatewayDaemon`).
//
// Alone, the decision maker's actions fill the packet path's tables: forwarder f is work unit f, and the lease is the hold time. Inside a
// cluster, the cluster fills them; the gateway then only says where which unit should be, answers the hosts, measures and plans.
//
//   GatewayRunner.swift          its parts, and carrying out actions
//   GatewayRunner+Input.swift    messages, questions, tracked objects, time
//   GatewayRunner+Reports.swift  what the API shows
//   GatewayMessenger.swift       GLBP on the wire: frames, seals, refusals
//   GatewayMachine.swift         what it changes of the machine

import CPacketPath
import Gateway
import Host
import Linux
import Logging
import PacketPath
import Wire

/// One machine's part in a virtual gateway. Belongs to the daemon's thread.
final class GatewayRunner {
  /// What the daemon around it does for it.
  struct Surroundings {
    /// An event for `skein events` and the log.
    var note: (Event) -> Void
    /// Runs what was held for a unit through the packet path once more.
    var release: (Int) -> Void
    /// Drops what was held for a unit.
    var forget: (Int) -> Void
    /// Inside a cluster: says which member should own which unit.
    var place: ([UInt8: InternetAddress]) -> Void = { _ in }
    /// Inside a cluster: sends a payload to all members, sealed.
    var broadcast: ([UInt8]) -> Void = { _ in }
    /// It has left.
    var stopped: () -> Void = {}
  }

  let section: GatewaySection
  let backend: any PathBackend
  let logger: Logger
  let mode: GatewayRouter.Mode
  let ownAddress: InternetAddress
  let ethernetAddress: EthernetAddress
  let startedAt = BootClock.now()
  var machine: GatewayMachine
  var messenger: GatewayMessenger
  var router: GatewayRouter
  var tracked: TrackedObjects
  var exporter: TrafficExporter?
  var surroundings: Surroundings
  var generator = SystemRandomNumberGenerator()
  var timer: DeadlineTimer?
  /// Hears when what the packet path remembers of the kernel's routes is out of date; where XDP routes.
  private var routeMonitor: KernelMonitor?
  var questions = QuestionCounters()
  /// Hears of rules that come and go; nil where the kernel has no nftables.
  private var firewallMonitor: KernelMonitor?
  private var rulesReadAt = Instant.zero
  /// Of iptables, when the rules were read last.
  private var legacyTable: String?
  private var rulesHaveChanged = false
  /// Who routes, by the rules that there are now.
  private(set) var fastRouting = FastRouting.off(why: "not started")
  private var isRoutingDecided = false
  /// The question that is being answered: its frame says more than the decision maker needs.
  var question: AddressQuery?
  /// The forwarders whose virtual MAC addresses the interface must hear.
  private var heard: Set<UInt8> = []
  private var waitingEvents: [GatewayRouter.Event] = []
  private var isHandling = false

  /// - Throws: what keeps it from starting, in words.
  init(
    _ section: GatewaySection, mode: GatewayRouter.Mode, _ machine: GatewayMachine, _ backend: any PathBackend, _ logger: Logger,
    _ surroundings: Surroundings
  ) throws {
    self.section = section
    self.mode = mode
    self.machine = machine
    self.backend = backend
    self.logger = logger
    self.surroundings = surroundings
    ownAddress = machine.ownAddress
    ethernetAddress = machine.interface.ethernetAddress
    messenger = try GatewayMessenger(section, machine, isInCluster: mode == .cluster)
    tracked = try TrackedObjects(section.tracked)
    let counted = backend.tables.volumes
    exporter = try section.export.map { try TrafficExporter($0, group: section.group, own: machine.ownAddress, counted: counted) }
    router = GatewayRouter(configuration: section.routerConfiguration(machine, mode, incarnation: messenger.incarnation))
  }

  /// Makes the machine a router, then begins.
  func start(on poller: Poller) throws {
    timer = try poller.makeTimer { [weak self] in self?.handle(.timer) }
    try machine.prepare()
    for problem in machine.changes.problems { logger.warning("\(problem)") }
    if section.routing != .kernel { try watchRoutes(on: poller) }
    if section.routing == .automatic { try watchFirewall(on: poller) }
    if let socket = messenger.socket { try poller.watch(socket.descriptor) { [weak self] _ in self?.readDatagrams() } }
    handle(.start)
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
      case .on: surroundings.note(Event(.gatewayRouting, "xdp"))
      case .off(let why): surroundings.note(Event(.gatewayRouting, "kernel", .init { $0.explanation = why }))
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

  /// Takes back what was changed of the machine.
  func stop() {
    exporter?.export(backend.tables.volumes, at: BootClock.now(), isLast: true)
    for error in machine.restore() { logger.warning("not restored: \(error)") }
  }

  /// Feeds one event and carries out what comes of it; then arms the timer. Events that the actions bring about wait their turn.
  func handle(_ event: GatewayRouter.Event) {
    waitingEvents.append(event)
    guard !isHandling else { return }
    isHandling = true
    var next = 0
    while next < waitingEvents.count {
      let actions = router.handle(waitingEvents[next], at: BootClock.now(), using: &generator)
      next += 1
      for action in actions { carryOut(action) }
    }
    waitingEvents.removeAll(keepingCapacity: true)
    isHandling = false
    timer?.deadline = router.nextDeadline
  }

  private func carryOut(_ action: GatewayRouter.Action) {
    switch action {
    case .send(let packet, let sources): send(packet, from: sources)
    case .setLease(let deadline): backend.tables.leaseDeadline = deadline
    case .forward(let forwarder): forward(forwarder)
    case .hold(let forwarder):
      backend.tables.setUnit(Int(forwarder), owner: 0, isAcknowledged: false, isMine: false, isMoving: true)
      hear(forwarder, true)
      // Before the hello that makes the old holder stop: what the switches sent there until now was on the wire before that hello.
      teachSwitches(forwarder)
    case .stop(let forwarder):
      backend.tables.setUnit(Int(forwarder), owner: nil, isAcknowledged: false, isMine: false)
      hear(forwarder, false)
    case .releaseHeld(let forwarder):
      backend.drain()
      surroundings.release(Int(forwarder))
    case .dropHeld(let forwarder):
      backend.drain()
      surroundings.forget(Int(forwarder))
    case .setActive(let isActive): backend.tables.set(flag: skein_flag_answers, isActive)
    case .answer(let host, let forwarder): answer(host, forwarder)
    case .correct(let host, let forwarder): correct(host, forwarder)
    case .place(let places): surroundings.place(places)
    case .report(let report): note(report)
    case .stopped: surroundings.stopped()
    }
  }

  private func forward(_ forwarder: UInt8) {
    backend.tables.setUnit(Int(forwarder), owner: 0, isAcknowledged: true, isMine: true)
    hear(forwarder, true)
  }

  /// Inside a cluster: the units that are this machine's, of which the interface must hear the virtual MAC addresses.
  func hear(_ forwarders: Set<UInt8>) {
    guard forwarders != heard else { return }
    heard = forwarders
    do {
      try machine.hear(Set(forwarders.map { .virtual(group: section.group, forwarder: $0) }))
    } catch { logger.warning("the interface may not hear its virtual MAC addresses: \(error)") }
  }

  private func hear(_ forwarder: UInt8, _ isWanted: Bool) {
    hear(isWanted ? heard.union([forwarder]) : heard.subtracting([forwarder]))
  }

  private func send(_ packet: GlbpPacket, from sources: [GatewayRouter.Source]) {
    guard mode == .alone else {
      // A process that was stopped finds out by its lease that these are others' now.
      let hasLease = backend.tables.leaseDeadline > BootClock.now()
      for case .forwarder(let number) in sources where hasLease && backend.tables.units[Int(number)].mine == UInt8(skein_mine) {
        teachSwitches(number)
      }
      return surroundings.broadcast(packet.encode())
    }
    for source in sources {
      let ethernet =
        switch source {
        case .own: ethernetAddress
        case .forwarder(let number): EthernetAddress.virtual(group: section.group, forwarder: number)
        }
      do { try backend.transmit(messenger.frame(packet, from: ethernet)) } catch {
        // A link that is down or a full queue: the next hello says it again.
        messenger.counters.sendFailures += 1
      }
    }
  }

  private func answer(_ host: GatewayHost, _ forwarder: UInt8) {
    guard let question, question.askerEthernet == host.ethernet, question.asker == host.address else { return }
    let frame = question.answer(
      at: .virtual(group: section.group, forwarder: forwarder), from: ethernetAddress, isRouter: true)
    do {
      try backend.transmit(frame)
      questions.answered += 1
    } catch { questions.unsent += 1 }
  }

  private func correct(_ host: GatewayHost, _ forwarder: UInt8) {
    guard let address = section.addresses.first(where: { $0.family == host.address.family }) else { return }
    let announcement = AddressAnnouncement(
      address: address, ethernet: .virtual(group: section.group, forwarder: forwarder), source: ethernetAddress, isRouter: true)
    do { try backend.transmit(announcement.frame(to: host.address, at: host.ethernet)) } catch { questions.unsent += 1 }
  }

  /// A reverse ARP request, as hypervisors send it for a machine that has moved, tells the switches where an address is; hosts do not heed it.
  /// Inside a cluster nothing else leaves from a virtual MAC address.
  func teachSwitches(_ forwarder: UInt8) {
    let address = EthernetAddress.virtual(group: section.group, forwarder: forwarder)
    do { try backend.transmit(ArpMessage.whereabouts(of: address)) } catch { messenger.counters.sendFailures += 1 }
  }

  private func note(_ report: GatewayRouter.Report) {
    surroundings.note(Event(reporting: report))
    exporter?.take(report)
  }
}

extension PacketTables {
  /// What the packet path has forwarded for each forwarder, of those for which it has.
  var volumes: [UInt8: GatewayRouter.Volume] {
    var result: [UInt8: GatewayRouter.Volume] = [:]
    for number in 1...UInt8.max {
      let volume = traffic(ofForwarder: number)
      if volume.packets > 0 { result[number] = .init(packets: volume.packets, octets: volume.octets) }
    }
    return result
  }
}

/// What became of the hosts' questions.
struct QuestionCounters {
  /// Questions that the packet path sent up.
  var heard: UInt64 = 0
  var answered: UInt64 = 0
  /// Answers that the kernel did not take.
  var unsent: UInt64 = 0
  /// Frames sent up as questions that were none on a second look.
  var malformed: UInt64 = 0
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
