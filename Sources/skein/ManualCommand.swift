import ArgumentParser
import Foundation

/// Manual pages, made from what `--help` knows.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual", abstract: "Writes the manual pages, one for each command, into a directory.",
    discussion: "`make install` calls it. Shell completions come from `skein --generate-completion-script bash|zsh|fish`.")
  @Option(help: "Where to write them.") var directory: String

  func run() throws {
    let dump = try JSONDecoder().decode(HelpDump.self, from: Data(Skein._dumpHelp().utf8))
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    var count = 0
    for page in ManualPage.pages(of: dump.command, parents: []) {
      let path = URL(filePath: directory).appending(path: page.name + ".1")
      try Data(page.text.utf8).write(to: path)
      count += 1
    }
    print("\(count) manual pages in \(directory)")
  }
}

/// What ArgumentParser says of the program (its ToolInfo, version 0), as far as the pages need it.
struct HelpDump: Decodable {
  var command: Command

  struct Command: Decodable {
    var commandName: String
    var abstract: String?
    var discussion: String?
    var subcommands: [Command]?
    var arguments: [Argument]?
  }
  struct Argument: Decodable {
    var kind: String
    var shouldDisplay: Bool
    var isOptional: Bool
    var names: [Name]?
    var valueName: String?
    var defaultValue: String?
    var allValues: [String]?
    var abstract: String?
  }
  struct Name: Decodable {
    var kind: String
    var name: String
    var text: String { kind == "long" ? "--" + name : "-" + name }
  }
}

/// One page in mdoc's elder, man(7), which every reader knows.
struct ManualPage {
  var name: String
  var text: String

  static func pages(of command: HelpDump.Command, parents: [String]) -> [ManualPage] {
    let words = parents + [command.commandName]
    let children = (command.subcommands ?? []).filter { $0.commandName != "help" }
    return [ManualPage(name: words.joined(separator: "-"), text: page(command, words, children))]
      + children.flatMap { pages(of: $0, parents: words) }
  }

  private static func page(_ command: HelpDump.Command, _ words: [String], _ children: [HelpDump.Command]) -> String {
    let arguments = (command.arguments ?? []).filter(\.shouldDisplay)
    var lines = [
      ".TH \(words.joined(separator: "-").uppercased()) 1 \"\" \"Skein\" \"Skein\"", ".SH NAME",
      "\(words.joined(separator: "\\-")) \\- \(escape(command.abstract ?? ""))", ".SH SYNOPSIS", ".B \(words.joined(separator: " "))",
    ]
    lines += arguments.map { escape(synopsis($0)) } + (children.isEmpty ? [] : ["\\fIcommand\\fR"])
    if let discussion = command.discussion { lines += [".SH DESCRIPTION", escape(discussion)] }
    if !arguments.isEmpty { lines += [".SH OPTIONS"] + arguments.flatMap(option) }
    if !children.isEmpty {
      lines += [".SH COMMANDS"] + children.flatMap { [".TP", "\\fB\($0.commandName)\\fR", escape($0.abstract ?? "")] }
    }
    lines += [".SH SEE ALSO", words.count == 1 ? "\\fBskein.yaml\\fR(5)" : "\\fBskein\\fR(1), \\fBskein.yaml\\fR(5)"]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func synopsis(_ argument: HelpDump.Argument) -> String {
    let value = argument.valueName.map { "<\($0)>" } ?? ""
    let text: String
    switch argument.kind {
    case "positional": text = value
    case "flag": text = argument.names?.last?.text ?? ""
    default: text = (argument.names?.last?.text ?? "") + " " + value
    }
    return argument.isOptional ? "[\(text)]" : text
  }

  private static func option(_ argument: HelpDump.Argument) -> [String] {
    let names = argument.names?.map(\.text).joined(separator: ", ") ?? ""
    let value = argument.kind == "flag" ? "" : argument.valueName.map { " <\($0)>" } ?? ""
    var text = argument.abstract ?? ""
    if let values = argument.allValues, !values.isEmpty { text += " One of \(values.joined(separator: ", "))." }
    if let initial = argument.defaultValue { text += " Default: \(initial)." }
    return [".TP", "\\fB\(escape((names + value).trimmingCharacters(in: .whitespaces)))\\fR", escape(text)]
  }

  private static func escape(_ text: String) -> String {
    text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
      .split(separator: "\n", omittingEmptySubsequences: false).map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : String($0) }
      .joined(separator: "\n")
  }
}
