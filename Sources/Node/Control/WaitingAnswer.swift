import Foundation
import Linux
import NIOHTTP1
import Wire

/// The API of a daemon that waits for its machine: whoever asks at its socket anything is told what it waits for.
final class WaitingAnswer {
  /// What it waits for, a sentence.
  var missing: String
  private let path: String
  private let listener: Descriptor
  private let began = BootClock.now()
  /// Who has connected and not asked yet, the oldest first.
  private var waiting: [Connection] = []
  private static let connectionLimit = 16

  private final class Connection {
    let descriptor: Descriptor
    init(owning number: Int32) { descriptor = Descriptor(owning: number) }
  }

  /// - Returns: nil where another daemon answers.
  init?(at path: String, _ missing: String) throws(ControlError) {
    guard !ControlServer.isListening(at: path) else { return nil }
    ControlServer.makeRoom(for: path)
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    listener = Descriptor(owning: socket(AF_UNIX, kind, 0))
    let number = listener.rawValue
    let isBound = ControlServer.withAddress(of: path) { bind(number, $0, $1) == 0 && chmod(path, 0o600) == 0 && listen(number, 16) == 0 }
    self.path = path
    self.missing = missing
    guard isBound == true else { throw ControlError(description: "no API at \(path): \(String(cString: strerror(errno)))") }
  }

  deinit {
    // Nobody hears of what comes after this.
    for silent in waiting { tell(silent) }
    ControlServer.removeSocket(path)
  }

  /// Answers while the poller turns.
  func answer(with poller: Poller) throws(LinuxError) {
    try poller.watch(listener.rawValue) { [unowned self, unowned poller] _ in acceptNext(with: poller) }
  }

  /// A connection that is closed before its question was read loses the answer, so the question is waited for, however late it comes.
  private func acceptNext(with poller: Poller) {
    let number = accept(listener.rawValue, nil, nil)
    guard number >= 0 else { return }
    let connection = Connection(owning: number)
    guard fcntl(number, F_SETFL, O_NONBLOCK) == 0, fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else { return }
    let isWatched: Void? = try? poller.watch(number) { [unowned self, unowned poller] _ in
      tell(connection)
      poller.unwatch(number)
      waiting.removeAll { $0 === connection }
    }
    guard isWatched != nil else { return tell(connection) }
    waiting.append(connection)
    // Whoever connects and says nothing gets the answer as well, and keeps nobody out.
    guard waiting.count > Self.connectionLimit else { return }
    let oldest = waiting.removeFirst()
    poller.unwatch(oldest.descriptor.rawValue)
    tell(oldest)
  }

  private func tell(_ connection: Connection) {
    let number = connection.descriptor.rawValue
    var question = [UInt8](repeating: 0, count: 1 << 16)
    _ = read(number, &question, question.count)
    let seconds = (BootClock.now() - began).inMilliseconds / 1000
    let body = "the daemon has waited \(Int(seconds)) s for its machine, and starts by itself as soon as it can: \(missing)"
    let head = [
      "HTTP/1.1 \(HTTPResponseStatus.serviceUnavailable)", "Content-Type: text/plain; charset=utf-8", "Content-Length: \(body.utf8.count)",
      "Retry-After: 1", "Connection: close", "", "",
    ]
    let answer = Array((head.joined(separator: "\r\n") + body).utf8)
    _ = answer.withUnsafeBytes { send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
}
