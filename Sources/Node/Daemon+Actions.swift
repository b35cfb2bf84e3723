import CPacketPath
import Cluster
import Credentials
import Linux
import Logging
import PacketPath
import Wire

extension Daemon {
  /// Feeds one event and carries out what comes of it; then arms the timer. Events that the actions bring about wait their turn.
  func handle(_ event: ClusterMember.Event) {
    waitingEvents.append(event)
    guard !isHandling else { return }
    isHandling = true
    let now = BootClock.now()
    noticeStandstill(at: now)
    if hearsTraffic(at: now) { waitingEvents.insert(.heardTraffic, at: 0) }
    var next = 0
    while next < waitingEvents.count {
      let actions = member.handle(waitingEvents[next], at: BootClock.now(), using: &generator)
      next += 1
      for action in actions { carryOut(action) }
      if actions.contains(where: \.changesMembership) { gatewayIsBehind = true }
    }
    waitingEvents.removeAll(keepingCapacity: true)
    isHandling = false
    tellGateway()
    plannedAt = member.nextDeadline
    timer?.deadline = plannedAt
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

  private func carryOut(_ action: ClusterMember.Action) {
    switch action {
    case .send(let message, let destination, let protection): send(message, to: destination, protection)
    case .setLease(let deadline): setLease(deadline)
    case .setMaster(let isMaster): backend.tables.set(flag: skein_flag_master, isMaster)
    case .setUnits(let units, let owner, let acknowledged): set(units, owner: owner, acknowledged: acknowledged)
    case .setMembers(let profiles): set(members: profiles)
    case .setHashSeed(let seed): backend.tables.settings.pointee.hash_keys = deriveHashKeys(seed: seed)
    case .releaseHeld(let units, let owner):
      handover.release(units, isOwn: owner == profile.identifier, at: BootClock.now())
    case .forgetHeld(let units): handover.forgetHeld(units)
    case .dropHeld: handover.held.removeAll()
    case .announce(let reason): announce(reason)
    case .probeAddresses: probeAddresses()
    case .askApplications(let nonce, let profile): ask(nonce, profile)
    case .membersChanged(let arrived, let departed): tell(arrived: arrived, departed: departed)
    case .awaitState(let serial, let units, let previous): receivePackets(of: units, serial, from: previous)
    case .handOverState(let serial, let units, let target): handOverPackets(of: units, serial, to: target)
    case .abandonState(let serial): handover.abandon(serial)
    case .deliverState: break
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
    }
  }

  // MARK: messages

  func send(_ message: ClusterMessage, to destination: ClusterMember.Destination, _ protection: Protection) {
    if case .deassign(let order) = message { stopForwarding(order.units, to: order.member) }
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

  // MARK: the packet path's tables

  func slot(of identifier: MemberIdentifier) -> Int? {
    if let slot = slots[identifier] { return slot }
    let used = Set(slots.values)
    guard let free = (0..<Int(skein_member_count)).first(where: { !used.contains($0) }) else { return nil }
    slots[identifier] = free
    return free
  }

  /// A member that has handed over its last units still holds packets for them under the lease that it has.
  private func setLease(_ deadline: Instant) {
    endsLease = deadline == .zero && handover.isParting && hasCarrier
    if !endsLease { backend.tables.leaseDeadline = deadline }
  }

  private func set(members profiles: [MemberProfile]) {
    let present = Set(profiles.map(\.identifier))
    for profile in profiles where knownProfiles[profile.identifier] != nil || knownProfiles.count < Int(skein_member_count) * 2 {
      knownProfiles[profile.identifier] = profile
    }
    for (identifier, index) in slots where !present.contains(identifier) {
      backend.tables.set(member: index, nil)
      slots[identifier] = nil
    }
    for profile in profiles {
      guard let index = slot(of: profile.identifier) else { continue }
      backend.tables.set(member: index, profile.ethernetAddress)
      if profile.identifier == self.profile.identifier { backend.tables.settings.pointee.own_member = UInt16(index) }
      security.expect(profile)
    }
  }

  private func set(_ units: UnitSet, owner: MemberIdentifier?, acknowledged: Bool) {
    let index = owner.flatMap { slot(of: $0) }
    let state = UnitState(
      owner: index.map { UInt16($0) }, isAcknowledged: acknowledged, isMine: acknowledged && owner == profile.identifier)
    for unit in units where !keepsHolding(unit, before: state) { write(state, unit) }
  }

  private func write(_ state: UnitState, _ unit: Int) {
    backend.tables.setUnit(unit, owner: state.owner, isAcknowledged: state.isAcknowledged, isMine: state.isMine)
    gatewayIsBehind = true
    guard state.isMine else { return }
    announceForwarders(UnitSet(CollectionOfOne(unit)))
    handover.open(unit, at: BootClock.now())
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
    for profile in arrived { hooks.tell(arrived: true, profile) }
    for profile in departed { hooks.tell(arrived: false, profile) }
  }

  private func note(_ report: ClusterMember.Report) {
    let (kind, text) = (report.kind, report.text + circumstances(report))
    events.append(kind: kind, text: text, isRoutine: report.isRoutine)
    logger.log(level: report.isRoutine ? .debug : .notice, "\(text)", metadata: ["event": "\(kind)"])
  }

  /// Why a lease has run out: nobody renewed it, or this process did not run. A keepalive is due several times in a lease.
  private func circumstances(_ report: ClusterMember.Report) -> String {
    guard case .leaseLapsed = report, lateness > .milliseconds(10) else { return "" }
    return "; this process stood still for \(Int(lateness.inMilliseconds)) ms"
  }

  private func stopped() {
    for continuation in leaving { continuation.resume() }
    leaving = []
    guard isStopping else { return }
    // The last units' next owners may still ask for the packets held here.
    stopsAt = BootClock.now() + InFlight.linger
    wakeHouse(by: stopsAt)
  }
}
