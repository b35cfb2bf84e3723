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

extension Daemon {
  /// Wakes up for datagrams, changes of the machine, signals and time.
  func watchInputs() throws {
    timer = try poller.makeTimer { self.handle(.timer) }
    housekeeping = try poller.makeTimer { self.keepHouse() }
    housekeeping?.deadline = BootClock.now()
    if let cluster { try poller.watch(cluster.messenger.socket.descriptor) { _ in self.readDatagrams(cluster) } }
    try watchMachine()
    try poller.watchSignals([.terminate, .interrupt, .hangup]) { signal in
      self.receive(signal)
    }
  }

  // MARK: datagrams

  private func readDatagrams(_ cluster: Membership) {
    do {
      var datagrams: [(bytes: [UInt8], source: InternetAddress)] = []
      try cluster.messenger.socket.receive { datagram in
        guard datagram.hopLimit == ClusterTransport.hopLimit, !datagram.isTruncated else { return cluster.refusedByHopLimit += 1 }
        datagrams.append((Array(datagram.bytes), datagram.source.address))
      }
      for (bytes, source) in datagrams { receive(bytes, from: source, cluster) }
    } catch { logger.debug("receiving failed: \(error)") }
  }

  private func receive(_ datagram: [UInt8], from source: InternetAddress, _ cluster: Membership) {
    let wallClock = Int64(Date().timeIntervalSince1970)
    switch cluster.security.open(datagram[...], at: BootClock.now(), wallClock: wallClock) {
    case .opened(let opened):
      deliver(opened.message, opened.header, source, refusal: nil, cluster)
    case .refused(let refused):
      guard let header = refused.claimed else { return }
      if refused.reason != .ownMessage { cluster.foreignHeardAt = BootClock.now() }
      // Two groups that parted may count the same epochs for different keys.
      if refused.reason == .unknownEpoch || refused.reason == .badSeal, header.sender != cluster.profile.identifier {
        // A flood of them says no more than one does.
        guard BootClock.now() - cluster.undecipherableAt >= Self.undecipherableInterval else { return }
        cluster.undecipherableAt = BootClock.now()
        handle(.member(.undecipherable(sender: header.sender, sourceAddress: source)))
      } else if let request = refused.joinRequest {
        deliver(.joinRequest(request), header, source, refusal: refused.reason.joinRefusal, cluster)
      }
    }
  }

  private static var undecipherableInterval: Interval { .milliseconds(10) }

  private func deliver(
    _ message: ClusterMessage, _ header: ClusterHeader, _ source: InternetAddress, refusal: RefusalReason?, _ cluster: Membership
  ) {
    if refusal == nil, exchangePersonality(message, from: header.sender, source, cluster) { return }
    let envelope = ClusterMember.Envelope(
      sender: header.sender, incarnation: header.incarnation, protection: header.protection, epoch: header.epoch, sequence: header.sequence,
      sourceAddress: source, isAuthentic: refusal == nil, refusal: refusal)
    if refusal == nil, case .stateTransfer(let transfer) = message, StateChannel(rawValue: transfer.application) != nil {
      handle(.channel(transfer, from: envelope))
    } else {
      handle(.member(.received(message, from: envelope)))
    }
  }

  // MARK: time

  /// Looks after what may wait no longer than until then.
  func wakeHouse(by deadline: Instant?) {
    guard let deadline, deadline < housekeeping?.deadline ?? .init(nanoseconds: .max) else { return }
    housekeeping?.deadline = deadline
  }

  /// Once a second, and when something else is due: what may wait.
  private func keepHouse() {
    let now = BootClock.now()
    if let stopsAt, now >= stopsAt, !host.isParting { return stop(keeping: false) }
    for (index, command) in gateway?.tracked.dueCommands(at: now) ?? [] { run(command, index) }
    if now >= nextMinorRound { minorRound(at: now) }
    let stop = stopsAt.map { max($0, now + .milliseconds(5)) } ?? nextMinorRound
    let tracked = now + .milliseconds(gateway?.tracked.isEmpty ?? true ? 1000 : 100)
    housekeeping?.deadline = min(nextMinorRound, stop, tracked)
  }

  /// A command that the gateway's weight depends on.
  private func run(_ command: ShellCommand, _ index: Int) {
    Task {
      let succeeded = await command.succeeds()
      if let change = gateway?.tracked.take(index, succeeded: succeeded) { handle(.gateway(.tracked(change.index, isUp: change.isUp))) }
    }
  }

  /// A second, or as often as the service manager's watchdog wants to hear of a shorter interval.
  private static let minorRoundInterval = min(.seconds(1), (ServiceManager.watchdogInterval ?? .seconds(2)) / 2)

  private func minorRound(at now: Instant) {
    nextMinorRound = now + Self.minorRoundInterval
    backend.tables.setSuspended(BootClock.suspended().nanoseconds)
    handle(.measure)
    for event in gateway?.look(at: now) ?? [] { handle(.gateway(event)) }
    if let event = wallClock.event(at: now) { record(event) }
    events.settle()
    events.wake()
    if let cluster, let (request, address) = cluster.personality.unanswered(at: now) { ask(request, at: address, cluster) }
    do { try ServiceManager.alive() } catch { logger.warning("systemd does not hear: \(error)") }
    lookAtMachine()
    lookForServers()
  }

  // MARK: signals

  private func receive(_ signal: Signal) {
    switch signal {
    case .hangup: logger.notice("\(reloadNow(by: "signal").text)")
    case .terminate, .interrupt:
      // On its way to start afresh it has left in order already, or is about to.
      guard !startsAfresh else { return startsAfresh = false }
      if isStopping || hasLeft { return stop(keeping: false) }
      let what = cluster == nil ? "the group: virtual MAC addresses" : "the cluster: work units"
      logger.notice("leaving \(what) first; a second signal stops at once")
      leaveAndStop(by: "signal")
    }
  }

  /// Work units first, then the member, then the daemon.
  func leaveAndStop(by actor: String) {
    isStopping = true
    asOrdered(by: actor) {
      record(Event(.leaveOrdered))
      handle(.leave)
    }
  }
}
