import ArgumentParser
import Foundation
import Node

/// POSTs one order and prints what came of it. The daemon itself gives up waiting for units to go after a minute.
private func order(_ path: String, _ daemon: DaemonOptions, _ output: OutputOptions, within patience: Duration = .seconds(10)) async throws
{
  let report: CommandReport = try await daemon.client.post(path, within: patience)
  if output.json { try printJSON(report) } else { print(report.text) }
  if !report.done { throw ExitCode.failure }
}

/// Units go first; the member stays.
struct DrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Hands this machine's work units and virtual MAC addresses to the others; it stays in without work.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  func run() async throws { try await order("/v1/drain", daemon, output, within: .seconds(70)) }
}

/// The opposite of drain.
struct UndrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undrain", abstract: "Lets this machine be given work units and virtual MAC addresses again.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  func run() async throws { try await order("/v1/undrain", daemon, output) }
}

/// Units go first, then the member.
struct LeaveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leave", abstract: "Hands over this machine's work units and virtual MAC addresses, says farewell and stops taking part.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  func run() async throws { try await order("/v1/leave", daemon, output, within: .seconds(70)) }
}

/// Puts a member out, and renews the group key.
struct ExpelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "expel", abstract: "On the master: puts a member out and gives the others a new group key.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  @Argument(help: "The member's number.") var member: Int
  func run() async throws { try await order("/v1/members/\(member)/expel", daemon, output) }
}

/// The same as SIGHUP.
struct ReloadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload", abstract: "Reads the configuration file again; an impossible one changes nothing.")
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var output: OutputOptions
  func run() async throws { try await order("/v1/reload", daemon, output) }
}
