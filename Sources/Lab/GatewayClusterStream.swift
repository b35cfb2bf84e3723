import Foundation
import Synchronization

/// Ten thousand numbered datagrams a second from a host to virtual MAC addresses, counted behind the routers, where each must come out once.
final class GatewayClusterStream: Sendable {
  static let interval: UInt64 = 100_000
  private static let marker: UInt64 = 0x736b_6569_6e67_7721

  /// What became of one datagram.
  struct Datagram: Sendable {
    var forwarder: UInt8
    var sentAt: UInt64
    /// How often it came out, and of which router, and when it did last.
    var count: UInt8 = 0
    var router: UInt64 = 0
    var seenAt: UInt64 = 0
  }

  private struct State: Sendable {
    var forwarders: [UInt8]
    var isEnding = false
    var datagrams: [Datagram] = []
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
        try run(sender, tap, own, Self.frame(group: group))
      }
    }
  }

  /// To which virtual MAC addresses the host sends from now on.
  func send(to forwarders: [UInt8]) { state.withLock { $0.forwarders = forwarders } }

  /// How many were sent so far: a mark between two operations.
  var mark: Int { state.withLock { $0.datagrams.count } }

  /// Those sent so far that are numbered so.
  func datagrams(_ range: Range<Int>) -> [Datagram] { state.withLock { Array($0.datagrams[range]) } }

  /// Ends it, and hands out what became of every datagram.
  func finish() throws -> [Datagram] {
    state.withLock { $0.isEnding = true }
    try worker.withLock { $0 }?.value()
    return state.withLock { $0.datagrams }
  }

  private func run(_ sender: FrameSender, _ tap: WireTap, _ own: UInt64, _ template: [UInt8]) throws {
    var frame = template
    var due = BootClock.nanoseconds
    while !state.withLock({ $0.isEnding }) {
      while due <= BootClock.nanoseconds {
        let (number, forwarder) = state.withLock { state in
          let number = state.datagrams.count
          let forwarder = state.forwarders[number % state.forwarders.count]
          state.datagrams.append(Datagram(forwarder: forwarder, sentAt: BootClock.nanoseconds))
          return (number, forwarder)
        }
        frame[5] = forwarder
        Self.write(UInt64(number), into: &frame, at: 50)
        try sender.send(frame)
        due += Self.interval
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
        guard octets.count >= 58, Self.number(octets, 0..<6) == own, Self.number(octets, 42..<50) == Self.marker else { return }
        let number = Int(Self.number(octets, 50..<58))
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

  /// A UDP datagram from a near client to a far one, to forwarder 0 of the group.
  private static func frame(group: UInt16) -> [UInt8] {
    let addresses = [Plan.clientAddress(0, .four), Plan.clientAddress(0, .four, .far)].flatMap {
      $0.split(separator: ".").compactMap { UInt8($0) }
    }
    var header: [UInt8] = [0x45, 0, 0, 44, 0, 0, 0, 0, 64, 17, 0, 0] + addresses
    let sum = stride(from: 0, to: header.count, by: 2).reduce(0) { $0 + Int(header[$1]) << 8 + Int(header[$1 + 1]) }
    let checksum = ~UInt16(truncatingIfNeeded: sum & 0xffff + sum >> 16)
    (header[10], header[11]) = (UInt8(checksum >> 8), UInt8(checksum & 0xff))
    var frame: [UInt8] = [0, 7, 0xb4, UInt8(group >> 8), UInt8(group & 0xff), 0, 0x02, 0, 0, 0, 0, 0x98, 8, 0] + header
    frame += [0x4e, 0x20, 0, 9, 0, 24, 0, 0] + [UInt8](repeating: 0, count: 16)
    write(marker, into: &frame, at: 42)
    return frame
  }
}

extension [GatewayClusterStream.Datagram] {
  /// Those that came out nowhere.
  var lost: Int { count { $0.count == 0 } }
  var twice: Int { count { $0.count > 1 } }

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
