// The API on a Unix socket, JSON over HTTP, and the metrics on a TCP port when asked for.

import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What the API may ask of the daemon. Every call crosses to the daemon's own thread and back.
public protocol Controllable: Sendable {
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
    try? FileManager.default.createDirectory(
      atPath: URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false), withIntermediateDirectories: true)
    unlink(path)
    try await Application(
      router: router(), configuration: .init(address: .unixDomainSocket(path: path), serverName: "skein"),
      onServerRunning: { _ in chmod(path, 0o600) }, logger: logger
    ).run()
  }

  /// Serves `/metrics` and nothing else until the task is cancelled.
  func serveMetrics(_ address: Configuration.MetricsAddress) async throws {
    let router = Router()
    addMetrics(to: router)
    try await Application(
      router: router, configuration: .init(address: .hostname(address.host, port: address.port), serverName: "skein"), logger: logger
    ).run()
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
      return try json(await node.events(after: after, waitingSeconds: min(max(wait, 0), 60)))
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

  private func addGateway(to router: Router<BasicRequestContext>) {
    let node = self.node
    router.get("/v1/gateway") { _, _ in try json(await node.gatewayReport(), orNot: Self.noGateway) }
    router.get("/v1/gateway/clients") { request, _ in
      let limit = request.uri.queryParameters["limit"].flatMap { Int($0) } ?? 1000
      return try json(await node.gatewayClients(limit: min(max(limit, 0), 100_000)), orNot: Self.noGateway)
    }
    router.get("/v1/gateway/plan") { _, _ in try json(await node.gatewayPlan(), orNot: Self.noGateway) }
  }

  private func addMetrics(to router: Router<BasicRequestContext>) {
    let node = self.node
    router.get("/metrics") { _, _ in
      let text = Metrics.text(status: await node.status(), gateway: await node.gatewayReport(), counters: await node.counters())
      return Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4"], body: .init(byteBuffer: ByteBuffer(string: text)))
    }
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
