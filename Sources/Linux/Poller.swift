import CLinux
import Glibc
import Wire

/// One thread's event loop (epoll). It is not `Sendable`: one thread makes, fills and runs it, or one actor whose executor is `mailbox`:
///
///     actor Node {
///       let poller: Poller
///       nonisolated let mailbox: Mailbox
///       nonisolated var unownedExecutor: UnownedSerialExecutor { mailbox.asUnownedSerialExecutor() }
///       func run() throws { try poller.run() }
///     }
/// There, handlers are closures formed inside the actor, isolated to it without a word, and everyone else writes `await node.status()`.
/// On the thread itself, `node.assumeIsolated { try $0.run() }` starts it.
public final class Poller {
  /// What epoll reported. A descriptor that failed or hung up keeps being reported until it is unwatched.
  public struct Readiness: OptionSet, Sendable {
    /// The bits, as epoll_wait(2) gives them.
    public let rawValue: UInt32
    /// What epoll_wait(2) gave.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// The other end has closed; what it wrote before may still be there to read.
    public static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue)
  }

  private struct Watch {
    let generation: UInt32
    let handler: (Readiness) -> Void
  }

  /// Work from other threads; also the executor of an actor that lives on this loop.
  public let mailbox: Mailbox

  private let epoll: Descriptor
  private var watches: [Int32: Watch] = [:]
  private var nextGeneration: UInt32 = 0
  private var signals: Descriptor?
  private static let eventLimit = 64

  /// - Throws: when the process has no descriptors left.
  public init() throws(LinuxError) {
    epoll = Descriptor(owning: try checkErrno(epoll_create1(CInt(EPOLL_CLOEXEC)), "create an event loop"))
    mailbox = try Mailbox()
    try watch(mailbox.descriptor) { [mailbox] _ in mailbox.drain() }
  }

  /// Calls `handler` on this loop's thread whenever `descriptor` can be read or its other end has closed; replaces an earlier handler of
  /// the same descriptor.
  /// - Throws: when the descriptor is not one that can be waited for.
  public func watch(_ descriptor: Int32, _ handler: @escaping (Readiness) -> Void) throws(LinuxError) {
    // A descriptor's number is used again: the generation tells an event of the old one from the new.
    nextGeneration &+= 1
    var event = epoll_event(
      events: EPOLLIN.rawValue, data: epoll_data_t(u64: UInt64(nextGeneration) << 32 | UInt64(UInt32(bitPattern: descriptor))))
    let isKnown = watches[descriptor] != nil
    var result = epoll_ctl(epoll.rawValue, isKnown ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event)
    if result < 0, isKnown, Errno.current == .noSuchEntry { result = epoll_ctl(epoll.rawValue, EPOLL_CTL_ADD, descriptor, &event) }
    try checkErrno(result, "wait for descriptor \(descriptor)")
    watches[descriptor] = Watch(generation: nextGeneration, handler: handler)
  }

  /// Forgets a descriptor; to be called before it is closed. Its handler is not called again, not even for an event already fetched.
  public func unwatch(_ descriptor: Int32) {
    guard watches.removeValue(forKey: descriptor) != nil else { return }
    _ = epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, descriptor, nil)
  }

  /// A timer of this loop, disarmed. It lives as long as it is held.
  public func makeTimer(_ handler: @escaping () -> Void) throws(LinuxError) -> DeadlineTimer {
    let timer = try DeadlineTimer(self)
    try watch(timer.descriptor) { [weak timer] _ in
      if let timer, timer.takeExpiry() { handler() }
    }
    return timer
  }

  /// Calls `handler` for each of these signals, on whichever thread they arrive. One loop a process may do so.
  public func watchSignals(_ wanted: Set<Signal>, _ handler: @escaping (Signal) -> Void) throws(LinuxError) {
    let descriptor = Descriptor(owning: try checkErrno(skein_signal_pipe(), "receive signals"))
    let number = descriptor.rawValue
    if let old = signals.take() { unwatch(old.rawValue) }
    try watch(number) { _ in
      var octet: UInt8 = 0
      while read(number, &octet, 1) == 1 {
        if let signal = Signal(rawValue: Int32(octet)) { handler(signal) }
      }
    }
    for signal in wanted { try checkErrno(skein_signal_note(signal.rawValue), "receive \(signal)") }
    signals = consume descriptor
  }

  /// Waits for and handles events until `stop()`.
  public func run() throws(LinuxError) {
    while !mailbox.takeStop() { _ = try turn(waitingMilliseconds: -1) }
    mailbox.drain()
  }

  /// One turn of the loop: waits at most `limit` (rounded up to milliseconds) for the first event.
  /// - Returns: how many events it handled.
  @discardableResult
  public func turn(waiting limit: Interval) throws(LinuxError) -> Int {
    try turn(waitingMilliseconds: Int32(clamping: (limit.nanoseconds + 999_999) / 1_000_000))
  }

  /// Ends `run()` after the present handlers. From other threads: `mailbox.stop()`.
  public func stop() { mailbox.stop() }

  private func turn(waitingMilliseconds limit: Int32) throws(LinuxError) -> Int {
    mailbox.adopt()
    return try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventLimit) { events throws(LinuxError) -> Int in
      let count = epoll_wait(epoll.rawValue, events.baseAddress, Int32(Self.eventLimit), limit)
      if count < 0, Errno.current == .interrupted { return 0 }
      try checkErrno(count, "wait for events")
      for event in events.prefix(Int(count)) { handle(event) }
      return Int(count)
    }
  }

  private func handle(_ event: epoll_event) {
    let descriptor = Int32(truncatingIfNeeded: event.data.u64)
    guard let watch = watches[descriptor], UInt64(watch.generation) == event.data.u64 >> 32 else { return }
    watch.handler(Readiness(rawValue: event.events))
  }
}
