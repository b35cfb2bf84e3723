import Foundation
import Synchronization

/// A host's datagrams to the server.
struct GatewayStream: Hashable, Sendable {
  var host: Int
  var family = AddressFamily.four
  var packetsPerSecond: Double
  /// Of the UDP payload.
  var octets = ProbeMessage.octetCount
  /// After so many it is silent.
  var limit = Int.max

  /// Of a whole frame, as the routers count them.
  var frameOctets: Int { 14 + (family == .four ? 20 : 40) + 8 + octets }
}

extension Prober {
  /// Hosts send numbered datagrams through their gateway at fixed rates, a flow each, and taps on the server's wires see which router each
  /// came by, and how often.
  convenience init(plan: GatewayPlan, streams: [GatewayStream]) throws {
    try self.init { state in
      let sender = try StreamSender(plan: plan, streams: streams)
      state.begin(flowCount: streams.count)
      return { try sender.run(state) }
    }
  }

  /// Each router's part of the octets of what was sent in this time, in percent.
  func shares(_ streams: [GatewayStream], of routers: ClosedRange<Int>, sentIn window: Range<UInt64>) -> [Double] {
    let octets = read { $0.answers(sentIn: window) { streams[$0].frameOctets } }
    let total = max(1, octets.values.reduce(0, +))
    return routers.map { Double(octets[$0] ?? 0) * 100 / Double(total) }
  }

  /// Waits until every stream has sent all that it may.
  func waitUntilSent(_ streams: [GatewayStream]) throws {
    try wait(for: "the hosts to send what they should", seconds: 60) {
      read { ledger in zip(ledger.flows, streams).allSatisfy { $0.count >= $1.limit } }
    }
  }
}

/// The hosts' sockets.
private final class StreamSender {
  private let streams: [GatewayStream]
  private let sockets: [Descriptor]
  private let sinks: [Descriptor]
  private let taps: [(router: Int, tap: WireTap)]
  private var credits: [Double]

  init(plan: GatewayPlan, streams: [GatewayStream]) throws {
    self.streams = streams
    // Streams of one rate do not send at the same moment.
    credits = streams.indices.map { Double($0) / Double(max(1, streams.count)) }
    (sinks, taps) = try plan.serverNamespace.enter {
      (
        try AddressFamily.allCases.map { try Self.sink(at: GatewayPlan.serverAddress($0)) },
        try plan.routers.map { ($0, try WireTap(interface: plan.serverPort(of: $0))) }
      )
    }
    sockets = try streams.map { stream in
      try plan.namespace(ofHost: stream.host).enter {
        let socket = try openUDP(
          from: plan.address(ofHost: stream.host, stream.family), to: GatewayPlan.serverAddress(stream.family), port: ProbeMessage.port)
        try socket.set(SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        return socket
      }
    }
  }

  /// So that the server does not refuse what nobody reads.
  private static func sink(at address: String) throws -> Descriptor {
    guard let address = SocketAddress(address, port: ProbeMessage.port) else { preconditionFailure("\(address) is an address") }
    let socket = try Descriptor.socket(address.family, SOCK_DGRAM)
    try socket.set(SOL_SOCKET, SO_RCVBUF, 1)
    try socket.bind(to: address)
    return socket
  }

  func run(_ state: ProberState) throws {
    var beat = BootClock.nanoseconds
    var last = beat
    while !state.stopping.isRaised {
      state.ledger.withLock {
        let now = BootClock.nanoseconds
        send(&$0, seconds: Double(now - last) / 1e9)
        last = now
        hear(&$0)
      }
      beat = max(beat + 1_000_000, BootClock.nanoseconds)
      BootClock.sleep(until: beat)
    }
    state.linger(milliseconds: 400, hear)
    for (_, tap) in taps { try tap.checkComplete() }
  }

  private func send(_ ledger: inout ProbeLedger, seconds: Double) {
    for (flow, stream) in streams.enumerated() {
      // What this machine did not let the thread send in 20 ms is not made up for.
      credits[flow] = min(credits[flow] + stream.packetsPerSecond * seconds, max(2, stream.packetsPerSecond * 0.02))
      while credits[flow] >= 1, ledger.flows[flow].count < stream.limit {
        credits[flow] -= 1
        ledger.ask(flow, sockets[flow], octets: stream.octets)
      }
    }
  }

  private func hear(_ ledger: inout ProbeLedger) { for (router, tap) in taps { ledger.hear(tap) { _, _ in router } } }
}
