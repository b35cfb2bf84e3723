import Foundation
import Gateway
import Linux
import Testing
import Wire

@testable import Node

@Suite("Parts of a gateway's daemon") struct GatewayPartsTests {
  // MARK: tracked objects

  private func command(rise: Int, fall: Int) throws -> TrackedObjects {
    let what = GatewaySection.TrackedObject.What.command("true", every: .seconds(1), timeout: .seconds(1), rise: rise, fall: fall)
    return try TrackedObjects([.init(what: what, subtract: 10)])
  }

  @Test func aCommandIsDownAfterSoManyFailuresInARowAndUpAfterSoManySuccesses() throws {
    var tracked = try command(rise: 2, fall: 3)
    func changes(_ results: [Bool]) -> [Bool] { results.compactMap { tracked.take(0, succeeded: $0)?.isUp } }
    #expect(changes([false, false, true, false, false]) == [])
    #expect(tracked.down.isEmpty)
    #expect(changes([false]) == [false])
    #expect(tracked.down == ["command “true”"])
    #expect(changes([true, false, true]) == [])
    #expect(changes([true]) == [true])
    #expect(tracked.down.isEmpty)
  }

  @Test func aCommandRunsOnceAtATimeAndAtItsOwnPace() throws {
    var tracked = try command(rise: 1, fall: 1)
    let start = Instant(nanoseconds: 5_000_000_000)
    #expect(tracked.dueCommands(at: start).count == 1)
    #expect(tracked.dueCommands(at: start + .seconds(2)).isEmpty)
    _ = tracked.take(0, succeeded: true)
    #expect(tracked.dueCommands(at: start + .milliseconds(999)).isEmpty)
    #expect(tracked.dueCommands(at: start + .seconds(1)).count == 1)
  }

  @Test func anInterfaceThatIsNotThereIsDown() throws {
    var tracked = try TrackedObjects([.init(what: .interface("nosuch0"), subtract: 1), .init(what: .interface("lo"), subtract: 1)])
    #expect(tracked.look().first == .init(index: 0, isUp: false))
    #expect(tracked.look().isEmpty)
    #expect(tracked.down == ["interface nosuch0"])
  }

  // MARK: who routes

  @Test func aChainThatForwardedPacketsPassIsFound() {
    func rule(_ hooks: FirewallChain.Hook...) -> String? { FastRouting.rule(in: hooks.map { .init(table: "t", name: "c", hook: $0) }) }
    #expect(rule() == nil && rule(.input, .output) == nil)
    #expect(rule(.input, .forward) == "nftables has a chain “c” at forward")
    for hook in [FirewallChain.Hook.ingress, .prerouting, .postrouting, .egress] { #expect(rule(hook) != nil) }
  }

  // MARK: messages

  private static let own = InternetAddress(ipv4: 0x0a00_0001)
  private static let packet = GlbpPacket(group: 7, owner: EthernetAddress(bits: 0x0200_0000_0001), tlvs: [])

  private func messenger(_ authentication: GatewaySection.Authentication = .none) throws -> GatewayMessenger {
    try GatewayMessenger(authentication, own: Self.own, socket: nil)
  }

  private func key(_ text: String, _ body: (GatewaySection.Authentication) throws -> Void) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try text.write(to: file, atomically: true, encoding: .utf8)
    try body(.key(file: file.path(percentEncoded: false)))
  }

  /// A frame's UDP payload: after 14 octets of Ethernet, 20 of IPv4 and 8 of UDP, whose length says where Ethernet's padding begins.
  private func payload(_ messenger: inout GatewayMessenger) -> [UInt8] {
    let frame = messenger.frame(Self.packet, from: EthernetAddress(bits: 0x0200_0000_0001))
    return Array(frame[42..<34 + (Int(frame[38]) << 8 + Int(frame[39]))])
  }

  private func isAuthentic(_ payload: [UInt8], _ messenger: inout GatewayMessenger) -> Bool? {
    messenger.open(payload, from: InternetAddress(ipv4: 0x0a00_0002), hopLimit: 255, group: 7)?.1.isAuthentic
  }

  @Test func whoHasTheKeyIsBelievedAndEachMessageHasAHigherNumber() throws {
    try key("0123456789abcdef0123456789abcdef") { authentication in
      var (one, other) = (try messenger(authentication), try messenger(authentication))
      let first = payload(&one)
      #expect(isAuthentic(first, &other) == true)
      let second = payload(&one)
      let numbers = try [first, second].map { try GlbpPacket(decoding: $0[...]).seal?.sequence }
      #expect(numbers == [1, 2])
    }
  }

  @Test func anotherKeyAChangedOctetAndNoSealAreRefusedEachByItsReason() throws {
    try key("0123456789abcdef") { right in
      try key("fedcba9876543210") { wrong in
        var (receiver, stranger, sender, open) = (try messenger(right), try messenger(wrong), try messenger(right), try messenger())
        #expect(isAuthentic(payload(&stranger), &receiver) == false)
        var changed = payload(&sender)
        changed[changed.count - 1] ^= 1
        #expect(isAuthentic(changed, &receiver) == false)
        #expect(receiver.counters.wrongAuthentication == 2)
        #expect(isAuthentic(payload(&open), &receiver) == false)
        #expect(receiver.counters.missingAuthentication == 1)
        // Who has no key does not believe the one who has: they are of two minds about the group.
        #expect(isAuthentic(payload(&sender), &open) == false)
      }
    }
  }

  @Test func textKeepsMistakesApart() throws {
    var (one, other, third) = (try messenger(.text("a")), try messenger(.text("a")), try messenger(.text("b")))
    #expect(isAuthentic(payload(&one), &other) == true)
    #expect(isAuthentic(payload(&one), &third) == false)
    #expect(third.counters.wrongAuthentication == 1)
  }

  @Test func whatIsNoMessageOfTheGroupIsCountedByItsReason() throws {
    var (one, other) = (try messenger(), try messenger())
    let sender = InternetAddress(ipv4: 0x0a00_0002)
    let message = payload(&one)
    #expect(other.open(message, from: sender, hopLimit: 254, group: 7) == nil)
    #expect(other.open(message, from: sender, hopLimit: 255, group: 8) == nil)
    #expect(other.open(Array(message.prefix(5)), from: sender, hopLimit: 255, group: 7) == nil)
    #expect([other.counters.hopLimit, other.counters.otherGroup, other.counters.malformed, other.counters.received] == [1, 1, 1, 3])
  }

  @Test func aShortKeyAndOneThatIsNotThereAreExplained() throws {
    try key("short\n") { authentication in #expect(throws: StartError.self) { try messenger(authentication) } }
    #expect(throws: StartError.self) { try messenger(.key(file: "/nonexistent/key")) }
  }
}
