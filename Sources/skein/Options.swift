import ArgumentParser
import Foundation
import Node

/// How every command reaches the daemon, and how it answers.
struct DaemonOptions: ParsableArguments {
  @Option(help: "The daemon's API socket (`api:` in its configuration).")
  var api = ProcessInfo.processInfo.environment["SKEIN_API"] ?? "/run/skein/api.sock"

  var client: ControlClient { ControlClient(path: api) }
}

/// `--json`: for programs.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON object instead of text.")
  var json = false
}

/// Prints a value as one JSON object.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// Colours for people; nothing when the output is not a terminal or NO_COLOR is set (no-color.org).
enum Paint {
  static let isOn = isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

  static func bold(_ text: String) -> String { wrap(text, "1") }
  static func dim(_ text: String) -> String { wrap(text, "2") }
  static func red(_ text: String) -> String { wrap(text, "31") }
  static func green(_ text: String) -> String { wrap(text, "32") }
  static func yellow(_ text: String) -> String { wrap(text, "33") }
  /// A background colour by number, for maps.
  static func cell(_ text: String, _ index: Int) -> String { wrap(text, "48;5;\(palette[index % palette.count]);38;5;16") }

  private static let palette = [75, 114, 215, 176, 80, 222, 174, 147, 115, 180, 110, 150]
  private static func wrap(_ text: String, _ code: String) -> String { isOn ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text }
}

/// A table with columns as wide as they need to be; the first row is the heading.
func table(_ rows: [[String]]) -> String {
  let widths = rows.reduce(into: [Int]()) { widths, row in
    for (column, cell) in row.enumerated() {
      if column == widths.count { widths.append(0) }
      widths[column] = max(widths[column], cell.count)
    }
  }
  return rows.enumerated().map { index, row in
    let line = row.enumerated().map { column, cell in
      column == row.count - 1 ? cell : cell.padding(toLength: widths[column] + 2, withPad: " ", startingAt: 0)
    }.joined()
    return "  " + (index == 0 ? Paint.dim(line) : line)
  }.joined(separator: "\n")
}

/// A command cannot do what it was told; printed as it is, with exit status 1.
struct CommandError: Error, CustomStringConvertible {
  var description: String
}

/// 1,024.
func grouped(_ number: Int) -> String {
  number < 1000 ? "\(number)" : "\(grouped(number / 1000)),\(String(format: "%03d", number % 1000))"
}

/// 12 ms, 3.4 s, 5 min, 2 h, 9 d.
func duration(seconds: Double) -> String {
  switch seconds {
  case ..<1: String(format: "%.0f ms", seconds * 1000)
  case ..<60: String(format: "%.1f s", seconds)
  case ..<3600: String(format: "%.0f min", seconds / 60)
  case ..<86400: String(format: "%.1f h", seconds / 3600)
  default: String(format: "%.1f d", seconds / 86400)
  }
}
