import Cluster
import Gateway
import Wire

// The virtual gateway inside the cluster: a router beside each member, tied to it as the node does it. Virtual MAC address f is work unit f,
// so the checker's rule for units covers it: at no instant do two machines forward for one.

/// What a router was told of its cluster last.
struct GatewayView: Equatable {
  var isMaster: Bool
  var members: [GatewayRouter.ClusterGateway]
  var owners: [UInt8: InternetAddress]
}

/// A machine's part in the virtual gateway.
struct SeatedGateway {
  var router: GatewayRouter
  var told: GatewayView?
  /// Earlier looks at the timer are void.
  var timerNumber: UInt32 = 0
}

extension World {
  private static let application = StateChannel.gateway.rawValue
  /// So often the packet path's counters are read.
  private static let measuringInterval: UInt64 = 1_000_000_000

  mutating func makeGateway(_ profile: MemberProfile) -> SeatedGateway? {
    guard options.hasGateway else { return nil }
    var configuration = GatewayRouter.Configuration(
      group: GatewayWorld.group, address: profile.address, ethernetAddress: profile.ethernetAddress, incarnation: time + 1,
      virtualAddresses: [GatewayWorld.virtualAddress])
    configuration.mode = .cluster
    configuration.forwarderPreemptDelay = .seconds(1)
    configuration.steering.method = .moves
    configuration.steering.window = .seconds(1)
    configuration.steering.timeBetweenMoves = .seconds(2)
    configuration.measurementWindow = .seconds(1)
    return SeatedGateway(router: GatewayRouter(configuration: configuration))
  }

  mutating func startGateway(_ index: Int) {
    feedGateway(.start, to: index)
    tellGateway(index)
    if options.hasGateway { queue.add(.measure, at: time + Self.measuringInterval, machine: index, value: machines[index].gatewayRun) }
  }

  mutating func feedGateway(_ event: GatewayRouter.Event, to index: Int) {
    let now = Instant(nanoseconds: machines[index].clock.local(time))
    guard let actions = machines[index].gateway?.router.handle(event, at: now, using: &memberRandom) else { return }
    for action in actions { carryOut(action, index) }
    setGatewayTimer(index)
  }

  private mutating func setGatewayTimer(_ index: Int) {
    machines[index].gateway?.timerNumber &+= 1
    guard let gateway = machines[index].gateway, let deadline = gateway.router.nextDeadline else { return }
    let at = max(time + 1, machines[index].clock.world(deadline.nanoseconds))
    queue.add(.gatewayTimer, at: at, machine: index, value: gateway.timerNumber)
  }

  /// A stopped process goes on.
  mutating func wakeGateway(_ index: Int) { feedGateway(.timer, to: index) }

  mutating func lookAtGatewayTimer(_ number: UInt32, _ index: Int) {
    guard machines[index].process == .running, machines[index].gateway?.timerNumber == number else { return }
    feedGateway(.timer, to: index)
  }

  private mutating func carryOut(_ action: GatewayRouter.Action, _ index: Int) {
    switch action {
    case .send(let packet, _): broadcast(packet, index)
    case .place(let places):
      feed(.place(Dictionary(places.map { (Int($0.key), Self.member(at: $0.value)) }, uniquingKeysWith: { $1 })), to: index)
    case .report(let report):
      if doesTrace { print("\(Double(time / 1000) / 1000) ms gateway \(index + 1): \(report)") }
    case .setActive, .answer, .correct, .stopped: break
    case .setLease, .forward, .hold, .stop, .releaseHeld, .dropHeld:
      checker.report(.badAction, at: time, "gateway \(index + 1) does what is its cluster's: \(action)")
    }
  }

  private static func member(at address: InternetAddress) -> MemberIdentifier {
    MemberIdentifier(rawValue: UInt16(truncatingIfNeeded: (address.ipv4 ?? 0) & 0xffff))
  }

  private static func address(of member: MemberIdentifier) -> InternetAddress {
    InternetAddress(ipv4: 0x0a00_0000 + UInt32(member.rawValue))
  }

  private mutating func broadcast(_ packet: GlbpPacket, _ index: Int) {
    let snapshot = machines[index].member.snapshot(at: Instant(nanoseconds: machines[index].clock.local(time)))
    guard snapshot.phase == .master || snapshot.phase == .member else { return }
    let transfer = StateTransfer(
      term: snapshot.term, serial: 0, unit: 0, application: Self.application, piece: 0, pieceCount: 1, bytes: packet.encode())
    send(.stateTransfer(transfer), to: .everyone, .sealed, index)
  }

  /// Whether a message is the gateway's; then it has been taken.
  mutating func takeGatewayMessage(_ datagram: Datagram, _ index: Int) -> Bool {
    guard case .stateTransfer(let transfer) = datagram.message, transfer.application == Self.application else { return false }
    guard let packet = try? GlbpPacket(decoding: transfer.bytes[...]) else { return true }
    let envelope = GatewayRouter.Envelope(
      sender: datagram.sourceAddress, isAuthentic: true, incarnation: datagram.incarnation, sequence: datagram.sequence)
    feedGateway(.received(packet, from: envelope), to: index)
    return true
  }

  /// Tells the router of the cluster, if there is news.
  mutating func tellGateway(_ index: Int) {
    guard let gateway = machines[index].gateway, machines[index].process == .running else { return }
    let snapshot = machines[index].member.snapshot(at: Instant(nanoseconds: machines[index].clock.local(time)))
    var view = GatewayView(isMaster: snapshot.phase == .master, members: [], owners: [:])
    view.members = snapshot.members.map { .init(address: $0.profile.address, weight: 100, isDraining: $0.isDraining) }
    for number in 1...UInt8.max {
      let unit = snapshot.units[Int(number)]
      if unit.isAcknowledged, let owner = unit.owner { view.owners[number] = Self.address(of: owner) }
    }
    guard view != gateway.told else { return }
    machines[index].gateway?.told = view
    feedGateway(.clusterView(isMaster: view.isMaster, members: view.members, owners: view.owners), to: index)
  }

  /// The traffic of a virtual MAC address is another every ten seconds, so that the plan has something to move.
  mutating func measureGateway(_ run: UInt32, _ index: Int) {
    guard machines[index].gatewayRun == run, machines[index].process != .dead else { return }
    queue.add(.measure, at: time + Self.measuringInterval, machine: index, value: run)
    guard machines[index].process == .running else { return }
    let settlesAt = options.duration.nanoseconds - min(options.duration.nanoseconds, options.settling.nanoseconds)
    let epoch = min(time, settlesAt) / 10_000_000_000
    var volumes: [UInt8: GatewayRouter.Volume] = [:]
    for forwarder in UInt8(1)...UInt8.max where machines[index].path.mine.contains(Int(forwarder)) {
      let rate = (UInt64(forwarder) * 7919 + epoch * 104_729) % 1000
      volumes[forwarder] = .init(packets: rate * (time / 1_000_000_000), octets: rate * 100 * (time / 1_000_000_000))
    }
    feedGateway(.traffic(volumes), to: index)
  }
}
