import Wire
import Yams

/// One thing wrong in the configuration: where, what, and what to do about it.
public struct ConfigurationProblem: Error, Hashable, Sendable, Codable, CustomStringConvertible {
  /// The file as it was named on the command line.
  public var file: String
  /// Counted from 1; nil when the problem is what is missing altogether.
  public var line: Int?
  /// In Unicode scalars from 1; nil when no more than the line is known, or not even that.
  public var column: Int?
  /// The setting, with its path, such as `cluster.detection`.
  public var setting: String
  /// What is wrong and what would do; the setting's name, where there is one, goes before it.
  public var message: String

  /// `skein.yaml:4:14: cluster.detection: …`, the form that editors jump to.
  public var description: String {
    let place = line.map { ":\($0)" + (column.map { ":\($0)" } ?? "") } ?? ""
    return "\(file)\(place): \(setting.isEmpty ? "" : setting + ": ")\(message)"
  }
}

/// All that is wrong in a configuration, in the order of its lines.
public struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
  /// At least one. Those that are no line's come first.
  public var problems: [ConfigurationProblem]
  /// One line for each problem, as `ConfigurationProblem` has it.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Collects problems while a configuration is read, so that one run of `skein check` shows them all.
final class ProblemList {
  let file: String
  private(set) var problems: [ConfigurationProblem] = []

  init(file: String) { self.file = file }

  func add(_ setting: String, at mark: Mark?, _ message: String) {
    add(setting, line: mark?.line, column: mark?.column, message)
  }

  func add(_ setting: String, line: Int?, column: Int? = nil, _ message: String) {
    problems.append(ConfigurationProblem(file: file, line: line, column: column, setting: setting, message: message))
  }

  /// By line; where two are one place's, as they were found.
  var inOrder: [ConfigurationProblem] {
    func place(_ index: Int) -> (Int, Int, Int) { (problems[index].line ?? 0, problems[index].column ?? 0, index) }
    return problems.indices.sorted { place($0) < place($1) }.map { problems[$0] }
  }
}

/// One mapping of the YAML document, read setting by setting. Settings that nobody asked for are reported as unknown by `finish()`.
struct SectionReader {
  let path: String
  let mark: Mark?
  private let entries: [String: Yams.Node]
  private let keys: [(name: String, mark: Mark?)]
  private var known: Set<String> = []
  let problems: ProblemList

  init?(_ node: Yams.Node, path: String, problems: ProblemList) {
    guard case .mapping(let mapping) = node else {
      problems.add(path, at: node.mark, "should be a list of `name: value` settings")
      return nil
    }
    self.path = path
    self.mark = node.mark
    self.problems = problems
    var entries: [String: Yams.Node] = [:]
    var keys: [(String, Mark?)] = []
    for (key, value) in mapping {
      let name = key.string ?? "?"
      if entries.updateValue(value, forKey: name) != nil {
        problems.add(Self.join(path, name), at: key.mark, "is set twice; keep one")
      }
      keys.append((name, key.mark))
    }
    self.entries = entries
    self.keys = keys
  }

  static func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : path + "." + name }

  /// The setting's node and full path, and from now on the setting is a known one.
  mutating func take(_ name: String) -> (node: Yams.Node?, path: String) {
    known.insert(name)
    return (entries[name], Self.join(path, name))
  }

  /// Reads one scalar setting through `parse`, which answers nil or throws a sentence for what does not fit.
  mutating func value<Value>(_ name: String, expecting what: String, _ parse: (String) -> Value?) -> Value? {
    let (node, path) = take(name)
    guard let node else { return nil }
    guard case .scalar(let scalar) = node else {
      problems.add(path, at: node.mark, "should be \(what)")
      return nil
    }
    guard let value = parse(scalar.string) else {
      problems.add(path, at: node.mark, "“\(scalar.string)” is not \(what)")
      return nil
    }
    return value
  }

  /// The same for a list of scalars; a single scalar counts as a list of one. `check` answers what is wrong with an element, if anything is.
  mutating func list<Value>(
    _ name: String, expecting what: String, _ parse: (String) -> Value?, check: (Value) -> String? = { _ in nil }
  ) -> [Value]? {
    let (node, path) = take(name)
    guard let node else { return nil }
    let elements: [Yams.Node]
    if case .sequence(let sequence) = node { elements = Array(sequence) } else { elements = [node] }
    return elements.compactMap { element in
      guard case .scalar(let scalar) = element, let value = parse(scalar.string) else {
        problems.add(path, at: element.mark, "“\(element.string ?? "…")” is not \(what)")
        return nil
      }
      if let problem = check(value) { problems.add(path, at: element.mark, problem) }
      return value
    }
  }

  /// A text with something in it. The kernel and the shell end a text at its first NUL.
  mutating func text(_ name: String) -> String? {
    value(name, expecting: "a text of at least one character, without NUL") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
  }
  /// A name that the kernel would give to a network interface.
  mutating func interface(_ name: String) -> String? {
    value(name, expecting: "an interface's name: 1 to 15 octets, no slash, colon or space") {
      let isName = (1...15).contains($0.utf8.count) && !$0.contains { $0 == "/" || $0 == ":" || $0.isWhitespace || $0 == "\0" }
      return isName && $0 != "." && $0 != ".." ? $0 : nil
    }
  }
  /// The interface that carries what the machines share.
  mutating func sharedInterface(_ name: String) -> String? {
    let interface = interface(name)
    if interface == "lo" { problem(name, "is lo, which reaches no other machine; name the network's, such as eth0") }
    return interface
  }
  /// A time within bounds; `why` says what is wrong with those outside.
  mutating func time(_ name: String, in range: ClosedRange<Interval>, why: String? = nil) -> Interval? {
    value(name, expecting: "a time from \(range.lowerBound.text) to \(range.upperBound.text)\(why.map { ": \($0)" } ?? "")") {
      Interval(text: $0).flatMap { range.contains($0) ? $0 : nil }
    }
  }
  /// A number of octets within bounds.
  mutating func size(_ name: String, in range: ClosedRange<Int>, named bounds: String) -> Int? {
    value(name, expecting: "a size from \(bounds)") { byteCount($0).flatMap { range.contains($0) ? $0 : nil } }
  }
  mutating func flag(_ name: String) -> Bool? {
    value(name, expecting: "true or false") { ["true": true, "yes": true, "on": true, "false": false, "no": false, "off": false][$0] }
  }
  mutating func number<Number: FixedWidthInteger>(_ name: String, in range: ClosedRange<Number>) -> Number? {
    value(name, expecting: "a number from \(range.lowerBound) to \(range.upperBound)") {
      Number($0).flatMap { range.contains($0) ? $0 : nil }
    }
  }
  mutating func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _: Choice.Type) -> Choice?
  where Choice.RawValue == String {
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    return value(name, expecting: "one of \(names)") { Choice(rawValue: $0) }
  }

  /// A nested section, read by `body`.
  mutating func section(_ name: String, _ body: (inout SectionReader) -> Void) {
    let (node, path) = take(name)
    guard let node, var reader = SectionReader(node, path: path, problems: problems) else { return }
    body(&reader)
    reader.finish()
  }

  /// A list of nested sections, each read by `body`.
  mutating func sections(_ name: String, _ body: (inout SectionReader) -> Void) {
    let (node, path) = take(name)
    guard let node else { return }
    guard case .sequence(let sequence) = node else {
      return problems.add(path, at: node.mark, "should be a list, one `- name: value` for each")
    }
    for element in sequence {
      guard var reader = SectionReader(element, path: path, problems: problems) else { continue }
      body(&reader)
      reader.finish()
    }
  }

  /// The line of a setting, or of the section when it is not set.
  func markOf(_ name: String) -> Mark? { entries[name]?.mark ?? mark }
  func isSet(_ name: String) -> Bool { entries[name] != nil }

  func problem(_ name: String, _ message: String) {
    problems.add(Self.join(path, name), at: markOf(name), message)
  }

  /// Reports the settings that nobody read, with the nearest known name.
  func finish() {
    for (name, mark) in keys where !known.contains(name) {
      let nearest = known.min { editDistance($0, name) < editDistance($1, name) }
      let hint = nearest.flatMap { editDistance($0, name) <= 2 ? "; did you mean `\($0)`?" : nil }
      problems.add(
        Self.join(path, name), at: mark, "is not a setting\(hint ?? "; known here: \(known.sorted().joined(separator: ", "))")")
    }
  }
}

/// The least number of single-letter edits between two words (Levenshtein).
func editDistance(_ left: String, _ right: String) -> Int {
  let right = Array(right)
  var row = Array(0...right.count)
  for (i, letter) in left.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in right.indices {
      let substituted = diagonal + (letter == right[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = Swift.min(substituted, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[right.count]
}
