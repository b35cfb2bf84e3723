import CPacketPath
import Cluster
import Host
import PacketPath
import Wire

// The clients' part, and what frames do on the wire between machines: real frames, decided by each machine's own packet path.
//
// A client's packet reaches every machine that hears the client, at one instant. The packet path takes it, and the machine answers; or
// drops it; or sends it up, and it waits in the ring. What a machine sends to another's Ethernet address arrives there at once, before any
// datagram that follows it: it goes through the same port.
//
// A packet that nobody answered was lost. While nothing else happens to the cluster, a move must lose none: that is a violation.

/// The clients' packets whose answers may still come.
struct ClientTraffic {
  struct Packet {
    var unit: Int
    var client: Int
    var sentAt: UInt64
    /// Nothing has happened to the cluster for a while.
    var isCalm: Bool
    var answers = 0
  }
  /// By their numbers, as many as are sent in the time that an answer may take.
  var packets: [UInt32: Packet] = [:]
  var number: UInt32 = 0
  /// When something happened to the cluster last, and until when that counts.
  var disturbedAt: UInt64 = 0
  var disturbedUntil: UInt64 = 0
  /// Ports by unit and client, under these hash keys.
  private var ports: [Int: UInt16] = [:]
  private var portKeys: [UInt8] = []

  /// Longer than packets are held.
  static let patience: UInt64 = 1_500_000_000
  static let sharedAddress: [UInt8] = [3, 0, 0, 0x4d, 0, 1]
  private static let clusterAddress: [UInt8] = [10, 0, 0, 255]

  /// What a packet path must know of its machine.
  static func write(ownAddress: EthernetAddress, to tables: PacketTables) {
    let settings = tables.settings
    settings.pointee.own_mac = ownAddress.record
    settings.pointee.shared_mac = EthernetAddress(bits: sharedAddress.reduce(0) { $0 << 8 | UInt64($1) }).record
    tables.setAddresses([clusterAddress].compactMap { skein_address(octets: $0) }, of: skein_role_cluster)
    tables.setFlags(UInt64(skein_flag_enabled.rawValue | skein_flag_hold.rawValue))
  }

  /// A datagram with a number in it, from a client's port to the cluster address.
  static func frame(client: Int, port: UInt16, number: UInt32) -> [UInt8] {
    var frame = sharedAddress + [2, 1, 0, 0, 0, UInt8(client + 1), 8, 0]
    frame += [0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 0, UInt8(client + 1)] + clusterAddress
    frame += [UInt8(port >> 8), UInt8(port & 0xff), 0x1e, 0x61, 0, 12, 0, 0]
    return frame + (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * $0)) }
  }

  /// The number in a frame.
  static func number(in frame: [UInt8]) -> UInt32 { frame.suffix(4).reduce(0) { $0 << 8 | UInt32($1) } }

  /// A client's port whose packets are of this unit, for a machine with these tables; nil when none was found.
  mutating func port(ofUnit unit: Int, client: Int, _ path: NativePacketPath) -> UInt16? {
    let keys = withUnsafeBytes(of: path.tables.settings.pointee.hash_keys) { Array($0) }
    if portKeys != keys {
      (portKeys, ports) = (keys, [:])
      for client in 0..<World.clientCount { learnPorts(client, path) }
    }
    return ports[client * UnitSet.unitCount + unit]
  }

  private mutating func learnPorts(_ client: Int, _ path: NativePacketPath) {
    for port in UInt16(1024)..<9216 {
      let unit = Int(path.trace(Self.frame(client: client, port: port, number: 0), now: 0).outcome.unit)
      ports[client * UnitSet.unitCount + unit] = port
    }
  }
}

extension World {
  /// Something happens to the cluster: what is lost now and for a while is not a move's doing.
  mutating func disturb(for duration: UInt64 = 1_000_000_000) {
    traffic.disturbedAt = time
    traffic.disturbedUntil = max(traffic.disturbedUntil, time + duration)
  }

  /// A unit is about to move: its clients send often.
  mutating func focus(on unit: Int) {
    guard random.chance(0.1), let master = machines.firstIndex(where: { $0.path.isMaster }) else { return }
    let client = unit % Self.clientCount
    guard let port = traffic.port(ofUnit: unit, client: client, machines[master].native) else { return }
    for beat in 0..<40 { queue.add(.focus, at: time + 1 + UInt64(beat) * 150_000, machine: client, value: UInt32(port)) }
  }

  mutating func sendPacket() {
    queue.add(.packet, at: time + options.packetInterval.nanoseconds)
    send(from: random.below(Self.clientCount), port: UInt16(1024 + random.below(60_000)))
  }

  mutating func send(from client: Int, port: UInt16) {
    traffic.number &+= 1
    let frame = ClientTraffic.frame(client: client, port: port, number: traffic.number)
    let isCalm = time > traffic.disturbedUntil
    traffic.packets[traffic.number] = .init(unit: 0, client: client, sentAt: time, isCalm: isCalm)
    queue.add(.packetDue, at: time + ClientTraffic.patience, value: traffic.number)
    for index in machines.indices where network.hears(index, client: client) { arrive(frame, at: index) }
    statistics.packets += 1
  }

  /// A frame comes in: the packet path decides, by the machine's own clock.
  private mutating func arrive(_ frame: [UInt8], at index: Int) {
    var frame = frame
    let now = machines[index].clock.local(time)
    let outcome = frame.withUnsafeMutableBytes { machines[index].native.process($0, now: now) }
    if Int(outcome.unit) < UnitSet.unitCount { traffic.packets[ClientTraffic.number(in: frame)]?.unit = Int(outcome.unit) }
    switch outcome.verdict {
    case .pass: if outcome.counter == .taken { answer(frame, index) }
    case .up:
      trace(ClientTraffic.number(in: frame), "sent up", index)
      // Some runs of the packet path take longer than others: what they looked at in the tables may be old when they end.
      sendUp(.init(outcome, frame), visibleAt: time + (random.chance(0.1) ? random.below(500_000) : 0), index)
    case .transmit: carry(frame, from: index)
    case .drop, .redirect: break
    }
  }

  /// The application answers.
  mutating func answer(_ frame: [UInt8], _ index: Int) {
    let number = ClientTraffic.number(in: frame)
    guard let packet = traffic.packets[number], machines[index].hasClusterAddress, network.answers(index, client: packet.client) else {
      return
    }
    traffic.packets[number]?.answers += 1
    trace(number, "answered", index)
    guard packet.answers > 0, time >= checker.graceUntil else { return }
    checker.report(.twoOwners, at: time, "a packet of unit \(packet.unit) was answered twice, the second time by machine \(index + 1)")
  }

  /// A frame from a machine to another's Ethernet address.
  mutating func carry(_ frame: [UInt8], from index: Int) {
    let destination = EthernetAddress(bits: frame.prefix(6).reduce(0) { $0 << 8 | UInt64($1) })
    for other in machines.indices where other != index && machines[other].profile.ethernetAddress == destination {
      trace(ClientTraffic.number(in: frame), "sent on to machine \(other + 1)", index)
      if network.passes(from: index, to: other) { arrive(frame, at: other) }
    }
  }

  private func trace(_ number: UInt32, _ what: @autoclosure () -> String, _ index: Int) {
    guard doesTrace, let packet = traffic.packets[number] else { return }
    print("\(Double(time / 1000) / 1000) ms machine \(index + 1): packet \(number) of unit \(packet.unit) \(what())")
  }

  /// An answer would have come by now.
  mutating func settlePacket(_ number: UInt32) {
    guard let packet = traffic.packets.removeValue(forKey: number) else { return }
    if packet.answers > 0 { statistics.answered += 1 } else { statistics.unanswered += 1 }
    guard packet.answers == 0, packet.isCalm, traffic.disturbedAt < packet.sentAt else { return }
    checker.report(.lostInMove, at: time, "a packet of unit \(packet.unit), sent at \(packet.sentAt / 1000) µs, was answered by nobody")
  }
}

extension ApplianceHost.Upcall {
  /// A frame that the packet path could not decide.
  init(_ outcome: Outcome, _ frame: [UInt8]) {
    self.init(reason: outcome.counter.upcallReason ?? skein_upcall_unacknowledged, unit: Int(outcome.unit), interface: 1, frame: frame)
  }
}
