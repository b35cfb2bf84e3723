import CLinux
import Glibc
import Synchronization
import Wire

/// Another program, run to its end or to a time limit. What it leaves running is waited for in no case: neither for children that keep its
/// output open nor for those that ignore signals.
public enum ChildProcess {
  /// How it ended.
  public enum End: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// It was killed, with its process group.
    case timedOut
  }

  /// What came of it.
  public struct Outcome: Sendable {
    /// Whether it ended by itself, by a signal or by the time limit.
    public var end: End
    /// The beginning of what it printed, before it ended, to standard output.
    public var output: [UInt8]
  }

  /// Children that were killed and had not ended a second later: they are in a system call that does not return.
  private static let unreaped = Mutex<[Int32]>([])

  /// Runs a program with nothing to read and its errors unseen; the calling thread waits.
  /// - Parameters:
  ///   - arguments: the program's name is the first.
  ///   - outputLimit: how many octets of its output are kept. What is more is read and thrown away, at a leisurely pace.
  /// - Throws: why it could not be started.
  public static func run(
    _ path: String, _ arguments: [String], environment: [String: String], within limit: Interval, keeping outputLimit: Int = 1 << 16
  ) throws(LinuxError) -> Outcome {
    let deadline = BootClock.now() + limit
    unreaped.withLock { $0.removeAll { status(of: $0) != nil } }
    var output = try Output(limit: outputLimit, of: path)
    var child: Int32 = 0
    let result = withStrings(arguments) { arguments in
      withStrings(environment.map { "\($0.key)=\($0.value)" }) { skein_spawn(path, arguments, $0, output.writer, &child) }
    }
    output.closeWriter()
    let ending = try Descriptor(result: result, "start \(path)")
    if output.read(until: deadline, orEndOf: ending.rawValue), let status = status(of: child) {
      output.readRest()
      return Outcome(end: status < 0 ? .signalled(-status) : .exited(status), output: output.octets)
    }
    kill(-child, SIGKILL)
    var killed = pollfd(fd: ending.rawValue, events: Int16(POLLIN), revents: 0)
    _ = poll(&killed, 1, 1000)
    if status(of: child) == nil { unreaped.withLock { $0.append(child) } }
    return Outcome(end: .timedOut, output: output.octets)
  }

  /// The exit status, or the signal negated; nil while it runs. Whose status is gone has ended without one.
  private static func status(of child: Int32) -> Int32? {
    var status: Int32 = 0
    let result = skein_reap(child, &status)
    return result == 0 ? nil : result < 0 ? -SIGKILL : status
  }

  private static func withStrings<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result) -> Result {
    var pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(&pointers)
  }
}

/// The pipe that a child prints to.
private struct Output: ~Copyable {
  private(set) var octets: [UInt8] = []
  private let limit: Int
  private var reader: Int32
  private(set) var writer: Int32
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  /// How long what is too much waits before more is thrown away, so that a flood costs little.
  private static let pauseMilliseconds: Int32 = 10

  init(limit: Int, of path: String) throws(LinuxError) {
    var ends: [Int32] = [-1, -1]
    try check(skein_pipe(&ends), "make a pipe for \(path)")
    (reader, writer) = (ends[0], ends[1])
    self.limit = limit
    // The child's end stays as programs expect it.
    _ = fcntl(reader, F_SETFL, O_NONBLOCK)
  }

  deinit {
    close(reader)
    close(writer)
  }

  /// Ours is closed as soon as the child has its own, so that the pipe ends with the last of theirs.
  mutating func closeWriter() {
    close(writer)
    writer = -1
  }

  /// Reads until `ending` is readable, whoever else still has the pipe.
  /// - Returns: false when the deadline came first.
  mutating func read(until deadline: Instant, orEndOf ending: Int32) -> Bool {
    while true {
      let rest = deadline - BootClock.now()
      // Too much is not looked for, but thrown away after a pause. A negative number is passed over.
      let isFull = octets.count >= limit
      var entries = [
        pollfd(fd: ending, events: Int16(POLLIN), revents: 0), pollfd(fd: isFull ? -1 : reader, events: Int16(POLLIN), revents: 0),
      ]
      let milliseconds = Int32(clamping: (rest.nanoseconds + 999_999) / 1_000_000)
      _ = poll(&entries, 2, isFull && reader >= 0 ? min(milliseconds, Self.pauseMilliseconds) : milliseconds)
      if entries[0].revents != 0 { return true }
      if rest == .zero { return false }
      if entries[1].revents != 0 || isFull { _ = readOnce() }
    }
  }

  /// Reads what is in the pipe when the child has ended, but not what others still write.
  mutating func readRest() {
    while octets.count < limit, readOnce() {}
  }

  /// - Returns: whether there may be more.
  private mutating func readOnce() -> Bool {
    guard reader >= 0 else { return false }
    let count = Glibc.read(reader, &buffer, buffer.count)
    if count > 0 {
      octets += buffer.prefix(min(count, limit - octets.count))
      return true
    }
    if count == 0 || Errno.current != .wouldBlock && Errno.current != .interrupted {
      close(reader)
      reader = -1
    }
    return false
  }
}
