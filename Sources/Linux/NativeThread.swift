import CLinux
import Glibc
import Synchronization

/// A thread of the system's own: for an event loop that may have real-time priority and a network namespace, which belong to threads.
public enum NativeThread {
  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, _ run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  /// Starts a thread that runs `body` and is then gone. `name`: at most 15 octets, as `top` shows it.
  public static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(LinuxError) {
    let box = Unmanaged.passRetained(Body(name: name, body))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        skein_name_thread(body.name)
        body.run()
        return nil
      }, box.toOpaque())
    if result != 0 { box.release() }
    try check(-result, "start thread \(name)")
    pthread_detach(thread)
  }
}

/// What makes a daemon punctual on a busy machine. Each may be refused, which is an answer for the operator and no reason to stop.
public enum Realtime {
  /// The kernel's answer.
  public enum Outcome: Sendable {
    case granted
    case refused(LinuxError)

    /// Why it was refused; nil when granted.
    public var refusal: LinuxError? {
      switch self {
      case .granted: nil
      case .refused(let error): error
      }
    }
  }

  /// SCHED_RR at `level` (1…99) for the calling thread; its children start as ordinary ones. The level above the lowest is enough: whatever
  /// asks for real time without a thought of its rank has the lowest, and of two at the same level the one waits for the other.
  public static func requestPriority(_ level: Int32 = 2) -> Outcome {
    outcome(skein_round_robin(level), "get real-time priority", "grant CAP_SYS_NICE (systemd: LimitRTPRIO=)")
  }

  /// Keeps this process's pages, present and future, out of swap once they are touched.
  public static func lockMemory() -> Outcome {
    // Without the capability it may succeed now and make a later allocation fail at the limit.
    if let missing = try? Capability.missing(from: [.memoryLock]), !missing.isEmpty {
      return .refused(LinuxError("lock memory", .notPermitted, advice: "grant CAP_IPC_LOCK"))
    }
    return outcome(skein_lock_memory(), "lock memory", "grant CAP_IPC_LOCK")
  }

  private static func outcome(_ result: Int32, _ operation: String, _ advice: String) -> Outcome {
    do throws(LinuxError) {
      try check(result, operation, advice: advice)
      return .granted
    } catch {
      return .refused(error)
    }
  }
}
