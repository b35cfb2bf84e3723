import ArgumentParser
import Linux

/// Where the program begins.
@main
enum Program {
  static func main() async {
    // The daemon takes signals as events; every thread that the runtime starts must be born with them blocked.
    if CommandLine.arguments.dropFirst().first == "run" {
      do { try Signal.block([.hangup, .interrupt, .terminate]) } catch { Skein.exit(withError: error) }
    }
    await Skein.main()
  }
}

/// The program: one on each machine.
struct Skein: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skein",
    abstract: "Turns a few ordinary Linux machines into one network appliance.",
    discussion: """
      One address, all machines working, and no connection lost when one dies. `skein lab demo` (as root) shows it on this \
      machine alone; `skein doctor` says what here would hurt.
      """,
    version: "0.1.0",
    groupedSubcommands: [
      CommandGroup(
        name: "On each machine", subcommands: [RunCommand.self, CheckCommand.self, DoctorCommand.self, CertificateCommand.self, PersonalityCommand.self]),
      CommandGroup(
        name: "Asking the daemon",
        subcommands: [
          StatusCommand.self, MembersCommand.self, UnitsCommand.self, EventsCommand.self, CountersCommand.self, TraceCommand.self,
        ]),
      CommandGroup(
        name: "Telling the daemon",
        subcommands: [DrainCommand.self, UndrainCommand.self, LeaveCommand.self, ExpelCommand.self, ReloadCommand.self]),
      CommandGroup(name: "Without a network", subcommands: [LabCommands.self, SimulateCommand.self, BenchCommand.self, ManualCommand.self]),
    ])
}
