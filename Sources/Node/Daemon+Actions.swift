import CPacketPath
import Cluster
import Credentials
import Host
import Linux
import Logging
import PacketPath
import Wire

extension Daemon {
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
    plannedAt = host.member?.nextDeadline
    timer?.deadline = host.nextDeadline
  }

  private func feed(_ event: ApplianceHost.Event) {
    for effect in host.handle(event, at: BootClock.now(), using: &generator) { carryOut(effect) }
  }

  private func noticeStandstill(at now: Instant) {
    lateness = plannedAt.map { now > $0 ? now - $0 : .zero } ?? .zero
    guard let plannedAt, let cluster else { return }
    let isMaster = backend.tables.has(flag: skein_flag_master)
    let lease = isMaster ? cluster.section.detection / 2 : cluster.section.detection
    cluster.standstills.look(at: now, planned: plannedAt, deadline: backend.tables.leaseDeadline, lease: lease)
  }

  private func carryOut(_ effect: ApplianceHost.Effect) {
    switch effect {
    case .send(let message, let destination, let protection): send(message, to: destination, protection)
    case .hello(let packet, let sources): for frame in gateway?.frames(packet, from: sources) ?? [] { transmit(frame, .hello) }
    case .transmit(let frame, let purpose): transmit(frame, purpose)
    case .deliver(let frame, let interface): do { try backend.deliver(frame, interface: interface) } catch { host.countUnsent() }
    case .hear(let addresses): gateway?.hear(addresses)
    case .emptyRing:
      isEmptyingRing = true
      backend.drain()
      isEmptyingRing = false
      feed(.ringEmptied)
    case .viewChanged: break
    case .perform(let action): if let cluster { perform(action, cluster) }
    case .report(let report):
      record(Event(reporting: report))
      gateway?.exporter?.take(report)
    case .gatewayLeft: stopped()
    }
  }

  /// A link that is down or a full queue takes none: what matters is said again.
  private func transmit(_ frame: [UInt8], _ purpose: ApplianceHost.Purpose) {
    do { try backend.transmit(frame) } catch { host.countUnsent(purpose) }
  }

  /// A packet that the packet path sent up.
  func take(_ upcall: ApplianceHost.Upcall) {
    if isEmptyingRing { feed(.sentUp(upcall)) } else { handle(.sentUp(upcall)) }
  }

  private func perform(_ action: ClusterMember.Action, _ cluster: Membership) {
    switch action {
    case .setMembers(let profiles): for profile in profiles { cluster.security.expect(profile) }
    case .announce(let reason): announce(reason, cluster)
    case .probeAddresses: probeAddresses(cluster)
    case .askApplications(let nonce, let profile): ask(nonce, profile, cluster.hooks)
    case .membersChanged(let arrived, let departed): tell(arrived: arrived, departed: departed, cluster.hooks)
    case .newGroupKey(let epoch):
      cluster.security.newGroupKey(epoch: epoch, term: host.member?.allegiance.term ?? .none)
    // `SecurityLayer.open` has taken the key out of the message that brought it.
    case .adoptGroupKey(let epoch, _, let sender): expectGroupKey(cluster.security.adoptGroupKey(epoch: epoch), epoch, from: sender)
    case .useGroupKey(let epoch): expectGroupKey(cluster.security.useGroupKey(epoch: epoch), epoch, from: nil)
    case .retireGroupKeys(let epoch): cluster.security.retireGroupKeys(except: epoch)
    case .fetchPersonality(let sender, let address, let version):
      fetchPersonality(from: sender, address, version: version, cluster)
    case .report(let report): note(report)
    case .stopped: stopped()
    // The host's own.
    case .send, .setLease, .setMaster, .setUnits, .setHashSeed, .releaseHeld, .forgetHeld, .dropHeld, .awaitState, .handOverState,
      .abandonState, .deliverState, .viewChanged:
      break
    }
  }

  // MARK: messages

  func send(_ message: ClusterMessage, to destination: ClusterMember.Destination, _ protection: Protection) {
    guard let cluster else { return }
    do {
      let datagram = try cluster.security.protect(message, protection: protection)
      switch destination {
      case .everyone: cluster.messenger.sendToEveryone(datagram)
      case .member(_, let address): cluster.messenger.send(datagram, to: address)
      }
    } catch { logger.warning("a message could not be protected: \(error)") }
  }

  private func expectGroupKey(_ isThere: Bool, _ epoch: UInt32, from sender: MemberIdentifier?) {
    guard !isThere else { return }
    let origin = sender.map { " from member \($0.rawValue)" } ?? ""
    logger.warning("there is no group key of epoch \(epoch)\(origin)")
  }

  // MARK: announcements

  private func announce(_ reason: ClusterMember.AnnounceReason, _ cluster: Membership) {
    for prefix in cluster.section.addresses {
      let announcement = AddressAnnouncement(
        address: prefix.address, ethernet: cluster.machine.sharedAddress, source: cluster.machine.interface.ethernetAddress,
        isRouter: cluster.section.routing)
      for frame in announcement.frames {
        do { try backend.transmit(frame) } catch { logger.warning("an announcement could not be sent: \(error)") }
      }
    }
    cluster.announcements += 1
    logger.debug("announced the cluster addresses", metadata: ["reason": "\(reason.rawValue)"])
  }

  // MARK: applications

  private func ask(_ nonce: UInt64, _ candidate: MemberProfile, _ hooks: Hooks) {
    Task {
      let refusal = await hooks.mayJoin(candidate)
      handle(.member(.applicationsAnswered(nonce: nonce, refusal: refusal)))
    }
  }

  private func tell(arrived: [MemberProfile], departed: [MemberProfile], _ hooks: Hooks) {
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
    // The last units' next owners may still ask for the packets held here; nobody asks a gateway that stands alone.
    stopsAt = BootClock.now() + (cluster == nil ? .zero : Self.linger)
    wakeHouse(by: stopsAt)
  }
}
