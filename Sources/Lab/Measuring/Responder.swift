import Foundation
import Synchronization

/// The application that probes talk to: on every member's own stack, bound to the cluster address, a UDP echo that says who it is.
/// One thread serves all members; a member's death takes its wire, not this. Urgent, for it stands for the members' processors, which
/// the lab has not got: what its own commands take must not look like the cluster's silence.
final class Responder {
  private struct Service: Sendable {
    let member: Int
    let socket: Descriptor
  }

  private let stopping: Flag
  private let worker: Worker<Void>
  private let log: AnswerLog

  /// - Parameters:
  ///   - namespaces: where the members live, by their numbers.
  ///   - addresses: the cluster's when not said.
  init(namespaces: [Int: Namespace], addresses: [String] = AddressFamily.allCases.map(Plan.clusterAddress)) throws {
    let services = try namespaces.sorted { $0.key < $1.key }.flatMap { member, namespace in
      try namespace.enter { try addresses.map { Service(member: member, socket: try Self.listen($0)) } }
    }
    let (stopping, log) = (Flag(), AnswerLog())
    self.stopping = stopping
    self.log = log
    worker = Worker(isUrgent: true) { Self.serve(services, log, until: stopping) }
  }

  /// Which of a run's lost questions an application has answered, and which member's it was.
  func answersGiven(_ ledger: ProbeLedger) -> [ProbeLedger.ProbeKey: GivenAnswer] { log.answers(to: ledger.lostKeys, run: ledger.run) }

  deinit { stopping.raise() }

  private static func listen(_ text: String) throws -> Descriptor {
    guard let address = SocketAddress(text, port: ProbeMessage.port) else { preconditionFailure("\(text) is not an Internet address") }
    let socket = try Descriptor.socket(address.family, SOCK_DGRAM, nonBlocking: true)
    try socket.set(SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    try socket.set(SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
    try socket.bind(to: address)
    return socket
  }

  private static func serve(_ services: [Service], _ log: AnswerLog, until stopping: Flag) {
    var polled = services.map { pollfd(fd: $0.socket.number, events: Int16(POLLIN), revents: 0) }
    while !stopping.isRaised {
      guard poll(&polled, nfds_t(polled.count), 100) > 0 else { continue }
      for (index, service) in services.enumerated() where polled[index].revents != 0 { answerWaiting(service, log) }
    }
  }

  private static func answerWaiting(_ service: Service, _ log: AnswerLog) {
    withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 8) { buffer in
      for _ in 0..<256 {
        var sender = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let finished = withUnsafeMutablePointer(to: &sender) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sender in
            let count = recvfrom(service.socket.number, buffer.baseAddress, buffer.count, 0, sender, &length)
            guard count >= 0 else { return errno == EAGAIN }
            answer(service, log, UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count]), to: sender, length)
            return false
          }
        }
        if finished { return }
      }
    }
  }

  private static func answer(
    _ service: Service, _ log: AnswerLog, _ question: UnsafeMutableRawBufferPointer, to sender: UnsafePointer<sockaddr>, _ length: socklen_t
  ) {
    if var probe = ProbeMessage(UnsafeRawBufferPointer(question)) {
      probe.member = UInt16(service.member)
      probe.write(to: question)
      // However long the question was: the answer goes in one frame.
      let sent = sendto(service.socket.number, question.baseAddress, ProbeMessage.octetCount, Int32(MSG_NOSIGNAL), sender, length)
      log.add(probe, refusal: sent < 0 ? errno : 0)
    } else {
      // A person with `nc -u`.
      let text = Array("member \(service.member) heard: ".utf8) + question
      sendto(service.socket.number, text, text.count, Int32(MSG_NOSIGNAL), sender, length)
    }
  }
}

/// What an application did with a question.
struct GivenAnswer: Hashable, Sendable {
  var member: Int
  /// The number of the kernel's error when it did not take the answer; 0 when it did.
  var refusal: Int32 = 0
}

/// The latest answers that were given, for probes whose answer nobody has seen: two million, a minute's worth under load.
private final class AnswerLog: Sendable {
  private static let capacity = 1 << 21
  private let answers = Mutex<(kept: [(probe: ProbeMessage, refusal: Int32)], next: Int)>(([], 0))

  func add(_ probe: ProbeMessage, refusal: Int32) {
    answers.withLock { answers in
      if answers.kept.count < Self.capacity { answers.kept.append((probe, refusal)) } else { answers.kept[answers.next] = (probe, refusal) }
      answers.next = (answers.next + 1) % Self.capacity
    }
  }

  func answers(to lost: Set<ProbeLedger.ProbeKey>, run: UInt32) -> [ProbeLedger.ProbeKey: GivenAnswer] {
    guard !lost.isEmpty else { return [:] }
    return answers.withLock { answers in
      answers.kept.reduce(into: [:]) { found, answer in
        let key = ProbeLedger.ProbeKey(flow: Int(answer.probe.flow), sequence: Int(clamping: answer.probe.sequence))
        guard answer.probe.run == run, lost.contains(key) else { return }
        found[key] = GivenAnswer(member: Int(answer.probe.member), refusal: answer.refusal)
      }
    }
  }
}
