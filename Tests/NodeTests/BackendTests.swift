import Linux
import Testing

@testable import Node

/// Why the packet path runs where it runs, as status and metrics tell it.
@Suite struct BackendTests {
  private let refusal = LinuxError("load the kernel program", .accessDenied, advice: "run as root", detail: "R4 invalid zero-sized read")

  @Test func aFallbackIsToldWithItsReasonAndItsPrice() throws {
    let choice = Backends.withoutXDP(refusal)
    let report = choice.report
    #expect(report.wanted == "automatic" && report.running == "packet-socket" && report.isFallback)
    #expect(report.reason.contains("cannot load the kernel program: Permission denied (EACCES)") && report.reason.hasSuffix("run as root."))
    let warning = try #require(choice.warning)
    #expect(warning.hasPrefix("the packet path runs by packet-socket: ") && warning.hasSuffix(report.cost))
  }

  @Test func whatTheConfigurationChoseIsNoFallback() {
    let choice = PathChoice(wanted: .packetSocket, running: "packet-socket", reason: "The configuration says so.")
    #expect(choice.warning == nil && !choice.report.isFallback)
  }
}
