import Foundation

/// Where the lab tells what it does. Progress goes to standard error, so that standard output holds the result alone.
public struct Console: Sendable {
  /// Every command is shown before it runs.
  var verbose: Bool
  /// Nothing but errors.
  var quiet: Bool
  /// The story is the result: it goes to standard output.
  var narrates = false

  /// Without either, the lab tells how it gets on, and shows no commands.
  public init(verbose: Bool = false, quiet: Bool = false) {
    self.verbose = verbose
    self.quiet = quiet
  }

  func say(_ text: String) {
    if !quiet { write(text + "\n") }
  }

  func command(_ line: String) {
    if verbose { FileHandle.standardError.write(Data("+ \(line)\n".utf8)) }
  }

  private func write(_ text: String) {
    let file = narrates ? FileHandle.standardOutput : FileHandle.standardError
    file.write(Data(text.utf8))
  }
}
