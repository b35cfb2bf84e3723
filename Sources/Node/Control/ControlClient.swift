// The commands' side of the API: one HTTP request over the daemon's Unix socket.

import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// Why the daemon could not be asked.
public struct ControlError: Error, CustomStringConvertible {
  /// What went wrong and where to look, in sentences for whoever gave the command.
  public var description: String
}

/// Asks a running daemon.
public struct ControlClient: Sendable {
  let path: String

  /// A client of the daemon whose API is at `path`.
  public init(path: String) { self.path = path }

  /// GETs and decodes a report.
  public func get<Report: Decodable & Sendable>(
    _ uri: String, within patience: Duration = .seconds(5), _: Report.Type = Report.self
  ) async throws -> Report {
    try decode(try await request(.GET, uri, body: nil, within: patience))
  }

  /// POSTs and decodes the answer.
  public func post<Report: Decodable>(
    _ uri: String, body: (any Encodable)? = nil, within patience: Duration = .seconds(5), _: Report.Type = Report.self
  ) async throws -> Report {
    let bytes = try body.map { try JSONEncoder().encode($0) }
    return try decode(try await request(.POST, uri, body: bytes, within: patience))
  }

  /// A daemon that hangs accepts the connection and never answers: it has so much time.
  private func request(_ method: HTTPMethod, _ uri: String, body: Data?, within patience: Duration) async throws -> Data {
    try await withThrowingTaskGroup(of: Data?.self) { group in
      group.addTask { try await request(method, uri, body: body) }
      group.addTask {
        try await Task.sleep(for: patience)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let answer = first else {
        throw ControlError(
          description:
            "the daemon at \(path) takes the question and does not answer: it hangs. `skein counters` reads its packet path without it"
        )
      }
      return answer
    }
  }

  private func decode<Report: Decodable>(_ data: Data) throws -> Report {
    do { return try JSONDecoder().decode(Report.self, from: data) } catch {
      throw ControlError(description: "the daemon at \(path) answered something else than expected; is it of another version? (\(error))")
    }
  }

  /// One request, one answer.
  public func request(_ method: HTTPMethod, _ uri: String, body: Data?) async throws -> Data {
    let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(2))
    let channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
    do {
      channel = try await bootstrap.connect(unixDomainSocketPath: path) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
        }
      }
    } catch {
      throw ControlError(
        description:
          "no daemon answers at \(path): \(Self.reason(error))\n`systemctl status skein` and `journalctl -u skein` say why; --api names another socket."
      )
    }
    var complete: Data?
    do {
      try await channel.executeThenClose { inbound, outbound in
        complete = try await exchange(method, uri, body, inbound, outbound)
      }
    } catch {
      // The daemon closes after its answer, and may be quicker than this end.
      guard complete != nil else { throw error }
    }
    return complete ?? Data()
  }

  /// The kernel's reason in its words.
  private static func reason(_ error: any Error) -> String {
    (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
  }

  private func exchange(
    _ method: HTTPMethod, _ uri: String, _ body: Data?, _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>,
    _ outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
  ) async throws -> Data {
    var headers: HTTPHeaders = ["host": "skein", "connection": "close"]
    if let body { headers.add(name: "content-length", value: "\(body.count)") }
    let head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers)
    // In one write: the daemon answers and closes as soon as it has read enough, and a part that came after would fail.
    try await outbound.write(
      contentsOf: [.head(head)] + (body.map { [.body(.byteBuffer(ByteBuffer(bytes: $0)))] } ?? []) + [HTTPClientRequestPart.end(nil)])
    var answer = Data()
    var status = HTTPResponseStatus.ok
    for try await part in inbound {
      switch part {
      case .head(let head): status = head.status
      case .body(let buffer): answer.append(contentsOf: buffer.readableBytesView)
      case .end:
        // It waits for its machine, and says for what.
        if status == .serviceUnavailable { throw ControlError(description: String(decoding: answer, as: UTF8.self)) }
        guard status == .ok else {
          throw ControlError(description: "the daemon refused \(uri): \(status) \(String(decoding: answer, as: UTF8.self))")
        }
        return answer
      }
    }
    throw ControlError(description: "the daemon closed the connection before it had answered \(uri)")
  }
}
