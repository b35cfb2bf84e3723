import Foundation
import Linux
import Logging
import Wire

/// What a daemon needs of its machine and cannot make, an interface and an address, may come after it: by DHCP, a hot-plugged card, a tunnel.
/// It is waited for. The service manager is told that the service is up, or everything that is ordered after it would wait as well.
struct Arrival {
  /// How the waiting ended.
  enum End: Equatable {
    /// What was missing is there.
    case isThere
    /// The daemon was told to stop.
    case stopped
    /// The daemon was told to read its configuration, which it does by starting afresh.
    case afresh
  }

  /// Says what is missing, in a sentence; nil when all is there.
  var missing: () throws -> String?
  /// Takes back what an earlier daemon has left behind: nothing may stand here without a packet path before it.
  var putBack: () -> Void
  /// Hands over the signals that come while it waits.
  var heed: (Poller, @escaping (Signal) -> Void) throws -> Void = { try $0.watchSignals([.terminate, .interrupt, .hangup], $1) }
  /// The socket of its API, at which it says meanwhile what it waits for.
  var api: String
  var logger: Logger

  /// - Returns: how it ended, and for how many seconds it was waited for what; nil when it was not waited.
  func wait() throws -> (end: End, event: Event?) {
    let monitor = try KernelMonitor(.interfaces)
    guard var told = try missing() else { return (.isThere, nil) }
    let began = BootClock.now()
    putBack()
    var end: End?
    let poller = try Poller()
    try poller.watch(monitor.descriptor) { _ in _ = try? monitor.receive() }
    try heed(poller) { end = $0 == .hangup ? .afresh : .stopped }
    say(told)
    let answer = makeAnswer(told, poller)
    do { try ServiceManager.ready() } catch { logger.warning("systemd does not hear: \(error)") }
    while end == nil {
      do { try ServiceManager.alive() } catch { logger.warning("systemd does not hear: \(error)") }
      try poller.turn(waiting: min(.seconds(1), (ServiceManager.watchdogInterval ?? .seconds(2)) / 2))
      guard let now = try missing() else {
        end = end ?? .isThere
        break
      }
      if now != told { say(now) }
      told = now
      answer?.missing = now
    }
    guard end == .isThere else { return (end ?? .stopped, nil) }
    try? ServiceManager.status("")
    // The kernel's look at the program may take longer, on a busy machine, than the watchdog waits for a sign of life.
    try? ServiceManager.starting(within: .seconds(90))
    let waited = (BootClock.now() - began).inMilliseconds / 1000
    return (.isThere, Event(.waitedForMachine, nil, .init { ($0.seconds, $0.explanation) = ((waited * 10).rounded() / 10, told) }))
  }

  private func makeAnswer(_ missing: String, _ poller: Poller) -> WaitingAnswer? {
    do {
      let answer = try WaitingAnswer(at: api, missing)
      try answer?.answer(with: poller)
      return answer
    } catch {
      logger.warning("nobody can ask what is waited for: \(error)")
      return nil
    }
  }

  private func say(_ missing: String) {
    logger.warning("waiting: \(missing)")
    try? ServiceManager.status("waiting: \(missing)")
  }
}

extension Arrival {
  init(of configuration: Configuration, _ logger: Logger) {
    missing = {
      do {
        if let section = configuration.cluster {
          _ = try Machine(section)
        } else if let section = configuration.gateway {
          _ = try GatewayMachine(section, named: PathPlace.instance(of: section))
        }
        return nil
      } catch let error as StartError where error.mayCome { return error.description }
    }
    putBack = {
      let instance = Backends.instance(of: configuration)
      let names = configuration.cluster != nil && configuration.gateway != nil ? [instance, instance + "-gateway"] : [instance]
      do {
        let loopback = try RouteSocket().interface(named: "lo")
        for name in names {
          var changes = try MachineChanges(named: name, on: loopback)
          for error in changes.restore() { logger.warning("not restored: \(error)") }
        }
        try KernelProgram.removeAll(instance: instance)
      } catch { logger.warning("what an earlier daemon has left behind stays: \(error)") }
    }
    api = configuration.api
    self.logger = logger
  }
}

/// A daemon that starts afresh: the process executes its own program again, started the same way.
enum FreshStart {
  private static let variable = "SKEIN_STARTED_AFRESH"

  /// Replaces this process; the next one says why.
  static func execute(because why: String) throws {
    setenv(variable, why, 1)
    try? ServiceManager.starting(within: .seconds(90))
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &arguments)
    throw StartError("the daemon could not start afresh: \(String(cString: strerror(errno)))")
  }

  /// Why this process was started afresh, as an event; nil when it was not. Programs that it starts do not inherit it.
  static func event() -> Event? {
    guard let why = getenv(variable).map({ String(cString: $0) }) else { return nil }
    unsetenv(variable)
    return Event(.startedAfresh, nil, .init { $0.explanation = why })
  }
}
