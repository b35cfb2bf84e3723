import Foundation
import Logging
import NIOCore
import Synchronization
import Testing

@testable import Node

/// Those who connect and do not behave. The long limits only end a test that has failed.
@Suite struct ControlServerTests {
  /// A daemon that counts how often it is asked.
  private final class Node: Controllable {
    let asked = Atomic(0)
    let waited = Mutex<[Double]>([])

    func status() async -> StatusReport? { nil }
    func units() async -> UnitsReport? { nil }
    func gatewayReport() async -> GatewayReport? { nil }
    func gatewayClients(limit: Int) async -> GatewayClientsReport? { nil }
    func gatewayPlan() async -> GatewayMovesReport? { nil }
    func services() async -> ServicesReport? { nil }
    func counters() async -> CountersReport {
      asked.add(1, ordering: .relaxed)
      // Long enough to be more than the sockets' buffers hold.
      let counters = (0..<20_000).map {
        CounterReport(group: "packets", name: "\($0)\(String(repeating: "x", count: 200))", meaning: "", value: 0)
      }
      return CountersReport(counters: counters, leaseMilliseconds: 0)
    }
    func events(after number: UInt64, waitingSeconds seconds: Double) async -> EventsReport {
      waited.withLock { $0.append(seconds) }
      return EventsReport(events: [])
    }
    func drain(_ on: Bool) async -> CommandReport { CommandReport(done: true, text: "") }
    func leave() async -> CommandReport { CommandReport(done: true, text: "") }
    func expel(_ member: Int) async -> CommandReport { CommandReport(done: true, text: "") }
    func reload() async -> CommandReport { CommandReport(done: true, text: "") }
    func trace(_ request: TraceRequest) async -> TraceReport { fatalError("nobody asks") }
  }

  /// A server at a socket, with limits shorter than the daemon's; `body` gets the socket's path.
  private func serving(
    _ node: Node = Node(), _ change: (inout ControlServer.Limits) -> Void = { _ in }, _ body: (String) async throws -> Void
  )
    async throws
  {
    let path = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID()).sock").path
    var server = ControlServer(node: node, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    change(&server.limits)
    let serving = server
    let task = Task { try await serving.serve(socket: path) }
    for _ in 0..<1000 where access(path, F_OK) != 0 { try await Task.sleep(for: .milliseconds(10)) }
    try await body(path)
    task.cancel()
    _ = await task.result
    unlink(path)
  }

  private func connected(to path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    for _ in 0..<500 {
      let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, UInt32(MemoryLayout<sockaddr_un>.size)) }
      }
      if result == 0 { return descriptor }
      usleep(10_000)
    }
    throw POSIXError(.ECONNREFUSED)
  }

  private func say(_ text: String, on descriptor: Int32) { _ = send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }

  /// POLLRDHUP of poll(2), which Glibc's headers show to GNU programs alone.
  private static let hangup: Int16 = 0x2000

  /// Whether the other side hangs up, whatever it says before.
  private func isClosed(_ descriptor: Int32, afterReading: Bool = true) async -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<1000 {
      var entry = pollfd(fd: descriptor, events: afterReading ? Int16(POLLIN) : Self.hangup, revents: 0)
      if poll(&entry, 1, 0) == 1 {
        if !afterReading { return true }
        if recv(descriptor, &buffer, buffer.count, 0) <= 0 { return true }
      } else {
        try? await Task.sleep(for: .milliseconds(10))
      }
    }
    return false
  }

  private func answer(_ descriptor: Int32, until end: String) async -> String {
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    for _ in 0..<3000 where !text.contains(end) {
      let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count == 0 { break }
      if count > 0 { text += String(decoding: buffer.prefix(count), as: UTF8.self) } else { try? await Task.sleep(for: .milliseconds(10)) }
    }
    return text
  }

  @Test(arguments: ["", "GET /v1/units HTTP/1.1\r\nHost: a\r\n", "POST /v1/trace HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"])
  func whoSaysNothingOrStopsInTheMiddleIsHungUpOn(_ beginning: String) async throws {
    try await serving(Node(), { $0.idle = .milliseconds(100) }) { path in
      let descriptor = try connected(to: path)
      defer { close(descriptor) }
      say(beginning, on: descriptor)
      #expect(await isClosed(descriptor))
    }
  }

  @Test func whoSendsARequestOneOctetAtATimeIsHungUpOn() async throws {
    try await serving(Node(), { $0.unanswered = .milliseconds(300) }) { path in
      let descriptor = try connected(to: path)
      defer { close(descriptor) }
      say("POST /v1/drain HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", on: descriptor)
      // Each octet is a sign of life, and the request never ends.
      let talker = Task { while !Task.isCancelled { say("x", on: descriptor); try await Task.sleep(for: .milliseconds(20)) } }
      #expect(await isClosed(descriptor))
      talker.cancel()
    }
  }

  @Test func whoDoesNotReadTheAnswerIsHungUpOn() async throws {
    try await serving(Node(), { $0.unanswered = .milliseconds(300) }) { path in
      let descriptor = try connected(to: path)
      defer { close(descriptor) }
      say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", on: descriptor)
      #expect(await isClosed(descriptor, afterReading: false))
    }
  }

  @Test func whatIsTooLargeIsRefused() async throws {
    try await serving { path in
      let long = try connected(to: path)
      defer { close(long) }
      say("GET /v1/units HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n", on: long)
      #expect(await answer(long, until: "\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
      let heavy = try connected(to: path)
      defer { close(heavy) }
      say("POST /v1/trace HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n\(String(repeating: "x", count: 70_000))", on: heavy)
      #expect(await answer(heavy, until: "\r\n\r\n").hasPrefix("HTTP/1.1 413 "))
    }
  }

  @Test func aFullHouseIsServedInTurn() async throws {
    try await serving(Node(), { ($0.connections, $0.idle) = (2, .milliseconds(100)) }) { path in
      let silent = try (0..<60).map { _ in try connected(to: path) }
      defer { for descriptor in silent { close(descriptor) } }
      let descriptor = try connected(to: path)
      defer { close(descriptor) }
      say("GET /v1/units HTTP/1.1\r\nHost: a\r\n\r\n", on: descriptor)
      #expect(await answer(descriptor, until: "\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
    }
  }

  @Test(arguments: ["nan", "-nan", "inf", "-inf", "1e400", "-5", "x"])
  func aTimeToWaitIsANumberWithinBounds(_ wait: String) async throws {
    let node = Node()
    try await serving(node) { path in
      let descriptor = try connected(to: path)
      defer { close(descriptor) }
      say("GET /v1/events?wait=\(wait) HTTP/1.1\r\nHost: a\r\n\r\n", on: descriptor)
      #expect(await answer(descriptor, until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
    }
    #expect(node.waited.withLock { $0.allSatisfy { (0...60).contains($0) } && $0.count == 1 })
  }

  @Test func manyWhoScrapeAtOnceCostTheDaemonOneQuestion() async {
    let node = Node()
    let metrics = RecentMetrics(of: node, for: .seconds(3600))
    let first = await metrics.text()
    await withTaskGroup(of: String.self) { group in
      for _ in 0..<50 { group.addTask { await metrics.text() } }
      for await text in group { #expect(text == first) }
    }
    #expect(node.asked.load(ordering: .relaxed) == 1)
    let fresh = RecentMetrics(of: node, for: .zero)
    _ = await (fresh.text(), fresh.text())
    #expect(node.asked.load(ordering: .relaxed) == 3)
  }

  @Test func whatIsNoSocketIsNotRemoved() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID())").path
    try Data("precious".utf8).write(to: URL(filePath: path))
    defer { unlink(path) }
    ControlServer.removeSocket(path)
    #expect(access(path, F_OK) == 0)
  }
}
