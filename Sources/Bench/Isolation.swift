import Dispatch
import Foundation
import Linux
import Synchronization

/// Runs `body` on a thread of its own in a network namespace of its own. When it returns, throws or the process is killed, the namespace
/// and every interface in it are gone: it never had a name. In it there is `lo`, switched on.
func inNewNamespace<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
  let outcome = ThreadOutcome<Value>()
  try NativeThread.start(name: "skein-bench") {
    outcome.set(
      Result {
        try NetworkNamespace.enterNew()
        let routes = try RouteSocket()
        try routes.setUp(true, interface: routes.interface(named: "lo").index)
        return try body()
      })
  }
  return try outcome.wait()
}

/// What a thread comes to.
private final class ThreadOutcome<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let done = DispatchSemaphore(value: 0)

  func set(_ value: Result<Value, any Error>) {
    result.withLock { $0 = value }
    done.signal()
  }

  func wait() throws -> Value {
    done.wait()
    guard let result = result.withLock(\.self) else { preconditionFailure("signalled without a result") }
    return try result.get()
  }
}

/// Two virtual interfaces that are each other's cable, both in the calling thread's namespace, both up.
struct VirtualPair {
  let near: String
  let far: String
  let nearIndex: UInt32

  /// `name` with 0 and 1 behind it are the interfaces' names.
  init(_ name: String) throws {
    (near, far) = ("\(name)0", "\(name)1")
    try command("ip", "link", "add", near, "type", "veth", "peer", "name", far)
    let routes = try RouteSocket()
    nearIndex = try routes.interface(named: near).index
    for index in [nearIndex, try routes.interface(named: far).index] { try routes.setUp(true, interface: index) }
  }
}

/// Frames that an interface of the calling thread's namespace has received, dropped ones included.
func received(by interface: String) throws -> Int {
  let text = try String(contentsOfFile: "/proc/thread-self/net/dev", encoding: .utf8)
  let line = text.split(separator: "\n").first { $0.drop { $0 == " " }.hasPrefix("\(interface):") }
  guard let counts = line?.split(separator: ":").last?.split(separator: " "), counts.count > 1, let packets = Int(counts[1]) else {
    throw BenchError("the kernel does not count the frames of \(interface)")
  }
  return packets
}

/// Runs a program in the calling thread's namespace and waits for it.
/// - Throws: its last words, when it does not exit with 0.
@discardableResult
func command(_ words: String...) throws -> String {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = words
  let output = Pipe()
  process.standardOutput = output
  process.standardError = output
  process.standardInput = FileHandle.nullDevice
  try process.run()
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw BenchError("`\(words.joined(separator: " "))` failed: \(text.trimmingCharacters(in: .whitespacesAndNewlines))")
  }
  return text
}
