import Testing

@testable import Linux

@Suite struct BootClockTests {
  @Test(arguments: [
    ("monotonic           0         0\nboottime            0         0", 0), ("monotonic 5 0\nboottime 86400 0", 86_400),
    ("monotonic 0 0\nboottime -100 0", -100), ("boottime -1 500000000", -0.5), ("", 0), ("boottime", 0), ("boottime many 0", 0),
  ]) func aTimeNamespaceIsNoticed(offsets: String, seconds: Double) { #expect(BootClock.secondsAhead(offsets) == seconds) }

  @Test func theTestsOwnClockIsTheKernels() { #expect(BootClock.secondsAheadOfKernel() == 0) }
}
