// The daemon: one funnel that feeds events to the decision maker and carries out its actions, and one timer.
//
// The decision maker (`ClusterMember`) is a value that knows nothing of sockets, clocks or keys. Everything that happens, a datagram, a
// packet sent up by the packet path, a signal, a command, the passing of time, becomes an event here, in the order in which it happened,
// and the actions that come back are carried out before the next event is looked at. All of it on one thread, this actor's own, which asks
// for real-time priority because the lease depends on it; the API's threads only ask it questions.
//
//   Daemon.swift           the actor: its parts, its start and stop
//   Daemon+Actions.swift   carrying out what the decision maker wants
//   Daemon+Handover.swift  the packets in flight while a unit moves
//   Daemon+Input.swift     datagrams, packets sent up, time, signals
//   Daemon+Reports.swift   what the API shows
//   Machine.swift          addresses, filters and kernel variables, set and taken back
//   PathBackend.swift      where the packet path runs: KernelBackend, SocketBackend

import CPacketPath
import Cluster
import Credentials
import Foundation
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
  var machine: Machine
  let backend: any PathBackend
  let replay: ReplayPath
  let messenger: Messenger
  var security: SecurityLayer
  var member: ClusterMember
  var profile: MemberProfile
  var generator = SystemRandomNumberGenerator()

  var timer: DeadlineTimer?
  var housekeeping: DeadlineTimer?
  let links: LinkMonitor
  var held: HeldPackets
  var events = EventLog()
  var hooks: Hooks
  var load = LoadMeter()
  var personality: PersonalityExchange
  /// The version whose settings are in force.
  var appliedPersonality: UInt64

  /// Units on their way to and from this machine, with the packets that arrive meanwhile.
  var arrivals: [UInt32: Arrival] = [:]
  var partings: [Int: Parting] = [:]
  /// The lease ends when the last of `partings` is gone.
  var endsLease = false
  /// Everybody who was a member, for packets that are still owed.
  var knownProfiles: [MemberIdentifier: MemberProfile] = [:]
  /// The packet path's index of each member.
  var slots: [MemberIdentifier: Int] = [:]
  var heardAt = Instant.zero
  var heardCount: UInt64 = 0
  var hasCarrier = true
  var nextMinorRound = Instant.zero
  var refusedByHopLimit: UInt64 = 0
  /// Events whose turn has not come, and whether one is being handled.
  var waitingEvents: [ClusterMember.Event] = []
  var isHandling = false
  var leaving: [CheckedContinuation<Void, Never>] = []
  var isStopping = false
  var stopsAt: Instant?
  var announcements: UInt64 = 0
  var addressProbe: AddressProbe?
  /// What the last probe heard; nil when it heard nothing.
  var addressClaim: AddressProbe.Claim?
  /// When somebody's datagram was refused last: another cluster's, as likely as not.
  var foreignHeardAt = Instant.zero
  var undecipherableAt = Instant.zero

  /// Runs a daemon on a thread of its own until it is told to stop.
  /// - Throws: what keeps it from starting, in words.
  public static func run(_ configuration: Configuration, file: String) async throws {
    let (ended, continuation) = AsyncThrowingStream.makeStream(of: Void.self)
    let thread = Thread {
      do {
        let daemon = try Daemon(configuration, file: file)
        try daemon.assumeIsolated { daemon in
          try daemon.start()
          try daemon.poller.run()
        }
        continuation.finish()
      } catch { continuation.finish(throwing: error) }
    }
    thread.name = "skein"
    thread.stackSize = 4 << 20
    thread.start()
    for try await _ in ended {}
  }

  private init(_ given: Configuration, file: String) throws {
    let credentials = try MemberCredentials(path: given.cluster.credentials)
    let personality = try PersonalityExchange(given.cluster, credentials)
    let configuration = try Self.read(given, file, personality)
    let section = configuration.cluster
    let logger = configuration.log.logger(label: "skein")
    let machine = try Machine(section)
    let security = try Self.securityLayer(section, credentials)
    let profile = MemberProfile(
      identifier: section.member, incarnation: security.incarnation, address: machine.ownAddress,
      ethernetAddress: machine.interface.ethernetAddress, weight: section.effectiveWeight, agreementKey: security.agreementKey)
    poller = try Poller()
    mailbox = poller.mailbox
    backend = try Backends.open(configuration, machine, logger)
    replay = ReplayPath(backend.tables)
    messenger = try Messenger(section, own: machine.ownAddress, interface: machine.interface)
    links = try LinkMonitor()
    member = ClusterMember(configuration: section.memberConfiguration(profile, personalityVersion: personality.version))
    held = HeldPackets(limits: section.hold)
    hooks = Hooks(commands: section.hooks)
    self.file = file
    self.configuration = configuration
    self.logger = logger
    self.machine = machine
    self.security = security
    self.profile = profile
    self.personality = personality
    appliedPersonality = personality.version
  }

  /// The configuration with what the personality sets in place of its own.
  private static func read(_ given: Configuration, _ file: String, _ personality: PersonalityExchange) throws -> Configuration {
    guard let bundle = personality.bundle else { return given }
    return try Configuration.read(String(contentsOfFile: file, encoding: .utf8), file: file, personality: bundle.text)
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
    if configuration.realtime { askForPriority() }
    try writeSettings()
    backend.tables.set(flag: skein_flag_master, false)
    backend.tables.set(flag: skein_flag_enabled, true)
    try backend.start(on: poller) { reason, unit, interface, frame in
      self.sentUp(reason, unit: unit, interface: interface, frame)
    }
    // Only now: while an address stands without a packet path before it, the kernel answers for everybody.
    try machine.prepare(configuration.cluster)
    try watchInputs()
    serveControl()
    begin()
    handle(.revoked(security.revokedMembers))
    try ServiceManager.ready()
    logger.notice(
      "started",
      metadata: ["member": "\(profile.identifier.rawValue)", "interface": "\(machine.interface.name)", "packetPath": "\(backend.name)"])
  }

  private func askForPriority() {
    if case .refused(let error) = Realtime.lockMemory() { logger.info("memory is not locked: \(error)") }
    if case .refused(let error) = Realtime.requestPriority() {
      logger.warning("no real-time priority, so a busy machine may look dead to the others: \(error)")
    }
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
    let section = configuration.cluster
    try PathSettings(
      ownAddress: machine.interface.ethernetAddress, sharedAddress: machine.sharedAddress,
      clusterAddresses: section.addresses.map(\.address), ownAddresses: machine.ownAddresses(besides: section.addresses),
      delivery: section.delivery, routing: section.routing, l2tpSessions: section.l2tpSessions, services: section.sourceOnly
    ).write(to: backend.tables)
  }

  /// Ends the daemon after it has left the cluster. `keeping` leaves the packet path to the daemon that comes next.
  func stop(keeping: Bool) {
    if !keeping {
      for error in machine.restore(configuration.cluster) { logger.warning("not restored: \(error)") }
    }
    do {
      try ServiceManager.stopping()
      try backend.stop(keeping: keeping)
    } catch { logger.error("the packet path could not be taken down: \(error)") }
    unlink(configuration.api)
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
