import Linux
import Logging
import Wire

/// Runs the commands by which applications on this machine veto a join and hear of arrivals and departures (figures 8F and 8G).
/// A command sees the member in SKEIN_MEMBER and SKEIN_ADDRESS; exit status 0 of `join` agrees, anything else refuses with what it printed.
struct Hooks: Sendable {
  let commands: ClusterSection.Hooks

  /// Asks the application; answers nil when it agrees, or its reason. A command that does not finish in time refuses.
  func mayJoin(_ profile: MemberProfile) async -> String? {
    guard let command = commands.join else { return nil }
    return await problem("join", command, profile)
  }

  /// Tells of an arrival or departure; nobody waits for it, and the log has what went wrong.
  func tell(arrived: Bool, _ profile: MemberProfile, _ logger: Logger) {
    guard let command = arrived ? commands.arrived : commands.departed else { return }
    Task.detached {
      guard let problem = await problem(arrived ? "arrived" : "departed", command, profile) else { return }
      logger.warning("\(problem)", metadata: ["member": "\(profile.identifier.rawValue)"])
    }
  }

  /// Why a hook did not exit with 0, for people; nil when it did.
  private func problem(_ name: String, _ command: String, _ profile: MemberProfile) async -> String? {
    let environment = ["SKEIN_MEMBER": "\(profile.identifier.rawValue)", "SKEIN_ADDRESS": "\(profile.address)"]
    switch await ShellCommand(text: command, timeout: commands.timeout).run(environment: environment) {
    case .success(let outcome):
      switch outcome.end {
      case .exited(0): return nil
      case .exited(let status):
        let words = Self.words(outcome.output)
        return words.isEmpty ? "the \(name) hook exited with status \(status)" : words
      case .signalled(let signal): return "the \(name) hook was ended by signal \(signal)"
      case .timedOut: return "the \(name) hook had not finished after \(commands.timeout.text)"
      }
    case .failure(let error): return "the \(name) hook could not be run: \(error)"
    }
  }

  /// What a hook printed, in one line that fits a message.
  static func words(_ output: [UInt8]) -> String {
    let printable = String(decoding: output.prefix(ClusterLimits.explanationByteCount * 2), as: UTF8.self).unicodeScalars.map {
      $0.properties.generalCategory == .control ? " " : Character($0)
    }
    var words = String(printable).split(separator: " ").joined(separator: " ")
    while words.utf8.count > ClusterLimits.explanationByteCount { words.removeLast() }
    return words
  }
}
