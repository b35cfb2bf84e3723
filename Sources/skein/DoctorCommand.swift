import ArgumentParser
import Foundation
import Node

/// What here will hurt, before it does.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Says what on this machine and its network will hurt, and what to do about it.",
    discussion: """
      Looks at the kernel, this process's rights, the clock and, when named, the interface; with a configuration also at its addresses, \
      its certificate and what is heard on the wire. \(ConfigurationOptions.usual) is read where it is there. Changes nothing. Run it as root, or it can say little. Exits 1 when something is \
      a problem.
      """)
  @Option(
    name: .shortAndLong,
    help:
      "The configuration of what is to run here; \(ConfigurationOptions.usual) when not said. Without either, the machine alone is looked at."
  )
  var config: String?
  @Option(name: .shortAndLong, help: "The interface to look at; the configuration's when not said.")
  var interface: String?
  @Flag(help: "Attach an XDP program to the interface for a moment; some drivers restart it for that.")
  var tryXdp = false
  @OptionGroup var output: OutputOptions

  func run() throws {
    let doctor = Doctor(config: config, usual: ConfigurationOptions.usual, interface: interface, triesXDP: tryXdp)
    let report = doctor.examine()
    if output.json { try printJSON(report) } else { print(Self.screen(report)) }
    if !output.json, !doctor.hasConfiguration {
      print(
        "  " + Paint.dim("Only this machine was looked at; --config FILE adds its interface, its network, its certificate and the members.")
      )
    }
    if !report.ok { throw ExitCode.failure }
  }

  private static func screen(_ report: DoctorReport) -> String {
    let width = report.findings.map(\.name.count).max() ?? 0
    let lines = report.findings.flatMap { finding in
      let name = finding.name.padding(toLength: width, withPad: " ", startingAt: 0)
      let advice = finding.advice.map { "  " + String(repeating: " ", count: width + 11) + Paint.dim("→ \($0)") }
      let log = (finding.verifierLog ?? []).map { "  " + String(repeating: " ", count: width + 11) + Paint.dim("| \($0.prefix(160))") }
      return ["  \(mark(finding.state))  \(name)  \(finding.found)"] + log + [advice].compactMap(\.self)
    }
    return (lines + ["", "  " + verdict(report)]).joined(separator: "\n")
  }

  private static func mark(_ state: Finding.State) -> String {
    switch state {
    case .ok: Paint.green("ok     ")
    case .warning: Paint.yellow("warning")
    case .problem: Paint.red("problem")
    case .unknown: Paint.dim("unknown")
    }
  }

  private static func verdict(_ report: DoctorReport) -> String {
    func count(_ state: Finding.State) -> Int { report.findings.count { $0.state == state } }
    let warnings = count(.warning)
    let also = warnings == 0 ? "" : ", \(warnings) \(warnings == 1 ? "warning" : "warnings")"
    switch count(.problem) {
    case 0: return Paint.green("Nothing stands in the way\(also).")
    case 1: return Paint.red("1 problem\(also).")
    default: return Paint.red("\(count(.problem)) problems\(also).")
    }
  }
}
