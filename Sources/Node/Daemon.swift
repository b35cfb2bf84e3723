// The daemon: one funnel that feeds events to the host and carries out its effects, and one timer.
//
// The host (`ApplianceHost`) is a value that knows nothing of sockets, clocks or keys: a cluster's member, a virtual gateway, or both. Everything
// that happens, a datagram, a packet sent up by the packet path, a signal, a command, the passing of time, becomes an event here, in the order
// in which it happened, and the effects that come back are carried out before the next event is looked at. All of it on one thread, this
// actor's own, which asks for real-time priority because the lease depends on it; the API's threads only ask it questions.
//
//   Daemon.swift           the actor: its parts, its start and stop
//   Daemon+Actions.swift   carrying out what the host wants
//   Daemon+Input.swift     datagrams, packets sent up, time, signals
//   Daemon+Reports.swift   what the API shows
//   Daemon+Machine.swift   the machine that changes under it
//   Membership.swift       what a cluster's member has of its machine: settings, keys, socket
//   GatewayRunner.swift    what a virtual gateway has of it
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
import Segments
import Wire

/// One machine's daemon. Lives on a thread of its own.
public actor Daemon {
  nonisolated let mailbox: Mailbox
  /// The daemon's own thread: what other threads ask of this actor runs there, by way of the poller's mailbox.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { mailbox.asUnownedSerialExecutor() }

  let poller: Poller
  let file: String
  let logger: Logger
  let startedAt = BootClock.now()
  var configuration: Configuration
  /// Where the API is, as it was at the start: another path in the file counts from the next one on.
  let apiPath: String
  let backend: any PathBackend
  /// What this machine does, decided without it: see `ApplianceHost`.
  var host: ApplianceHost
  /// The machine's parts in a cluster and in a virtual gateway: one of them is there, or both.
  let cluster: Membership?
  let gateway: GatewayRunner?
  var generator = SystemRandomNumberGenerator()

  var timer: DeadlineTimer?
  var housekeeping: DeadlineTimer?
  let monitor: KernelMonitor
  var events = EventLog()
  /// Who ordered what is being done now; nil when nobody did.
  var actor: String?
  var hasCarrier = true
  var nextMinorRound = Instant.zero
  /// Events whose turn has not come, and whether one is being handled.
  var waitingEvents: [ApplianceHost.Event] = []
  var isHandling = false
  /// What comes out of the ring now is the host's at once.
  var isEmptyingRing = false
  /// When the decision maker wants to be called next, and how much later than that it was called this time.
  var plannedAt: Instant?
  var lateness = Interval.zero
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
  var serverStations = ServerStations()

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
    let daemon = try Daemon(configuration, file: file, beginnings)
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

  private init(_ given: Configuration, file: String, _ beginnings: [Event]) throws {
    var configuration = given
    let cluster = try given.cluster.map { try Membership($0, &configuration, file: file) }
    let logger = configuration.log.logger(label: "skein")
    let machine = try Self.gatewayMachine(configuration, cluster)
    let alone = machine.map { (PathPlace($0.section, $0), ApplianceHost.Configuration(hold: $0.section.hold)) }
    let member = cluster.map { (PathPlace($0.section, $0.machine, gateway: machine?.section), $0.hostConfiguration) }
    guard let (part, hostConfiguration) = member ?? alone else { throw StartError("there is neither a `cluster` nor a `gateway` section") }
    var place = part
    place.sizes = PathPlace.sizes(configuration)
    poller = try Poller()
    mailbox = poller.mailbox
    monitor = try KernelMonitor(.interfaces)
    // Last of what may fail: it leaves marks in the kernel.
    let backend = try Backends.open(configuration.packetPath, place, logger)
    let gateway = try machine.map { try GatewayRunner($0, mode: cluster == nil ? .alone : .cluster, backend, logger) }
    host = ApplianceHost(hostConfiguration, member: cluster?.member, gateway: gateway?.appliance, tables: backend.tables)
    self.backend = backend
    self.cluster = cluster
    self.gateway = gateway
    self.file = file
    self.configuration = configuration
    apiPath = configuration.api
    self.logger = logger
    self.beginnings = beginnings
  }

  /// The others of a cluster know its gateway by the address that the machine has in the cluster.
  private static func gatewayMachine(_ configuration: Configuration, _ cluster: Membership?) throws -> GatewayMachine? {
    guard var section = configuration.gateway else { return nil }
    if let cluster { section.ownAddress = cluster.machine.ownAddress }
    return try GatewayMachine(section, named: Backends.instance(of: configuration) + (cluster == nil ? "" : "-gateway"))
  }

  private func start() throws {
    if configuration.realtime { Realtime.ask(logger) }
    try writeSettings()
    backend.tables.forgetRole()
    // Nothing is left of an earlier gateway's work: the others have it, or give it back. What a member finds its cluster decides.
    if cluster == nil { clearUnits() }
    backend.tables.set(flag: skein_flag_enabled, true)
    try backend.start(on: poller) { reason, unit, interface, frame in
      self.take(.init(reason: reason, unit: unit, interface: interface, frame: Array(frame)))
    }
    // Only now: while an address stands without a packet path before it, the kernel answers for everybody.
    try cluster?.prepare(logger)
    try watchInputs()
    try gateway?.start(on: poller, note: { self.record($0) }, hear: { self.handle(.gateway($0)) })
    ControlServer.start(for: self, configuration, logger)
    startServices()
    begin()
    try ServiceManager.ready()
    logger.notice("started", metadata: startMetadata)
    for event in beginnings { record(event) }
    if let event = backend.choice.event { events.append(event) }
  }

  private var startMetadata: Logger.Metadata {
    let part: Logger.Metadata =
      if let cluster { ["member": "\(cluster.profile.identifier.rawValue)"] } else { ["group": "\(gateway?.section.group ?? 0)"] }
    return part.merging(["interface": "\(interface?.name ?? "")", "packetPath": "\(backend.choice.running)"]) { $1 }
  }

  /// Lets the decision makers begin; the member's with what an earlier daemon's packet path still holds under its lease.
  func begin() {
    hasCarrier = (try? readCarrier()) ?? true
    if gateway != nil { handle(.gateway(.start)) }
    if cluster != nil {
      let deadline = backend.tables.leaseDeadline
      let claims = backend.tablesWereReused && deadline > BootClock.now() ? backend.tables.ownUnits : UnitSet()
      if claims.isEmpty { clearUnits() } else { clearUnits(except: claims) }
      handle(.member(.start(claims: claims, leaseDeadline: claims.isEmpty ? .zero : deadline)))
    }
    if !hasCarrier { handle(.carrier(false)) }
  }

  /// The interface that it all happens at, as it was at the start.
  var interface: NetworkInterface? { cluster?.machine.interface ?? gateway?.machine.interface }

  /// Whether it has a carrier now.
  func readCarrier() throws -> Bool { try cluster?.machine.hasCarrier() ?? gateway?.machine.hasCarrier() ?? true }

  private func clearUnits(except claims: UnitSet = UnitSet()) {
    if claims.isEmpty { backend.tables.leaseDeadline = .zero }
    for unit in 0..<UnitSet.unitCount where !claims.contains(unit) {
      backend.tables.setUnit(unit, owner: nil, isAcknowledged: false, isMine: false)
    }
  }

  /// Writes what the packet path must know of configuration and machine.
  func writeSettings() throws {
    guard var settings = try cluster?.pathSettings() ?? gateway?.settingsWithoutCluster() else { return }
    settings.gateway = try gateway?.pathSettings()
    settings.write(to: backend.tables)
  }

  /// Ends the daemon after it has left the cluster, or its group. `keeping` leaves the packet path to the daemon that comes next.
  func stop(keeping: Bool) {
    isOver = true
    if !keeping {
      gateway?.stop()
      for error in cluster?.machine.restore() ?? [] { logger.warning("not restored: \(error)") }
    }
    do { try startsAfresh ? ServiceManager.reloading() : ServiceManager.stopping() } catch {
      logger.warning("systemd does not hear: \(error)")
    }
    do { try backend.stop(keeping: keeping) } catch { logger.error("the packet path could not be taken down: \(error)") }
    ControlServer.removeSocket(apiPath)
    poller.stop()
  }
}

extension ClusterSection {
  /// What the decision maker is told.
  func memberConfiguration(_ profile: MemberProfile, personalityVersion: UInt64, services: [VirtualServer]) -> ClusterMember.Configuration {
    var result = ClusterMember.Configuration(
      profile: profile, detectionInterval: detection,
      partition: partition == .majority ? .majority(of: configuredMembers ?? 1) : .serve, personalityVersion: personalityVersion,
      settingsDigest: sharedSettingsDigest(with: services))
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
  func sharedSettingsDigest(with services: [VirtualServer]) -> UInt64 {
    let text = [
      addresses.map(\.description).sorted().joined(separator: ","), delivery.rawValue, "\(detection.nanoseconds)", partition.rawValue,
      "\(routing)", "\(l2tpSessions)", "\(workUnitHashVersion)",
      sourceOnly.map { "\($0.ipProtocol)/\($0.port)" }.sorted().joined(separator: ","),
      // Servers come and go; what stands at which address does not.
      services.map(\.place).sorted().joined(separator: ","),
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
