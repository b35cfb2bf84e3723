import Gateway
import Testing
import Wire

@Suite struct ClientCacheTests {
  static func time(_ number: Int) -> Instant { .zero + .milliseconds(UInt64(number)) }

  @Test func aHostIsRememberedWithItsForwarder() {
    var cache = ClientCache()
    cache.record(AnswersTests.host(1), forwarder: 3, at: Self.time(1))
    cache.record(AnswersTests.host(2), forwarder: 3, at: Self.time(2))
    cache.record(AnswersTests.host(1), forwarder: 4, at: Self.time(3))
    let client = ClientCache.Client(host: AnswersTests.host(1), forwarder: 4, askedAt: Self.time(3), askCount: 2)
    #expect(cache.client(AnswersTests.host(1)) == client)
    #expect(cache.client(AnswersTests.host(3)) == nil)
    #expect(cache.hostCount(of: 3) == 1 && cache.hostCount(of: 4) == 1 && cache.count == 2)
    #expect(cache.clients().map(\.host) == [1, 2].map(AnswersTests.host))
    #expect(cache.clients(limit: 1) == [client])
  }

  @Test(arguments: [1, 2, 3, 10])
  func theOneThatAskedLongestAgoGoesFirst(_ capacity: Int) {
    var cache = ClientCache(capacity: capacity)
    var generator = Seeded(UInt64(capacity))
    var model: [Int] = []
    for step in 0..<5000 {
      let number = Int.random(in: 0..<15, using: &generator)
      cache.record(AnswersTests.host(number), forwarder: UInt8(number), at: Self.time(step))
      model.removeAll { $0 == number }
      model.insert(number, at: 0)
      if model.count > capacity { model.removeLast() }
      #expect(cache.clients().map(\.host) == model.map(AnswersTests.host))
    }
    for number in 0..<15 { #expect(cache.hostCount(of: UInt8(number)) == (model.contains(number) ? 1 : 0)) }
  }

  @Test func aReleasedHostIsNobodysUntilItAsksAgain() {
    var cache = ClientCache()
    for number in 1...3 { cache.record(AnswersTests.host(number), forwarder: 3, at: Self.time(number)) }
    cache.release(AnswersTests.host(2))
    cache.release(AnswersTests.host(2))
    cache.release(AnswersTests.host(4))
    #expect(cache.client(AnswersTests.host(2)) == nil)
    #expect(cache.hostCount(of: 3) == 2 && cache.count == 2)
    #expect(cache.clients().map(\.host) == [3, 1].map(AnswersTests.host))
    cache.record(AnswersTests.host(2), forwarder: 4, at: Self.time(5))
    #expect(cache.client(AnswersTests.host(2))?.forwarder == 4)
    #expect(cache.hostCount(of: 3) == 2 && cache.hostCount(of: 4) == 1 && cache.count == 3)
    #expect(cache.clients().map(\.host) == [2, 3, 1].map(AnswersTests.host))
  }

  /// Against a model: hosts ask and go elsewhere, and the cache is too small for all.
  @Test(arguments: [1, 2, 3, 10])
  func releasedHostsKeepTheirTurn(_ capacity: Int) {
    var cache = ClientCache(capacity: capacity)
    var generator = Seeded(UInt64(capacity))
    var model: [(number: Int, isReleased: Bool)] = []
    for step in 0..<5000 {
      let number = Int.random(in: 0..<15, using: &generator)
      if Bool.random(using: &generator) {
        cache.release(AnswersTests.host(number))
        if let place = model.firstIndex(where: { $0.number == number }) { model[place].isReleased = true }
      } else {
        cache.record(AnswersTests.host(number), forwarder: UInt8(number), at: Self.time(step))
        model.removeAll { $0.number == number }
        model.insert((number, false), at: 0)
        if model.count > capacity { model.removeLast() }
      }
      let known = model.filter { !$0.isReleased }.map(\.number)
      #expect(cache.clients().map(\.host) == known.map(AnswersTests.host))
      #expect(cache.count == known.count)
      for other in 0..<15 { #expect(cache.hostCount(of: UInt8(other)) == (known.contains(other) ? 1 : 0)) }
    }
  }

  @Test func aFloodIsBoundedAndCounted() {
    var cache = ClientCache()
    for number in 0..<100_000 { cache.record(AnswersTests.host(number), forwarder: UInt8(number % 4 + 1), at: Self.time(number)) }
    #expect(cache.count == 65_536 && cache.evictionCount == 100_000 - 65_536)
    #expect(cache.client(AnswersTests.host(0)) == nil && cache.client(AnswersTests.host(99_999)) != nil)
    #expect((1...4).reduce(0) { $0 + cache.hostCount(of: UInt8($1)) } == 65_536)
    #expect(cache.clients(limit: 3).map(\.host) == [99_999, 99_998, 99_997].map(AnswersTests.host))
  }
}
