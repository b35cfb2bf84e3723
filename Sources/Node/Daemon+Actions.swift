import CPacketPath
import Cluster
import Credentials
import Host
import Linux
import Logging
import PacketPath
import Wire

extension Daemon {
  /// Tells the decision maker.
  func handle(_ event: ClusterMember.Event) { handle(.member(event)) }

  /// Feeds one event and carries out what comes of it; then arms the timer. Events that the effects bring about wait their turn.
  func handle(_ event: ApplianceHost.Event) {
    waitingEvents.append(event)
    guard !isHandling else { return }
    isHandling = true
    noticeStandstill(at: BootClock.now())
    var next = 0
    while next < waitingEvents.count {
      feed(waitingEvents[next])
      next += 1
    }
    waitingEvents.removeAll(keepingCapacity: true)
    isHandling = false
    tellGateway()
    plannedAt = member.nextDeadline
    timer?.deadline = host.nextDeadline
  }

  private func feed(_ event: ApplianceHost.Event) {
    for effect in host.handle(event, at: BootClock.now(), using: &generator) { carryOut(effect) }
  }

  /// This process should have run when half of its lease was left or more, and ran only when it was over: that is the machine's doing.
  private func noticeStandstill(at now: Instant) {
    lateness = plannedAt.map { now > $0 ? now - $0 : .zero } ?? .zero
    let isMaster = backend.tables.settings.pointee.flags & UInt64(skein_flag_master.rawValue) != 0
    let (deadline, lease) = (backend.tables.leaseDeadline, isMaster ? section.detection / 2 : section.detection)
    guard let plannedAt, deadline <= now, plannedAt + lease / 2 <= deadline else { return }
    standstills += 1
    standstillMilliseconds += UInt64(lateness.inMilliseconds)
  }

  private func carryOut(_ effect: ApplianceHost.Effect) {
    switch effect {
    case .send(let message, let destination, let protection): send(message, to: destination, protection)
    case .transmit(let frame): count { () throws(LinuxError) in try backend.transmit(frame) }
    case .deliver(let frame, let interface): count { () throws(LinuxError) in try backend.deliver(frame, interface: interface) }
    case .emptyRing:
      isEmptyingRing = true
      backend.drain()
      isEmptyingRing = false
      feed(.ringEmptied)
    case .unitsArrive(let units): announceForwarders(units)
    case .viewChanged: gatewayIsBehind = true
    case .perform(let action): perform(action)
    }
  }

  private func count(_ sending: () throws(LinuxError) -> Void) {
    do { try sending() } catch { host.countUnsent() }
  }

  /// A packet that the packet path sent up.
  func take(_ upcall: ApplianceHost.Upcall) {
    if isEmptyingRing { feed(.sentUp(upcall)) } else { handle(.sentUp(upcall)) }
  }

  private func perform(_ action: ClusterMember.Action) {
    switch action {
    case .setMembers(let profiles): for profile in profiles { security.expect(profile) }
    case .announce(let reason): announce(reason)
    case .probeAddresses: probeAddresses()
    case .askApplications(let nonce, let profile): ask(nonce, profile)
    case .membersChanged(let arrived, let departed): tell(arrived: arrived, departed: departed)
    case .newGroupKey(let epoch):
      security.newGroupKey(epoch: epoch, term: member.snapshot(at: BootClock.now()).term)
    // `SecurityLayer.open` has taken the key out of the message that brought it.
    case .adoptGroupKey(let epoch, _, let sender): expectGroupKey(security.adoptGroupKey(epoch: epoch), epoch, from: sender)
    case .useGroupKey(let epoch): expectGroupKey(security.useGroupKey(epoch: epoch), epoch, from: nil)
    case .retireGroupKeys(let epoch): security.retireGroupKeys(except: epoch)
    case .fetchPersonality(let sender, let address, let version):
      fetchPersonality(from: sender, address, version: version)
    case .report(let report): note(report)
    case .stopped: stopped()
    // The host's own.
    case .send, .setLease, .setMaster, .setUnits, .setHashSeed, .releaseHeld, .forgetHeld, .dropHeld, .awaitState, .handOverState,
      .abandonState, .deliverState:
      break
    }
  }

  // MARK: messages

  func send(_ message: ClusterMessage, to destination: ClusterMember.Destination, _ protection: Protection) {
    do {
      let datagram = try security.protect(message, protection: protection)
      switch destination {
      case .everyone: messenger.sendToEveryone(datagram)
      case .member(_, let address): messenger.send(datagram, to: address)
      }
    } catch { logger.warning("a message could not be protected: \(error)") }
  }

  private func expectGroupKey(_ isThere: Bool, _ epoch: UInt32, from sender: MemberIdentifier?) {
    guard !isThere else { return }
    let origin = sender.map { " from member \($0.rawValue)" } ?? ""
    logger.warning("there is no group key of epoch \(epoch)\(origin)")
  }

  // MARK: announcements

  private func announce(_ reason: ClusterMember.AnnounceReason) {
    for prefix in section.addresses {
      let announcement = AddressAnnouncement(
        address: prefix.address, ethernet: machine.sharedAddress, source: machine.interface.ethernetAddress,
        isRouter: section.routing)
      for frame in announcement.frames {
        do { try backend.transmit(frame) } catch { logger.warning("an announcement could not be sent: \(error)") }
      }
    }
    announcements += 1
    logger.debug("announced the cluster addresses", metadata: ["reason": "\(reason.rawValue)"])
  }

  // MARK: applications

  private func ask(_ nonce: UInt64, _ candidate: MemberProfile) {
    let hooks = self.hooks
    Task {
      let refusal = await hooks.mayJoin(candidate)
      handle(.applicationsAnswered(nonce: nonce, refusal: refusal))
    }
  }

  private func tell(arrived: [MemberProfile], departed: [MemberProfile]) {
    for profile in arrived { hooks.tell(arrived: true, profile, logger) }
    for profile in departed { hooks.tell(arrived: false, profile, logger) }
  }

  /// Why a lease has run out: nobody renewed it, or this process did not run. A keepalive is due several times in a lease.
  private func note(_ report: ClusterMember.Report) {
    record(Event(reporting: report, standstill: lateness > .milliseconds(10) ? lateness : nil))
  }

  /// Writes an event down, and who ordered what is being done now.
  func record(_ event: Event) {
    var event = event
    event.actor = event.actor ?? actor
    events.append(event)
    logger.log(event)
  }

  /// Does what somebody ordered: what happens at once is recorded as his.
  func asOrdered<Result>(by actor: String, _ body: () throws -> Result) rethrows -> Result {
    let before = self.actor
    self.actor = actor
    defer { self.actor = before }
    return try body()
  }

  /// A machine that leaves stays for so long, to say again that it has nothing more.
  private static var linger: Interval { .milliseconds(120) }

  private func stopped() {
    for continuation in leaving { continuation.resume() }
    leaving = []
    guard isStopping else { return }
    // The last units' next owners may still ask for the packets held here.
    stopsAt = BootClock.now() + Self.linger
    wakeHouse(by: stopsAt)
  }
}
