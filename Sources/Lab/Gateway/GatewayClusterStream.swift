import Foundation
import Synchronization

/// Ten thousand numbered datagrams a second from a host to virtual MAC addresses, half of them IPv6, counted behind the routers, where each
/// must come out once.
final class GatewayClusterStream: Sendable {
  static let interval: UInt64 = 100_000
  private static let marker: UInt64 = 0x736b_6569_6e67_7721

  /// What became of one datagram.
  struct Datagram: Sendable {
    var forwarder: UInt8
    var isSix: Bool
    var sentAt: UInt64
    /// How often it came out, and of which router, and when it did last.
    var count: UInt8 = 0
    var router: UInt64 = 0
    var seenAt: UInt64 = 0
  }

  /// A time for which this machine did not let the sender run, which has real-time priority.
  struct Stall: Sendable {
    var at: UInt64
    var nanoseconds: UInt64
    var milliseconds: Double { Double(nanoseconds / 1000) / 1000 }
    /// Shorter ones happen to everybody.
    static let least: UInt64 = 10_000_000
  }

  private struct State: Sendable {
    var forwarders: [UInt8]
    var isEnding = false
    var datagrams: [Datagram] = []
    var stalls: [Stall] = []
  }
  private let state: Mutex<State>
  private let worker = Mutex<Worker<Void>?>(nil)

  /// - Parameter group: the gateway's, part of its virtual MAC addresses.
  init(plan: Plan, group: UInt16, forwarders: [UInt8]) throws {
    state = Mutex(State(forwarders: forwarders))
    let (host, router) = (plan.clientNamespace(.near), plan.routerNamespace)
    worker.withLock {
      $0 = Worker(isUrgent: true) { [self] in
        let sender = try host.enter { try FrameSender(interface: Plan.interface) }
        let (tap, own) = try router.enter { (try WireTap(interface: Plan.interface), try hardwareAddress(of: Plan.interface)) }
        try run(sender, tap, own, AddressFamily.allCases.map { Self.frame(group: group, $0) })
      }
    }
  }

  /// To which virtual MAC addresses the host sends from now on.
  func send(to forwarders: [UInt8]) { state.withLock { $0.forwarders = forwarders } }

  /// How many were sent so far: a mark between two operations.
  var mark: Int { state.withLock { $0.datagrams.count } }

  /// The longest, in milliseconds.
  var longestStall: Double { state.withLock { $0.stalls.map(\.milliseconds).max() ?? 0 } }

  /// When the machine stood still since then.
  func stalls(since time: UInt64) -> [Stall] { state.withLock { $0.stalls.filter { $0.at >= time } } }

  /// Those sent so far that are numbered so.
  func datagrams(_ range: Range<Int>) -> [Datagram] { state.withLock { Array($0.datagrams[range]) } }

  /// Ends it, and hands out what became of every datagram.
  func finish() throws -> [Datagram] {
    state.withLock { $0.isEnding = true }
    try worker.withLock { $0 }?.value()
    return state.withLock { $0.datagrams }
  }

  /// - Parameter templates: an IPv4 frame and an IPv6 one.
  private func run(_ sender: FrameSender, _ tap: WireTap, _ own: UInt64, _ templates: [[UInt8]]) throws {
    var frames = templates
    var due = BootClock.nanoseconds
    while !state.withLock({ $0.isEnding }) {
      var now = BootClock.nanoseconds
      if now > due + Stall.least {
        state.withLock { $0.stalls.append(Stall(at: due, nanoseconds: now - due)) }
        // What could not be sent in time is not sent at once now: a burst would show how long a wire's queue is, and nothing else.
        due = now
      }
      while due <= now {
        let (number, forwarder, isSix) = state.withLock { state in
          let number = state.datagrams.count
          let forwarder = state.forwarders[number % state.forwarders.count]
          let isSix = number / state.forwarders.count % 2 == 1
          state.datagrams.append(Datagram(forwarder: forwarder, isSix: isSix, sentAt: BootClock.nanoseconds))
          return (number, forwarder, isSix)
        }
        let family = isSix ? 1 : 0
        frames[family][5] = forwarder
        Self.write(UInt64(number), into: &frames[family], at: frames[family].count - 8)
        try sender.send(frames[family])
        due += Self.interval
        now = BootClock.nanoseconds
      }
      read(tap, own)
      BootClock.sleep(until: BootClock.nanoseconds + 1_000_000)
    }
    BootClock.sleep(until: BootClock.nanoseconds + 200_000_000)
    read(tap, own)
    try tap.checkComplete()
  }

  private func read(_ tap: WireTap, _ own: UInt64) {
    state.withLock { state in
      tap.drain { octets, time in
        guard octets.count >= 58, Self.number(octets, 0..<6) == own else { return }
        let start = octets[12] == 0x08 ? 42 : 62
        guard octets.count >= start + 16, Self.number(octets, start..<start + 8) == Self.marker else { return }
        let number = Int(Self.number(octets, start + 8..<start + 16))
        guard state.datagrams.indices.contains(number) else { return }
        state.datagrams[number].count &+= 1
        state.datagrams[number].router = Self.number(octets, 6..<12)
        state.datagrams[number].seenAt = time
      }
    }
  }

  private static func number(_ octets: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64 {
    octets[range].reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func write(_ number: UInt64, into frame: inout [UInt8], at place: Int) {
    for index in 0..<8 { frame[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index)) }
  }

  /// A UDP datagram from a near client to a far one, to forwarder 0 of the group. It ends with the marker and its number.
  private static func frame(group: UInt16, _ family: AddressFamily) -> [UInt8] {
    let addresses = [ClientSite.near, .far].compactMap { SocketAddress(Plan.clientAddress(0, family, $0), port: 0)?.octets }
    let ethernet: [UInt8] = [0, 7, 0xb4, UInt8(group >> 8), UInt8(group & 0xff), 0, 0x02, 0, 0, 0, 0, 0x98]
    // The router looks at neither's UDP checksum.
    var frame =
      switch family {
      case .four: ethernet + [8, 0] + header(addresses.flatMap { $0[4..<8] })
      case .six: ethernet + [0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 17, 64] + addresses.flatMap { $0[8..<24] }
      }
    frame += [0x4e, 0x20, 0, 9, 0, 24, 0, 0] + [UInt8](repeating: 0, count: 16)
    write(marker, into: &frame, at: frame.count - 16)
    return frame
  }

  /// An IPv4 header with its checksum.
  private static func header(_ addresses: [UInt8]) -> [UInt8] {
    var header: [UInt8] = [0x45, 0, 0, 44, 0, 0, 0, 0, 64, 17, 0, 0] + addresses
    let sum = stride(from: 0, to: header.count, by: 2).reduce(0) { $0 + Int(header[$1]) << 8 + Int(header[$1 + 1]) }
    let checksum = ~UInt16(truncatingIfNeeded: sum & 0xffff + sum >> 16)
    (header[10], header[11]) = (UInt8(checksum >> 8), UInt8(checksum & 0xff))
    return header
  }
}

extension [GatewayClusterStream.Datagram] {
  /// Those that came out nowhere.
  var lost: Int { count { $0.count == 0 } }
  var twice: Int { count { $0.count > 1 } }

  /// Those that this router put on the wire last before then.
  func forwarders(of router: UInt64, before time: UInt64) -> Set<UInt8> {
    var last: [UInt8: GatewayClusterStream.Datagram] = [:]
    for datagram in self where datagram.count > 0 && datagram.seenAt < time {
      if datagram.seenAt >= last[datagram.forwarder]?.seenAt ?? 0 { last[datagram.forwarder] = datagram }
    }
    return Set(last.filter { $0.value.router == router }.keys)
  }

  /// The longest time that a host of one of these forwarders was without service, in milliseconds.
  func longestSilence(of forwarders: Set<UInt8>) -> Double {
    var lastServed: [UInt8: UInt64] = [:]
    var longest: UInt64 = 0
    for datagram in self where forwarders.contains(datagram.forwarder) {
      if datagram.count > 0 {
        longest = Swift.max(longest, datagram.sentAt - (lastServed[datagram.forwarder] ?? datagram.sentAt))
        lastServed[datagram.forwarder] = datagram.sentAt
      }
    }
    return Double(longest / 1000) / 1000
  }
}
