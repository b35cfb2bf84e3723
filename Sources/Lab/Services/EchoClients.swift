import CLab
import Foundation
import Synchronization

/// Clients of a TCP echo, each connection from one of thirty addresses and a port of its own: 8 octets are sent, and when they have come
/// back and the time has come, the next. One thread plays them all.
final class EchoClients: Sendable {
  /// What the connections are there for.
  enum Kind: Sendable {
    /// So many, which stay until the end and ask ten times a second.
    case standing(Int)
    /// So many new ones a second, each for one exchange.
    case passing(Int)
  }

  private let ledger = Mutex(ConnectionLedger())
  private let stopping = Flag()
  private let worker: Mutex<Worker<Void>?> = Mutex(nil)

  init(_ kind: Kind, plan: Plan, family: AddressFamily) {
    let worker = Worker(isUrgent: true) { [self] in
      try plan.clientNamespace(.near).enter { try EchoClientLoop(kind, family).run(self) }
    }
    self.worker.withLock { $0 = worker }
  }

  /// What is known so far.
  func read<Result: Sendable>(_ body: (borrowing ConnectionLedger) -> Result) -> Result { ledger.withLock { body($0) } }

  /// Opens no more, waits for those that are open for one exchange, closes the others, and returns everything.
  func finish() throws -> ConnectionLedger {
    stop()
    try worker.withLock { $0 }?.value()
    return ledger.withLock { $0 }
  }

  /// The thread keeps this object alive until then.
  func stop() { stopping.raise() }

  /// Whether the thread has met an error; `finish` throws it.
  var hasFailed: Bool { worker.withLock { $0 }?.isFinished ?? false }

  fileprivate var isStopped: Bool { stopping.isRaised || Interruption.isRaised }
  fileprivate func change<Result>(_ body: (inout ConnectionLedger) throws -> sending Result) rethrows -> sending Result {
    try ledger.withLock { try body(&$0) }
  }
}

/// What the clients' thread has.
private final class EchoClientLoop {
  private struct Connection {
    var socket: Descriptor?
    var isConnected = false
    var question: [UInt8] = []
    var heard = 0
    var nextQuestionAt: UInt64 = 0
  }

  private static let interval: UInt64 = 100_000_000
  private let kind: EchoClients.Kind
  private let family: AddressFamily
  private let events: EventSet
  private var connections: [Connection] = []
  /// Those that are not over; of passing ones, most are.
  private var open: Set<Int> = []
  private let beganAt = BootClock.nanoseconds

  init(_ kind: EchoClients.Kind, _ family: AddressFamily) throws {
    self.kind = kind
    self.family = family
    events = try EventSet()
  }

  func run(_ clients: EchoClients) throws {
    while !isOver(clients.isStopped) {
      try clients.change { ledger in
        if !clients.isStopped { try openDue(&ledger) }
        look(&ledger)
      }
      try events.wait(milliseconds: 2) { tag in clients.change { handle(Int(tag), &$0) } }
    }
    clients.change { ledger in for index in open { close(index, &ledger) } }
  }

  /// Those that stay are closed when all is over; those that pass are waited for.
  private func isOver(_ isStopped: Bool) -> Bool {
    guard case .passing = kind, !Interruption.isRaised else { return isStopped }
    return isStopped && open.isEmpty
  }

  /// How many should have been opened by now. Not all at once: a virtual Ethernet pair has room for 256 frames that wait.
  private var dueCount: Int {
    let milliseconds = Int((BootClock.nanoseconds - beganAt) / 1_000_000)
    return switch kind {
    case .standing(let count): min(count, milliseconds)
    case .passing(let rate): milliseconds * rate / 1000
    }
  }

  private func openDue(_ ledger: inout ConnectionLedger) throws {
    guard let remote = SocketAddress(Plan.clusterAddress(family), port: Plan.echo.port) else {
      preconditionFailure("the plan's addresses can be read")
    }
    while connections.count < dueCount {
      let index = connections.count
      guard let local = SocketAddress(Plan.clientAddress(index % Plan.clientAddressCount, family), port: 0) else {
        preconditionFailure("the plan's addresses can be read")
      }
      let socket = try Descriptor.socket(local.family, SOCK_STREAM, nonBlocking: true)
      try socket.set(Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT)
      try socket.set(Int32(IPPROTO_TCP), TCP_NODELAY)
      try socket.bind(to: local)
      connections.append(Connection(socket: socket))
      open.insert(index)
      ledger.opened(at: BootClock.nanoseconds)
      let isUnderWay = remote.withPointer { connect(socket.number, $0, $1) } == 0 || errno == EINPROGRESS
      guard isUnderWay else {
        lose(index, errno, &ledger)
        continue
      }
      try events.add(socket, EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLET.rawValue, tag: UInt64(index))
    }
  }

  /// Sends what is due, and gives up what has waited for too long.
  private func look(_ ledger: inout ConnectionLedger) {
    let now = BootClock.nanoseconds
    for index in open {
      if let since = ledger.connections[index].waitsSince {
        guard now > since + ConnectionLedger.patience else { continue }
        ledger.lost(index, .unanswered, at: now)
        close(index, &ledger)
      } else if now >= connections[index].nextQuestionAt {
        ask(index, &ledger)
      }
    }
  }

  private func ask(_ index: Int, _ ledger: inout ConnectionLedger) {
    guard let socket = connections[index].socket else { return }
    let question = UInt32(index).octets + UInt32(truncatingIfNeeded: ledger.connections[index].exchanges.count).octets
    connections[index].question = question
    connections[index].heard = 0
    let now = BootClock.nanoseconds
    connections[index].nextQuestionAt = now + Self.interval
    ledger.sent(index, at: now)
    if send(socket.number, question, question.count, Int32(MSG_NOSIGNAL)) != question.count { lose(index, errno, &ledger) }
  }

  private func handle(_ index: Int, _ ledger: inout ConnectionLedger) {
    guard let socket = connections[index].socket else { return }
    if !connections[index].isConnected {
      var (error, length) = (Int32(0), socklen_t(4))
      getsockopt(socket.number, SOL_SOCKET, SO_ERROR, &error, &length)
      guard error == 0 else { return lose(index, error, &ledger) }
      connections[index].isConnected = true
      ask(index, &ledger)
    }
    listen(index, socket, &ledger)
  }

  /// Reads until there is nothing more, as edge-triggered events ask for.
  private func listen(_ index: Int, _ socket: Descriptor, _ ledger: inout ConnectionLedger) {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
      while connections[index].socket != nil {
        let count = recv(socket.number, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else { return lose(index, count == 0 ? 0 : errno, &ledger) }
        hear(index, UnsafeRawBufferPointer(rebasing: buffer[0..<count]), &ledger)
      }
    }
  }

  private func hear(_ index: Int, _ octets: UnsafeRawBufferPointer, _ ledger: inout ConnectionLedger) {
    let (question, heard) = (connections[index].question, connections[index].heard)
    guard heard + octets.count <= question.count, octets.elementsEqual(question[heard..<heard + octets.count]) else {
      ledger.noteWrong()
      // What follows cannot be told apart any more.
      ledger.lost(index, .broken, at: BootClock.nanoseconds)
      return close(index, &ledger)
    }
    connections[index].heard += octets.count
    guard connections[index].heard == question.count else { return }
    ledger.answered(index, at: BootClock.nanoseconds)
    if case .passing = kind { close(index, &ledger) }
  }

  /// - Parameter error: the system's number; 0 when the other end has closed.
  private func lose(_ index: Int, _ error: Int32, _ ledger: inout ConnectionLedger) {
    ledger.lost(index, [ECONNRESET, ECONNREFUSED, EPIPE].contains(error) ? .reset : .broken, at: BootClock.nanoseconds)
    close(index, &ledger)
  }

  private func close(_ index: Int, _ ledger: inout ConnectionLedger) {
    ledger.closed(index)
    connections[index].socket = nil
    open.remove(index)
  }
}
