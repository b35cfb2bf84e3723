import Foundation
import Glibc
import Linux
import Synchronization
import Wire

/// What benchmarks pin in the BPF file system and write into the temporary directory, each under the number of its process.
enum Leftovers {
  /// Of the names of instances.
  static let prefix = "bench-"
  /// For files of this process.
  static let directory = temporary.appending(path: "\(directoryPrefix)\(getpid())")

  private static let directoryPrefix = "skein-bench-"
  private static let temporary = FileManager.default.temporaryDirectory
  private static let pins = "/sys/fs/bpf/skein"

  /// Removes what killed benchmarks left, and sees to it that this one leaves nothing when it is interrupted.
  static func prepare() {
    remove { kill($0, 0) != 0 && errno == ESRCH }
    Interruption.catchSignals()
  }

  /// Removes what this process has pinned and written.
  static func removeOwn() { remove { $0 == getpid() } }

  private static func remove(of isMeant: (pid_t) -> Bool) {
    for name in names(in: pins, prefix) where process(name, prefix).map(isMeant) == true {
      try? KernelProgram.removeAll(instance: name)
    }
    let path = temporary.path(percentEncoded: false)
    for name in names(in: path, directoryPrefix) where process(name, directoryPrefix).map(isMeant) == true {
      try? FileManager.default.removeItem(at: temporary.appending(path: name))
    }
  }

  private static func names(in directory: String, _ prefix: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.hasPrefix(prefix) }
  }

  private static func process(_ name: String, _ prefix: String) -> pid_t? { pid_t(name.dropFirst(prefix.count).prefix { $0.isNumber }) }
}

/// Ctrl-C and a polite kill end a benchmark, but only after it has removed what it made: the signal raises a flag, and whoever measures
/// looks at it between two measurements.
enum Interruption {
  private static let raised = Atomic<Bool>(false)

  /// Catches the signals from now on.
  static func catchSignals() {
    for number in [SIGINT, SIGTERM] { signal(number) { _ in Interruption.raised.store(true, ordering: .relaxed) } }
  }

  static func check() throws {
    if raised.load(ordering: .relaxed) { throw BenchError("interrupted") }
  }

  /// Sleeps, but not through an interruption.
  static func sleep(_ duration: Interval) throws {
    let end = BootClock.now() + duration
    while BootClock.now() < end {
      try check()
      usleep(UInt32(min((end - BootClock.now()).nanoseconds / 1000, 50_000)))
    }
  }
}
