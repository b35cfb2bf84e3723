import Testing
import Wire

@testable import Credentials

/// What a datagram costs. Printed, not judged: meaningful in a release build on a quiet machine only.
@Suite(.serialized) struct CostTests {
  private func report(_ what: String, count: Int, _ body: () throws -> Void) rethrows {
    var best = Duration.seconds(3600)
    for _ in 0..<5 { best = min(best, try ContinuousClock().measure(body)) }
    let nanoseconds = best.components.seconds * 1_000_000_000 + best.components.attoseconds / 1_000_000_000
    print("cost \(what): \(nanoseconds / Int64(count)) ns")
  }

  @Test func sealedDatagrams() throws {
    var layers = try TestCluster().group(2)
    let piece = ClusterMessage.stateTransfer(
      StateTransfer(
        term: Term(rawValue: 1), serial: 1, unit: 1, application: 1, piece: 0, pieceCount: 1,
        bytes: Array(repeating: 7, count: ClusterLimits.pieceByteCount)))
    for (name, message) in [("keepalive", keepalive(1)), ("1,024 octets of state", piece)] {
      let count = 1000
      try report("seal \(name)", count: count) {
        for _ in 0..<count { _ = try layers[0].protect(message, protection: .sealed) }
      }
      let datagrams = try (0..<count).map { _ in try layers[0].protect(message, protection: .sealed) }
      report("open \(name)", count: count) {
        var fresh = layers[1]
        for datagram in datagrams { _ = fresh.open(datagram[...], at: bootClock, wallClock: wallClock) }
      }
      report("refuse a replayed \(name)", count: count) {
        for _ in datagrams { _ = layers[1].open(datagrams[0][...], at: bootClock, wallClock: wallClock) }
      }
    }
  }

  @Test func signedDatagrams() throws {
    let cluster = try TestCluster()
    var (master, joiner) = (try cluster.layer(1), try cluster.layer(2))
    let request = joiner.joinRequest(nonce: 1)
    let count = 100
    try report("sign a join request", count: count) {
      for _ in 0..<count { _ = try joiner.protect(request, protection: .signed) }
    }
    let datagrams = try (0..<count).map { _ in try joiner.protect(request, protection: .signed) }
    report("verify a join request, certificate new", count: count) {
      for datagram in datagrams {
        var fresh = master
        _ = fresh.open(datagram[...], at: bootClock, wallClock: wallClock)
      }
    }
    _ = master.open(datagrams[0][...], at: bootClock, wallClock: wallClock)
    report("verify a join request, certificate known", count: count - 1) {
      var fresh = master
      for datagram in datagrams.dropFirst() { _ = fresh.open(datagram[...], at: bootClock, wallClock: wallClock) }
    }
    _ = master.newGroupKey(term: 1)
    try report("answer a join with the group key", count: count) {
      for _ in 0..<count { _ = try master.protect(master.joinOk(nonce: 1, term: 1), protection: .signed) }
    }
  }
}
