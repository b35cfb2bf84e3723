import Foundation
import Glibc

extension Configuration {
  /// The longest file that is read: some hundred times as long as one with every setting.
  static let fileByteLimit = 1 << 20

  /// A configuration file's text. What is no regular file is not opened at all: the daemon reads its file again while it holds a lease, and
  /// must not wait for whoever is at the other end of a pipe.
  /// - Throws: why it cannot be read, and what to do.
  public static func text(ofFile file: String) throws(ConfigurationProblems) -> String {
    func problem(_ message: String, line: Int? = nil, column: Int? = nil) -> ConfigurationProblems {
      ConfigurationProblems(problems: [ConfigurationProblem(file: file, line: line, column: column, setting: "", message: message)])
    }
    let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let why = String(cString: strerror(errno))
      throw problem("cannot be read: \(why); `--config` names another file, and skein.yaml(5) says what belongs into one")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw problem("cannot be read: \(String(cString: strerror(errno)))") }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw problem("is a directory; name the file in it, such as \(file)\(file.hasSuffix("/") ? "" : "/")skein.yaml")
    default: throw problem("is no regular file; write the settings to one and name that")
    }
    var octets: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while octets.count <= fileByteLimit {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw problem("cannot be read: \(String(cString: strerror(errno)))") }
      guard count > 0 else { break }
      octets += buffer.prefix(count)
    }
    guard octets.count <= fileByteLimit else {
      throw problem("is longer than 1 MiB, which no configuration is; name the right file")
    }
    guard let text = String(validating: octets, as: UTF8.self) else {
      let good = validPrefix(octets)
      let line = good.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      throw problem(
        "is no text in UTF-8 from here on; name the right file, or save it as UTF-8", line: line.count,
        column: String(decoding: line.last ?? [], as: UTF8.self).unicodeScalars.count + 1)
    }
    return text
  }

  /// The octets before the first that is no UTF-8.
  private static func validPrefix(_ octets: [UInt8]) -> ArraySlice<UInt8> {
    var decoder = UTF8()
    var iterator = octets.makeIterator()
    var count = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) { count += UTF8.width(scalar) }
    return octets.prefix(count)
  }
}
