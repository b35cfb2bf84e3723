import Testing
import Wire

@testable import Gateway

@Suite struct DeparturesTests {
  static func time(_ seconds: Double) -> Instant { .zero + .milliseconds(UInt64(seconds * 1000)) }
  private let window = Interval.seconds(10)

  @Test func aHostIsOnItsWayUntilItHasAskedEverybody() {
    var departures = Departures()
    departures.add(AnswersTests.host(1), share: 0.1, at: Self.time(1))
    #expect(departures.contains(AnswersTests.host(1), at: Self.time(1)))
    #expect(departures.contains(AnswersTests.host(1), at: Self.time(5.999)))
    #expect(!departures.contains(AnswersTests.host(1), at: Self.time(6)))
    #expect(!departures.contains(AnswersTests.host(2), at: Self.time(1)))
  }

  /// The host has gone after five seconds; the measurement has forgotten it a window later.
  @Test func whatItCarriedCountsAsGoneUntilTheMeasurementShowsIt() {
    var departures = Departures()
    departures.add(AnswersTests.host(1), share: 0.25, at: Self.time(1))
    departures.add(AnswersTests.host(2), share: 0.5, at: Self.time(2))
    departures.expire(window, at: Self.time(15.999))
    #expect(departures.share == 0.75)
    departures.expire(window, at: Self.time(16))
    #expect(departures.share == 0.5)
    departures.expire(window, at: Self.time(17))
    #expect(departures.share == 0)
  }

  @Test func noMoreThanTheLimitAreOnTheirWay() {
    var departures = Departures()
    for number in 0...Departures.limit { departures.add(AnswersTests.host(number), share: 1, at: Self.time(1)) }
    #expect(departures.share == Double(Departures.limit))
    #expect(!departures.contains(AnswersTests.host(Departures.limit), at: Self.time(1)))
    departures.expire(window, at: Self.time(16))
    departures.add(AnswersTests.host(Departures.limit), share: 1, at: Self.time(16))
    #expect(departures.contains(AnswersTests.host(Departures.limit), at: Self.time(16)))
  }
}
