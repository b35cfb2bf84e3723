import Foundation

/// LLVM's textual code as swiftc emits it for a bare RISC-V, turned into what clang accepts for BPF.
///
/// There is no Embedded standard library for BPF, but RISC-V's 64-bit data layout is BPF's octet for octet, so that code made for the one
/// is laid out right for the other. What remains is written on single lines: the target, attributes that name a processor, linkage,
/// Swift's calling convention, and the section that tells libbpf what a program is for.
struct IntermediateCode {
  var text: String

  enum Failure: Error, CustomStringConvertible {
    case noLayout
    case otherLayout(ours: String, theirs: String)
    case entryMissing(String)

    var description: String {
      switch self {
      case .noLayout: "the intermediate code states no data layout"
      case .otherLayout(let ours, let theirs):
        "the compiler's RISC-V data layout (\(ours)) is no longer BPF's (\(theirs)): records would be laid out wrongly"
      case .entryMissing(let name): "the sources define no entry point \(name)"
      }
    }
  }

  /// The line that states the data layout.
  func layout() throws -> String {
    guard let line = lines.first(where: { $0.hasPrefix("target datalayout") }) else { throw Failure.noLayout }
    return String(line)
  }

  /// Fails unless the layouts are one.
  func checkLayout(isThatOf other: IntermediateCode) throws {
    let ours = try layout()
    let theirs = try other.layout()
    guard ours == theirs else { throw Failure.otherLayout(ours: ours, theirs: theirs) }
  }

  private var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The same code for BPF. `entries` are the names that stay visible, each in `section`; all else is inlined into them or dropped.
  func retargeted(entries: [String], section: String) throws -> IntermediateCode {
    var found: Set<String> = []
    let rewritten = lines.compactMap { line -> String? in
      if line.hasPrefix("target triple") { return "target triple = \"bpfel\"" }
      if line.hasPrefix("attributes #") { return Self.withoutProcessor(line) }
      if line.hasPrefix("@") { return Self.hiddenGlobal(line) }
      if line.hasPrefix("!llvm.linker.options") || line.hasPrefix("$") { return nil }
      let plain = Self.withoutConvention(line)
      guard line.hasPrefix("define ") else { return plain }
      let name = Self.name(in: line)
      guard entries.contains(name) else { return Self.definition(plain, linkage: "internal ", attribute: "alwaysinline") }
      found.insert(name)
      return Self.definition(plain, linkage: "", attribute: "section \"\(section)\"")
    }
    if let missing = entries.first(where: { !found.contains($0) }) { throw Failure.entryMissing(missing) }
    return IntermediateCode(text: rewritten.joined(separator: "\n"))
  }

  /// An attribute group without the attributes that name a processor, and without those that forbid inlining: BPF has no calls here.
  private static func withoutProcessor(_ line: Substring) -> String {
    guard let open = line.firstIndex(of: "{"), let close = line.lastIndex(of: "}") else { return String(line) }
    let dropped: Set<Substring> = ["noinline", "optnone", "optsize", "minsize", "sspreq", "sspstrong", "ssp"]
    let kept = line[line.index(after: open)..<close].split(separator: " ").filter { !$0.hasPrefix("\"") && !dropped.contains($0) }
    // Without jump tables, no `switch` becomes a table of constants either.
    return "\(line[..<open]){ \(kept.joined(separator: " ")) \"no-jump-tables\"=\"true\" }"
  }

  /// A global that nobody outside sees, so that it goes when nobody inside does. What only keeps others alive goes at once.
  private static func hiddenGlobal(_ line: Substring) -> String? {
    if line.hasPrefix("@llvm.") || line.hasPrefix("@_swift1_autolink") { return nil }
    guard let equals = line.range(of: " = ") else { return String(line) }
    if line[equals.upperBound...].hasPrefix("external ") { return String(line) }
    let rest = afterLinkage(line[equals.upperBound...])
    return "\(line[..<equals.lowerBound]) = internal \(withoutGroup(rest))"
  }

  private static func definition(_ line: String, linkage: String, attribute: String) -> String {
    let rest = withoutGroup(afterLinkage(line.dropFirst("define ".count)))
    guard let open = rest.range(of: " {", options: .backwards) else { return "define \(linkage)\(rest)" }
    return "define \(linkage)\(rest[..<open.lowerBound]) \(attribute) {"
  }

  private static func withoutConvention(_ line: Substring) -> String { String(line.replacing("swiftcc ", with: "")) }

  private static func afterLinkage(_ text: Substring) -> Substring {
    let linkages: Set<Substring> = [
      "weak_odr", "linkonce_odr", "linkonce", "weak", "private", "internal", "protected", "hidden", "dso_local",
    ]
    var rest = text
    while let space = rest.firstIndex(of: " "), linkages.contains(rest[..<space]) { rest = rest[rest.index(after: space)...] }
    return rest
  }

  /// Without `comdat` or `comdat($name)`.
  private static func withoutGroup(_ text: some StringProtocol) -> String {
    var result = String(text)
    while let start = result.range(of: " comdat") {
      var end = start.upperBound
      if result[end...].hasPrefix("("), let close = result[end...].firstIndex(of: ")") { end = result.index(after: close) }
      var first = start.lowerBound
      if first > result.startIndex, result[result.index(before: first)] == "," { first = result.index(before: first) }
      result.removeSubrange(first..<end)
    }
    return result
  }

  /// The name that a definition defines.
  private static func name(in line: Substring) -> String {
    guard let at = line.firstIndex(of: "@") else { return "" }
    let rest = line[line.index(after: at)...]
    guard rest.hasPrefix("\"") else { return String(rest.prefix { $0 != "(" }) }
    return String(rest.dropFirst().prefix { $0 != "\"" })
  }
}
