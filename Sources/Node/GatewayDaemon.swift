// The daemon of a gateway group that stands alone: no cluster, no certificates, GLBP and nothing else. What it does is in
// `GatewayRunner`; this is what `Daemon` is for a cluster's member: the thread, the packet path, signals, the API.

import CPacketPath
import Foundation
import Gateway
import Host
import Linux
import Logging
import PacketPath
import Wire

/// One machine's daemon in a gateway group that stands alone. Lives on a thread of its own.
actor GatewayDaemon {
  nonisolated let mailbox: Mailbox
  nonisolated var unownedExecutor: UnownedSerialExecutor { mailbox.asUnownedSerialExecutor() }

  let poller: Poller
  let file: String
  let logger: Logger
  let configuration: Configuration
  let section: GatewaySection
  let backend: any PathBackend
  let replay: ReplayPath
  let monitor: KernelMonitor
  private let beginnings: [Event]
  private var freshStartReason: String?
  /// It has stopped, and only its thread has not ended yet.
  private var isOver = false
  private var wallClock = WallClockWatch()
  private var machineAddresses: [InternetAddress] = []
  var held: HeldPackets
  var events = EventLog()
  /// Who ordered what is being done now; nil when nobody did.
  private var actor: String?
  private(set) var gateway: GatewayRunner
  private var housekeeping: DeadlineTimer?
  private var nextMinorRound = Instant.zero
  private var hasCarrier = true
  private var leaving: [CheckedContinuation<Void, Never>] = []
  private var isStopping = false
  private var hasLeft = false

  init(_ configuration: Configuration, _ section: GatewaySection, file: String, _ beginnings: [Event]) throws {
    let logger = configuration.log.logger(label: "skein")
    let machine = try GatewayMachine(section, named: PathPlace.instance(of: section))
    poller = try Poller()
    mailbox = poller.mailbox
    backend = try Backends.open(configuration.packetPath, PathPlace(section, machine), logger)
    replay = ReplayPath(backend.tables)
    monitor = try KernelMonitor(.interfaces)
    self.beginnings = beginnings
    held = HeldPackets(limits: section.hold)
    gateway = try GatewayRunner(
      section, mode: .alone, machine, backend, logger, .init(note: { _ in }, release: { _ in }, forget: { _ in }))
    self.file = file
    self.configuration = configuration
    self.logger = logger
    self.section = section
  }

  /// Starts, and runs until it is told to stop; what was done is taken back when it cannot start.
  /// - Returns: why the process is to execute itself anew; nil when it is to end.
  func serve() throws -> String? {
    do { try start() } catch {
      stop()
      throw error
    }
    try poller.run()
    return freshStartReason
  }

  private func start() throws {
    if configuration.realtime { Realtime.ask(logger) }
    gateway.surroundings = .init(
      note: { self.record($0) }, release: { self.release($0) }, forget: { self.held.forget($0) },
      stopped: { self.stopped() })
    try writeSettings()
    backend.tables.set(flag: skein_flag_answers, false)
    backend.tables.set(flag: skein_flag_enabled, true)
    clearTables()
    try backend.start(on: poller) { reason, unit, interface, frame in
      self.sentUp(reason, unit: unit, interface: interface, frame)
    }
    housekeeping = try poller.makeTimer { self.keepHouse() }
    housekeeping?.deadline = BootClock.now()
    try poller.watch(monitor.descriptor) { _ in
      _ = try? self.monitor.receive()
      self.lookAtMachine()
    }
    try poller.watchSignals([.terminate, .interrupt, .hangup]) { self.receive($0) }
    ControlServer.start(for: self, configuration, logger)
    // Only now: while a virtual address stands without a packet path before it, the kernel answers for everybody.
    try gateway.start(on: poller)
    hasCarrier = (try? gateway.machine.hasCarrier()) ?? true
    if !hasCarrier { gateway.handle(.carrierLost) }
    try ServiceManager.ready()
    logger.notice(
      "started", metadata: ["group": "\(section.group)", "interface": "\(section.interface)", "packetPath": "\(backend.choice.running)"])
    for event in beginnings { record(event) }
    if let event = backend.choice.event { events.append(event) }
  }

  private func writeSettings() throws {
    let ethernet = gateway.machine.interface.ethernetAddress
    var settings = PathSettings(
      ownAddress: ethernet, sharedAddress: ethernet, clusterAddresses: [], ownAddresses: try gateway.machine.ownAddresses(),
      delivery: .unicast, routing: false, l2tpSessions: false, services: [])
    settings.gateway = try gateway.pathSettings()
    settings.write(to: backend.tables)
  }

  /// Nothing is left of an earlier daemon's work: the others have it, or give it back.
  private func clearTables() {
    backend.tables.leaseDeadline = .zero
    for unit in 0..<UnitSet.unitCount { backend.tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false) }
  }

  // MARK: packets sent up

  private func sentUp(_ reason: skein_upcall_reason, unit: Int, interface: UInt32, _ frame: UnsafeRawBufferPointer) {
    switch reason {
    case skein_upcall_question: gateway.hostAsked(frame, forwarder: UInt8(exactly: unit))
    case skein_upcall_conflict: gateway.heardConflict(frame)
    default:
      held.hold(Array(frame), unit: unit, interface: interface, at: BootClock.now())
      // The forwarder may have been opened since the packet was sent up; then nothing would release it.
      if backend.tables.units[unit].mine == UInt8(skein_mine) { release(unit) }
    }
  }

  private func release(_ unit: Int) {
    guard !held.isEmpty else { return }
    let now = BootClock.now()
    for packet in held.release(unit, at: now) {
      do {
        switch replay.decide(packet, at: now) {
        case .deliver(let frame): try backend.deliver(frame, interface: packet.interface)
        case .transmit(let frame): try backend.transmit(frame)
        case .drop, .undecided: break
        }
      } catch { held.countUnsent() }
    }
  }

  // MARK: time, links and signals

  private func keepHouse() {
    let now = BootClock.now()
    for (index, command) in gateway.tracked.dueCommands(at: now) { run(command, index) }
    if now >= nextMinorRound {
      nextMinorRound = now + .seconds(1)
      held.expire(at: now)
      gateway.measure(at: now)
      if let event = wallClock.event(at: now) { record(event) }
      events.settle()
      events.wake()
      do { try ServiceManager.alive() } catch { logger.warning("systemd does not hear: \(error)") }
      lookAtMachine()
    }
    housekeeping?.deadline = min(nextMinorRound, now + .milliseconds(gateway.tracked.isEmpty ? 1000 : 100))
  }

  private func run(_ command: ShellCommand, _ index: Int) {
    Task { gateway.take(index, succeeded: await command.succeeds()) }
  }

  /// As `Daemon.lookAtMachine`.
  private func lookAtMachine() {
    guard !isOver else { return }
    let sight: MachineSight
    do { sight = try gateway.machine.look(at: BootClock.now()) } catch {
      return logger.warning("the machine cannot be looked at: \(error)")
    }
    for event in sight.events { record(event) }
    if sight.hasNewEthernetAddress || sight.fate == .goesOn && sight.addresses != machineAddresses {
      machineAddresses = sight.addresses
      do { try writeSettings() } catch { logger.error("the packet path could not be told of the machine: \(error)") }
    }
    switch sight.fate {
    case .goesOn:
      guard sight.hasCarrier != hasCarrier else { return }
      hasCarrier = sight.hasCarrier
      gateway.handle(hasCarrier ? .carrierFound : .carrierLost)
    case .handsOver(let why): startAfresh(why, atOnce: false)
    case .stops(let why): startAfresh(why, atOnce: true)
    }
  }

  /// A gateway that has left, by an operator's word, stays out.
  private func startAfresh(_ why: String, atOnce: Bool) {
    guard !hasLeft || isStopping else { return }
    if !isStopping { freshStartReason = why }
    if atOnce { return stop() }
    if !isStopping {
      isStopping = true
      order(.leave, by: "machine")
    }
  }

  private func receive(_ signal: Signal) {
    switch signal {
    case .hangup: logger.notice("\(reloadNow(by: "signal").text)")
    case .terminate, .interrupt:
      // On its way to start afresh it leaves in order already.
      if freshStartReason != nil { return freshStartReason = nil }
      if isStopping || hasLeft { return stop() }
      isStopping = true
      logger.notice("leaving the group: virtual MAC addresses first; a second signal stops at once")
      order(.leave, by: "signal")
    }
  }

  /// Feeds what somebody ordered: what happens at once is recorded as his.
  func order(_ event: GatewayRouter.Event, by actor: String) {
    self.actor = actor
    gateway.handle(event)
    self.actor = nil
  }

  /// Writes an event down, and who ordered what is being done now.
  private func record(_ event: Event) {
    var event = event
    event.actor = event.actor ?? actor
    events.append(event)
    logger.log(event)
  }

  private func stopped() {
    hasLeft = true
    for continuation in leaving { continuation.resume() }
    leaving = []
    if isStopping { stop() }
  }

  private func stop() {
    isOver = true
    gateway.stop()
    do { try freshStartReason == nil ? ServiceManager.stopping() : ServiceManager.reloading() } catch {
      logger.warning("systemd does not hear: \(error)")
    }
    do { try backend.stop(keeping: false) } catch { logger.error("the packet path could not be taken down: \(error)") }
    ControlServer.removeSocket(configuration.api)
    poller.stop()
  }

  /// Reads the configuration again. The weight can change while the daemon runs; the rest is named.
  func reloadNow(by actor: String) -> CommandReport {
    do {
      let new = try Configuration.read(try Configuration.text(ofFile: file), file: file)
      guard let changed = new.gateway, new.cluster == nil else { throw StartError("a `cluster` section comes or goes with a restart only") }
      let fixed = GatewaySection.settingsThatNeedRestart(changed, comparedTo: section)
      guard fixed.isEmpty else {
        let why = "\(fixed[0]) can change only with a restart of the daemon"
        record(Event(.reloadRefused, "needsRestart", .init { $0.explanation = why }, actor: actor))
        return CommandReport(done: false, text: "nothing changed: \(why)")
      }
      order(.setWeight(UInt8(clamping: changed.weight.maximum)), by: actor)
      record(Event(.configurationReloaded, actor: actor))
      return CommandReport(done: true, text: "reloaded \(file)")
    } catch {
      record(Event(.reloadRefused, "invalid", .init { $0.explanation = "\(error)" }, actor: actor))
      return CommandReport(done: false, text: "nothing changed: \(error)")
    }
  }

  /// Resumes when this machine has left its group.
  func leaves() async {
    guard !hasLeft else { return }
    await withCheckedContinuation { continuation in
      leaving.append(continuation)
      order(.leave, by: Daemon.operatorActor)
    }
  }
}
