import Testing

@testable import Node

@Suite struct StartTests {
  @Test func noDaemonStartsWithAnotherClockThanTheKernels() throws {
    try Daemon.checkClock(secondsAhead: 0)
    for seconds in [86_400, -100, 0.001] {
      let error = #expect(throws: StartError.self) { try Daemon.checkClock(secondsAhead: seconds) }
      #expect(error?.description.contains(seconds > 0 ? "ahead of" : "behind") == true)
    }
  }
}
