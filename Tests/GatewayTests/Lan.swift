import Testing
import Wire

@testable import Gateway

/// Gateways on a wire that delivers in order after half a millisecond, and time that passes only when nothing is left to do.
struct Lan {
  struct Machine {
    var router: GatewayRouter
    var isAlive = true
    var forwarding: Set<UInt8> = []
    var holding: Set<UInt8> = []
    var lease = Instant.zero
    var isActive = false
    var hasStopped = false
    var released: [UInt8] = []
    var reports: [GatewayRouter.Report] = []
    var answers: [UInt8] = []
    var corrections: [(host: GatewayHost, forwarder: UInt8)] = []
    var placements: [[UInt8: InternetAddress]] = []
    var sent: [(packet: GlbpPacket, sources: [GatewayRouter.Source])] = []
    var sequence: UInt64 = 0
  }

  struct Flight {
    var at: Instant
    var to: Int
    var packet: GlbpPacket
    var envelope: GatewayRouter.Envelope
  }

  static let delay = Interval.microseconds(500)
  static let virtualAddress = InternetAddress(ipv4: 0x0a01_01fe)
  static let group: UInt16 = 1
  var now = Instant(nanoseconds: 1_000_000_000)
  var machines: [Machine] = []
  var flights: [Flight] = []
  /// Whether this message of these machines is lost.
  var isLost: (_ number: Int, _ from: Int, _ to: Int) -> Bool = { _, _, _ in false }
  var number = 0
  var generator = Dice()

  struct Dice: RandomNumberGenerator {
    var state: UInt64 = 1
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  static func address(_ index: Int) -> InternetAddress { InternetAddress(ipv4: 0x0a01_0101 + UInt32(index)) }

  static func configuration(_ index: Int) -> GatewayRouter.Configuration {
    GatewayRouter.Configuration(
      group: group, address: address(index), ethernetAddress: EthernetAddress(bits: 0x0200_0000_0100 + UInt64(index)), incarnation: 1,
      virtualAddresses: [virtualAddress])
  }

  /// So many gateways, started at once; `change` makes them different.
  init(_ count: Int, _ change: (Int, inout GatewayRouter.Configuration) -> Void = { _, _ in }) {
    for index in 0..<count {
      var configuration = Self.configuration(index)
      change(index, &configuration)
      machines.append(Machine(router: GatewayRouter(configuration: configuration)))
    }
    for index in 0..<count { feed(.start, to: index) }
  }

  mutating func feed(_ event: GatewayRouter.Event, to index: Int) {
    guard machines[index].isAlive else { return }
    let actions = machines[index].router.handle(event, at: now, using: &generator)
    for sentence in machines[index].router.checkInvariants() { Issue.record("\(now): gateway \(index + 1): \(sentence)") }
    for action in actions { carryOut(action, index) }
  }

  private mutating func carryOut(_ action: GatewayRouter.Action, _ index: Int) {
    switch action {
    case .send(let packet, let sources):
      machines[index].sent.append((packet, sources))
      for _ in sources { send(packet, index) }
    case .setLease(let lease): machines[index].lease = lease
    case .forward(let forwarder):
      machines[index].holding.remove(forwarder)
      machines[index].forwarding.insert(forwarder)
    case .hold(let forwarder): machines[index].holding.insert(forwarder)
    case .stop(let forwarder):
      machines[index].holding.remove(forwarder)
      machines[index].forwarding.remove(forwarder)
    case .releaseHeld(let forwarder): machines[index].released.append(forwarder)
    case .setActive(let isActive): machines[index].isActive = isActive
    case .answer(_, let forwarder): machines[index].answers.append(forwarder)
    case .correct(let host, let forwarder): machines[index].corrections.append((host, forwarder))
    case .place(let placement): machines[index].placements.append(placement)
    case .report(let report): machines[index].reports.append(report)
    case .stopped: machines[index].hasStopped = true
    case .dropHeld: break
    }
  }

  private mutating func send(_ packet: GlbpPacket, _ index: Int) {
    machines[index].sequence += 1
    let envelope = GatewayRouter.Envelope(
      sender: machines[index].router.configuration.address, isAuthentic: true,
      incarnation: machines[index].router.configuration.incarnation,
      sequence: machines[index].sequence)
    for other in machines.indices where other != index {
      number += 1
      guard !isLost(number, index, other) else { continue }
      flights.append(Flight(at: now + Self.delay, to: other, packet: packet, envelope: envelope))
    }
  }

  /// Somebody who is no machine of this LAN says something to all of them.
  mutating func say(_ packet: GlbpPacket, from sender: InternetAddress, isAuthentic: Bool = true) {
    for index in machines.indices {
      feed(.received(packet, from: .init(sender: sender, isAuthentic: isAuthentic)), to: index)
    }
  }

  /// Time passes; `every` second or so `body` may do something.
  mutating func pass(_ duration: Interval) {
    let end = now + duration
    while true {
      let timers = machines.indices.compactMap { index in
        machines[index].isAlive ? machines[index].router.nextDeadline.map { (at: max($0, now), index: index) } : nil
      }
      let timer = timers.min { $0.at < $1.at }
      let flight = flights.indices.min { (flights[$0].at, $0) < (flights[$1].at, $1) }
      let flightAt = flight.map { flights[$0].at }
      guard let next = [timer?.at, flightAt].compactMap({ $0 }).min(), next <= end else { break }
      now = next
      if let flight, flightAt == next {
        let arrived = flights.remove(at: flight)
        feed(.received(arrived.packet, from: arrived.envelope), to: arrived.to)
      } else if let timer {
        feed(.timer, to: timer.index)
      }
    }
    now = end
  }

  mutating func kill(_ index: Int) {
    machines[index].isAlive = false
    machines[index].forwarding = []
    machines[index].holding = []
    machines[index].isActive = false
  }

  /// Starts a dead machine again, with a new run of its daemon.
  mutating func restart(_ index: Int) {
    var configuration = machines[index].router.configuration
    configuration.incarnation += 1
    machines[index] = Machine(router: GatewayRouter(configuration: configuration))
    feed(.start, to: index)
  }

  var active: [Int] { machines.indices.filter { machines[$0].isActive } }
  func holders(of forwarder: UInt8) -> [Int] { machines.indices.filter { machines[$0].forwarding.contains(forwarder) } }
  func counts() -> [Int] { machines.map(\.forwarding.count) }
  func phase(_ index: Int) -> GatewayRouter.Phase { machines[index].router.snapshot(at: now).phase }

  /// Every second the packet paths are read: so many octets per second, of each forwarder, wherever it is.
  mutating func measure(_ loads: [UInt8: UInt64], seconds: Int) {
    for second in 1...seconds {
      for index in machines.indices {
        let volumes = loads.filter { machines[index].forwarding.contains($0.key) }.mapValues {
          GatewayRouter.Volume(packets: UInt64(second) * $0 / 100, octets: UInt64(second) * $0)
        }
        feed(.traffic(volumes), to: index)
      }
      pass(.seconds(1))
    }
  }
}

extension GatewayRouter.Event {
  /// The host asks for the virtual address of its own family.
  static func asks(_ host: GatewayHost, forwarder: UInt8?) -> Self {
    let asked = Lan.virtualAddress.family == host.address.family ? Lan.virtualAddress : InternetAddress(high: 0xfe80 << 48, low: 0xfe)
    return .hostAsked(AddressQuery(asked: asked, asker: host.address, askerEthernet: host.ethernet), forwarder: forwarder)
  }
}
