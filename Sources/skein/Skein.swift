import ArgumentParser

/// The program: one on each machine.
@main
struct Skein: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skein",
    abstract: "Turns a few ordinary Linux machines into one network appliance.",
    discussion: """
      One address, all machines working; when one dies, the others serve its clients. `skein lab demo` (as root) shows it on this \
      machine alone; `skein doctor` says what here would hurt.
      """,
    version: "0.1.0",
    groupedSubcommands: [
      CommandGroup(
        name: "On each machine",
        subcommands: [RunCommand.self, CheckCommand.self, DoctorCommand.self, CertificateCommand.self, PersonalityCommand.self]),
      CommandGroup(
        name: "Asking the daemon",
        subcommands: [
          StatusCommand.self, MembersCommand.self, UnitsCommand.self, EventsCommand.self, CountersCommand.self, TraceCommand.self,
          ServicesCommand.self, FlowsCommand.self,
        ]),
      CommandGroup(
        name: "Telling the daemon",
        subcommands: [DrainCommand.self, UndrainCommand.self, LeaveCommand.self, ExpelCommand.self, ReloadCommand.self]),
      CommandGroup(name: "The virtual gateway", subcommands: [GatewayCommand.self]),
      CommandGroup(
        name: "Without a network", subcommands: [LabCommands.self, SimulateCommand.self, BenchCommand.self, ManualCommand.self]),
    ])
}
