import Foundation
import Synchronization

/// Asks the cluster numbered questions without pause and takes down on the wire who answers which, and when.
///
/// A flow is a UDP socket of the client's with its own address and port, so each belongs to one work unit. First many flows ask a few
/// questions each, to learn whose they are; then some of each member's ask every two milliseconds. The sockets are ordinary ones, so
/// finding the cluster's Ethernet address is left to the kernel, as for any client. The answers are read from the wire.
final class Prober: Sendable {
  struct Settings: Sendable {
    var family = AddressFamily.four
    var site = ClientSite.near
    var flowsPerMember = 8
    /// Other numbers of flows, for members of one's choice.
    var flowsOfMember: [Int: Int] = [:]
    var candidateCount = 96
    var intervalMicroseconds = 2000
    /// How many times longer each pause is, on a slow machine.
    var slowness = 1
    /// A question's length. Longer than a frame, it travels in fragments.
    var questionByteCount = ProbeMessage.octetCount
    /// How long answers are waited for after the last question.
    var graceMilliseconds = 300
    /// The longest that a failed member's flows may still be answered: a lease that its kernel holds. Twice the detection interval.
    var silenceCertainAfterMilliseconds = 400
  }

  private let state = ProberState()
  private let worker: Worker<Void>

  /// Learns whose flows are whose and begins to ask.
  /// - Throws: `LabError.observation` if nobody answers.
  init(plan: Plan, settings: Settings) throws {
    worker = Worker(isUrgent: true) { [state] in
      defer { state.learned.signal() }
      do {
        let tap = try plan.tapNamespace(settings.site).enter { try WireTap(interface: Plan.interface) }
        let asker = try plan.clientNamespace(settings.site).enter { try Asker(settings: settings, tap: tap) }
        try asker.learn()
        state.begin(flowCount: asker.flowCount, run: asker.run)
        state.learned.signal()
        try asker.ask(state)
      } catch {
        state.failed.raise()
        throw error
      }
    }
    state.learned.wait()
    if state.failed.isRaised { try worker.value() }
  }

  /// What is known so far; answers may still be on their way.
  func read<Result: Sendable>(_ body: (borrowing ProbeLedger) -> Result) -> Result { state.ledger.withLock { body($0) } }

  /// Asks no more, waits for the last answers and returns everything.
  func finish() throws -> ProbeLedger {
    state.stopping.raise()
    try worker.value()
    return state.ledger.withLock { $0 }
  }
}

/// What the prober's thread shares with the one that started it.
private final class ProberState: Sendable {
  let ledger = Mutex(ProbeLedger(flowCount: 0))
  let learned = DispatchSemaphore(value: 0)
  let failed = Flag()
  let stopping = Flag()

  func begin(flowCount: Int, run: UInt32) { ledger.withLock { $0 = ProbeLedger(flowCount: flowCount, run: run) } }
}

/// The prober's thread.
private final class Asker {
  private let settings: Prober.Settings
  private var sockets: [Descriptor]
  private let tap: WireTap
  private(set) var run = UInt32.random(in: 1...UInt32.max)
  private var sequence: UInt64 = 0

  var flowCount: Int { sockets.count }

  /// To be called in the client's namespace.
  init(settings: Prober.Settings, tap: WireTap) throws {
    self.settings = settings
    self.tap = tap
    sockets = try (0..<settings.candidateCount).map { index in
      try openUDP(
        from: Plan.clientAddress(index % Plan.clientAddressCount, settings.family, settings.site), to: Plan.clusterAddress(settings.family),
        port: ProbeMessage.port)
    }
  }

  /// Keeps so many flows of each member as are wanted, and forgets the others.
  func learn() throws {
    var ledger = ProbeLedger(flowCount: sockets.count)
    for _ in 0..<8 {
      askOnce(&ledger)
      pause(milliseconds: 20)
      hear(&ledger)
    }
    pause(milliseconds: 100)
    hear(&ledger)
    let owners = sockets.indices.map { ledger.owner(ofFlow: $0) }
    guard owners.contains(where: { $0 != nil }) else {
      throw LabError.observation("nobody answers probes to \(Plan.clusterAddress(settings.family))")
    }
    sockets = chooseFlows(owners: owners) { settings.flowsOfMember[$0] ?? settings.flowsPerMember }.map { sockets[$0] }
    run = UInt32.random(in: 1...UInt32.max)
    sequence = 0
  }

  /// Asks on every flow in each interval until told to stop; many flows in several beats.
  func ask(_ state: ProberState) throws {
    let beats = beats
    let interval = UInt64(settings.intervalMicroseconds * settings.slowness) * 1000 / UInt64(max(1, beats.count))
    var beat = BootClock.nanoseconds
    while !state.stopping.isRaised {
      for flows in beats {
        state.ledger.withLock {
          ask(flows, &$0)
          hear(&$0)
        }
        beat = max(beat + interval, BootClock.nanoseconds)
        BootClock.sleep(until: beat)
      }
      sequence += 1
    }
    let end = BootClock.nanoseconds + UInt64(settings.graceMilliseconds * settings.slowness) * 1_000_000
    while BootClock.nanoseconds < end {
      BootClock.sleep(until: BootClock.nanoseconds + 5_000_000)
      state.ledger.withLock { hear(&$0) }
    }
    try tap.checkComplete()
  }

  /// A virtual Ethernet pair with an XDP program has room for 256 frames that wait.
  private static let flowsPerBeat = 96

  private var beats: [Range<Int>] {
    stride(from: 0, to: sockets.count, by: Self.flowsPerBeat).map { $0..<min($0 + Self.flowsPerBeat, sockets.count) }
  }

  private func askOnce(_ ledger: inout ProbeLedger) {
    for flows in beats {
      ask(flows, &ledger)
      pause(milliseconds: 2)
      hear(&ledger)
    }
    sequence += 1
  }

  private func pause(milliseconds: Int) {
    BootClock.sleep(until: BootClock.nanoseconds + UInt64(milliseconds * settings.slowness) * 1_000_000)
  }

  private func ask(_ flows: Range<Int>, _ ledger: inout ProbeLedger) {
    withUnsafeTemporaryAllocation(byteCount: settings.questionByteCount, alignment: 8) { buffer in
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      for flow in flows {
        let socket = sockets[flow]
        ProbeMessage(run: run, flow: UInt16(flow), sequence: sequence).write(to: buffer)
        ledger.sent(flow: flow, at: BootClock.nanoseconds)
        // An error that an earlier probe met is reported by the next send, which then has sent nothing.
        let isSent = (0..<2).contains { _ in send(socket.number, buffer.baseAddress, buffer.count, Self.flags) >= 0 }
        if !isSent { ledger.refused(flow: flow) }
      }
    }
  }

  private static let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)

  private func hear(_ ledger: inout ProbeLedger) {
    tap.drain { octets, time in
      guard let frame = AnswerFrame(octets), frame.sourcePort == ProbeMessage.port, case .udp(let payload) = frame.transport,
        let probe = ProbeMessage(UnsafeRawBufferPointer(rebasing: octets[payload])), probe.run == run
      else { return }
      ledger.answered(flow: Int(probe.flow), sequence: probe.sequence, by: Int(probe.member), at: time)
    }
  }
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
