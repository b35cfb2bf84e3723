import Foundation
import Linux
import Wire

/// A command of the configuration, run by /bin/sh, ended with all that it started when it takes too long.
struct ShellCommand: Sendable {
  var text: String
  var timeout: Interval

  /// Whether it ran and exited with 0.
  func succeeds() async -> Bool {
    if case .success(let outcome) = await run() { outcome.end == .exited(0) } else { false }
  }

  /// Runs it on a thread of its own: no other waits, whatever the command does.
  func run(environment: [String: String] = [:]) async -> Result<ChildProcess.Outcome, LinuxError> {
    let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    return await withCheckedContinuation { continuation in
      do throws(LinuxError) {
        try NativeThread.start(name: "skein-hook") {
          continuation.resume(
            returning: Result { () throws(LinuxError) in
              try ChildProcess.run("/bin/sh", ["sh", "-c", text], environment: all, within: timeout)
            })
        }
      } catch { continuation.resume(returning: .failure(error)) }
    }
  }
}
