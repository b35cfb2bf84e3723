import Foundation
import Wire

/// Runs the commands by which applications on this machine veto a join and hear of arrivals and departures (figures 8F and 8G).
/// A command sees the member in SKEIN_MEMBER and SKEIN_ADDRESS; exit status 0 of `join` agrees, anything else refuses with what it printed.
struct Hooks: Sendable {
  let commands: ClusterSection.Hooks

  /// Asks the application; answers nil when it agrees, or its reason. A command that does not finish in time refuses.
  func mayJoin(_ profile: MemberProfile) async -> String? {
    guard let command = commands.join else { return nil }
    switch await run(command, profile) {
    case .success(let result) where result.status == 0: return nil
    case .success(let result): return result.output.isEmpty ? "the join hook exited with status \(result.status)" : result.output
    case .failure(let error): return "the join hook could not be run: \(error)"
    }
  }

  /// Tells of an arrival or departure; nobody waits for it.
  func tell(arrived: Bool, _ profile: MemberProfile) {
    guard let command = arrived ? commands.arrived : commands.departed else { return }
    Task.detached { _ = await run(command, profile) }
  }

  private func run(_ command: String, _ profile: MemberProfile) async -> Result<ShellCommand.Outcome, any Error> {
    await ShellCommand(text: command, timeout: commands.timeout).run(
      environment: ["SKEIN_MEMBER": "\(profile.identifier.rawValue)", "SKEIN_ADDRESS": "\(profile.address)"])
  }
}
