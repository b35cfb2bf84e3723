import Testing
import Wire

@testable import Node

@Suite("A process that did not run") struct StandstillTests {
  private static func time(_ milliseconds: UInt64) -> Instant { .zero + .milliseconds(milliseconds) }
  private static let lease = Interval.milliseconds(200)

  /// Messages that are read first, and that the member does not hear of, come too late for the same plan.
  @Test func oneStandstillIsCountedOnce() {
    var standstills = Standstills()
    for now: UInt64 in [500, 501, 502] {
      standstills.look(at: Self.time(now), planned: Self.time(50), deadline: Self.time(200), lease: Self.lease)
    }
    #expect(standstills.count == 1 && standstills.milliseconds == 450)
    standstills.look(at: Self.time(1000), planned: Self.time(550), deadline: Self.time(700), lease: Self.lease)
    #expect(standstills.count == 2 && standstills.milliseconds == 900)
  }

  @Test func whoWasToRunLateOrRanInTimeStoodNotStill() {
    var standstills = Standstills()
    // The plan itself left less than half of the lease.
    standstills.look(at: Self.time(500), planned: Self.time(150), deadline: Self.time(200), lease: Self.lease)
    // Late, and the lease runs still.
    standstills.look(at: Self.time(190), planned: Self.time(50), deadline: Self.time(200), lease: Self.lease)
    #expect(standstills.count == 0 && standstills.milliseconds == 0)
  }
}
