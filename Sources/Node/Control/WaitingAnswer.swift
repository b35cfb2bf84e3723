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

  deinit { ControlServer.removeSocket(path) }

  /// Answers while the poller turns.
  func answer(with poller: Poller) throws(LinuxError) {
    try poller.watch(listener.rawValue) { [unowned self] _ in answerNext() }
  }

  /// Whoever connects and says nothing gets the answer as well, and holds nobody up for long.
  private func answerNext() {
    let number = accept(listener.rawValue, nil, nil)
    guard number >= 0 else { return }
    let connection = Descriptor(owning: number)
    guard fcntl(number, F_SETFL, O_NONBLOCK) == 0, fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else { return }
    // A connection that is closed before the question was read loses the answer.
    var wait = pollfd(fd: connection.rawValue, events: Int16(POLLIN), revents: 0)
    poll(&wait, 1, 100)
    var question = [UInt8](repeating: 0, count: 1 << 16)
    _ = read(connection.rawValue, &question, question.count)
    let seconds = (BootClock.now() - began).inMilliseconds / 1000
    let body = "the daemon has waited \(Int(seconds)) s for its machine, and starts by itself as soon as it can: \(missing)"
    let head = [
      "HTTP/1.1 \(HTTPResponseStatus.serviceUnavailable)", "Content-Type: text/plain; charset=utf-8", "Content-Length: \(body.utf8.count)",
      "Retry-After: 1", "Connection: close", "", "",
    ]
    let answer = Array((head.joined(separator: "\r\n") + body).utf8)
    _ = answer.withUnsafeBytes { send(connection.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
}
