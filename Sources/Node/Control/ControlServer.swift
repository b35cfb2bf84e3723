// The API on a Unix socket, JSON over HTTP, and the metrics on a TCP port when asked for.

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// What the API may ask of the daemon. Every call crosses to the daemon's own thread and back.
protocol Controllable: Sendable {
  /// nil when this daemon is no cluster's member; so with `units`.
  func status() async -> StatusReport?
  func units() async -> UnitsReport?
  /// nil when this daemon has no virtual gateway; so with the others about it.
  func gatewayReport() async -> GatewayReport?
  func gatewayClients(limit: Int) async -> GatewayClientsReport?
  func gatewayPlan() async -> GatewayMovesReport?
  func counters() async -> CountersReport
  /// Events after `number`; waits up to `seconds` for one when there is none yet.
  func events(after number: UInt64, waitingSeconds seconds: Double) async -> EventsReport
  func services() async -> ServicesReport?
  func drain(_ on: Bool) async -> CommandReport
  func leave() async -> CommandReport
  func expel(_ member: Int) async -> CommandReport
  func reload() async -> CommandReport
  func trace(_ request: TraceRequest) async -> TraceReport
}

/// Serves the API.
struct ControlServer {
  let node: any Controllable
  let logger: Logger
  var limits = Limits()

  /// What those who connect may take of the daemon's descriptors, memory and time.
  struct Limits {
    /// Connections at a time, of each listener; more wait in the kernel's queue until one is closed.
    var connections = 64
    /// How long a connection may say nothing between requests.
    var idle = TimeAmount.seconds(10)
    /// How long a connection is kept on which no answer begins or goes on. On the API some answers are waited for: `leave` until all is handed over.
    var unanswered = TimeAmount.minutes(10)
    /// The same for `/metrics`.
    var unansweredMetrics = TimeAmount.seconds(10)
    /// The octets of all header fields of a request.
    var headerByteCount = 16 << 10
    /// How old the metrics may be that a TCP client gets: so often the daemon's thread is asked for them at most, whoever scrapes.
    var metricsAge = Duration.milliseconds(200)
  }

  /// Starts the API, and the metrics when asked for.
  static func start(for node: any Controllable, _ configuration: Configuration, _ logger: Logger) {
    let server = ControlServer(node: node, logger: configuration.log.logger(label: "skein.api"))
    let (path, metrics) = (configuration.api, configuration.metrics)
    Task.detached {
      do { try await server.serve(socket: path) } catch { logger.error("no API at \(path): \(error)") }
    }
    guard let metrics else { return }
    Task.detached {
      do { try await server.serveMetrics(metrics) } catch { logger.error("no metrics at \(metrics.host):\(metrics.port): \(error)") }
    }
  }

  /// Serves until the task is cancelled.
  func serve(socket path: String) async throws {
    Self.makeRoom(for: path)
    try await Application(
      router: router(), server: server(unanswered: limits.unanswered), configuration: configuration(.unixDomainSocket(path: path)),
      onServerRunning: { _ in chmod(path, 0o600) }, logger: logger
    ).run()
  }

  /// Serves `/metrics` and nothing else until the task is cancelled.
  func serveMetrics(_ address: Configuration.MetricsAddress) async throws {
    let router = Router()
    let page = RecentMetrics(of: node, for: limits.metricsAge)
    router.get("/metrics") { _, _ in Self.metrics(await page.text()) }
    try await Application(
      router: router, server: server(unanswered: limits.unansweredMetrics),
      configuration: configuration(.hostname(address.host, port: address.port)), logger: logger
    ).run()
  }

  /// Makes the socket's folder, and removes an earlier daemon's socket.
  static func makeRoom(for path: String) {
    try? FileManager.default.createDirectory(
      atPath: URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false), withIntermediateDirectories: true)
    removeSocket(path)
  }

  /// Removes an earlier daemon's socket, and nothing else that may have this name.
  static func removeSocket(_ path: String) {
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
  }

  /// Whether a daemon listens there.
  static func isListening(at path: String) -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return withAddress(of: path) { connect(descriptor, $0, $1) == 0 } ?? false
  }

  /// - Returns: what `body` returns of the socket's address; nil when the path is too long for one.
  static func withAddress<Result>(of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let octets = Array(path.utf8)
    guard octets.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: octets) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }

  private func server(unanswered: TimeAmount) -> HTTPServerBuilder {
    .http1(
      configuration: .init(
        additionalChannelHandlers: [UnansweredConnection(limit: unanswered)], idleTimeout: limits.idle,
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: limits.headerByteCount, maxHeaderListSize: limits.headerByteCount, maxHeaderFieldCount: 100)))
  }

  private func configuration(_ address: BindAddress) -> ApplicationConfiguration {
    .init(address: address, serverName: "skein", availableConnectionsDelegate: .maximum(limits.connections, logger: logger))
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    let node = self.node
    router.get("/v1/node") { _, _ in try json(NodeReport(cluster: await node.status(), gateway: await node.gatewayReport())) }
    router.get("/v1/status") { _, _ in try json(await node.status(), orNot: Self.noCluster) }
    router.get("/v1/members") { _, _ in try json(await node.status()?.members, orNot: Self.noCluster) }
    router.get("/v1/units") { _, _ in try json(await node.units(), orNot: Self.noCluster) }
    addGateway(to: router)
    router.get("/v1/counters") { _, _ in try json(await node.counters()) }
    router.get("/v1/events") { request, _ in
      let after = request.uri.queryParameters["after"].flatMap { UInt64($0) } ?? 0
      let wait = request.uri.queryParameters["wait"].flatMap { Double($0) } ?? 0
      // What is no number is not put within bounds by them.
      return try json(await node.events(after: after, waitingSeconds: wait.isNaN ? 0 : min(max(wait, 0), 60)))
    }
    router.post("/v1/drain") { _, _ in try json(await node.drain(true)) }
    router.post("/v1/undrain") { _, _ in try json(await node.drain(false)) }
    router.post("/v1/leave") { _, _ in try json(await node.leave()) }
    router.post("/v1/reload") { _, _ in try json(await node.reload()) }
    router.post("/v1/members/:member/expel") { _, context in
      guard let member = context.parameters.get("member").flatMap({ Int($0) }) else { throw HTTPError(.badRequest) }
      return try json(await node.expel(member))
    }
    router.post("/v1/trace") { request, _ in
      let body = try await request.body.collect(upTo: 1 << 16)
      guard let trace = try? JSONDecoder().decode(TraceRequest.self, from: Data(body.readableBytesView)) else {
        throw HTTPError(.badRequest, message: "send {\"frame\": \"hexadecimal\"} or {\"source\": \"address\", …}")
      }
      return try json(await node.trace(trace))
    }
    addMetrics(to: router)
    return router
  }

  private static let noCluster = "this daemon is no cluster's member; ask `skein gateway status`"
  private static let noGateway = "this daemon has no `gateway` section; ask `skein status`"

  private static let noServices = "this daemon has no `services`: skein.yaml(5) says how to write them"

  private func addGateway(to router: Router<BasicRequestContext>) {
    let node = self.node
    router.get("/v1/gateway") { _, _ in try json(await node.gatewayReport(), orNot: Self.noGateway) }
    router.get("/v1/gateway/clients") { request, _ in
      let limit = request.uri.queryParameters["limit"].flatMap { Int($0) } ?? 1000
      return try json(await node.gatewayClients(limit: min(max(limit, 0), 100_000)), orNot: Self.noGateway)
    }
    router.get("/v1/services") { _, _ in try json(await node.services(), orNot: Self.noServices) }
    router.get("/v1/gateway/plan") { _, _ in try json(await node.gatewayPlan(), orNot: Self.noGateway) }
  }

  private func addMetrics(to router: Router<BasicRequestContext>) {
    let node = self.node
    router.get("/metrics") { _, _ in Self.metrics(await Metrics.text(of: node)) }
  }

  private static func metrics(_ text: String) -> Response {
    Response(status: .ok, headers: [.contentType: "text/plain; version=0.0.4"], body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}

/// Closes a connection on which no part of an answer was written for too long: whoever says nothing, sends a request without end, or does not
/// read what is answered.
private final class UnansweredConnection: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = Never
  typealias OutboundOut = Never

  private let limit: TimeAmount
  private var latest = NIODeadline.now()
  private var check: Scheduled<Void>?

  init(limit: TimeAmount) { self.limit = limit }

  func handlerAdded(context: ChannelHandlerContext) {
    latest = .now()
    schedule(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) { check?.cancel() }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    latest = .now()
    context.write(data, promise: promise)
  }

  private func schedule(_ context: ChannelHandlerContext) {
    check = context.eventLoop.assumeIsolated().scheduleTask(deadline: latest + limit) {
      if NIODeadline.now() >= self.latest + self.limit { context.close(promise: nil) } else { self.schedule(context) }
    }
  }
}

/// The metrics as they were a moment ago, so that many who ask at once cost the daemon's thread no more than one.
actor RecentMetrics {
  private let node: any Controllable
  private let age: Duration
  private var latest: (text: Task<String, Never>, at: ContinuousClock.Instant)?

  init(of node: any Controllable, for age: Duration) {
    self.node = node
    self.age = age
  }

  func text() async -> String {
    if let latest, latest.at + age > .now { return await latest.text.value }
    let text = Task { [node] in await Metrics.text(of: node) }
    latest = (text, .now)
    return await text.value
  }
}

private func json(_ value: (some Encodable)?, orNot why: String) throws -> Response {
  guard let value else { throw HTTPError(.notFound, message: why) }
  return try json(value)
}

private func json(_ value: some Encodable) throws -> Response {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys]
  return Response(
    status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
}
