import Foundation
import Linux
import Logging
import Testing
import Wire

@testable import Node

/// What a cluster's hooks may do without harm. The long limit only ends a test that has failed.
@Suite struct HookTests {
  private func refusal(_ join: String?, timeout: Interval = .seconds(30)) async -> String? {
    let profile = MemberProfile(
      identifier: MemberIdentifier(rawValue: 7), incarnation: 1, address: InternetAddress(ipv4: 0xc000_0207),
      ethernetAddress: EthernetAddress(bits: 0x02_0000_0000_07), weight: 100, agreementKey: [])
    return await Hooks(commands: .init(join: join, arrived: nil, departed: nil, timeout: timeout)).mayJoin(profile)
  }

  @Test func theShellsStatusAnswers() async {
    #expect(await refusal(nil) == nil)
    #expect(await refusal("exit 0") == nil)
    #expect(await refusal("exit 3") == "the join hook exited with status 3")
    #expect(await refusal("echo \"not $SKEIN_MEMBER\"; echo 'at  all'; exit 1") == "not 7 at all")
    #expect(await refusal("test $SKEIN_ADDRESS = 192.0.2.7") == nil)
    #expect(await refusal("kill -KILL $$") == "the join hook was ended by signal 9")
  }

  @Test func aChildInTheBackgroundDoesNotHoldUpTheAnswer() async {
    #expect(await refusal("sleep 5 & exit 0") == nil)
    #expect(await refusal("sleep 5 & echo busy; exit 1") == "busy")
  }

  @Test func lateIsNo() async {
    #expect(await refusal("trap '' TERM; sleep 600", timeout: .milliseconds(50)) == "the join hook had not finished after 50ms")
    #expect(await refusal("yes", timeout: .milliseconds(50)) == "the join hook had not finished after 50ms")
  }

  @Test func aReasonIsOneLineThatFitsAMessage() {
    #expect(Hooks.words(Array("a\u{1b}[31mb\r\n\tc".utf8)) == "a [31mb c")
    #expect(Hooks.words(Array(String(repeating: "é", count: 100_000).utf8)).utf8.count <= ClusterLimits.explanationByteCount)
    #expect(Hooks.words(Array(repeating: 0xff, count: 100_000)).utf8.count <= ClusterLimits.explanationByteCount)
  }

  @Test func aTrackedCommandWithAChildInTheBackgroundIsAnswered() async {
    #expect(await ShellCommand(text: "sleep 5 & exit 0", timeout: .seconds(30)).succeeds())
    #expect(await !ShellCommand(text: "sleep 5 & exit 1", timeout: .seconds(30)).succeeds())
  }
}
