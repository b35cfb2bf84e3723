import Foundation

/// Thirty clients, each with an address of its own, that ask the web server once per connection from a fresh port. What they get is taken
/// down twice: by their sockets, and on the wire.
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

    var answered: Int { answers.values.reduce(0, +) }
  }

  let plan: Plan
  let family: AddressFamily

  /// Makes the connections, one of each client's at a time.
  func request(count: Int) throws -> Result {
    let tap = try plan.clientNamespace(.near).enter { try WireTap(interface: Plan.interface) }
    let clients = (0..<Plan.clientAddressCount).map { client in
      Worker {
        try plan.clientNamespace(.near).enter {
          try stride(from: client, to: count, by: Plan.clientAddressCount).map { _ in
            try Interruption.check()
            return try ask(from: Plan.clientAddress(client, family))
          }
        }
      }
    }
    var wire = WireAnswers()
    while !clients.allSatisfy(\.isFinished) {
      BootClock.sleep(until: BootClock.nanoseconds + 20_000_000)
      tap.drain { wire.note($0, at: $1) }
    }
    // What a second machine has to say may come a little later.
    try pause(milliseconds: 200)
    tap.drain { wire.note($0, at: $1) }
    try tap.checkComplete()
    var result = Result(secondAnswers: wire.secondAnswers)
    for answer in try clients.flatMap({ try $0.value() }) {
      switch answer {
      case .success(let member): result.answers[member, default: 0] += 1
      case .failure(let failure): result.failures[failure.reason, default: 0] += 1
      }
    }
    return result
  }

  private struct Failure: Error { let reason: String }

  /// One connection: connect, ask, read to the end. Nothing is waited for longer than five seconds.
  private func ask(from address: String) throws -> Swift.Result<Int, Failure> {
    guard let local = SocketAddress(address, port: 0), let remote = SocketAddress(Plan.clusterAddress(family), port: WebServer.port) else {
      preconditionFailure("the plan's addresses can be read")
    }
    func failure(_ late: String) -> Swift.Result<Int, Failure> {
      .failure(Failure(reason: [EAGAIN, EINPROGRESS, ETIMEDOUT].contains(errno) ? late : errorText(errno)))
    }
    let socket = try Descriptor.socket(local.family, SOCK_STREAM)
    try socket.set(Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT)
    try socket.setPatience(milliseconds: 5000)
    try socket.bind(to: local)
    guard remote.withPointer({ Glibc.connect(socket.number, $0, $1) }) == 0 else { return failure("no connection") }
    let question = "GET / HTTP/1.0\r\n\r\n"
    guard send(socket.number, question, question.utf8.count, Int32(MSG_NOSIGNAL)) >= 0 else { return failure("no connection") }
    var answer: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(socket.number, &piece, piece.count, 0)
      guard count >= 0 else { return failure("no complete answer") }
      guard count > 0 else { break }
      answer += piece[0..<count]
    }
    let last = String(decoding: answer, as: UTF8.self).split(whereSeparator: \.isNewline).last
    return last.flatMap { WebServer.member(named: $0) }.map { .success($0) }
      ?? .failure(Failure(reason: "an answer that names no member"))
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
    guard let frame = AnswerFrame(octets), frame.sourcePort == WebServer.port else { return }
    let acknowledged = frame.acknowledged
    let answer = Answer(time: time, hardware: frame.hardwareSource, flags: frame.flags, sequence: frame.sequence)
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
    LanFrame.octets(hardware).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }
}
