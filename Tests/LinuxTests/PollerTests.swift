import CLinux
import Glibc
import Linux
import Synchronization
import Testing
import Wire

@Suite struct PollerTests {
  @Test func timersFireInTheOrderOfTheirDeadlines() throws {
    let poller = try Poller()
    var fired: [String] = []
    let start = BootClock.now()
    let late = try poller.makeTimer {
      fired.append("late")
      poller.stop()
    }
    let early = try poller.makeTimer { fired.append("early") }
    late.deadline = start + .milliseconds(30)
    early.deadline = start + .milliseconds(10)
    try poller.run()
    #expect(fired == ["early", "late"])
    #expect(BootClock.now() >= start + .milliseconds(30))
    #expect(early.deadline == nil)
  }

  @Test(arguments: [Instant.zero, Instant(nanoseconds: 1)]) func aDeadlineThatHasPassedFiresAtOnce(deadline: Instant) throws {
    let poller = try Poller()
    let timer = try poller.makeTimer { poller.stop() }
    timer.deadline = deadline
    try poller.run()
    #expect(timer.deadline == nil)
  }

  @Test func anEarlierHandlerCanMoveADeadlineThatHasJustPassed() throws {
    let poller = try Poller()
    var fired: [String] = []
    var second: DeadlineTimer?
    let first = try poller.makeTimer {
      fired.append("first")
      second?.deadline = nil
    }
    second = try poller.makeTimer { fired.append("second") }
    first.deadline = .zero
    second?.deadline = .zero
    _ = try poller.turn(waiting: .seconds(5))
    #expect(fired == ["first"] || fired == ["second", "first"])
    #expect(try poller.turn(waiting: .zero) == 0)
  }

  @Test func aTimerThatIsLetGoNeverFires() throws {
    let poller = try Poller()
    var timer: DeadlineTimer? = try poller.makeTimer { Issue.record("fired") }
    timer?.deadline = .zero
    timer = nil
    #expect(try poller.turn(waiting: .zero) == 0)
    _ = timer
  }

  @Test func workPostedByOtherThreadsIsDoneInOrderOnTheLoop() throws {
    let poller = try Poller()
    let mailbox = poller.mailbox
    let seen = Mutex<[Int]>([])
    try NativeThread.start(name: "poster") {
      for number in 0..<1000 { mailbox.post { seen.withLock { $0.append(number) } } }
      mailbox.post { mailbox.stop() }
    }
    try poller.run()
    #expect(seen.withLock { $0 } == Array(0..<1000))
  }

  @Test func aStopBeforeTheLoopRunsIsNotForgottenAndComesAfterWhatWasPosted() throws {
    let poller = try Poller()
    let isDone = Atomic(false)
    poller.mailbox.stop()
    poller.mailbox.post { isDone.store(true, ordering: .relaxed) }
    try poller.run()
    let wasDone = isDone.load(ordering: .relaxed)
    #expect(wasDone)
  }

  @Test func anActorLivesOnTheLoop() async throws {
    let (stream, continuation) = AsyncStream<Counter>.makeStream()
    try NativeThread.start(name: "loop") {
      do {
        let counter = try Counter()
        continuation.yield(counter)
        try counter.assumeIsolated { try $0.run() }
      } catch {
        continuation.finish()
      }
    }
    var counters = stream.makeAsyncIterator()
    let counter = try #require(await counters.next())
    for _ in 0..<10 { await counter.add() }
    #expect(await counter.count == 10)
    await counter.stop()
  }

  @Test func aDescriptorUnwatchedInTheSameTurnIsNotReported() throws {
    let poller = try Poller()
    let pipes = try (0..<2).map { _ in try Pipe() }
    var reported: [Int32] = []
    for (pipe, other) in [(pipes[0], pipes[1]), (pipes[1], pipes[0])] {
      try poller.watch(pipe.reader) { _ in
        reported.append(pipe.reader)
        poller.unwatch(other.reader)
      }
      pipe.write()
    }
    _ = try poller.turn(waiting: .seconds(5))
    #expect(reported.count == 1)
  }

  @Test func theOtherEndsDepartureIsReported() throws {
    let poller = try Poller()
    let pipe = try Pipe()
    var readiness: Poller.Readiness = []
    try poller.watch(pipe.reader) { readiness = $0 }
    pipe.closeWriter()
    _ = try poller.turn(waiting: .seconds(5))
    #expect(readiness.contains(.hungUp))
  }

  @Test func aDescriptorThatCannotBeWaitedForIsATypedError() throws {
    let poller = try Poller()
    let error = #expect(throws: LinuxError.self) { try poller.watch(-1) { _ in } }
    #expect(error?.code == Errno(rawValue: EBADF))
  }

  @Test func signalsAreEvents() throws {
    let poller = try Poller()
    var received: [Signal] = []
    try poller.watchSignals([.hangup]) {
      received.append($0)
      poller.stop()
    }
    kill(getpid(), SIGHUP)
    try poller.run()
    #expect(received == [.hangup])
  }
}

private actor Counter {
  private let poller: Poller
  nonisolated let mailbox: Mailbox
  nonisolated var unownedExecutor: UnownedSerialExecutor { mailbox.asUnownedSerialExecutor() }
  var count = 0

  init() throws {
    poller = try Poller()
    mailbox = poller.mailbox
  }

  func run() throws { try poller.run() }
  func add() { count += 1 }
  func stop() { poller.stop() }
}

private final class Pipe {
  let reader: Int32
  private var writer: Int32

  init() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    reader = ends[0]
    writer = ends[1]
  }

  deinit {
    close(reader)
    closeWriter()
  }

  func write() { _ = Glibc.write(writer, "x", 1) }

  func closeWriter() {
    if writer >= 0 { close(writer) }
    writer = -1
  }
}
