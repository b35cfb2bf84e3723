import Gateway
import Testing
import Wire

@Suite struct RateMeterTests {
  static func time(_ milliseconds: Int) -> Instant { .zero + .milliseconds(UInt64(milliseconds)) }

  @Test func aSteadyRateIsMeasuredFromTheSecondCountOn() {
    var meter = RateMeter()
    for step in 0..<10 {
      meter.measure(7, packets: UInt64(step * 100), octets: UInt64(step * 6400), at: Self.time(step * 200))
      #expect(meter.rate(of: 7) == (step == 0 ? TrafficRate() : TrafficRate(packets: 500, octets: 32_000)))
    }
    #expect(meter.rate(of: 8) == TrafficRate())
  }

  @Test func aChangeShowsByHalfAfterTheWindow() {
    var meter = RateMeter(window: .seconds(10))
    meter.measure(1, packets: 0, octets: 0, at: Self.time(0))
    meter.measure(1, packets: 0, octets: 0, at: Self.time(1000))
    meter.measure(1, packets: 10_000, octets: 0, at: Self.time(11_000))
    #expect(abs(meter.rate(of: 1).packets - 500) < 1e-6)
  }

  @Test func aCounterThatBeginsAnewDoesNoHarm() {
    var meter = RateMeter()
    meter.measure(1, packets: 1_000_000, octets: 64_000_000, at: Self.time(0))
    meter.measure(1, packets: 1_001_000, octets: 64_064_000, at: Self.time(1000))
    meter.measure(1, packets: 5, octets: 320, at: Self.time(2000))
    #expect(meter.rate(of: 1).packets == 1000)
    meter.measure(1, packets: 1005, octets: 64_320, at: Self.time(3000))
    #expect(abs(meter.rate(of: 1).packets - 1000) < 1e-6 && abs(meter.rate(of: 1).octets - 64_000) < 1e-6)
  }

  @Test func noTimePassedChangesNothing() {
    var meter = RateMeter(window: .zero)
    meter.measure(1, packets: 0, octets: 0, at: Self.time(5))
    meter.measure(1, packets: 100, octets: 0, at: Self.time(5))
    meter.measure(1, packets: 200, octets: 0, at: Self.time(4))
    #expect(meter.rate(of: 1) == TrafficRate())
    meter.measure(1, packets: 50, octets: 0, at: Self.time(1005))
    #expect(meter.rate(of: 1).packets == 50)
    meter.begin(1, packets: 0, octets: 0, rate: TrafficRate(), at: Self.time(1005))
    #expect(meter.rate(of: 1) == TrafficRate())
  }
}
