import Wire

/// Inside a cluster: the cluster elects, holds the lease and moves units; the gateway says who should have which, if its member is the master.
struct Seat: Sendable {
  var isMaster = false
  var members: [GatewayRouter.ClusterGateway] = []
  var owners: [UInt8: InternetAddress] = [:]
  /// Since when each member has been in and not draining.
  private var willingSince: [InternetAddress: Instant] = [:]
  /// What the cluster was told last.
  var placed: [UInt8: InternetAddress] = [:]

  mutating func note(_ members: [GatewayRouter.ClusterGateway], at now: Instant) {
    self.members = members
    let willing = members.filter { !$0.isDraining }.map { ($0.address, willingSince[$0.address] ?? now) }
    willingSince = Dictionary(willing, uniquingKeysWith: max)
  }

  /// The members, as the keeper sees them. How many forwarders another wants its hello says.
  func places(_ shared: Shared) -> [Place] {
    members.sorted { $0.address < $1.address }.map { member in
      let neighbour = shared.neighbours[member.address]
      let isOwn = member.address == shared.own
      return Place(
        address: member.address, share: Double(isOwn ? shared.configuration.share : neighbour?.member?.share ?? 100), weight: member.weight,
        wanted: isOwn ? shared.configuration.forwarderCount : Int(neighbour?.member?.wantedForwarderCount ?? 0),
        isUnwilling: member.isDraining || (isOwn ? shared.isUnwilling : neighbour?.isUnwilling ?? true),
        willingSince: since(member.address, isOwn ? shared.willingSince : neighbour?.willingSince), since: neighbour?.since ?? shared.now,
        carried: ForwarderSet(owners.filter { $0.value == member.address }.keys))
    }
  }

  /// Since when both the cluster and its own gateway have had it willing.
  private func since(_ member: InternetAddress, _ gateway: Instant?) -> Instant? {
    guard let gateway, let cluster = willingSince[member] else { return nil }
    return max(gateway, cluster)
  }
}

extension Shared {
  mutating func view(_ isMaster: Bool, _ members: [GatewayRouter.ClusterGateway], _ owners: [UInt8: InternetAddress]) {
    guard case .seated(var seat) = state else { return }
    let before = seat
    seat.isMaster = isMaster
    seat.note(members, at: now)
    seat.owners = owners
    // A new master says everything once: the cluster does not know what its predecessor said.
    if isMaster && !before.isMaster { seat.placed = [:] }
    state = .seated(seat)
    measurement.isStale = true
    guard seat.isMaster != before.isMaster else { return }
    act(.setActive(isMaster))
    report(.state(phase, .cluster))
    nextSteering = now + timers.hold
    voice.speakNow()
  }

  /// Tells the cluster where the forwarders should be.
  mutating func place() {
    guard case .seated(var seat) = state else { return }
    var wanted: [UInt8: InternetAddress] = [:]
    for forwarder in table.numbers {
      if let record = table[forwarder], !record.isRetired, let holder = record.holder { wanted[forwarder] = holder }
    }
    guard wanted != seat.placed else { return }
    seat.placed = wanted
    state = .seated(seat)
    act(.place(wanted))
  }
}
