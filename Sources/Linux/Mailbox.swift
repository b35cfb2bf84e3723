import CLinux
import Glibc
import Synchronization

/// How other threads reach a `Poller`: they post work, which its thread does in the order of posting.
/// It is also the executor of an actor that lives on that thread.
public final class Mailbox: SerialExecutor {
  enum Work {
    case closure(@Sendable () -> Void)
    case job(UnownedJob)
  }

  private struct State {
    var work: [Work] = []
    var isStopping = false
    /// pthread_self() of the thread that runs the loop.
    var owner: UInt
  }

  private let state: Mutex<State>
  private let wakeup: Descriptor

  init() throws(LinuxError) {
    state = Mutex(State(owner: UInt(pthread_self())))
    wakeup = Descriptor(owning: try checkErrno(eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK)), "create a mailbox"))
  }

  /// Has the poller's thread run `work` after everything posted before. Never blocks.
  public func post(_ work: @escaping @Sendable () -> Void) { append(.closure(work)) }

  /// Ends the poller's `run()`, or the next one when it does not run yet, after what has been posted so far.
  public func stop() {
    state.withLock { $0.isStopping = true }
    wake()
  }

  /// Runs a job of the actor that lives on the poller's thread, after everything posted before.
  public func enqueue(_ job: consuming ExecutorJob) { append(.job(UnownedJob(job))) }

  /// Stops the program unless the calling thread is the one that runs the loop.
  public func checkIsolated() { precondition(isOnOwnThread, "this actor's state belongs to its poller's thread") }

  /// Whether the calling thread is the one that runs the loop; never nil.
  public func isIsolatingCurrentContext() -> Bool? { isOnOwnThread }

  var descriptor: Int32 { wakeup.rawValue }

  /// The calling thread is the one that runs the loop from now on.
  func adopt() {
    let thread = UInt(pthread_self())
    state.withLock { $0.owner = thread }
  }

  /// Whether a stop was asked for, which is thereby answered.
  func takeStop() -> Bool {
    state.withLock { state in
      defer { state.isStopping = false }
      return state.isStopping
    }
  }

  /// Does all that had been posted; what that work posts in turn waits for the next turn.
  func drain() {
    var count: UInt64 = 0
    _ = eventfd_read(wakeup.rawValue, &count)
    let work = state.withLock { state in
      defer { state.work = [] }
      return state.work
    }
    for each in work {
      switch each {
      case .closure(let closure): closure()
      case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
      }
    }
  }

  private var isOnOwnThread: Bool {
    let thread = UInt(pthread_self())
    return state.withLock { $0.owner == thread }
  }

  private func append(_ work: Work) {
    let wasEmpty = state.withLock { state in
      defer { state.work.append(work) }
      return state.work.isEmpty
    }
    if wasEmpty { wake() }
  }

  /// Fails only when 2⁶⁴ − 2 wakeups wait, and then there is one.
  private func wake() { _ = eventfd_write(wakeup.rawValue, 1) }
}
