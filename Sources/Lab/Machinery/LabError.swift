/// Why a lab could not do what it was asked. Every case says what to do next or shows the text that does.
public enum LabError: Error, Sendable {
  case notRoot
  case missingTool(String, package: String)
  case badOption(String)
  case systemCall(String, errno: Int32)
  case command(String, status: Int32, output: String)
  case processDied(String, status: Int32, logTail: String)
  case timedOut(waitingFor: String, seconds: Double, detail: String)
  case observation(String)
  case interrupted
}

extension LabError: CustomStringConvertible {
  /// The message for people; a command's output or the end of a daemon's log is quoted in lines of their own.
  public var description: String {
    switch self {
    case .notRoot: "the lab builds network namespaces: run it as root"
    case .missingTool(let tool, let package): "\(tool) is not installed (Debian package \(package))"
    case .badOption(let what): what
    case .systemCall(let call, let number): "\(call): \(errorText(number))"
    case .command(let line, let status, let output): "\(line)\n  ended with status \(status)\n\(indented(output))"
    case .processDied(let name, let status, let tail): "\(name) ended by itself with status \(status). Its log ends:\n\(indented(tail))"
    case .timedOut(let what, let seconds, let detail):
      "waited \(seconds) s in vain for this: \(what)\n\(indented(detail))"
    case .observation(let what): what
    case .interrupted: "interrupted; everything the lab built has been removed"
    }
  }
}

/// The text with each line set in by two spaces, so that quoted logs stand apart from the message around them.
func indented(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n")
}
