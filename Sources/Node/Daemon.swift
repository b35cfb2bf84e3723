// The daemon: one funnel that feeds events to the decision maker and carries out its actions, and one timer.
//
// The decision maker (`ClusterMember`) is a value that knows nothing of sockets, clocks or keys. Everything that happens, a datagram, a
// packet sent up by the packet path, a signal, a command, the passing of time, becomes an event here, in the order in which it happened,
// and the actions that come back are carried out before the next event is looked at. All of it on one thread, this actor's own, which asks
// for real-time priority because the lease depends on it; the API's threads only ask it questions.
//
//   Daemon.swift           the actor: its parts, its start and stop
//   Daemon+Actions.swift   carrying out what the host wants (`ApplianceHost`)
//   Daemon+Input.swift     datagrams, packets sent up, time, signals
//   Daemon+Reports.swift   what the API shows
//   Daemon+Machine.swift   the machine that changes under it
//   Machine.swift          addresses, filters and kernel variables, set and taken back
//   PathBackend.swift      where the packet path runs: KernelBackend, SocketBackend

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

/// One machine's daemon. Lives on a thread of its own.
public actor Daemon {
  nonisolated let mailbox: Mailbox
  public nonisolated var unownedExecutor: UnownedSerialExecutor { mailbox.asUnownedSerialExecutor() }

  let poller: Poller
  let file: String
  let logger: Logger
  let startedAt = BootClock.now()
  var configuration: Configuration
  var section: ClusterSection
  var machine: Machine
  let backend: any PathBackend
  let messenger: Messenger
  var security: SecurityLayer
  /// What this machine does in the cluster, decided without it: see `ApplianceHost`.
  var host: ApplianceHost
  var member: ClusterMember { host.member }
  var profile: MemberProfile
  var generator = SystemRandomNumberGenerator()

  var timer: DeadlineTimer?
  var housekeeping: DeadlineTimer?
  let monitor: KernelMonitor
  var events = EventLog()
  /// Who ordered what is being done now; nil when nobody did.
  var actor: String?
  var hooks: Hooks
  var load = LoadMeter()
  var personality: PersonalityExchange
  /// The version whose settings are in force.
  var appliedPersonality: UInt64

  var hasCarrier = true
  var nextMinorRound = Instant.zero
  var refusedByHopLimit: UInt64 = 0
  /// Events whose turn has not come, and whether one is being handled.
  var waitingEvents: [ApplianceHost.Event] = []
  var isHandling = false
  /// What comes out of the ring now is the host's at once.
  var isEmptyingRing = false
  /// When the decision maker wants to be called next, and how much later than that it was called this time.
  var plannedAt: Instant?
  var lateness = Interval.zero
  /// How often this process did not run for so long that its lease, of which half was left, ran out; and for how long in all.
  var standstills: UInt64 = 0
  var standstillMilliseconds: UInt64 = 0
  var leaving: [CheckedContinuation<Void, Never>] = []
  var isStopping = false
  var stopsAt: Instant?
  /// A personality, or a machine that is another now, needs a fresh daemon: this one leaves in order, and the process executes itself anew.
  var startsAfresh = false
  var freshStartReason = ""
  /// It has stopped, and only its thread has not ended yet.
  var isOver = false
  /// What is told first: why this daemon comes late, or again.
  private let beginnings: [Event]
  /// All addresses of the machine, as the packet path was told.
  var machineAddresses: [InternetAddress] = []
  var wallClock = WallClockWatch()
  var announcements: UInt64 = 0
  /// The virtual gateway inside the cluster, if there is one, and what it knows of the cluster.
  let gateway: GatewayRunner?
  var toldGateway: GatewayView?
  var addressProbe: AddressProbe?
  /// What the last probe heard; nil when it heard nothing.
  var addressClaim: AddressProbe.Claim?
  /// When somebody's datagram was refused last: another cluster's, as likely as not.
  var foreignHeardAt = Instant.zero
  var undecipherableAt = Instant.zero
  /// Something has changed since then that the gateway may need.
  var gatewayIsBehind = false

  /// Runs a daemon on a thread of its own until it is told to stop: a cluster's member, which may also be a gateway of a group inside the
  /// cluster, or the gateway of a group that stands alone.
  /// - Throws: what keeps it from starting, in words.
  public static func run(_ configuration: Configuration, file: String) async throws {
    // The log's own thread may still be at the last lines.
    defer { LineWriter.standardError.flush(within: .seconds(1)) }
    try checkClock(secondsAhead: BootClock.secondsAheadOfKernel())
    let why = try await onOwnThread { try serve(configuration, file: file) }
    guard let why else { return }
    LineWriter.standardError.flush(within: .milliseconds(100))
    try FreshStart.execute(because: why)
  }

  /// Waits for what is missing, and runs the daemon.
  /// - Returns: why the process is to execute itself anew; nil when it is to end.
  private static func serve(_ configuration: Configuration, file: String) throws -> String? {
    var beginnings = [FreshStart.event()].compactMap(\.self)
    let (end, event) = try Arrival(of: configuration, configuration.log.logger(label: "skein")).wait()
    switch end {
    case .stopped: return nil
    case .afresh: return "the configuration was to be read again"
    case .isThere: if let event { beginnings.append(event) }
    }
    if let section = configuration.cluster {
      let daemon = try Daemon(configuration, section, file: file, beginnings)
      return try daemon.assumeIsolated { try $0.serve() }
    }
    guard let section = configuration.gateway else { return nil }
    let daemon = try GatewayDaemon(configuration, section, file: file, beginnings)
    return try daemon.assumeIsolated { try $0.serve() }
  }

  /// A lease is a deadline on the boot clock that the kernel compares with its own. Where the two differ, a lease would outlive its daemon, or
  /// never begin.
  static func checkClock(secondsAhead: Double) throws(StartError) {
    guard secondsAhead != 0 else { return }
    throw StartError(
      "the boot clock of this process is \(abs(secondsAhead)) s \(secondsAhead > 0 ? "ahead of" : "behind") the kernel's, which ends leases: it runs in a time namespace, as `unshare --time`, a container or a restored checkpoint makes one. Start it outside of that"
    )
  }

  private static func onOwnThread(_ body: @escaping @Sendable () throws -> String?) async throws -> String? {
    let (ended, continuation) = AsyncThrowingStream.makeStream(of: String?.self)
    let thread = Thread {
      do {
        continuation.yield(try body())
        continuation.finish()
      } catch { continuation.finish(throwing: error) }
    }
    thread.name = "skein"
    thread.stackSize = 4 << 20
    thread.start()
    var result: String?
    for try await value in ended { result = value }
    return result
  }

  /// Starts, and runs until it is told to stop; what was done is taken back when it cannot start.
  /// - Returns: why the process is to execute itself anew; nil when it is to end.
  private func serve() throws -> String? {
    do { try start() } catch {
      stop(keeping: false)
      throw error
    }
    try poller.run()
    return startsAfresh ? freshStartReason : nil
  }

  private init(_ given: Configuration, _ own: ClusterSection, file: String, _ beginnings: [Event]) throws {
    let credentials = try MemberCredentials(path: own.credentials)
    let personality = try PersonalityExchange(own, credentials)
    let configuration = try Self.read(given, file, personality)
    let section = configuration.cluster ?? own
    let logger = configuration.log.logger(label: "skein")
    let machine = try Machine(section)
    let security = try Self.securityLayer(section, credentials)
    let profile = MemberProfile(
      identifier: section.member, incarnation: security.incarnation, address: machine.ownAddress,
      ethernetAddress: machine.interface.ethernetAddress, weight: section.effectiveWeight, agreementKey: security.agreementKey)
    poller = try Poller()
    mailbox = poller.mailbox
    messenger = try Messenger(section, own: machine.ownAddress, interface: machine.interface)
    monitor = try KernelMonitor(.interfaces)
    // Last of what may fail: it leaves marks in the kernel.
    backend = try Backends.open(configuration.packetPath, PathPlace(section, machine, gateway: configuration.gateway), logger)
    gateway = try Self.gateway(configuration, machine.ownAddress, backend, logger)
    host = ApplianceHost(
      .init(
        profile: profile, isForwarding: section.delivery == .forwarding, detection: section.detection, hold: section.hold,
        gatewayGroup: configuration.gateway.map { UInt16($0.group) }),
      member: ClusterMember(configuration: section.memberConfiguration(profile, personalityVersion: personality.version)),
      tables: backend.tables)
    hooks = Hooks(commands: section.hooks)
    self.file = file
    self.configuration = configuration
    self.section = section
    self.logger = logger
    self.machine = machine
    self.security = security
    self.profile = profile
    self.personality = personality
    self.beginnings = beginnings
    appliedPersonality = personality.version
  }

  /// The configuration with what the personality sets in place of its own.
  private static func read(_ given: Configuration, _ file: String, _ personality: PersonalityExchange) throws -> Configuration {
    guard let bundle = personality.bundle else { return given }
    return try Configuration.read(Configuration.text(ofFile: file), file: file, personality: bundle.text)
  }

  /// The gateway of this member, which the others know by the address that it has in the cluster.
  private static func gateway(
    _ configuration: Configuration, _ address: InternetAddress, _ backend: any PathBackend, _ logger: Logger
  ) throws -> GatewayRunner? {
    guard var section = configuration.gateway else { return nil }
    section.ownAddress = address
    return try GatewayRunner(
      section, mode: .cluster, try GatewayMachine(section, named: Backends.instance(of: configuration) + "-gateway"), backend, logger,
      .init(note: { _ in }, release: { _ in }, forget: { _ in }))
  }

  private static func securityLayer(_ section: ClusterSection, _ credentials: MemberCredentials) throws -> SecurityLayer {
    guard credentials.cluster == section.identifier, credentials.member == section.member else {
      throw StartError(
        "\(section.credentials) is for member \(credentials.member.rawValue) of cluster \(credentials.cluster.rawValue); the configuration says member \(section.member.rawValue) of cluster \(section.identifier.rawValue)"
      )
    }
    let revocations = try section.revoked.flatMap { path in
      FileManager.default.fileExists(atPath: path) ? try RevocationList(path: path, authority: credentials.authority) : nil
    }
    return SecurityLayer(credentials: credentials, revocations: revocations, startedAt: Int64(Date().timeIntervalSince1970))
  }

  private func start() throws {
    if configuration.realtime { Realtime.ask(logger) }
    try writeSettings()
    backend.tables.set(flag: skein_flag_master, false)
    backend.tables.set(flag: skein_flag_answers, false)
    backend.tables.set(flag: skein_flag_enabled, true)
    try backend.start(on: poller) { reason, unit, interface, frame in
      self.sentUp(reason, unit: unit, interface: interface, frame)
    }
    // Only now: while an address stands without a packet path before it, the kernel answers for everybody.
    try machine.prepare(section)
    for problem in machine.changes.problems { logger.warning("\(problem)") }
    try watchInputs()
    try startGateway()
    ControlServer.start(for: self, configuration, logger)
    begin()
    try ServiceManager.ready()
    logger.notice(
      "started",
      metadata: [
        "member": "\(profile.identifier.rawValue)", "interface": "\(machine.interface.name)", "packetPath": "\(backend.choice.running)",
      ])
    for event in beginnings { record(event) }
    if let event = backend.choice.event { events.append(event) }
  }

  /// Lets the decision maker begin, with what an earlier daemon's packet path still holds under its lease.
  func begin() {
    let now = BootClock.now()
    let deadline = backend.tables.leaseDeadline
    let claims = backend.tablesWereReused && deadline > now ? backend.tables.ownUnits : UnitSet()
    if claims.isEmpty { clearUnits() } else { clearUnits(except: claims) }
    hasCarrier = (try? machine.hasCarrier()) ?? true
    handle(.start(claims: claims, leaseDeadline: claims.isEmpty ? .zero : deadline))
    if !hasCarrier { handle(.carrierLost) }
  }

  private func clearUnits(except claims: UnitSet = UnitSet()) {
    if claims.isEmpty { backend.tables.leaseDeadline = .zero }
    for unit in 0..<UnitSet.unitCount where !claims.contains(unit) {
      backend.tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false)
    }
  }

  /// Writes what the packet path must know of configuration and machine.
  func writeSettings() throws {
    let section = self.section
    var settings = try PathSettings(
      ownAddress: machine.interface.ethernetAddress, sharedAddress: machine.sharedAddress,
      clusterAddresses: section.addresses.map(\.address), ownAddresses: machine.ownAddresses(besides: section.addresses),
      delivery: section.delivery, routing: section.routing, l2tpSessions: section.l2tpSessions, services: section.sourceOnly)
    settings.gateway = try gateway?.pathSettings()
    settings.write(to: backend.tables)
  }

  /// Ends the daemon after it has left the cluster. `keeping` leaves the packet path to the daemon that comes next.
  func stop(keeping: Bool) {
    isOver = true
    if !keeping {
      gateway?.stop()
      for error in machine.restore() { logger.warning("not restored: \(error)") }
    }
    do { try startsAfresh ? ServiceManager.reloading() : ServiceManager.stopping() } catch {
      logger.warning("systemd does not hear: \(error)")
    }
    do { try backend.stop(keeping: keeping) } catch { logger.error("the packet path could not be taken down: \(error)") }
    ControlServer.removeSocket(configuration.api)
    poller.stop()
  }
}

extension ClusterSection {
  /// What the decision maker is told.
  func memberConfiguration(_ profile: MemberProfile, personalityVersion: UInt64) -> ClusterMember.Configuration {
    var result = ClusterMember.Configuration(
      profile: profile, detectionInterval: detection,
      partition: partition == .majority ? .majority(of: configuredMembers ?? 1) : .serve, personalityVersion: personalityVersion,
      settingsDigest: sharedSettingsDigest)
    result.assignsEagerly = eager
    result.balance = balance == .traffic ? .measuredTraffic : .unitCount
    result.asksApplications = hooks.join != nil
    // The packets that arrive while a unit moves are its state.
    result.hasApplicationState = true
    return result
  }

  /// The weight that counts: with `balance: units` all are alike.
  var effectiveWeight: UInt16 { balance == .units ? 100 : weight }

  /// What all members must agree on, folded to 64 bits (FNV-1a).
  var sharedSettingsDigest: UInt64 {
    let text = [
      addresses.map(\.description).sorted().joined(separator: ","), delivery.rawValue, "\(detection.nanoseconds)", partition.rawValue,
      "\(routing)", "\(l2tpSessions)", sourceOnly.map { "\($0.ipProtocol)/\($0.port)" }.sorted().joined(separator: ","),
    ].joined(separator: ";")
    return text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

extension Realtime {
  /// Asks for what a daemon needs to be on time; without it, it says so and goes on.
  static func ask(_ logger: Logger) {
    if case .refused(let error) = lockMemory() { logger.info("memory is not locked: \(error)") }
    if case .refused(let error) = requestPriority() {
      logger.warning("no real-time priority, so a busy machine may look dead to the others: \(error)")
    }
  }
}
