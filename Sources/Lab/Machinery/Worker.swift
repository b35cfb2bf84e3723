import Foundation
import Synchronization

/// A thread with a result. The lab's loops that must not wait for anything else each have one.
final class Worker<Success: Sendable>: Sendable {
  private let outcome = Mutex<Result<Success, any Error>?>(nil)
  private let finished = DispatchSemaphore(value: 0)

  /// - Parameter isUrgent: runs before ordinary threads, and after the daemons; for what keeps time and needs little of it.
  init(isUrgent: Bool = false, _ body: @escaping @Sendable () throws -> Success) {
    Thread.detachNewThread { [self] in
      if isUrgent {
        var priority = sched_param()
        priority.sched_priority = 1
        // Where it is not allowed the measurement is a little coarser, no more.
        pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority)
      }
      let result = Result { try body() }
      outcome.withLock { $0 = result }
      finished.signal()
    }
  }

  var isFinished: Bool { outcome.withLock { $0 != nil } }

  /// Waits for the thread to end.
  func value() throws -> Success {
    finished.wait()
    finished.signal()
    return try outcome.withLock { outcome in
      guard let outcome else { preconditionFailure("a worker that has finished has an outcome") }
      return try outcome.get()
    }
  }
}

/// Raised once, seen by another thread.
final class Flag: Sendable {
  private let raised = Atomic<Bool>(false)
  var isRaised: Bool { raised.load(ordering: .acquiring) }
  func raise() { raised.store(true, ordering: .releasing) }
}
