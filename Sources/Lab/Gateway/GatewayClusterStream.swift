import Foundation
import Synchronization

/// Ten thousand numbered datagrams a second from a host to virtual MAC addresses, half of them IPv6, counted behind the routers, where each
/// must come out once. A forwarder has a flow for each family; who answers a flow is the Ethernet address of the router that it came by.
struct GatewayClusterStream {
  /// A time for which this machine did not let the sender run, which has real-time priority. Shorter ones happen to everybody.
  static let leastStandstill: UInt64 = 10_000_000
  private static let interval: UInt64 = 100_000

  /// To which virtual MAC addresses the host sends.
  private final class Aim: Sendable {
    let forwarders: Mutex<[UInt8]>
    init(_ forwarders: [UInt8]) { self.forwarders = Mutex(forwarders) }
  }
  private let aim: Aim
  private let prober: Prober

  static func flow(of forwarder: UInt8, _ family: AddressFamily) -> Int { Int(forwarder) + (family == .six ? 256 : 0) }

  /// - Parameter group: the gateway's, part of its virtual MAC addresses.
  init(plan: Plan, group: UInt16, forwarders: [UInt8]) throws {
    let aim = Aim(forwarders)
    self.aim = aim
    prober = try Prober { state in
      let sender = try plan.clientNamespace(.near).enter { try FrameSender(interface: Plan.interface) }
      let (tap, own) = try plan.routerNamespace.enter { (try WireTap(interface: Plan.interface), try hardwareAddress(of: Plan.interface)) }
      state.begin(flowCount: 512)
      return { try Self.run(state, aim, sender, tap, own, AddressFamily.allCases.map { Self.frame(group, $0) }) }
    }
  }

  /// To which virtual MAC addresses the host sends from now on.
  func send(to forwarders: [UInt8]) { aim.forwarders.withLock { $0 = forwarders } }

  /// What became of those that were sent in this time; what was sent in the last 50 ms may still be on its way.
  func ledger(_ window: Range<UInt64>) -> ProbeLedger { prober.read { $0.sent(in: window) } }

  /// Ends it, and hands out what became of every datagram.
  func finish() throws -> ProbeLedger { try prober.finish() }

  /// - Parameter templates: an IPv4 frame and an IPv6 one.
  private static func run(
    _ state: ProberState, _ aim: Aim, _ sender: FrameSender, _ tap: WireTap, _ own: UInt64, _ templates: [[UInt8]]
  ) throws {
    func hear(_ ledger: inout ProbeLedger) {
      ledger.hear(tap) { _, frame in frame[0..<6].number == own ? Int(frame[6..<12].number) : nil }
    }
    var frames = templates
    var (number, due) = (0, BootClock.nanoseconds)
    while !state.stopping.isRaised {
      let forwarders = aim.forwarders.withLock { $0 }
      // What could not be sent in time is not sent at once now: a burst would show how long a wire's queue is, and nothing else.
      if BootClock.nanoseconds > due + leastStandstill { due = BootClock.nanoseconds }
      while due <= BootClock.nanoseconds {
        let forwarder = forwarders[number % forwarders.count]
        let family = number / forwarders.count % 2
        let flow = flow(of: forwarder, AddressFamily.allCases[family])
        frames[family][5] = forwarder
        let probe = state.ledger.withLock { ledger in
          defer { ledger.sent(flow: flow, at: BootClock.nanoseconds) }
          return ledger.next(flow)
        }
        frames[family].withUnsafeMutableBytes { probe.write(to: .init(rebasing: $0[($0.count - ProbeMessage.octetCount)...])) }
        try sender.send(frames[family])
        number += 1
        due += interval
      }
      state.ledger.withLock { hear(&$0) }
      BootClock.sleep(until: BootClock.nanoseconds + 1_000_000)
    }
    state.linger(milliseconds: 200, hear)
    try tap.checkComplete()
  }

  /// A datagram from a near client to a far one, to forwarder 0 of the group. It ends with room for its number.
  private static func frame(_ group: UInt16, _ family: AddressFamily) -> [UInt8] {
    let (near, far) = (LanFrame.address(Plan.clientAddress(0, family)), LanFrame.address(Plan.clientAddress(0, family, .far)))
    let type: [UInt8] = family == .four ? [0x08, 0x00] : [0x86, 0xdd]
    return [0, 7, 0xb4] + group.octets + [0, 0x02, 0, 0, 0, 0, 0x98] + type
      + datagram(from: (near, 20_000), to: (far, 9), [UInt8](repeating: 0, count: ProbeMessage.octetCount))
  }
}
