import Foundation

/// Thirty clients, each with an address of its own, that ask the web server once per connection from a fresh port; and the same with
/// datagrams. What they get is taken down twice: by their sockets, and on the wire.
struct WebClients {
  struct Result: Equatable, Sendable {
    /// Answers by member.
    var answers: [Int: Int] = [:]
    /// Connections without a complete answer, by reason.
    var failures: [String: Int] = [:]
    /// Connections that more than one machine has answered on the wire.
    var answeredTwice: Int { secondAnswers.count }
    /// Each of those, and what was seen of it.
    var secondAnswers: [String] = []
  }

  let plan: Plan
  let family: AddressFamily
  let site: ClientSite
  private static let concurrency = 30
  private static let patienceNanoseconds: UInt64 = 5_000_000_000

  /// Makes the connections, thirty at a time.
  func request(count: Int) throws -> Result {
    let tap = try plan.tapNamespace(site).enter { try WireTap(interface: Plan.interface) }
    return try plan.clientNamespace(site).enter { try request(count: count, tap) }
  }

  private func request(count: Int, _ tap: WireTap) throws -> Result {
    var result = Result()
    var wire = WireAnswers()
    var waiting = Array(0..<count)[...]
    var open: [WebRequest] = []
    while !waiting.isEmpty || !open.isEmpty {
      try Interruption.check()
      while open.count < Self.concurrency, let index = waiting.popFirst() {
        open.append(try WebRequest(from: Plan.clientAddress(index % Plan.clientAddressCount, family, site), family: family))
      }
      var polled = open.map { pollfd(fd: $0.socket.number, events: $0.events, revents: 0) }
      poll(&polled, nfds_t(polled.count), 50)
      for (request, entry) in zip(open, polled) {
        request.advance(ready: entry.revents != 0, deadline: Self.patienceNanoseconds)
        request.outcome.map { result.count($0) }
      }
      open.removeAll { $0.outcome != nil }
      tap.drain { wire.note($0, at: $1) }
    }
    // What a second machine has to say may come a little later.
    try pause(milliseconds: 200)
    tap.drain { wire.note($0, at: $1) }
    try tap.checkComplete()
    result.secondAnswers = wire.secondAnswers
    return result
  }
}

extension WebClients.Result {
  var answered: Int { answers.values.reduce(0, +) }

  fileprivate mutating func count(_ outcome: Result<Int, WebRequest.Failure>) {
    switch outcome {
    case .success(let member): answers[member, default: 0] += 1
    case .failure(let failure): failures[failure.reason, default: 0] += 1
    }
  }
}

/// One connection: connect, ask, read to the end.
private final class WebRequest {
  struct Failure: Error { let reason: String }

  let socket: Descriptor
  private(set) var outcome: Result<Int, Failure>?
  private let startedAt = BootClock.nanoseconds
  private var hasAsked = false
  private var answer: [UInt8] = []

  init(from address: String, family: AddressFamily) throws {
    guard let local = SocketAddress(address, port: 0), let remote = SocketAddress(Plan.clusterAddress(family), port: WebServer.port) else {
      preconditionFailure("the plan's addresses can be read")
    }
    socket = try Descriptor.socket(local.family, SOCK_STREAM, nonBlocking: true)
    try socket.set(Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT)
    try socket.bind(to: local)
    try socket.connect(to: remote)
  }

  var events: Int16 { Int16(hasAsked ? POLLIN : POLLOUT) }

  /// Does what can be done now.
  func advance(ready: Bool, deadline: UInt64) {
    if ready {
      if hasAsked { read() } else { ask() }
    }
    if outcome == nil && BootClock.nanoseconds > startedAt + deadline {
      outcome = .failure(Failure(reason: hasAsked ? "no complete answer" : "no connection"))
    }
  }

  private func ask() {
    let question = "GET / HTTP/1.0\r\n\r\n"
    if send(socket.number, question, question.utf8.count, Int32(MSG_NOSIGNAL)) < 0 {
      outcome = .failure(Failure(reason: errorText(errno)))
    }
    hasAsked = true
  }

  private func read() {
    var piece = [UInt8](repeating: 0, count: 4096)
    let count = recv(socket.number, &piece, piece.count, 0)
    if count > 0 {
      answer += piece[0..<count]
    } else if count == 0 {
      outcome = answeredMember.map { .success($0) } ?? .failure(Failure(reason: "an answer that names no member"))
    } else if errno != EAGAIN {
      outcome = .failure(Failure(reason: errorText(errno)))
    }
  }

  private var answeredMember: Int? {
    let lines = String(decoding: answer, as: UTF8.self).split(whereSeparator: \.isNewline)
    return lines.last.flatMap { WebServer.member(named: $0) }
  }
}

/// Who answered each connection on the wire. Two answer the same one if their frames come from two Ethernet addresses, or if the
/// connection was accepted with two initial sequence numbers; a repeated SYN-ACK of the same server is neither. The client's kernel may
/// use a port again: a SYN-ACK that acknowledges another SYN belongs to the port's next connection.
struct WireAnswers {
  private struct Port: Hashable {
    let client: [UInt8]
    let port: UInt16
  }
  private struct Connection {
    /// What the SYN-ACK acknowledged; nil before there was one.
    var acknowledged: UInt32?
    var answers: [Answer] = []

    var isTwice: Bool {
      let sequences = answers.filter(\.isAcceptance).map(\.sequence)
      return Set(answers.map(\.hardware)).count > 1 || Set(sequences).count > 1
    }
  }
  fileprivate struct Answer {
    let time: UInt64
    let hardware: UInt64
    let flags: UInt8
    let sequence: UInt32
  }
  private var connections: [Port: [Connection]] = [:]

  mutating func note(_ octets: UnsafeRawBufferPointer, at time: UInt64 = 0) {
    guard let frame = AnswerFrame(octets), frame.sourcePort == WebServer.port,
      case .tcp(let flags, let sequence, let acknowledged) = frame.transport
    else { return }
    let answer = Answer(time: time, hardware: frame.hardwareSource, flags: flags, sequence: sequence)
    var all = connections[Port(client: frame.destination, port: frame.destinationPort)] ?? [Connection()]
    var index = all.endIndex - 1
    if answer.isAcceptance {
      if let known = all.firstIndex(where: { $0.acknowledged == acknowledged }) {
        index = known
      } else if all[index].acknowledged != nil {
        all.append(Connection())
        index += 1
      }
      all[index].acknowledged = acknowledged
    }
    all[index].answers.append(answer)
    connections[Port(client: frame.destination, port: frame.destinationPort)] = all
  }

  var answeredTwice: Int { connections.values.reduce(0) { $0 + $1.count(where: \.isTwice) } }

  /// Each connection that two have answered, with every frame of its answers.
  var secondAnswers: [String] {
    connections.flatMap { port, all in all.filter(\.isTwice).map { Self.line(port, $0.answers) } }.sorted()
  }

  private static func line(_ port: Port, _ answers: [Answer]) -> String {
    let first = answers.first?.time ?? 0
    let frames = answers.map { answer in
      let milliseconds = (Double(answer.time - first) / 1e6).formatted(digits: 1)
      return "\(milliseconds) ms \(answer.names) \(answer.sequence) from \(answer.hardwareText)"
    }
    let isFour = port.client.count == 4
    let client = port.client.map { isFour ? "\($0)" : String($0, radix: 16) }.joined(separator: isFour ? "." : ":")
    return "client \(client) port \(port.port): " + frames.joined(separator: ", ")
  }
}

extension WireAnswers.Answer {
  fileprivate var isAcceptance: Bool {
    let accepted = AnswerFrame.synchronize | AnswerFrame.acknowledge
    return flags & accepted == accepted
  }
  fileprivate var names: String {
    let all = ["FIN", "SYN", "RST", "PSH", "ACK"].enumerated().filter { flags >> $0.offset & 1 == 1 }.map(\.element)
    return all.joined(separator: "+")
  }
  fileprivate var hardwareText: String {
    (0..<6).map { index in
      let octet = String(hardware >> (40 - UInt64(index) * 8) & 0xff, radix: 16)
      return octet.count == 1 ? "0" + octet : octet
    }.joined(separator: ":")
  }
}
