import Foundation
import Linux
import Testing
import Wire

@testable import Node

/// What a daemon that died has left behind, in a network namespace of its own that ends with the thread.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root: makes network namespaces")) struct OriginalStateTests {
  private static let variable = "net/ipv4/ip_forward"
  private static let address = InternetAddress(ipv4: 0xc000_020a)

  /// Runs `body` on a thread in an empty network namespace; it gets a directory that is removed afterwards.
  private func alone(_ body: @escaping @Sendable (String) throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            try NetworkNamespace.enterNew()
            try body(directory)
          })
      }
    }
  }

  /// A daemon's start, as far as it is about this.
  private static func started(_ directory: String) throws -> (OriginalState, RouteSocket, NetworkInterface) {
    let routes = try RouteSocket()
    let loopback = try routes.interface(named: "lo")
    var state = OriginalState(named: "test-7-1", directory: directory)
    try state.set(variable, to: "1")
    try state.add(address, to: loopback, routes)
    return (state, routes, loopback)
  }

  private static func hasAddress(_ routes: RouteSocket, _ loopback: NetworkInterface) throws -> Bool {
    try routes.addresses(of: loopback.index).contains { $0.address == address }
  }

  @Test func whatADaemonThatDiedHasChangedThNextOnePutsBack() async throws {
    try await alone { directory in
      try Sysctl.write(Self.variable, "0")
      for _ in 0..<3 { _ = try Self.started(directory) }  // and killed
      var (state, routes, loopback) = try Self.started(directory)
      #expect(state.problems.isEmpty)
      #expect(try Sysctl.read(Self.variable) == "1")
      #expect(try Self.hasAddress(routes, loopback))
      #expect(state.restore(loopback, routes).isEmpty)
      #expect(try Sysctl.read(Self.variable) == "0")
      #expect(try !Self.hasAddress(routes, loopback))
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
  }

  @Test func whatWasThereBeforeStays() async throws {
    try await alone { directory in
      try Sysctl.write(Self.variable, "1")
      let routes = try RouteSocket()
      let loopback = try routes.interface(named: "lo")
      try routes.addAddress(Self.address, to: loopback.index)
      _ = try Self.started(directory)
      var (state, _, _) = try Self.started(directory)
      #expect(state.restore(loopback, routes).isEmpty)
      #expect(try Sysctl.read(Self.variable) == "1")
      #expect(try Self.hasAddress(routes, loopback))
    }
  }

  @Test func whatIsSetTwiceGoesBackToTheFirst() async throws {
    try await alone { directory in
      var (state, routes, loopback) = try Self.started(directory)
      try state.set(Self.variable, to: "0")
      try state.set(Self.variable, to: "1")
      #expect(state.restore(loopback, routes).isEmpty)
      #expect(try Sysctl.read(Self.variable) == "0")
    }
  }

  @Test func whatSomebodyResetAfterTheDeathIsTheNewOriginal() async throws {
    try await alone { directory in
      let path = "net/ipv4/conf/lo/arp_ignore"
      var first = OriginalState(named: "test", directory: directory)
      try first.set(path, to: "1")
      try Sysctl.write(path, "3")
      var second = OriginalState(named: "test", directory: directory)
      try second.set(path, to: "1")
      let routes = try RouteSocket()
      #expect(second.restore(try routes.interface(named: "lo"), routes).isEmpty)
      #expect(try Sysctl.read(path) == "3")
    }
  }

  @Test(arguments: ["", "{", "{}", "null", "{\"place\": \"elsewhere\", \"variables\": [], \"addresses\": []}"])
  func aRecordThatIsTornOrStaleIsSurvivedWithAWarning(_ text: String) async throws {
    try await alone { directory in
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try Data(text.utf8).write(to: URL(filePath: "\(directory)/test-7-1.before"))
      var (state, routes, loopback) = try Self.started(directory)
      #expect(state.problems.count == 1)
      #expect(state.restore(loopback, routes).isEmpty)
      #expect(try Sysctl.read(Self.variable) == "0")
    }
  }

  @Test func whereNothingCanBeWrittenTheDaemonStartsNevertheless() async throws {
    try await alone { _ in
      var (state, routes, loopback) = try Self.started("/proc/nowhere")
      #expect(state.problems.count == 1)
      #expect(state.restore(loopback, routes).isEmpty)
      #expect(try Sysctl.read(Self.variable) == "0")
    }
  }
}
