import Foundation
import Linux
import Testing
import Wire

@testable import Node

/// What a daemon that died has left behind, in a network namespace of its own that ends with the thread.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root: makes network namespaces")) struct MachineChangesTests {
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
  private static func started(_ directory: String) throws -> (MachineChanges, RouteSocket, NetworkInterface) {
    let routes = try RouteSocket()
    let loopback = try routes.interface(named: "lo")
    var state = try MachineChanges(named: "test-7-1", on: loopback, directory: directory)
    try state.set(variable, to: "1")
    try state.add(address)
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
      #expect(state.restore().isEmpty)
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
      #expect(state.restore().isEmpty)
      #expect(try Sysctl.read(Self.variable) == "1")
      #expect(try Self.hasAddress(routes, loopback))
    }
  }

  @Test func whatIsSetTwiceGoesBackToTheFirst() async throws {
    try await alone { directory in
      var (state, _, _) = try Self.started(directory)
      try state.set(Self.variable, to: "0")
      try state.set(Self.variable, to: "1")
      #expect(state.restore().isEmpty)
      #expect(try Sysctl.read(Self.variable) == "0")
    }
  }

  @Test func whatSomebodyResetAfterTheDeathIsTheNewOriginal() async throws {
    try await alone { directory in
      let path = "net/ipv4/conf/lo/arp_ignore"
      let loopback = try RouteSocket().interface(named: "lo")
      var first = try MachineChanges(named: "test", on: loopback, directory: directory)
      try first.set(path, to: "1")
      try Sysctl.write(path, "3")
      var second = try MachineChanges(named: "test", on: loopback, directory: directory)
      try second.set(path, to: "1")
      #expect(second.restore().isEmpty)
      #expect(try Sysctl.read(path) == "3")
    }
  }

  @Test(arguments: ["", "{", "{}", "null", "{\"place\": \"elsewhere\", \"variables\": [], \"addresses\": []}"])
  func aRecordThatIsTornOrStaleIsSurvivedWithAWarning(_ text: String) async throws {
    try await alone { directory in
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try Data(text.utf8).write(to: URL(filePath: "\(directory)/test-7-1.before"))
      var (state, _, _) = try Self.started(directory)
      #expect(state.problems.count == 1)
      #expect(state.restore().isEmpty)
      #expect(try Sysctl.read(Self.variable) == "0")
    }
  }

  @Test func whereNothingCanBeWrittenTheDaemonStartsNevertheless() async throws {
    try await alone { _ in
      var (state, _, _) = try Self.started("/proc/nowhere")
      #expect(state.problems.count == 1)
      #expect(state.restore().isEmpty)
      #expect(try Sysctl.read(Self.variable) == "0")
    }
  }

  // MARK: While it runs

  @Test func whatSomebodyElseHasChangedIsPutRightCountedAndSaid() async throws {
    try await alone { directory in
      var (state, routes, loopback) = try Self.started(directory)
      try state.switchLoopbackOn()
      #expect(state.putRight(at: .zero).isEmpty)
      try routes.removeAddress(Self.address, from: loopback.index)
      try Sysctl.write(Self.variable, "0")
      try routes.setUp(false, interface: loopback.index)
      let events = state.putRight(at: .zero)
      #expect(Set(events.map(\.name)) == [.machinePutRight])
      #expect(Set(events.compactMap(\.reason)) == ["address", "variable", "loopback"])
      #expect(try Self.hasAddress(routes, loopback))
      #expect(try Sysctl.read(Self.variable) == "1")
      #expect(try routes.interface(named: "lo").isUp)
      #expect(state.disturbanceCount == 3)
      #expect(state.warnings(at: .zero).count == 3)
      #expect(state.warnings(at: .zero + MachineChanges.reminder).isEmpty)
      // What is taken away again and again is put right each time, and said once in a while.
      for second in 1...59 as ClosedRange<UInt64> {
        try routes.removeAddress(Self.address, from: loopback.index)
        #expect(state.putRight(at: .zero + .seconds(second)).isEmpty)
        #expect(try Self.hasAddress(routes, loopback))
      }
      try routes.removeAddress(Self.address, from: loopback.index)
      #expect(state.putRight(at: .zero + .seconds(60)).count == 1)
      #expect(state.disturbanceCount == 63)
      #expect(state.restore().isEmpty)
      #expect(try !Self.hasAddress(routes, loopback))
      #expect(try Sysctl.read(Self.variable) == "0")
      #expect(state.putRight(at: .zero).isEmpty)
    }
  }

  @Test func aVariableThatIsLargerThanItMustBeIsLeftAlone() async throws {
    try await alone { directory in
      let path = "net/ipv4/conf/all/arp_ignore"
      try Sysctl.write(path, "2")
      var (state, _, _) = try Self.started(directory)
      try state.set(path, to: "1", atLeast: true)
      #expect(try Sysctl.read(path) == "2")
      try Sysctl.write(path, "0")
      #expect(state.putRight(at: .zero).map(\.reason) == ["variable"])
      #expect(try Sysctl.read(path) == "1")
    }
  }
}
