import Testing

@testable import Lab

@Suite struct GatewayClusterTests {
  private typealias Datagram = GatewayClusterStream.Datagram

  /// One a millisecond to each of two forwarders, as `router` says which came out where; nil for nowhere.
  private static func datagrams(_ router: (_ millisecond: UInt64, _ forwarder: UInt8) -> UInt64?) -> [Datagram] {
    (UInt64(1)...300).flatMap { millisecond in
      [UInt8(1), 2].map { forwarder in
        var datagram = Datagram(forwarder: forwarder, isSix: false, sentAt: millisecond * 1_000_000)
        if let router = router(millisecond, forwarder) {
          (datagram.count, datagram.router, datagram.seenAt) = (1, router, datagram.sentAt + 50_000)
        }
        return datagram
      }
    }
  }

  /// What a router had a moment ago, and what it is given after the failure, is not what its failure takes.
  @Test func whoIsBereftIsWhomTheFailedRouterServedLast() {
    let datagrams = Self.datagrams { millisecond, forwarder in
      if forwarder == 2 { return millisecond < 150 || millisecond > 250 ? 7 : 8 }
      return millisecond < 100 ? 8 : millisecond < 200 ? 7 : nil
    }
    #expect(datagrams.forwarders(of: 7, before: 200_000_000) == [1])
    #expect(datagrams.forwarders(of: 8, before: 200_000_000) == [2])
    #expect(datagrams.forwarders(of: 7, before: 120_000_000) == [1, 2])
    #expect(datagrams.forwarders(of: 9, before: 200_000_000).isEmpty)
  }

  @Test func silenceIsOfThoseAskedFor() {
    let datagrams = Self.datagrams { millisecond, forwarder in
      100..<180 ~= millisecond && forwarder == 1 || 200..<220 ~= millisecond ? nil : 7
    }
    #expect(datagrams.longestSilence(of: [1, 2]) == 81)
    #expect(datagrams.longestSilence(of: [2]) == 21)
    #expect(datagrams.longestSilence(of: []) == 0)
  }
}
