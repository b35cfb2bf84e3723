import Foundation

/// Starts programs, in a network namespace or outside, without a shell and without `ip netns exec` in between:
/// the process number is the program's own, and it sees this machine's mounts (pinned maps outlive it).
struct Launcher {
  let console: Console

  /// Runs a program to its end and returns what it wrote.
  /// - Throws: `LabError.command` when its status is not 0.
  @discardableResult
  func run(_ arguments: [String], in namespace: Namespace? = nil, input: String? = nil) throws -> String {
    console.command(Self.line(arguments, in: namespace, input: input))
    var ends: [Int32] = [0, 0]
    try checked(pipe(&ends), "pipe")
    let reader = Descriptor(ends[0])
    let child: pid_t
    do {
      let writer = Descriptor(ends[1])
      for end in ends { try checked(fcntl(end, F_SETFD, FD_CLOEXEC), "fcntl") }
      let inputFile = try input.map(Self.unlinkedFile)
      defer { if let inputFile { close(inputFile) } }
      child = try Self.spawn(arguments, in: namespace, input: inputFile, output: writer.number)
    }
    let output = Self.readAll(reader.number)
    let status = Self.wait(for: child)
    guard status == 0 else { throw LabError.command(Self.line(arguments, in: namespace), status: status, output: output) }
    return output
  }

  /// Asks a daemon by its program. One that hangs does not answer, and the lab must not hang with it; an emulated machine needs seconds.
  func ask(_ arguments: [String]) throws -> String { try run(["timeout", "10"] + arguments) }

  /// Starts a program that stays; what it writes goes to the end of `log`.
  func start(_ name: String, _ arguments: [String], in namespace: Namespace?, log: String) throws -> ChildProcess {
    console.command(Self.line(arguments, in: namespace) + " &")
    let file = Descriptor(try checked(open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644), "open \(log)"))
    let child = try Self.spawn(arguments, in: namespace, input: nil, output: file.number)
    return ChildProcess(name: name, processIdentifier: child, log: log)
  }

  /// The command as a person would type it.
  static func line(_ arguments: [String], in namespace: Namespace?, input: String? = nil) -> String {
    let prefix = namespace.map { ["ip", "netns", "exec", $0.name] } ?? []
    let line = (prefix + arguments).map(quoted).joined(separator: " ")
    guard let input else { return line }
    return "\(line) <<EOF\n\(input)EOF"
  }

  /// The word in single quotes if a shell would not take it as it is.
  static func quoted(_ word: String) -> String {
    let harmless = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:=@%+,".contains($0) }
    return harmless && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  private static func spawn(_ arguments: [String], in namespace: Namespace?, input: Int32?, output: Int32) throws -> pid_t {
    guard let namespace else { return try spawn(arguments, input: input, output: output) }
    return try namespace.enter { try spawn(arguments, input: input, output: output) }
  }

  private static func spawn(_ arguments: [String], input: Int32?, output: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)

    // A process group of its own: Ctrl-C in the terminal is the lab's affair, which then ends its children in order.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    let result = posix_spawnp(&child, arguments[0], &actions, &attributes, &words, environ)
    guard result == 0 else { throw LabError.systemCall("start \(arguments[0])", errno: result) }
    return child
  }

  private static func unlinkedFile(_ text: String) throws -> Int32 {
    guard let file = tmpfile() else { throw LabError.systemCall("tmpfile", errno: errno) }
    defer { fclose(file) }
    fputs(text, file)
    rewind(file)
    return try checked(fcntl(fileno(file), F_DUPFD_CLOEXEC, 3), "fcntl")
  }

  private static func readAll(_ descriptor: Int32) -> String {
    var octets: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(descriptor, &piece, piece.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return String(decoding: octets, as: UTF8.self) }
      octets += piece[0..<count]
    }
  }

  fileprivate static func wait(for child: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    return exitStatus(status)
  }

  /// A wait status as a shell shows it: the exit code, or 128 and the signal.
  fileprivate static func exitStatus(_ status: Int32) -> Int32 {
    status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }
}

/// A program that the lab started and that goes on running.
final class ChildProcess {
  let name: String
  let processIdentifier: pid_t
  let log: String
  private var ended: Int32?

  init(name: String, processIdentifier: pid_t, log: String) {
    self.name = name
    self.processIdentifier = processIdentifier
    self.log = log
  }

  /// Its status if it has ended.
  var endedWith: Int32? {
    if ended == nil {
      var status: Int32 = 0
      if waitpid(processIdentifier, &status, WNOHANG) == processIdentifier { ended = Launcher.exitStatus(status) }
    }
    return ended
  }

  /// Sends the signal to the program and whatever it started (its process group).
  func signal(_ number: Int32) {
    guard endedWith == nil else { return }
    kill(-processIdentifier, number)
  }

  /// Ends it: politely if a time for that is given, then by force.
  func end(politelyForMilliseconds patience: Int = 0) {
    if patience > 0 {
      signal(SIGTERM)
      signal(SIGCONT)
      let end = BootClock.nanoseconds + UInt64(patience) * 1_000_000
      while endedWith == nil && BootClock.nanoseconds < end { BootClock.sleep(until: BootClock.nanoseconds + 5_000_000) }
    }
    signal(SIGKILL)
    if ended == nil { ended = Launcher.wait(for: processIdentifier) }
  }

  /// - Throws: `LabError.processDied` with the end of its log if it no longer runs.
  func checkAlive() throws {
    guard let status = endedWith else { return }
    throw LabError.processDied(name, status: status, logTail: logTail())
  }

  /// The last lines of what it wrote.
  func logTail(lines: Int = 15) -> String {
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
  }
}
