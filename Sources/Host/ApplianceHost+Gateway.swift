import CPacketPath
import Cluster
import Gateway
import PacketPath
import Wire

// The virtual gateway. Alone, its router's actions fill the packet path's tables: forwarder f is unit f, and the lease is the hold time.
// Inside a cluster the member fills them; the router says where which unit should be, answers the hosts, measures and plans, and its hellos
// travel sealed, on a channel of the members' own.
extension ApplianceHost {
  // MARK: What comes in

  /// ARP or a neighbour solicitation for a virtual address, sent up by the packet path.
  mutating func hearQuestion(_ frame: [UInt8], forwarder: UInt8?) {
    guard let gateway else { return }
    self.gateway?.counters.questions += 1
    guard let query = (try? AddressQuery.find(in: frame[...])) ?? nil, gateway.virtualAddress(query.asked.family) == query.asked else {
      self.gateway?.counters.questionsMalformed += 1
      return
    }
    tellGateway(.hostAsked(query, forwarder: forwarder))
  }

  /// Somebody says that a virtual address is its own.
  mutating func hearClaim(_ frame: [UInt8]) {
    guard let gateway else { return }
    guard let captured = try? CapturedFrame(frame[...]) else {
      self.gateway?.counters.questionsMalformed += 1
      return
    }
    let family: InternetFamily = if case .arp = captured.content { .ipv4 } else { .ipv6 }
    if let address = gateway.virtualAddress(family) { tellGateway(.conflict(captured.ethernet.source, address)) }
  }

  /// What another member's gateway says, its seal opened.
  mutating func hear(_ payload: [UInt8], _ envelope: ClusterMember.Envelope) {
    guard let gateway else { return }
    self.gateway?.counters.received += 1
    guard let packet = try? GlbpPacket(decoding: payload[...]), packet.group == gateway.group else {
      self.gateway?.counters.malformed += 1
      return
    }
    let judged = GatewayRouter.Envelope(
      sender: envelope.sourceAddress, isAuthentic: true, incarnation: envelope.incarnation, sequence: envelope.sequence)
    tellGateway(.received(packet, from: judged))
  }

  // MARK: What the router wants

  mutating func carryOut(_ action: GatewayRouter.Action) {
    guard let gateway else { return }
    switch action {
    case .send(let packet, let sources): send(packet, from: sources, gateway)
    case .setLease(let deadline): tables.leaseDeadline = deadline
    case .forward(let forwarder):
      tables.setUnit(Int(forwarder), owner: 0, isAcknowledged: true, isMine: true)
      hearForwarders()
    case .hold(let forwarder):
      tables.setUnit(Int(forwarder), owner: 0, isAcknowledged: false, isMine: false, isMoving: true)
      hearForwarders()
      // Before the hello that makes the old holder stop: what the switches sent there until now was on the wire before that hello.
      teachSwitches(forwarder)
    case .stop(let forwarder):
      tables.setUnit(Int(forwarder), owner: nil, isAcknowledged: false, isMine: false)
      if gateway.heard.contains(forwarder) { hearForwarders() }
    case .releaseHeld(let forwarder): emptyRing(then: .open(unit: Int(forwarder)))
    case .dropHeld(let forwarder): emptyRing(then: .forget(UnitSet(CollectionOfOne(Int(forwarder)))))
    case .setActive(let isActive): tables.set(flag: skein_flag_answers, isActive)
    case .answer(let query, let forwarder):
      self.gateway?.counters.answered += 1
      effects.append(.transmit(gateway.answer(query, with: forwarder), .answer))
    case .correct(let host, let forwarder):
      if let frame = gateway.correction(to: host, with: forwarder) { effects.append(.transmit(frame, .correction)) }
    case .place(let places): place(places)
    case .report(let report): effects.append(.report(report))
    case .stopped: effects.append(.gatewayLeft)
    }
  }

  private mutating func send(_ packet: GlbpPacket, from sources: [GatewayRouter.Source], _ gateway: GatewayAppliance) {
    guard !gateway.isAlone else {
      let addresses = sources.map { source in
        switch source {
        case .own: gateway.router.configuration.ethernetAddress
        case .forwarder(let number): gateway.ethernet(of: number)
        }
      }
      return effects.append(.hello(packet, from: addresses))
    }
    // A process that was stopped finds out by its lease that these are others' now.
    let hasLease = tables.leaseDeadline > now
    for case .forwarder(let number) in sources where hasLease && tables.units[Int(number)].mine == UInt8(skein_mine) {
      teachSwitches(number)
    }
    guard let snapshot = member?.snapshot(at: now), snapshot.phase == .master || snapshot.phase == .member else { return }
    let transfer = StateTransfer(
      term: snapshot.term, serial: 0, unit: 0, application: StateChannel.gateway.rawValue, piece: 0, pieceCount: 1,
      bytes: packet.encode())
    effects.append(.send(.stateTransfer(transfer), to: .everyone, .sealed))
  }

  /// A reverse ARP request, as hypervisors send it for a machine that has moved, tells the switches where an address is; hosts do not heed it.
  /// Inside a cluster nothing else leaves from a virtual MAC address.
  private mutating func teachSwitches(_ forwarder: UInt8) {
    guard let gateway else { return }
    effects.append(.transmit(ArpMessage.whereabouts(of: gateway.ethernet(of: forwarder)), .whereabouts))
  }

  /// The interface hears the virtual MAC addresses of the forwarders that are here, or on their way.
  private mutating func hearForwarders() {
    guard let gateway else { return }
    let wanted = Set((1...UInt8.max).filter { tables.units[Int($0)].mine != UInt8(skein_not_mine) && gateway.router.serves($0) })
    guard wanted != gateway.heard else { return }
    self.gateway?.heard = wanted
    effects.append(.hear(Set(wanted.map { gateway.ethernet(of: $0) })))
  }

  // MARK: The gateway inside a cluster

  /// Units come here, or are here: the interface hears those that are forwarders, and switches learn where they are.
  mutating func announceForwarders(_ units: UnitSet) {
    guard let gateway else { return }
    let forwarders = units.compactMap { UInt8(exactly: $0) }.filter { gateway.router.serves($0) }
    guard !forwarders.isEmpty else { return }
    hearForwarders()
    for forwarder in forwarders { teachSwitches(forwarder) }
  }

  /// Which member should own which unit.
  private mutating func place(_ places: [UInt8: InternetAddress]) {
    let members = Dictionary(knownProfiles.values.map { ($0.address, $0.identifier) }, uniquingKeysWith: { $1 })
    var units: [Int: MemberIdentifier] = [:]
    for (number, address) in places { units[Int(number)] = members[address] }
    tell(.place(units))
  }

  /// Tells the router of its cluster, after whatever may have changed that.
  /// - Returns: whether there was news.
  mutating func tellGatewayOfCluster() -> Bool {
    guard let gateway, gateway.isViewOld, let member else { return false }
    self.gateway?.isViewOld = false
    hearForwarders()
    let view = view(of: member.snapshot(at: now))
    guard view != gateway.told else { return false }
    self.gateway?.told = view
    tellGateway(.clusterView(isMaster: view.isMaster, members: view.members, owners: view.owners))
    return true
  }

  func view(of snapshot: ClusterMember.Snapshot) -> GatewayAppliance.ClusterView {
    var view = GatewayAppliance.ClusterView(isMaster: snapshot.phase == .master, members: [], owners: [:])
    view.members = snapshot.members.map {
      .init(address: $0.profile.address, weight: UInt8(clamping: Int($0.profile.weight)), isDraining: $0.isDraining)
    }
    for number in 1...UInt8.max {
      let unit = snapshot.units[Int(number)]
      if unit.isAcknowledged, let owner = unit.owner { view.owners[number] = knownProfiles[owner]?.address }
    }
    return view
  }
}
