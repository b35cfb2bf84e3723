import CPacketPath
import Cluster
import Gateway
import PacketPath
import Testing
import Wire

@testable import Host

/// A machine in memory with a gateway, alone or beside a cluster's member; what it is to send is kept.
private struct Machine {
  var host: ApplianceHost
  private let path = NativePacketPath()
  private var generator = SystemRandomNumberGenerator()
  var now = Instant(nanoseconds: 5_000_000_000)
  /// What comes out of the ring when it is emptied.
  var ring: [ApplianceHost.Upcall] = []
  var transmitted: [(frame: [UInt8], purpose: ApplianceHost.Purpose)] = []
  var delivered: [[UInt8]] = []
  var hellos: [(packet: GlbpPacket, sources: [EthernetAddress])] = []
  var said: [StateTransfer] = []
  var heard: Set<EthernetAddress> = []
  var performed: [ClusterMember.Action] = []
  var hasLeft = false

  static let group: UInt16 = 7
  static let virtual4 = InternetAddress(ipv4: 0x0a00_00fe)
  static let virtual6 = InternetAddress(high: 0xfe80 << 48, low: 0xfe)
  static let own = MemberProfile.example(1)
  static let asker = EthernetAddress(bits: 0x0200_0000_0099)

  init(inCluster: Bool = false) {
    var router = GatewayRouter.Configuration(
      group: Self.group, address: Self.own.address, ethernetAddress: Self.own.ethernetAddress, incarnation: 1,
      virtualAddresses: [Self.virtual4, Self.virtual6])
    router.mode = inCluster ? .cluster : .alone
    router.forwarderCount = 2
    let limits = HoldLimits(packetCount: 100, byteCount: 100_000, duration: .seconds(1))
    let member = ClusterMember(configuration: ClusterMember.Configuration(profile: Self.own, personalityVersion: 1))
    host = ApplianceHost(
      inCluster ? .init(profile: Self.own, isForwarding: false, detection: .milliseconds(200), hold: limits) : .init(hold: limits),
      member: inCluster ? member : nil, gateway: GatewayAppliance(router), tables: path.tables)
    if inCluster { happen(.member(.start(claims: UnitSet(), leaseDeadline: .zero))) }
    happen(.gateway(.start))
  }

  /// A gateway that found nobody else, is the active one, and has its two forwarders.
  static func alone() -> Machine {
    var machine = Machine()
    machine.wait(.seconds(5))
    return machine
  }

  /// The same as the master of a cluster of one, whose units forwarders 1 and 2 are here.
  static func inCluster() -> Machine {
    var machine = Machine(inCluster: true)
    machine.wait(.seconds(5))
    // Alone, a master serves from the first packet on.
    machine.happen(.sentUp(Self.upcall(skein_upcall_unassigned, 700, packet(1))))
    machine.wait(.seconds(5))
    return machine
  }

  func record(_ forwarder: Int) -> skein_unit { host.tables.units[forwarder] }
  static func ethernet(_ forwarder: UInt8) -> EthernetAddress { .virtual(group: group, forwarder: forwarder) }
  var answers: [[UInt8]] { transmitted.filter { if case .answer = $0.purpose { true } else { false } }.map(\.frame) }
  var taught: [[UInt8]] { transmitted.filter { if case .whereabouts = $0.purpose { true } else { false } }.map(\.frame) }

  mutating func happen(_ event: ApplianceHost.Event) {
    for effect in host.handle(event, at: now, using: &generator) {
      switch effect {
      case .transmit(let frame, let purpose): transmitted.append((frame, purpose))
      case .deliver(let frame, _): delivered.append(frame)
      case .hello(let packet, let sources): hellos.append((packet, sources))
      case .send(.stateTransfer(let transfer), _, _): said.append(transfer)
      case .hear(let addresses): heard = addresses
      case .perform(let action): performed.append(action)
      case .gatewayLeft: hasLeft = true
      case .emptyRing:
        let upcalls = ring
        ring = []
        for upcall in upcalls { happen(.sentUp(upcall)) }
        happen(.ringEmptied)
      case .send, .viewChanged, .report: break
      }
    }
    for sentence in host.checkInvariants() { Issue.record("\(now): \(sentence)") }
  }

  /// Time passes; what is due happens when it is.
  mutating func wait(_ interval: Interval) {
    let end = now + interval
    while let due = host.nextDeadline, due <= end {
      now = max(due, now + .microseconds(1))
      // Packets are heard: a member that hears none takes itself for cut off, and serves nothing.
      host.tables.counters[0] &+= 1
      happen(.timer)
    }
    now = end
  }

  static func question(_ address: InternetAddress, tags: [VlanTag] = []) -> [UInt8] {
    let message = ArpMessage(
      operation: .request, senderEthernet: asker, senderAddress: InternetAddress(ipv4: 0x0a00_0063),
      targetEthernet: EthernetAddress(bits: 0), targetAddress: address)
    return EthernetHeader(destination: .broadcast, source: asker, tags: tags, type: .arp).frame(carrying: message.encode())
  }

  static func upcall(_ reason: skein_upcall_reason, _ unit: Int, _ frame: [UInt8]) -> ApplianceHost.Upcall {
    .init(reason: reason, unit: unit, interface: 1, frame: frame)
  }

  static func packet(_ number: UInt8) -> [UInt8] { [UInt8](repeating: 0xee, count: 14) + [number] }
}

/// Another gateway of the group says hello: what it carries, what it waits for, and the table's records.
private func hello(
  carried: [UInt8] = [], arriving: [UInt8] = [], entries: [GlbpTable.Entry] = [], traffic: [GlbpTraffic.Entry] = [], sequence: UInt64
) -> GatewayRouter.Event {
  let other = MemberProfile.example(2)
  let member = GlbpMember(
    address: other.address, wantedForwarderCount: 0, share: 100, isDraining: false, isLeaving: false, isBelowThreshold: false,
    isReady: true, incarnation: 1, sequence: sequence, carried: ForwarderSet(carried), arriving: ForwarderSet(arriving))
  let hello = GlbpHello(
    state: .standby, priority: 50, helloMilliseconds: 200, holdMilliseconds: 650, redirectSeconds: 600, timeoutSeconds: 14_400,
    virtualAddress: Machine.virtual4)
  var packet = GlbpPacket(group: Machine.group, owner: other.ethernetAddress, tlvs: [.hello(hello), .member(member)])
  packet.tlvs += GlbpTraffic.tlvs(traffic)
  if !entries.isEmpty { packet.tlvs += GlbpTable.tlvs(version: 1, gateways: [], entries: entries) }
  return .received(packet, from: .init(sender: other.address, isAuthentic: true))
}

@Suite("A virtual gateway on a host without a cluster") struct GatewayHostTests {
  @Test func itFillsTheTablesAndHearsItsVirtualAddresses() {
    let machine = Machine.alone()
    for forwarder in 1...2 { #expect(machine.record(forwarder).mine == UInt8(skein_mine) && machine.record(forwarder).acknowledged == 1) }
    #expect(machine.record(3).mine == UInt8(skein_not_mine))
    #expect(machine.heard == [Machine.ethernet(1), Machine.ethernet(2)])
    #expect(machine.host.tables.leaseDeadline > machine.now)
    #expect(machine.host.tables.settings.pointee.flags & UInt64(skein_flag_answers.rawValue) != 0)
    #expect(machine.hellos.last?.sources.first == Machine.own.ethernetAddress)
    #expect(machine.said.isEmpty)
  }

  @Test func eachQuestionIsAnsweredByItsOwnAddressTagsAndAsker() throws {
    var machine = Machine.alone()
    // Both are in one batch from the ring: neither answer may be the other's.
    machine.happen(.sentUp(Machine.upcall(skein_upcall_question, 0xffff, Machine.question(Machine.virtual4, tags: [VlanTag(control: 5)]))))
    machine.happen(.sentUp(Machine.upcall(skein_upcall_question, 0xffff, Machine.question(Machine.virtual4))))
    let frames = try machine.answers.map { try EthernetFrame($0[...]) }
    #expect(frames.map(\.tags) == [[VlanTag(control: 5)], []])
    for frame in frames {
      let reply = try ArpPacket(frame.payload)
      #expect(frame.destination == Machine.asker && frame.source == Machine.own.ethernetAddress)
      #expect(reply.senderAddress == Machine.virtual4 && reply.senderEthernet.virtualForwarder?.group == Machine.group)
    }
    #expect(machine.host.gateway?.counters.questions == 2 && machine.host.gateway?.counters.answered == 2)
    machine.host.countUnsent(.answer)
    #expect(machine.host.gateway?.counters.answered == 1 && machine.host.gateway?.counters.answersUnsent == 1)
  }

  @Test func aQuestionForAnotherAddressIsCountedAndLeftAlone() {
    var machine = Machine.alone()
    machine.happen(.sentUp(Machine.upcall(skein_upcall_question, 0xffff, Machine.question(InternetAddress(ipv4: 0x0a00_00aa)))))
    #expect(machine.answers.isEmpty && machine.host.gateway?.counters.questionsMalformed == 1)
  }

  @Test func whoseFalseClaimHostsHeardAreToldTheirOwnAddressAgain() throws {
    var machine = Machine.alone()
    machine.happen(.sentUp(Machine.upcall(skein_upcall_question, 0xffff, Machine.question(Machine.virtual4))))
    let stranger = EthernetAddress(bits: 0x0200_0000_0666)
    let claim = ArpMessage.announcement(of: Machine.virtual4, at: stranger, as: .request)
    machine.happen(
      .sentUp(
        Machine.upcall(
          skein_upcall_conflict, 0xffff,
          EthernetHeader(destination: .broadcast, source: stranger, type: .arp).frame(carrying: claim.encode()))))
    machine.wait(.seconds(2))
    let corrections = machine.transmitted.filter { if case .correction = $0.purpose { true } else { false } }
    let frame = try EthernetFrame(try #require(corrections.first).frame[...])
    #expect(frame.destination == Machine.asker)
    #expect(try ArpPacket(frame.payload).senderEthernet == ArpPacket(EthernetFrame(machine.answers[0][...]).payload).senderEthernet)
  }

  /// Forwarder 9 was the other gateway's, and is this one's by a newer record: it is held here until the other has stopped.
  private func thatAwaits() -> Machine {
    var machine = Machine.alone()
    let other = MemberProfile.example(2).address
    let before = GlbpTable.Entry(forwarder: 9, home: Machine.own.address, holder: other, isFree: false, serial: 30)
    machine.happen(.gateway(hello(carried: [9], entries: [before], sequence: 1)))
    machine.now = machine.now + .milliseconds(10)
    let entry = GlbpTable.Entry(forwarder: 9, home: Machine.own.address, holder: Machine.own.address, isFree: false, serial: 40)
    machine.happen(.gateway(hello(carried: [9], entries: [entry], sequence: 2)))
    machine.now = machine.now + .milliseconds(10)
    return machine
  }

  @Test func aForwarderThatComesIsHeldAndTheSwitchesLearnItBeforeTheHelloThatStopsTheOther() {
    let machine = thatAwaits()
    #expect(machine.record(9).mine == UInt8(skein_mine_moving))
    #expect(machine.heard.contains(Machine.ethernet(9)))
    #expect(machine.taught.contains(ArpMessage.whereabouts(of: Machine.ethernet(9))))
    #expect(machine.hellos.last?.sources.contains(Machine.ethernet(9)) == true)
  }

  @Test func whatWasHeldAndWhatIsInTheRingIsProcessedWhenTheForwarderOpens() {
    var machine = thatAwaits()
    machine.happen(.sentUp(Machine.upcall(skein_upcall_unacknowledged, 9, Machine.packet(1))))
    #expect(machine.delivered.isEmpty && machine.host.held.packetCount == 1)
    machine.ring = [Machine.upcall(skein_upcall_unacknowledged, 9, Machine.packet(2))]
    machine.happen(.gateway(hello(sequence: 3)))
    #expect(machine.record(9).mine == UInt8(skein_mine))
    #expect(machine.delivered.compactMap(\.last) == [1, 2])
    #expect(machine.host.held.isEmpty)
  }

  /// Else a busy forwarder would weigh nothing where it has come to, and the next one would be moved there too.
  @Test func aForwarderThatMovesGoesOnWithTheRateThatItsLastHolderMeasured() {
    var machine = thatAwaits()
    let measured = GlbpTraffic.Entry(forwarder: 9, packetsPerSecond: 1000, octetsPerSecond: 500_000)
    machine.happen(.gateway(hello(traffic: [measured], sequence: 3)))
    #expect(machine.record(9).mine == UInt8(skein_mine))
    for _ in 0..<3 {
      machine.happen(.measure)
      let forwarder = machine.host.gateway?.router.snapshot(at: machine.now).forwarders.first { $0.number == 9 }
      #expect((forwarder?.packetsPerSecond ?? 0) > 700)
      machine.wait(.seconds(1))
    }
  }

  @Test func whatWasHeldIsForgottenToTheLastPacketOfTheRingWhenTheForwarderComesNotAfterAll() {
    var machine = thatAwaits()
    machine.happen(.sentUp(Machine.upcall(skein_upcall_unacknowledged, 9, Machine.packet(1))))
    machine.ring = [Machine.upcall(skein_upcall_unacknowledged, 9, Machine.packet(2))]
    machine.happen(.carrier(false))
    #expect(machine.record(9).mine == UInt8(skein_not_mine))
    #expect(machine.ring.isEmpty && machine.host.held.isEmpty && machine.delivered.isEmpty)
    #expect(!machine.heard.contains(Machine.ethernet(9)))
  }

  @Test func whoIsToldToLeaveStopsAndSaysWhenItIsDone() {
    var machine = Machine.alone()
    machine.happen(.leave)
    machine.wait(.seconds(10))
    #expect(machine.hasLeft && machine.host.nextDeadline == nil)
    for forwarder in 1...2 { #expect(machine.record(forwarder).mine == UInt8(skein_not_mine)) }
    #expect(machine.heard.isEmpty && machine.host.tables.leaseDeadline == .zero)
  }

  @Test func withoutCarrierItForwardsNothing() {
    var machine = Machine.alone()
    machine.happen(.carrier(false))
    #expect(machine.record(1).mine == UInt8(skein_not_mine) && machine.host.tables.leaseDeadline == .zero)
    machine.happen(.carrier(true))
    machine.wait(.seconds(5))
    #expect(machine.record(1).mine == UInt8(skein_mine))
  }

  @Test func measuringReadsTheForwardersCounters() {
    var machine = Machine.alone()
    machine.happen(.measure)
    for second in UInt64(1)...30 {
      machine.host.tables.traffic[Int(skein_unit_count) + 1].packets = second * 100
      machine.host.tables.traffic[Int(skein_unit_count) + 1].octets = second * 50_000
      machine.wait(.seconds(1))
      machine.happen(.measure)
    }
    let forwarder = machine.host.gateway?.router.snapshot(at: machine.now).forwarders.first { $0.number == 1 }
    #expect(abs((forwarder?.packetsPerSecond ?? 0) - 100) < 10)
  }
}

@Suite("A virtual gateway beside a cluster's member") struct GatewayBesideMemberTests {
  @Test func theClusterGivesItsForwardersAndTheMasterAnswers() {
    var machine = Machine.inCluster()
    let own = (1...255).filter { machine.record($0).mine == UInt8(skein_mine) }
    #expect(own.contains(1) && own.contains(2))
    #expect(machine.heard.isSuperset(of: [Machine.ethernet(1), Machine.ethernet(2)]))
    #expect(machine.hellos.isEmpty && machine.said.allSatisfy { $0.application == StateChannel.gateway.rawValue } && !machine.said.isEmpty)
    machine.happen(.sentUp(Machine.upcall(skein_upcall_question, 0xffff, Machine.question(Machine.virtual4))))
    #expect(machine.answers.count == 1)
  }

  @Test func itsHelloTeachesTheSwitchesOnlyWhatTheLeaseCovers() {
    var machine = Machine.inCluster()
    machine.transmitted = []
    machine.wait(.seconds(3))
    #expect(machine.taught.contains(ArpMessage.whereabouts(of: Machine.ethernet(1))))
    machine.transmitted = []
    machine.host.tables.leaseDeadline = .zero
    machine.happen(.gateway(.setWeight(90)))
    #expect(machine.taught.isEmpty)
  }

  @Test func anotherMembersHelloIsHeardAndNonsenseIsCounted() {
    var machine = Machine.inCluster()
    let other = MemberProfile.example(2)
    let envelope = ClusterMember.Envelope(
      sender: other.identifier, incarnation: 1, protection: .sealed, epoch: 1, sequence: 1, sourceAddress: other.address, isAuthentic: true)
    func transfer(_ octets: [UInt8]) -> StateTransfer {
      StateTransfer(
        term: .none, serial: 0, unit: 0, application: StateChannel.gateway.rawValue, piece: 0, pieceCount: 1, bytes: octets)
    }
    guard case .received(let packet, _) = hello(sequence: 1) else { return }
    machine.happen(.channel(transfer(packet.encode()), from: envelope))
    machine.happen(.channel(transfer([1, 2, 3]), from: envelope))
    #expect(machine.host.gateway?.router.snapshot(at: machine.now).gateways.contains { $0.address == other.address } == true)
    #expect(machine.host.gateway?.counters.received == 2 && machine.host.gateway?.counters.malformed == 1)
  }
}
