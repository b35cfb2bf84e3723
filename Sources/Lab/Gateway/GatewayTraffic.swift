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
}

/// Hosts that send numbered datagrams through their gateway at fixed rates, and taps on the server's wires that see which router each came
/// by, and how often. One thread does both, so nothing is asked that is not at once looked for.
final class GatewayTraffic: Sendable {
  /// What routers have put on the wires to the server.
  struct Carried: Sendable {
    var packets: [Int: Int] = [:]
    /// Of whole frames, as the routers count them.
    var octets: [Int: Int] = [:]

    static func - (left: Carried, right: Carried) -> Carried {
      Carried(
        packets: left.packets.merging(right.packets) { $0 - $1 }, octets: left.octets.merging(right.octets) { $0 - $1 })
    }

    /// Each router's part of the octets in percent.
    func shares(_ routers: ClosedRange<Int>) -> [Double] {
      let total = max(1, octets.values.reduce(0, +))
      return routers.map { Double(octets[$0] ?? 0) * 100 / Double(total) }
    }
  }

  private let state: TrafficState
  private let worker: Worker<Void>
  let streams: [GatewayStream]

  /// Begins to send.
  init(plan: GatewayPlan, streams: [GatewayStream], beatMicroseconds: Int = 1000) throws {
    self.streams = streams
    let state = TrafficState(streams)
    self.state = state
    worker = Worker(isUrgent: true) {
      let sender = Result { try TrafficSender(plan: plan, streams: streams, beatMicroseconds: beatMicroseconds) }
      if case .failure = sender { state.failed.raise() }
      state.ready.signal()
      try sender.get().run(state)
    }
    state.ready.wait()
    if state.failed.isRaised { try worker.value() }
  }

  deinit { state.stopping.raise() }

  /// What became of the datagrams so far; some may still be on their way.
  func read<Result: Sendable>(_ body: (borrowing ProbeLedger) -> Result) -> Result { state.guarded.withLock { body($0.ledger) } }
  var carried: Carried { state.guarded.withLock { $0.carried } }

  /// From now on a stream has another rate.
  func set(_ stream: Int, packetsPerSecond: Double) { state.guarded.withLock { $0.rates[stream] = packetsPerSecond } }

  /// Waits until every stream has sent all that it may.
  func waitUntilSent() throws {
    try wait(for: "the hosts to send what they should", seconds: 60) {
      read { ledger in zip(ledger.flows, streams).allSatisfy { $0.count >= $1.limit } }
    }
  }

  /// Sends no more, waits for the last ones, and returns everything.
  /// - Throws: `LabError.observation` when a tap could not keep up.
  func finish() throws -> ProbeLedger {
    state.stopping.raise()
    try worker.value()
    return state.guarded.withLock { $0.ledger }
  }

  /// The octets of a frame that carries so much UDP payload.
  static func frameOctets(payload: Int, _ family: AddressFamily) -> Int { 14 + (family == .four ? 20 : 40) + 8 + payload }
}

/// What the sending thread shares with the one that started it.
private final class TrafficState: Sendable {
  struct Guarded: Sendable {
    var ledger: ProbeLedger
    var rates: [Double]
    var carried = GatewayTraffic.Carried()
  }
  let guarded: Mutex<Guarded>
  let ready = DispatchSemaphore(value: 0)
  let failed = Flag()
  let stopping = Flag()

  init(_ streams: [GatewayStream]) {
    guarded = Mutex(Guarded(ledger: ProbeLedger(flowCount: streams.count), rates: streams.map(\.packetsPerSecond)))
  }
}

/// The sending thread.
private final class TrafficSender {
  private let streams: [GatewayStream]
  private let sockets: [Descriptor]
  private let sinks: [Descriptor]
  private let taps: [(router: Int, tap: WireTap)]
  private let beatNanoseconds: UInt64
  private let run = UInt32.random(in: 1...UInt32.max)
  private var sequences: [UInt64]
  private var credits: [Double]

  init(plan: GatewayPlan, streams: [GatewayStream], beatMicroseconds: Int) throws {
    self.streams = streams
    beatNanoseconds = UInt64(beatMicroseconds) * 1000
    sequences = Array(repeating: 0, count: streams.count)
    // Streams of one rate do not send at the same moment.
    credits = streams.indices.map { Double($0) / Double(max(1, streams.count)) }
    (sinks, taps) = try plan.serverNamespace.enter {
      (
        try AddressFamily.allCases.map { try Self.sink(at: GatewayPlan.serverAddress($0)) },
        try plan.routers.map { ($0, try WireTap(interface: plan.serverPort(ofRouter: $0))) }
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

  func run(_ state: TrafficState) throws {
    var beat = BootClock.nanoseconds
    var last = beat
    while !state.stopping.isRaised {
      state.guarded.withLock {
        let now = BootClock.nanoseconds
        send(&$0, seconds: Double(now - last) / 1e9)
        last = now
        hear(&$0)
      }
      beat = max(beat + beatNanoseconds, BootClock.nanoseconds)
      BootClock.sleep(until: beat)
    }
    let end = BootClock.nanoseconds + 400_000_000
    while BootClock.nanoseconds < end {
      BootClock.sleep(until: BootClock.nanoseconds + 5_000_000)
      state.guarded.withLock { hear(&$0) }
    }
    for (_, tap) in taps { try tap.checkComplete() }
  }

  private func send(_ guarded: inout TrafficState.Guarded, seconds: Double) {
    withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 8) { buffer in
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      for stream in streams.indices {
        // What this machine did not let the thread send in 20 ms is not made up for.
        credits[stream] = min(credits[stream] + guarded.rates[stream] * seconds, max(2, guarded.rates[stream] * 0.02))
        while credits[stream] >= 1, sequences[stream] < streams[stream].limit {
          credits[stream] -= 1
          send(stream, buffer, &guarded.ledger)
        }
      }
    }
  }

  private func send(_ stream: Int, _ buffer: UnsafeMutableRawBufferPointer, _ ledger: inout ProbeLedger) {
    ProbeMessage(run: run, flow: UInt16(stream), sequence: sequences[stream]).write(to: buffer)
    ledger.sent(flow: stream, at: BootClock.nanoseconds)
    sequences[stream] += 1
    let count = min(max(ProbeMessage.octetCount, streams[stream].octets), buffer.count)
    // An error that an earlier datagram met is reported by the next send, which then has sent nothing.
    for _ in 0..<3 where Glibc.send(sockets[stream].number, buffer.baseAddress, count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) >= 0 { return }
  }

  private func hear(_ guarded: inout TrafficState.Guarded) {
    for (router, tap) in taps {
      tap.drain { octets, time in
        guard let (probe, length) = Self.probe(in: octets), probe.run == run else { return }
        guarded.ledger.answered(flow: Int(probe.flow), sequence: probe.sequence, by: router, at: time)
        guarded.carried.packets[router, default: 0] += 1
        guarded.carried.octets[router, default: 0] += length
      }
    }
  }

  /// The numbered datagram in a frame, and how long the frame was.
  private static func probe(in frame: UnsafeRawBufferPointer) -> (ProbeMessage, Int)? {
    guard frame.count >= 42 + ProbeMessage.octetCount else { return nil }
    func sixteen(_ offset: Int) -> Int { Int(frame[offset]) << 8 | Int(frame[offset + 1]) }
    switch sixteen(12) {
    case 0x0800 where frame[14] == 0x45 && frame[23] == 17:
      return ProbeMessage(UnsafeRawBufferPointer(rebasing: frame[42...])).map { ($0, 14 + sixteen(16)) }
    case 0x86dd where frame[20] == 17 && frame.count >= 62 + ProbeMessage.octetCount:
      return ProbeMessage(UnsafeRawBufferPointer(rebasing: frame[62...])).map { ($0, 54 + sixteen(18)) }
    default: return nil
    }
  }
}
