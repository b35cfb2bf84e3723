import Foundation
import Testing

@testable import Node

/// The commands' side of the API, against a daemon that is as quick as can be.
@Suite struct ControlClientTests {
  @Test func answerIsReadThoughTheDaemonClosesAsSoonAsItHasReadTheHead() async throws {
    let server = try HastyServer(answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n[1]")
    defer { server.end() }
    let client = ControlClient(path: server.path)
    for _ in 0..<300 {
      #expect(try await client.get("/v1/status", [Int].self) == [1])
    }
  }

  @Test func refusalIsToldWithItsWords() async throws {
    let server = try HastyServer(answer: "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwhat")
    defer { server.end() }
    let error = await #expect(throws: ControlError.self) {
      _ = try await ControlClient(path: server.path).get("/v1/x", [Int].self)
    }
    #expect(error?.description.contains("/v1/x") == true && error?.description.contains("what") == true)
  }
}

/// Reads once, answers, closes: on a thread of its own.
private final class HastyServer: Sendable {
  let path = "\(NSTemporaryDirectory())/skein-\(UUID().uuidString.prefix(8)).sock"
  private let listener: Int32

  init(answer: String) throws {
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard bound == 0, listen(listener, 16) == 0 else { throw ControlError(description: "no socket at \(path)") }
    Thread.detachNewThread { [listener] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        var request = [UInt8](repeating: 0, count: 4096)
        _ = read(connection, &request, request.count)
        _ = Array(answer.utf8).withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        close(connection)
      }
    }
  }

  func end() {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
    unlink(path)
  }
}
