import Foundation
import Wire

/// A command of the configuration, run by /bin/sh, ended when it takes too long.
struct ShellCommand: Sendable {
  var text: String
  var timeout: Interval

  struct Outcome {
    var status: Int32
    /// What it printed, cut and trimmed.
    var output: String
  }

  /// Whether it ran and exited with 0.
  func succeeds() async -> Bool {
    if case .success(let outcome) = await run() { outcome.status == 0 } else { false }
  }

  func run(environment: [String: String] = [:]) async -> Result<Outcome, any Error> {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", text]
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    let (ended, continuation) = AsyncStream.makeStream(of: Int32.self)
    process.terminationHandler = { process in
      continuation.yield(process.terminationStatus)
      continuation.finish()
    }
    do { try process.run() } catch { return .failure(error) }
    let identifier = process.processIdentifier
    let limit = Task { [timeout] in
      try await Task.sleep(for: .nanoseconds(Int64(timeout.nanoseconds)))
      kill(identifier, SIGKILL)
    }
    var status: Int32 = -1
    for await value in ended { status = value }
    limit.cancel()
    let output = (try? pipe.fileHandleForReading.read(upToCount: ClusterLimits.explanationByteCount)) ?? Data()
    let text = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return .success(Outcome(status: status, output: text))
  }
}
