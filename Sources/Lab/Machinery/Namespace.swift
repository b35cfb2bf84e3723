import CLab
import Foundation

/// A network namespace that `ip netns` knows by name.
struct Namespace: Hashable, Sendable {
  let name: String

  private static let directory = "/run/netns"

  var path: String { "\(Self.directory)/\(name)" }

  /// Runs `body` with this thread inside the namespace. Sockets it makes and processes it starts stay in there.
  func enter<Result>(_ body: () throws -> Result) throws -> Result {
    let home = Descriptor(try checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open own network namespace"))
    let target = Descriptor(try checked(open(path, O_RDONLY | O_CLOEXEC), "open \(path)"))
    try checked(skein_lab_enter_network_namespace(target.number), "enter \(name)")
    defer {
      if skein_lab_enter_network_namespace(home.number) != 0 {
        preconditionFailure("this thread cannot go back to its own network namespace: \(errorText(errno))")
      }
    }
    return try body()
  }

  /// Everything that lives in the namespace.
  var processes: [pid_t] {
    guard let own = Self.inode(path) else { return [] }
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
    return numbers.filter { $0 != getpid() && Self.inode("/proc/\($0)/ns/net") == own }
  }

  /// The namespaces on this machine whose names begin so.
  static func all(prefix: String) -> [Namespace] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasPrefix(prefix) }.sorted().map { Namespace(name: $0) }
  }

  private static func inode(_ path: String) -> ino_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_ino : nil
  }
}
