import Wire

extension GatewayRouter {
  /// What an operator may see.
  public func snapshot(at now: Instant) -> Snapshot { shared.snapshot(at: now) }

  /// Whether the group has this forwarder, here or elsewhere.
  public func serves(_ forwarder: UInt8) -> Bool { shared.table[forwarder].map { !$0.isRetired } ?? false }

  /// The hosts that this gateway answered, the one that asked last first.
  public func clients(limit: Int = .max) -> [ClientCache.Client] { shared.measurement.clients.clients(limit: limit) }

  /// What would be moved now if everything were settled, and the gateways in the order of the plan; for `skein gateway plan`.
  public func plan() -> (gateways: [InternetAddress], forwarders: [[UInt8]], plan: MovePlan) { shared.plan() }
}

extension Shared {
  func snapshot(at now: Instant) -> GatewayRouter.Snapshot {
    GatewayRouter.Snapshot(
      phase: phase, activeGateway: isActive ? own : activeNeighbour?.address,
      standbyGateway: phase == .standby ? own : standbyNeighbour?.address, gateways: gateways,
      forwarders: table.numbers.compactMap(forwarder),
      weight: weighing.weight, isForwarding: weighing.isForwarding, isDraining: isDraining || isLeaving,
      isDrained: (isDraining || isLeaving) && isEmptyHanded, isLeaving: isLeaving, leaseDeadline: lease)
  }

  private var gateways: [GatewayRouter.Gateway] {
    let mine = GatewayRouter.Gateway(
      address: own, ethernetAddress: configuration.ethernetAddress, phase: phase, priority: configuration.priority, weight: weighing.weight,
      hold: timers.hold, isForeign: false, givesAway: isUnwilling, lastHeard: nil)
    let others = neighbours.all.map {
      GatewayRouter.Gateway(
        address: $0.address, ethernetAddress: $0.ethernetAddress, phase: .init($0.state), priority: $0.priority, weight: $0.weight,
        hold: $0.hold, isForeign: $0.isForeign, givesAway: !$0.isForeign && $0.isUnwilling, lastHeard: $0.lastHeard)
    }
    return ([mine] + others).sorted { $0.address < $1.address }
  }

  private func forwarder(_ number: UInt8) -> GatewayRouter.Forwarder? {
    guard let record = table[number] else { return nil }
    let rate = measurement.rate(of: number)
    return GatewayRouter.Forwarder(
      number: number, home: record.home, holder: holder(of: number, record), state: forwarderState(number, record),
      isRedirectEnded: record.isRedirectEnded, isRetired: record.isRetired, packetsPerSecond: rate.packets, octetsPerSecond: rate.octets)
  }

  private func holder(of number: UInt8, _ record: ForwarderTable.Record) -> InternetAddress? {
    if case .seated(let seat) = state { return seat.owners[number] }
    return record.holder
  }

  private func forwarderState(_ number: UInt8, _ record: ForwarderTable.Record) -> GatewayRouter.ForwarderState {
    if case .seated(let seat) = state { return seat.owners[number] == own ? .active : .listen }
    return switch holdings[Int(number)] {
    case nil: .listen
    case .arriving: .arriving
    case .carried: record.holder == own ? .active : .departing
    }
  }

  func plan() -> (gateways: [InternetAddress], forwarders: [[UInt8]], plan: MovePlan) {
    let able = places.filter { !$0.isUnwilling }
    let numbers = able.map { place in table.numbers.filter { place.carried.contains($0) } }
    let loads = zip(able, numbers).map { GatewayLoad($1.map { measurement.load(of: $0) }, share: max($0.share, 1)) }
    return (able.map(\.address), numbers, measurement.steering.plan(loads))
  }
}

extension GatewayRouter.Phase {
  /// What another gateway says that it is doing; what is unknown listens.
  init(_ state: GlbpState) {
    self =
      switch state {
      case .active: .active
      case .standby: .standby
      case .speak: .speak
      default: .listen
      }
  }
}
