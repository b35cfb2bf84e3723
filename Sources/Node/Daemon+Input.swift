import CPacketPath
import Cluster
import Credentials
import Foundation
import Host
import Linux
import Logging
import PacketPath
import Wire

extension Daemon {
  /// Wakes up for datagrams, links, signals and time.
  func watchInputs() throws {
    timer = try poller.makeTimer { self.handle(ApplianceHost.Event.timer) }
    housekeeping = try poller.makeTimer { self.keepHouse() }
    housekeeping?.deadline = BootClock.now()
    try poller.watch(messenger.socket.descriptor) { _ in self.readDatagrams() }
    try watchMachine()
    try poller.watchSignals([.terminate, .interrupt, .hangup]) { signal in
      self.receive(signal)
    }
  }

  // MARK: datagrams

  private func readDatagrams() {
    do {
      var datagrams: [(bytes: [UInt8], source: InternetAddress)] = []
      try messenger.socket.receive { datagram in
        guard datagram.hopLimit == ClusterTransport.hopLimit, !datagram.isTruncated else { return refusedByHopLimit += 1 }
        datagrams.append((Array(datagram.bytes), datagram.source.address))
      }
      for (bytes, source) in datagrams { receive(bytes, from: source) }
    } catch { logger.debug("receiving failed: \(error)") }
  }

  private func receive(_ datagram: [UInt8], from source: InternetAddress) {
    let wallClock = Int64(Date().timeIntervalSince1970)
    switch security.open(datagram[...], at: BootClock.now(), wallClock: wallClock) {
    case .opened(let opened):
      deliver(opened.message, opened.header, source, refusal: nil)
    case .refused(let refused):
      guard let header = refused.claimed else { return }
      if refused.reason != .ownMessage { foreignHeardAt = BootClock.now() }
      // Two groups that parted may count the same epochs for different keys.
      if refused.reason == .unknownEpoch || refused.reason == .badSeal, header.sender != profile.identifier {
        // A flood of them says no more than one does.
        guard BootClock.now() - undecipherableAt >= Self.undecipherableInterval else { return }
        undecipherableAt = BootClock.now()
        handle(.undecipherable(sender: header.sender, sourceAddress: source))
      } else if let request = refused.joinRequest {
        deliver(.joinRequest(request), header, source, refusal: refused.reason.joinRefusal)
      }
    }
  }

  private static var undecipherableInterval: Interval { .milliseconds(10) }

  private func deliver(_ message: ClusterMessage, _ header: ClusterHeader, _ source: InternetAddress, refusal: RefusalReason?) {
    if refusal == nil, exchangePersonality(message, from: header.sender, source) { return }
    if refusal == nil, case .stateTransfer(let transfer) = message, let channel = StateChannel(rawValue: transfer.application) {
      return take(transfer, by: channel, header, source)
    }
    handle(
      .received(
        message,
        from: .init(
          sender: header.sender, incarnation: header.incarnation, protection: header.protection, epoch: header.epoch,
          sequence: header.sequence, sourceAddress: source, isAuthentic: refusal == nil, refusal: refusal)))
  }

  private func take(_ transfer: StateTransfer, by channel: StateChannel, _ header: ClusterHeader, _ source: InternetAddress) {
    switch channel {
    case .gateway: gateway?.receive(transfer.bytes, from: source, incarnation: header.incarnation, sequence: header.sequence)
    case .packetsWanted, .packetsGiven: handle(.handover(transfer, from: header.sender))
    }
  }

  // MARK: packets sent up

  /// A packet that the packet path could not decide: a question to the gateway, or one that waits.
  func sentUp(_ reason: skein_upcall_reason, unit: Int, interface: UInt32, _ frame: UnsafeRawBufferPointer) {
    switch reason {
    case skein_upcall_question: gateway?.hostAsked(frame, forwarder: UInt8(exactly: unit))
    case skein_upcall_conflict: gateway?.heardConflict(frame)
    default: take(ApplianceHost.Upcall(reason: reason, unit: unit, interface: interface, frame: Array(frame)))
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
    runTrackedCommands(at: now)
    if now >= nextMinorRound { minorRound(at: now) }
    let stop = stopsAt.map { max($0, now + .milliseconds(5)) } ?? nextMinorRound
    housekeeping?.deadline = min(nextMinorRound, stop, nextTrackedCommands(at: now))
  }

  /// A second, or as often as the service manager's watchdog wants to hear of a shorter interval.
  private static let minorRoundInterval = min(.seconds(1), (ServiceManager.watchdogInterval ?? .seconds(2)) / 2)

  private func minorRound(at now: Instant) {
    nextMinorRound = now + Self.minorRoundInterval
    let own = backend.tables.ownUnits
    load.measure(at: now, own: own) { backend.tables.traffic(of: $0).packets }
    gateway?.measure(at: now)
    if let event = wallClock.event(at: now) { record(event) }
    handle(.load(load.busiest(of: own), packetsPerSecond: UInt32(clamping: Int(load.packetsPerSecond))))
    events.settle()
    events.wake()
    if let (request, address) = personality.unanswered(at: now) { ask(request, at: address) }
    do { try ServiceManager.alive() } catch { logger.warning("systemd does not hear: \(error)") }
    lookAtMachine()
  }

  // MARK: signals

  private func receive(_ signal: Signal) {
    switch signal {
    case .hangup: logger.notice("\(reloadNow(by: "signal").text)")
    case .terminate, .interrupt:
      // On its way to start afresh it has left in order already, or is about to.
      guard !startsAfresh else { return startsAfresh = false }
      if isStopping || member.snapshot(at: BootClock.now()).phase == .left { return stop(keeping: false) }
      logger.notice("leaving the cluster: work units first; a second signal stops at once")
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
