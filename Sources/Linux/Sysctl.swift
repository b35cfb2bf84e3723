import CLinux
import Glibc

/// A kernel variable by its path below /proc/sys, as in `net/ipv4/conf/eth0/arp_ignore`: with slashes, since interface names may hold dots.
/// Variables below `net` are those of the calling thread's network namespace.
public enum Sysctl {
  /// The value without the final newline.
  /// - Throws: `.noSuchEntry` when this kernel has no such variable.
  public static func read(_ path: String) throws(LinuxError) -> String {
    try readFile("/proc/sys/\(path)", "read the kernel variable \(path)")
  }

  /// Writes only when the value differs.
  /// - Returns: the value it had, to restore.
  @discardableResult
  public static func write(_ path: String, _ value: String) throws(LinuxError) -> String {
    let old = try read(path)
    if old == value { return old }
    let operation = "set the kernel variable \(path) to \(value)"
    let file = try Descriptor(result: skein_open("/proc/sys/\(path)", O_WRONLY, 0), operation)
    let bytes = Array(value.utf8)
    let count = bytes.withUnsafeBytes { Glibc.write(file.rawValue, $0.baseAddress, $0.count) }
    if count < 0 { throw LinuxError(operation, .current) }
    return old
  }
}

/// Changes of kernel variables that can be taken back.
public struct SysctlChanges: Sendable {
  /// A variable that was changed, and the value it had.
  public struct Change: Hashable, Sendable {
    /// The variable, by its path below /proc/sys.
    public let path: String
    /// The value that it had, without the final newline.
    public let oldValue: String
  }

  /// What was changed, in order.
  public private(set) var changes: [Change] = []

  /// Nothing changed yet.
  public init() {}

  /// Sets a variable and remembers the value it had.
  public mutating func set(_ path: String, to value: String) throws(LinuxError) {
    let old = try Sysctl.write(path, value)
    if old != value { changes.append(Change(path: path, oldValue: old)) }
  }

  /// Puts back all, the last first.
  /// - Returns: why some could not be; a variable that is gone, with its interface, needs none.
  public mutating func restore() -> [LinuxError] {
    defer { changes = [] }
    var failures: [LinuxError] = []
    for change in changes.reversed() {
      do throws(LinuxError) {
        try Sysctl.write(change.path, change.oldValue)
      } catch {
        if error.code != .noSuchEntry { failures.append(error) }
      }
    }
    return failures
  }
}

/// The text of a small file, as /proc has them, without the final newline.
func readFile(_ path: String, _ operation: @autoclosure () -> String) throws(LinuxError) -> String {
  let file = try Descriptor(result: skein_open(path, O_RDONLY, 0), operation())
  var bytes = [UInt8](repeating: 0, count: 1 << 14)
  var count = 0
  while count < bytes.count {
    let more = bytes.withUnsafeMutableBytes { read(file.rawValue, $0.baseAddress?.advanced(by: count), $0.count - count) }
    if more < 0 { throw LinuxError(operation(), .current) }
    if more == 0 { break }
    count += more
  }
  if count > 0, bytes[count - 1] == UInt8(ascii: "\n") { count -= 1 }
  return String(decoding: bytes.prefix(count), as: UTF8.self)
}
