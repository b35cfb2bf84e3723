// A virtual gateway inside the cluster. Forwarder f is work unit f: the cluster gives it away, moves it and protects it by its leases, as any
// unit; the cluster's master is the active virtual gateway. What is left to the gateway is to say where which unit should be, to answer the
// hosts, to measure and to plan. Its hellos travel sealed, as messages of an application.

import CPacketPath
import Cluster
import Gateway
import Host
import Linux
import Logging
import PacketPath
import Wire

extension Daemon {
  /// Ties the gateway to the cluster, and begins.
  func startGateway() throws {
    guard let gateway else { return }
    gateway.surroundings = .init(
      note: { self.record($0) }, release: { self.handle(.openHeld(unit: $0)) },
      forget: { self.handle(.forgetHeld(unit: $0)) },
      place: { self.place($0) }, broadcast: { self.broadcast($0) })
    try gateway.start(on: poller)
    gatewayIsBehind = true
    tellGateway()
  }

  /// The cluster's state, as the gateway needs it; told after what may have changed it.
  func tellGateway() {
    guard let gateway, gatewayIsBehind else { return }
    gatewayIsBehind = false
    let now = BootClock.now()
    let snapshot = member.snapshot(at: now)
    let view = GatewayView(
      isMaster: snapshot.phase == .master,
      members: snapshot.members.map {
        .init(address: $0.profile.address, weight: UInt8(clamping: Int($0.profile.weight)), isDraining: $0.isDraining)
      },
      owners: owners(snapshot))
    hearForwarders(gateway)
    guard view != toldGateway else { return }
    toldGateway = view
    gateway.handle(.clusterView(isMaster: view.isMaster, members: view.members, owners: view.owners))
  }

  /// The interface hears the virtual MAC addresses of the forwarders that are here, or on their way.
  private func hearForwarders(_ gateway: GatewayRunner) {
    gateway.hear(Set((1...UInt8.max).filter { gateway.router.serves($0) && backend.tables.units[Int($0)].mine != UInt8(skein_not_mine) }))
  }

  private func owners(_ snapshot: ClusterMember.Snapshot) -> [UInt8: InternetAddress] {
    var owners: [UInt8: InternetAddress] = [:]
    for number in 1...UInt8.max {
      let unit = snapshot.units[Int(number)]
      if unit.isAcknowledged, let owner = unit.owner, let profile = host.knownProfiles[owner] { owners[number] = profile.address }
    }
    return owners
  }

  private func place(_ places: [UInt8: InternetAddress]) {
    let members = Dictionary(host.knownProfiles.values.map { ($0.address, $0.identifier) }, uniquingKeysWith: { $1 })
    var units: [Int: MemberIdentifier] = [:]
    for (number, address) in places { units[Int(number)] = members[address] }
    handle(.place(units))
  }

  private func broadcast(_ payload: [UInt8]) {
    let snapshot = member.snapshot(at: BootClock.now())
    guard snapshot.phase.isInCluster else { return }
    let transfer = StateTransfer(
      term: snapshot.term, serial: 0, unit: 0, application: StateChannel.gateway.rawValue, piece: 0, pieceCount: 1,
      bytes: payload)
    send(.stateTransfer(transfer), to: .everyone, .sealed)
  }

  /// Teaches the switches that these forwarders' virtual MAC addresses are here now.
  func announceForwarders(_ units: UnitSet) {
    guard let gateway else { return }
    let forwarders = units.compactMap { UInt8(exactly: $0) }.filter { gateway.router.serves($0) }
    guard !forwarders.isEmpty else { return }
    hearForwarders(gateway)
    for forwarder in forwarders { gateway.teachSwitches(forwarder) }
  }

  /// When tracked commands are looked after again.
  func nextTrackedCommands(at now: Instant) -> Instant {
    now + .milliseconds(gateway?.tracked.isEmpty ?? true ? 1000 : 100)
  }

  /// The commands that the gateway's weight depends on, each when it is due.
  func runTrackedCommands(at now: Instant) {
    guard let due = gateway?.tracked.dueCommands(at: now) else { return }
    for (index, command) in due { run(command, index) }
  }

  private func run(_ command: ShellCommand, _ index: Int) {
    Task { gateway?.take(index, succeeded: await command.succeeds()) }
  }
}

/// What the gateway was told last.
struct GatewayView: Equatable {
  var isMaster: Bool
  var members: [GatewayRouter.ClusterGateway]
  var owners: [UInt8: InternetAddress]
}

extension ClusterMember.Phase {
  fileprivate var isInCluster: Bool { self == .master || self == .member }
}
