import Foundation
import Synchronization

/// Sends numbered datagrams without pause and takes down on the wire what becomes of each, and when. One thread does both, so nothing is
/// asked that is not at once looked for.
final class Prober: Sendable {
  private let state = ProberState()
  private let worker: Worker<Void>

  /// - Parameter begin: opens what it needs, and returns what then sends until it is told to stop. Both run on a thread of their own.
  init(_ begin: @escaping @Sendable (ProberState) throws -> () throws -> Void) throws {
    worker = Worker(isUrgent: true) { [state] in
      defer { state.ready.signal() }
      do {
        let send = try begin(state)
        state.ready.signal()
        try send()
      } catch {
        state.failed.raise()
        throw error
      }
    }
    state.ready.wait()
    if state.failed.isRaised { try worker.value() }
  }

  deinit { state.stopping.raise() }

  /// What is known so far; answers may still be on their way.
  func read<Result: Sendable>(_ body: (borrowing ProbeLedger) -> Result) -> Result { state.ledger.withLock { body($0) } }

  /// Asks no more, waits for the last answers and returns everything.
  /// - Throws: `LabError.observation` when a tap could not keep up.
  func finish() throws -> ProbeLedger {
    state.stopping.raise()
    try worker.value()
    return state.ledger.withLock { $0 }
  }

  /// Whether every flow has had an answer in this time.
  func allAnswered(withinMilliseconds milliseconds: Int) -> Bool {
    let since = BootClock.nanoseconds - UInt64(milliseconds) * 1_000_000
    return read { $0.isAnswered(since: since) }
  }
}

/// What a prober's thread shares with the one that started it.
final class ProberState: Sendable {
  let ledger = Mutex(ProbeLedger(flowCount: 0))
  fileprivate let ready = DispatchSemaphore(value: 0)
  fileprivate let failed = Flag()
  let stopping = Flag()

  /// Begins a new ledger.
  func begin(flowCount: Int) { ledger.withLock { $0 = ProbeLedger(flowCount: flowCount, run: .random(in: 1...UInt32.max)) } }

  /// Waits for the last answers.
  func linger(milliseconds: Int, _ hear: (inout ProbeLedger) -> Void) {
    let end = BootClock.nanoseconds + UInt64(milliseconds) * 1_000_000
    while BootClock.nanoseconds < end {
      BootClock.sleep(until: BootClock.nanoseconds + 5_000_000)
      ledger.withLock { hear(&$0) }
    }
  }
}

extension ProbeLedger {
  /// Sends a flow's next question, of so many octets.
  mutating func ask(_ flow: Int, _ socket: Descriptor, octets: Int = ProbeMessage.octetCount) {
    withUnsafeTemporaryAllocation(byteCount: max(ProbeMessage.octetCount, octets), alignment: 8) { buffer in
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      next(flow).write(to: buffer)
      sent(flow: flow, at: BootClock.nanoseconds)
      // An error that an earlier probe met is reported by the next send, which then has sent nothing.
      let isSent = (0..<3).contains { _ in
        send(socket.number, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) >= 0
      }
      if !isSent { refused(flow: flow) }
    }
  }

  /// A flow's next question.
  func next(_ flow: Int) -> ProbeMessage { ProbeMessage(run: run, flow: UInt16(flow), sequence: UInt64(flows[flow].count)) }

  /// Takes down every probe of this run that has come out on a wire since, by whom it came there; nil when it does not count.
  mutating func hear(_ tap: WireTap, from port: UInt16? = nil, by whom: (ProbeMessage, UnsafeRawBufferPointer) -> Int?) {
    tap.drain { octets, time in
      guard let probe = ProbeMessage(frame: octets, from: port), probe.run == run, let member = whom(probe, octets) else { return }
      answered(flow: Int(probe.flow), sequence: probe.sequence, by: member, at: time)
    }
  }
}

// MARK: questions to a cluster

extension Prober {
  struct Settings: Sendable {
    var family = AddressFamily.four
    var flowsPerMember = 8
    /// Other numbers of flows, for members of one's choice.
    var flowsOfMember: [Int: Int] = [:]
    var candidateCount = 96
    var intervalMicroseconds = 2000
    /// How many times longer each pause is, on a slow machine.
    var slowness = 1
    /// A question's length. Longer than a frame, it travels in fragments.
    var questionByteCount = ProbeMessage.octetCount
  }

  /// Asks the cluster and takes down who answers. A flow is a UDP socket of the client's with its own address and port, so each belongs to
  /// one work unit. First many flows ask a few questions each, to learn whose they are; then some of each member's ask every two
  /// milliseconds. The sockets are ordinary ones, so finding the cluster's Ethernet address is left to the kernel, as for any client.
  /// - Throws: `LabError.observation` if nobody answers.
  convenience init(plan: Plan, settings: Settings) throws {
    try self.init { state in
      let asker = try plan.clientNamespace(.near).enter { try Asker(settings: settings, tap: WireTap(interface: Plan.interface)) }
      try asker.learn(state)
      return { try asker.ask(state) }
    }
  }
}

/// A client's sockets.
private final class Asker {
  private let settings: Prober.Settings
  private var sockets: [Descriptor]
  private let tap: WireTap

  /// To be called in the client's namespace.
  init(settings: Prober.Settings, tap: WireTap) throws {
    self.settings = settings
    self.tap = tap
    sockets = try (0..<settings.candidateCount).map { index in
      try openUDP(
        from: Plan.clientAddress(index % Plan.clientAddressCount, settings.family), to: Plan.clusterAddress(settings.family),
        port: ProbeMessage.port)
    }
  }

  /// Keeps so many flows of each member as are wanted, and forgets the others.
  func learn(_ state: ProberState) throws {
    state.begin(flowCount: sockets.count)
    for _ in 0..<8 {
      for flows in beats {
        ask(flows, state)
        pause(milliseconds: 2)
      }
      pause(milliseconds: 20)
    }
    pause(milliseconds: 100)
    let owners = state.ledger.withLock { ledger in
      hear(&ledger)
      return sockets.indices.map { ledger.owner(ofFlow: $0) }
    }
    guard owners.contains(where: { $0 != nil }) else {
      throw LabError.observation("nobody answers probes to \(Plan.clusterAddress(settings.family))")
    }
    sockets = chooseFlows(owners: owners) { settings.flowsOfMember[$0] ?? settings.flowsPerMember }.map { sockets[$0] }
    state.begin(flowCount: sockets.count)
  }

  /// Asks on every flow in each interval until told to stop; many flows in several beats.
  func ask(_ state: ProberState) throws {
    let beats = beats
    let interval = UInt64(settings.intervalMicroseconds * settings.slowness) * 1000 / UInt64(max(1, beats.count))
    var beat = BootClock.nanoseconds
    while !state.stopping.isRaised {
      for flows in beats {
        ask(flows, state)
        beat = max(beat + interval, BootClock.nanoseconds)
        BootClock.sleep(until: beat)
      }
    }
    state.linger(milliseconds: 300 * settings.slowness, hear)
    try tap.checkComplete()
  }

  /// A virtual Ethernet pair with an XDP program has room for 256 frames that wait.
  private static let flowsPerBeat = 96

  private var beats: [Range<Int>] {
    stride(from: 0, to: sockets.count, by: Self.flowsPerBeat).map { $0..<min($0 + Self.flowsPerBeat, sockets.count) }
  }

  private func pause(milliseconds: Int) {
    BootClock.sleep(until: BootClock.nanoseconds + UInt64(milliseconds * settings.slowness) * 1_000_000)
  }

  private func ask(_ flows: Range<Int>, _ state: ProberState) {
    state.ledger.withLock { ledger in
      for flow in flows { ledger.ask(flow, sockets[flow], octets: settings.questionByteCount) }
      hear(&ledger)
    }
  }

  private func hear(_ ledger: inout ProbeLedger) { ledger.hear(tap, from: ProbeMessage.port) { probe, _ in Int(probe.member) } }
}

/// Up to as many flows of each member as are wanted, in order, and those that nobody owned not at all.
func chooseFlows(owners: [Int?], wanted: (Int) -> Int) -> [Int] {
  var taken: [Int: Int] = [:]
  return owners.indices.filter { flow in
    guard let owner = owners[flow], taken[owner, default: 0] < wanted(owner) else { return false }
    taken[owner, default: 0] += 1
    return true
  }
}

/// A UDP socket of one client's, with a port that the kernel chooses. Its receive buffer is as small as it can be: nobody reads it.
func openUDP(from address: String, to destination: String, port: UInt16) throws -> Descriptor {
  guard let local = SocketAddress(address, port: 0), let remote = SocketAddress(destination, port: port) else {
    throw LabError.badOption("\(address) or \(destination) is not an Internet address")
  }
  let socket = try Descriptor.socket(local.family, SOCK_DGRAM)
  try socket.set(SOL_SOCKET, SO_RCVBUF, 1)
  try socket.bind(to: local)
  try socket.connect(to: remote)
  return socket
}
