import Glibc
import Linux
import Testing
import Wire

/// Programs that do not end as they should. The long limit only ends a test that has failed.
@Suite struct ChildProcessTests {
  private func shell(_ command: String, within limit: Interval = .seconds(30), keeping: Int = 1 << 16) throws -> ChildProcess.Outcome {
    try ChildProcess.run(
      "/bin/sh", ["sh", "-c", command], environment: ["PATH": "/usr/bin:/bin", "WORD": "a b"], within: limit, keeping: keeping)
  }

  private func text(_ outcome: ChildProcess.Outcome) -> String { String(decoding: outcome.output, as: UTF8.self) }

  /// Whether a process still runs; one that nobody has waited for does not.
  private func runs(_ process: Int32) -> Bool {
    guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    guard fgets(&line, 512, file) != nil else { return false }
    let stat = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return stat.split(separator: ")").last?.split(separator: " ").first != "Z"
  }

  @Test func statusAndOutputAreTheProgramsOwn() throws {
    let outcome = try shell("printf '%s\\n' \"$WORD\"; echo unseen >&2; exit 3")
    #expect(outcome.end == .exited(3) && text(outcome) == "a b\n")
    #expect(try shell("kill -TERM $$").end == .signalled(SIGTERM))
    #expect(try shell("exec 1>&-; sleep 0.05; exit 7").end == .exited(7), "One that closes its output is still waited for.")
    #expect(try shell("exec 0<&- 1>&-; exit 8").end == .exited(8))
  }

  @Test(arguments: ["sleep 600 & echo $!; exit 4", "setsid sleep 600 & echo $!; exit 4", "(sleep 600 & echo $!) ; exit 4"])
  func aChildThatKeepsTheOutputIsNotWaitedFor(_ command: String) throws {
    let outcome = try shell(command)
    let left = try #require(Int32(text(outcome).split(separator: "\n").first ?? ""))
    #expect(outcome.end == .exited(4) && runs(left), "What is left in the background is left alone.")
    kill(left, SIGKILL)
  }

  @Test(arguments: ["trap '' TERM INT HUP; sleep 600 & echo $!; wait; wait", "sleep 600 & echo $!; exec sleep 600"])
  func afterTheLimitTheWholeGroupIsKilled(_ command: String) throws {
    let outcome = try shell(command, within: .seconds(2))
    let child = try #require(Int32(text(outcome).split(separator: "\n").first ?? ""))
    #expect(outcome.end == .timedOut)
    // Whoever inherits it has been told of its death when the shell's was seen, or is told right after.
    for _ in 0..<500 where runs(child) { usleep(10_000) }
    #expect(!runs(child))
  }

  @Test func aFloodIsCutAndDoesNotHoldTheProgramUp() throws {
    let outcome = try shell("head -c 300000 /dev/zero | tr '\\0' x; exit 5")
    #expect(outcome.end == .exited(5) && outcome.output == Array(repeating: UInt8(ascii: "x"), count: 1 << 16))
    let endless = try shell("exec yes", within: .milliseconds(200), keeping: 1000)
    #expect(endless.end == .timedOut && endless.output.count == 1000)
  }

  @Test func whatCannotBeStartedIsAnError() {
    let error = #expect(throws: LinuxError.self) {
      try ChildProcess.run("/nowhere/program", ["program"], environment: [:], within: .seconds(30))
    }
    #expect(error?.code == .noSuchEntry)
  }

  @Test func nothingOfThisProcessReachesTheProgram() throws {
    let descriptor = dup(0)
    defer { close(descriptor) }
    signal(SIGPIPE, SIG_IGN)
    #expect(text(try shell("ls /proc/self/fd")) == "0\n1\n2\n3\n", "3 is the directory that is listed.")
    // The C library ignores two real-time signals of its own, 32 and 33.
    let masks = text(try shell("awk '/SigIgn|SigBlk/ { print $2 }' /proc/self/status")).split(separator: "\n").map { UInt64($0, radix: 16) }
    #expect(masks.count == 2 && masks.allSatisfy { $0.map { $0 & ~0x1_8000_0000 } == 0 }, "\(masks)")
    #expect(text(try shell("readlink /proc/self/fd/0 /proc/self/fd/2")) == "/dev/null\n/dev/null\n")
  }

  @Test func noDescriptorAndNoDeadChildIsLeft() throws {
    let outcome = try shell("echo $$")
    let process = try #require(Int32(text(outcome).split(separator: "\n").first ?? ""))
    #expect(kill(process, 0) == -1 && errno == ESRCH)
  }
}
