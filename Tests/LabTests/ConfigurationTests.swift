import Foundation
import Testing

@testable import Lab

@Suite struct ConfigurationTests {
  @Test func keepalivedIsGivenTheVersionThatCanCountItsInterval() {
    let slow = VrrpDaemons.keepalived(1, "eth0", "10.0.0.1", advertSeconds: 1, preempts: true)
    let fast = VrrpDaemons.keepalived(2, "eth0", "10.0.0.1", advertSeconds: 0.01, preempts: false)
    #expect(slow.contains("version 2") && slow.contains("advert_int 1.0"))
    #expect(fast.contains("version 3") && fast.contains("advert_int 0.01"))
    #expect(slow.contains("priority 100") && fast.contains("priority 99"))
    #expect(!slow.contains("nopreempt") && fast.contains("nopreempt"))
  }

  @Test func webServerAnswersWithItsMember() {
    #expect(WebServer.configuration(member: 2).contains("return 200 \"m2\\n\""))
    #expect(WebServer.member(named: WebServer.name(12)) == 12)
    #expect(WebServer.member(named: "curl: (7) Failed") == nil)
    #expect(WebServer.member(named: "mx") == nil)
  }

  @Test(arguments: [("plain", "plain"), ("a b", "'a b'"), ("", "''"), ("it's", "'it'\\''s'"), ("--x=/y.z", "--x=/y.z")])
  func echoedWordCanBeTypedAgain(word: String, quoted: String) { #expect(Launcher.quoted(word) == quoted) }

  @Test func statusIsCompleteWhenThoseExpectedAndNoOthersOwnEverything() throws {
    let json =
      #"{"state":"master","member":1,"term":3,"members":[{"member":1,"units":512,"weight":100,"state":"x"},{"member":3,"units":512,"weight":100}],"units":{"assigned":1024,"acknowledged":1024,"mine":512}}"#
    var status = try JSONDecoder().decode(MemberStatus.self, from: Data(json.utf8))
    #expect(status.isComplete([3, 1]))
    #expect(!status.isComplete([1, 2, 3]))
    #expect(!status.isComplete([1]))
    status.units.acknowledged = 1023
    #expect(!status.isComplete([1, 3]))
  }

  @Test func balanceLeavesOutWhoIsDrained() {
    func status(_ units: [Int], weights: [Int] = [100, 100, 100]) -> MemberStatus {
      let members = zip(units, weights).enumerated().map { MemberStatus.Peer(member: $0 + 1, units: $1.0, weight: $1.1) }
      return MemberStatus(
        state: "master", member: 1, members: members,
        units: .init(assigned: 1024, acknowledged: 1024))
    }
    #expect(status([342, 341, 341]).isBalanced())
    #expect(!status([342, 342, 340]).isBalanced())
    #expect(!status([512, 512, 0]).isBalanced())
    #expect(status([512, 512, 0]).isBalanced(without: [3]))
    #expect(!status([]).isBalanced())
    #expect(status([256, 256, 512], weights: [100, 100, 200]).isBalanced())
    #expect(!status([342, 341, 341], weights: [100, 100, 200]).isBalanced())
    #expect(status([146, 293, 585], weights: [10, 20, 40]).isBalanced())
  }
}
