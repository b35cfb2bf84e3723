import Testing
import Wire

@testable import Gateway

@Suite("Foreign speakers of GLBP, and what is not to be believed")
struct ForeignTests {
  /// The foreign router says hello every second, then dies.
  private func withForeigner(_ speaker: ForeignSpeaker, _ lan: inout Lan, seconds: Int) throws {
    for _ in 0..<seconds {
      lan.say(try speaker.packet(), from: ForeignSpeaker.address)
      lan.pass(.seconds(1))
    }
  }

  @Test func aForeignActiveGatewayIsFollowedAndItsForwarderTakenOver() throws {
    var lan = Lan(2)
    try withForeigner(ForeignSpeaker(), &lan, seconds: 10)
    #expect(lan.active.isEmpty)
    #expect(lan.machines[0].router.snapshot(at: lan.now).activeGateway == ForeignSpeaker.address)
    #expect(lan.phase(1) == .standby)
    #expect(lan.counts() == [1, 1])
    #expect(lan.holders(of: 1).isEmpty)
    #expect(lan.machines.allSatisfy { $0.forwarding.isSubset(of: [2, 3, 4]) })
    // It was heard a second ago, and its own hold time counts.
    lan.pass(.milliseconds(2990))
    #expect(lan.active.isEmpty && lan.holders(of: 1).isEmpty)
    lan.pass(.milliseconds(20))
    #expect(lan.active == [1])
    #expect(lan.holders(of: 1).count == 1)
  }

  @Test func aForeignForwarderThatComesBackIsYieldedTo() throws {
    var lan = Lan(2)
    try withForeigner(ForeignSpeaker(), &lan, seconds: 10)
    lan.pass(.seconds(10))
    #expect(lan.holders(of: 1).count == 1)
    var listener = ForeignSpeaker()
    listener.state = 4
    try withForeigner(listener, &lan, seconds: 1)
    #expect(lan.holders(of: 1).isEmpty)
    #expect(lan.active == [1])
  }

  @Test func aForeignGatewayThatAsksIsGivenAForwarder() throws {
    var lan = Lan(1) { _, configuration in configuration.forwarderCount = 2 }
    lan.pass(.seconds(5))
    var asking = ForeignSpeaker()
    asking.state = 4
    asking.activeForwarders = []
    var packet = try asking.packet()
    packet.tlvs = packet.tlvs.filter { $0.knownType != .forwarder }
    packet.tlvs.append(
      .forwarder(GlbpForwarder(number: 0, state: .listen, priority: 167, weight: 100, virtualEthernet: EthernetAddress(bits: 0))))
    lan.say(packet, from: ForeignSpeaker.address)
    let answer = lan.machines[0].sent.last?.packet.forwarders.first { $0.state == .listen }
    #expect(answer?.number == 3)
    #expect(answer?.virtualEthernet == .virtual(group: 1, forwarder: 3))
  }

  private func settled() -> Lan {
    var lan = Lan(2)
    lan.pass(.seconds(5))
    return lan
  }

  private func state(_ lan: Lan) -> [Set<UInt8>] { lan.machines.map(\.forwarding) }

  /// Nothing but the counter changes, whatever is said.
  private func expectNoChange(
    _ counter: KeyPath<GatewayRouter.Counters, UInt64>, isAuthentic: Bool = true, from sender: InternetAddress = ForeignSpeaker.address,
    _ change: (inout GlbpPacket) -> Void
  ) throws {
    var lan = settled()
    var packet = try ForeignSpeaker().packet()
    change(&packet)
    let before = state(lan)
    let gateways = lan.machines[0].router.snapshot(at: lan.now).gateways.count
    lan.say(packet, from: sender, isAuthentic: isAuthentic)
    #expect(lan.machines[0].router.counters[keyPath: counter] == 1)
    #expect(lan.machines[0].router.snapshot(at: lan.now).gateways.count == gateways)
    lan.pass(.seconds(1))
    #expect(state(lan) == before)
    #expect(lan.active == [1])
  }

  private func hello(_ packet: inout GlbpPacket, _ change: (inout GlbpHello) -> Void) {
    packet.tlvs = packet.tlvs.map { tlv in
      guard case .hello(var hello) = tlv else { return tlv }
      change(&hello)
      return .hello(hello)
    }
  }

  @Test func whatIsNotAuthenticIsCounted() throws { try expectNoChange(\.notAuthentic, isAuthentic: false) { _ in } }
  @Test func anotherGroupIsCounted() throws { try expectNoChange(\.wrongGroup) { $0.group = 2 } }
  @Test func anotherVirtualAddressIsCounted() throws {
    try expectNoChange(\.wrongVirtualAddress) { hello(&$0) { $0.virtualAddress = InternetAddress(ipv4: 0x0a01_01fd) } }
  }
  @Test func aHoldTimeNotAboveTheHelloTimeIsCounted() throws {
    try expectNoChange(\.impossibleTimers) { hello(&$0) { $0.holdMilliseconds = 1000 } }
    try expectNoChange(\.impossibleTimers) { hello(&$0) { $0.holdMilliseconds = .max } }
  }
  @Test func aVirtualMacThatIsNotTheForwardersIsCounted() throws {
    try expectNoChange(\.impossibleForwarder) {
      $0.tlvs.append(
        .forwarder(GlbpForwarder(number: 7, state: .active, priority: 255, weight: 100, virtualEthernet: .virtual(group: 1, forwarder: 8))))
    }
  }
  @Test func aForwarderZeroThatForwardsIsCounted() throws {
    try expectNoChange(\.impossibleForwarder) {
      $0.tlvs.append(
        .forwarder(GlbpForwarder(number: 0, state: .active, priority: 255, weight: 100, virtualEthernet: .virtual(group: 1, forwarder: 1))))
    }
  }
  @Test func anotherSendersMemberTlvIsCounted() throws {
    try expectNoChange(\.wrongSender) { $0.tlvs.append(.member(GlbpMember(address: Lan.address(0), wantedForwarderCount: 5, share: 100))) }
  }

  @Test func aSerialOutOfReachIsCounted() throws {
    try expectNoChange(\.impossibleForwarder) {
      let entry = GlbpTable.Entry(forwarder: 1, home: nil, holder: Lan.address(1), isFree: true, serial: .max)
      $0.tlvs.append(.table(GlbpTable(version: 1, gatewayCount: 1, forwarderCount: 1, entries: [entry])))
    }
  }

  @Test func aTableOfAForeignerChangesNothing() throws {
    var lan = settled()
    var packet = try ForeignSpeaker().packet()
    hello(&packet) { $0.state = .listen }
    packet.tlvs = packet.tlvs.filter { $0.knownType != .forwarder }
    let entry = GlbpTable.Entry(forwarder: 1, home: nil, holder: ForeignSpeaker.address, isFree: true, serial: 1000)
    packet.tlvs.append(.table(GlbpTable(version: 1, gatewayCount: 1, forwarderCount: 1, entries: [entry])))
    let before = state(lan)
    lan.say(packet, from: ForeignSpeaker.address)
    lan.pass(.seconds(1))
    #expect(state(lan) == before)
  }

  @Test func anotherMachineWithThisAddressIsReported() throws {
    var lan = settled()
    let packet = try ForeignSpeaker().packet()
    lan.feed(.received(packet, from: .init(sender: Lan.address(0), isAuthentic: true)), to: 0)
    #expect(lan.machines[0].router.counters.duplicateAddress == 1)
    #expect(lan.machines[0].reports.contains(.conflict(packet.owner, Lan.address(0))))
  }

  @Test func whatWasSaidBeforeIsNotHeardAgain() {
    var lan = settled()
    let old = lan.machines[1].sent[0].packet
    let envelope = GatewayRouter.Envelope(sender: Lan.address(1), isAuthentic: true, incarnation: 1, sequence: 1)
    lan.feed(.received(old, from: envelope), to: 0)
    // Without a seal, by its own number.
    lan.feed(.received(old, from: .init(sender: Lan.address(1), isAuthentic: true)), to: 0)
    #expect(lan.machines[0].router.counters.replayed == 2)
    #expect(lan.phase(0) == .standby)
  }

  @Test func noMoreThanThirtyTwoGatewaysAreKnown() throws {
    var lan = settled()
    var packet = try ForeignSpeaker().packet()
    hello(&packet) { $0.state = .listen }
    packet.tlvs = packet.tlvs.filter { $0.knownType != .forwarder }
    for sender in 0..<1000 { lan.say(packet, from: InternetAddress(ipv4: 0x0a02_0000 + UInt32(sender))) }
    #expect(lan.machines[0].router.snapshot(at: lan.now).gateways.count == 32)
    #expect(lan.machines[0].router.counters.tooManyGateways == 970)
  }
}
