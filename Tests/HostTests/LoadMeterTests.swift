import Testing
import Wire

@testable import Host

@Suite struct LoadMeterTests {
  private static let (here, there) = (7, 8)
  private var meter = LoadMeter()
  private var seconds: UInt64 = 0
  private var counts: [Int: UInt64] = [:]

  /// A second passes, in which so many packets come for each of two units.
  private mutating func pass(own: [Int], packets: UInt64) {
    seconds += 1
    for unit in [Self.here, Self.there] { counts[unit, default: 0] += packets }
    let now = counts
    meter.measure(at: Instant(nanoseconds: seconds * 1_000_000_000), own: UnitSet(own)) { now[$0] ?? 0 }
  }

  private func rate(of unit: Int) -> UInt32? { meter.busiest(of: UnitSet([unit])).first?.packetsPerSecond }

  @Test mutating func unitThatCameIsMeasuredByItsFirstWholeSecond() {
    for _ in 0..<5 { pass(own: [Self.here], packets: 100) }
    pass(own: [Self.here, Self.there], packets: 100)
    pass(own: [Self.here, Self.there], packets: 100)
    #expect(rate(of: Self.there) == 100)
    #expect(meter.packetsPerSecond == 200)
  }

  @Test mutating func unitThatWentCountsNoMore() {
    for _ in 0..<5 { pass(own: [Self.here, Self.there], packets: 100) }
    pass(own: [Self.here], packets: 100)
    #expect(rate(of: Self.there) == nil)
    #expect(meter.packetsPerSecond == 100)
  }

  @Test mutating func changeIsSmoothedOverTenSeconds() {
    for _ in 0..<20 { pass(own: [Self.here], packets: 100) }
    pass(own: [Self.here], packets: 200)
    #expect(rate(of: Self.here) == 110)
    for _ in 0..<60 { pass(own: [Self.here], packets: 200) }
    #expect(rate(of: Self.here) == 200)
  }
}
