import ArgumentParser
import Foundation
import Node

/// Where the configuration is.
struct ConfigurationOptions: ParsableArguments {
  /// Where it is unless `--config` says otherwise.
  static let usual = "/etc/skein/skein.yaml"

  @Option(name: .shortAndLong, help: "The configuration file.")
  var config = usual

  /// Reads it; every problem goes to standard error with its line.
  func read() throws -> Configuration {
    do {
      return try parsed()
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      throw ExitCode.failure
    }
  }

  /// - Throws: every problem found, that the file cannot be read being one.
  func parsed() throws(ConfigurationProblems) -> Configuration { try Configuration.read(Configuration.text(ofFile: config), file: config) }
}

/// The daemon.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the daemon until SIGTERM.",
    discussion: """
      SIGHUP reads the configuration again. SIGTERM leaves the cluster in order: work units first, then the member. \
      SIGKILL or a crash leaves the packet path in the kernel, which processes packets until its lease runs out; \
      a daemon started within that time goes on without losing one.
      """)
  @OptionGroup var configuration: ConfigurationOptions

  mutating func run() async throws { try await Daemon.run(configuration.read(), file: configuration.config) }
}

/// Explains every error and says what would do.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Checks a configuration file: every error with its line, and what would do.")
  @OptionGroup var configuration: ConfigurationOptions
  @OptionGroup var output: OutputOptions

  private struct Report: Codable {
    var ok: Bool
    var problems: [ConfigurationProblem]
    var warnings: [String]
    var summary: [String]
  }

  func run() async throws {
    var report = Report(ok: true, problems: [], warnings: [], summary: [])
    do {
      let read = try configuration.parsed()
      (report.warnings, report.summary) = (read.warnings, read.summary)
    } catch {
      report = Report(ok: false, problems: error.problems, warnings: [], summary: [])
    }
    if output.json { try printJSON(report) } else { show(report) }
    if !report.ok { throw ExitCode.failure }
  }

  private func show(_ report: Report) {
    for problem in report.problems { print("\(Paint.red("error")): \(problem)") }
    for warning in report.warnings { print("\(Paint.yellow("warning")): \(configuration.config): \(warning)") }
    guard report.ok else { return }
    print("\(configuration.config): good. It says:")
    for line in report.summary { print("  \(line)") }
  }
}
