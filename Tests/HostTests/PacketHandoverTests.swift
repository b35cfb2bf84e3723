import CPacketPath
import Cluster
import PacketPath
import Testing
import Wire

@testable import Host

/// A machine in memory: its ring is a list, and what it is to send is kept.
private struct Machine {
  var host: ApplianceHost
  private let path = NativePacketPath()
  private var generator = SystemRandomNumberGenerator()
  var now = Instant(nanoseconds: 5_000_000_000)
  /// Packets sent up that nobody has read yet.
  var ring: [(unit: Int, frame: [UInt8])] = []
  private(set) var transmitted: [[UInt8]] = []
  private(set) var delivered: [[UInt8]] = []
  private(set) var said: [(channel: StateChannel?, serial: UInt32)] = []
  /// Arrives when the ring has been emptied, before anything else happens.
  var arrivesAfterEmptying: [[UInt8]] = []

  static let own = MemberProfile.example(1)
  static let heir = MemberProfile.example(2)
  static let unit = 7
  static let units = UnitSet(CollectionOfOne(unit))

  init(isForwarding: Bool = false) {
    let configuration = ApplianceHost.Configuration(
      profile: Self.own, isForwarding: isForwarding, detection: .milliseconds(200),
      hold: HoldLimits(packetCount: 100, byteCount: 100_000, duration: .seconds(1)))
    let member = ClusterMember(configuration: ClusterMember.Configuration(profile: Self.own, personalityVersion: 1))
    host = ApplianceHost(configuration, member: member, tables: path.tables)
    act(.setMembers([Self.own, Self.heir, MemberProfile.example(3)]))
    act(.setLease(.init(nanoseconds: .max)))
  }

  var tables: PacketTables { host.tables }
  var record: skein_unit { tables.units[Self.unit] }

  static func packet(_ number: UInt8) -> [UInt8] { [UInt8](repeating: 0xee, count: 14) + [number] }
  /// What the heir was sent: the numbers of the packets, all of them to its own address.
  var sentToHeir: [UInt8] { transmitted.filter { $0[5] == 2 && $0[11] == 1 }.compactMap(\.last) }
  var deliveredNumbers: [UInt8] { delivered.compactMap(\.last) }

  /// The decision maker wants these things done.
  mutating func act(_ actions: ClusterMember.Action...) {
    for action in actions { host.begin(.action(action)) }
    happen(.timer)
  }

  mutating func happen(_ event: ApplianceHost.Event) {
    for effect in host.handle(event, at: now, using: &generator) {
      switch effect {
      case .transmit(let frame, _): transmitted.append(frame)
      case .deliver(let frame, _): delivered.append(frame)
      case .send(.stateTransfer(let transfer), _, _): said.append((StateChannel(rawValue: transfer.application), transfer.serial))
      case .emptyRing:
        readRing()
        for packet in arrivesAfterEmptying { arrive(packet) }
        happen(.ringEmptied)
      case .send, .hello, .hear, .viewChanged, .perform, .report, .gatewayLeft: break
      }
    }
  }

  /// A packet arrives: it goes up if its unit is on its way, as the packet path does it.
  mutating func arrive(_ frame: [UInt8]) {
    if record.mine == UInt8(skein_mine_moving) { finish(frame) }
  }

  /// A run of the packet path ends that looked at the unit before it was stored anew.
  mutating func finish(_ frame: [UInt8]) { ring.append((Self.unit, frame)) }

  mutating func readRing() {
    while !ring.isEmpty {
      let (unit, frame) = ring.removeFirst()
      happen(.sentUp(.init(reason: skein_upcall_unacknowledged, unit: unit, interface: 1, frame: frame)))
    }
  }

  /// This machine, K, has stopped, holds packet 1, and has packet 2 in its ring.
  static func thatHasStopped() -> Machine {
    var machine = Machine()
    machine.act(.setUnits(units, owner: own.identifier, acknowledged: true))
    machine.act(.setUnits(units, owner: heir.identifier, acknowledged: false), .handOverState(serial: 1, units, to: heir.identifier))
    machine.arrive(packet(1))
    machine.readRing()
    machine.arrive(packet(2))
    return machine
  }

  /// Somebody asks for the unit's packets.
  mutating func isAsked(by profile: MemberProfile = heir, serial: UInt32 = 2) {
    happen(.channel(Self.transfer(.packetsWanted, serial), from: Self.envelope(profile.identifier)))
  }

  static func envelope(_ sender: MemberIdentifier) -> ClusterMember.Envelope {
    .init(
      sender: sender, incarnation: 1, protection: .sealed, epoch: 1, sequence: 1,
      sourceAddress: MemberProfile.example(sender.rawValue).address,
      isAuthentic: true)
  }

  static func transfer(_ channel: StateChannel, _ serial: UInt32, to receiver: MemberProfile = own) -> StateTransfer {
    let addressee = receiver.identifier.rawValue
    var octets = [UInt8(addressee >> 8), UInt8(truncatingIfNeeded: addressee)] + [UInt8](repeating: 0, count: 128)
    octets[2 + (unit >> 3)] = 1 << UInt8(unit & 7)
    return StateTransfer(term: .none, serial: serial, unit: 0, application: channel.rawValue, piece: 0, pieceCount: 1, bytes: octets)
  }

  mutating func wait(_ interval: Interval) {
    now = now + interval
    happen(.timer)
  }
}

/// K gives a unit to J, and what is on its way must reach J.
@Suite("Packets in flight while a unit moves") struct PacketHandoverTests {
  private let packet = Machine.packet

  @Test func whatIsInTheRingWhenTheHeirAsksReachesItWithWhatWasHeld() {
    var machine = Machine.thatHasStopped()
    machine.isAsked()
    #expect(machine.sentToHeir == [1, 2])
    #expect(machine.host.held.isEmpty)
  }

  @Test func nothingIsSentUpAfterTheRingWasEmptied() {
    var machine = Machine.thatHasStopped()
    machine.arrivesAfterEmptying = [packet(3)]
    machine.isAsked()
    #expect(machine.ring.isEmpty)
    #expect(machine.record.owner == machine.host.slots[Machine.heir.identifier].map { UInt16($0) } && machine.record.acknowledged == 1)
  }

  @Test func theLastWordIsSaidAfterWhatAPathThatStillRanHasSentUp() {
    var machine = Machine.thatHasStopped()
    machine.isAsked()
    machine.wait(.microseconds(900))
    #expect(machine.said.isEmpty && machine.host.isParting)
    machine.finish(packet(3))
    machine.wait(.microseconds(100))
    #expect(machine.said.map(\.channel) == [.packetsGiven] && machine.said.map(\.serial) == [2])
    #expect(machine.sentToHeir == [1, 2, 3])
    #expect(!machine.host.isParting)
  }

  @Test func aQuestionAskedAgainIsAnsweredOnce() {
    var machine = Machine.thatHasStopped()
    for _ in 0..<2 { machine.isAsked() }
    machine.wait(.seconds(1))
    #expect(machine.said.count == 1)
  }

  @Test func whoAsksByAnOrderThatWasGivenBeforeTheUnitStoppedGetsNothing() {
    var machine = Machine.thatHasStopped()
    machine.isAsked(by: MemberProfile.example(3), serial: 1)
    #expect(machine.transmitted.isEmpty)
    machine.isAsked()
    #expect(machine.sentToHeir == [1, 2])
  }

  /// Somebody recorded the question on its way to another member.
  @Test func aQuestionToAnotherMemberIsNotAnswered() {
    var machine = Machine.thatHasStopped()
    let question = Machine.transfer(.packetsWanted, 2, to: MemberProfile.example(3))
    machine.happen(.channel(question, from: Machine.envelope(Machine.heir.identifier)))
    machine.wait(PacketHandover.settlingTime)
    #expect(machine.transmitted.isEmpty && machine.said.isEmpty && machine.host.held.packetCount == 1)
  }

  /// The master may think better of it once the unit has stopped: its target drains by then.
  @Test func whoTheUnitIsAssignedToGetsWhatWasHeldForWhomeverItStopped() {
    var machine = Machine.thatHasStopped()
    machine.isAsked(by: MemberProfile.example(3))
    #expect(machine.transmitted.map { $0[5] } == [3, 3] && machine.transmitted.compactMap(\.last) == [1, 2])
  }

  @Test func theLastWordOfAnotherReignsOrderIsNotTheOneWaitedFor() {
    var machine = Machine()
    let holder = MemberIdentifier(rawValue: 3)
    machine.act(.awaitState(serial: 1, Machine.units, from: holder))
    var word = Machine.transfer(.packetsGiven, 1)
    word.term = Term(rawValue: 7)
    machine.happen(.channel(word, from: Machine.envelope(holder)))
    #expect(machine.host.handover.arrivals.count == 1)
    machine.happen(.channel(Machine.transfer(.packetsGiven, 1), from: Machine.envelope(holder)))
    #expect(machine.host.handover.arrivals.isEmpty)
  }

  @Test func whatComesOutOfTheRingLaterStillIsSentOnForAWhile() {
    var machine = Machine.thatHasStopped()
    machine.isAsked()
    machine.wait(PacketHandover.settlingTime)
    machine.finish(packet(3))
    machine.readRing()
    #expect(machine.sentToHeir == [1, 2, 3])
    machine.wait(PacketHandover.leastLimit)
    machine.finish(packet(4))
    machine.readRing()
    #expect(machine.sentToHeir == [1, 2, 3])
    #expect(machine.host.held.isEmpty)
  }

  @Test func aMasterThatGaveNothingSendsNothingOn() {
    var machine = Machine()
    machine.act(.setUnits(Machine.units, owner: Machine.heir.identifier, acknowledged: true))
    machine.finish(packet(1))
    machine.readRing()
    #expect(machine.transmitted.isEmpty && machine.deliveredNumbers.isEmpty && machine.host.held.isEmpty)
  }

  @Test func whatNobodyAskedForIsForgottenToTheLastPacketOfTheRing() {
    var machine = Machine.thatHasStopped()
    machine.wait(.milliseconds(200))
    #expect(machine.transmitted.isEmpty && machine.ring.isEmpty && machine.host.held.isEmpty)
    #expect(machine.record.mine == UInt8(skein_not_mine))
  }

  /// Kept, it would be answered once more when the unit comes back: its owner has seen it too.
  @Test func whatComesOutOfTheRingAfterTheHoldingHasEndedIsForgotten() {
    var machine = Machine.thatHasStopped()
    machine.wait(.milliseconds(300))
    #expect(machine.host.held.isEmpty && machine.host.held.forgotten == 2)
    machine.finish(packet(3))
    machine.readRing()
    #expect(machine.host.held.isEmpty && machine.host.held.forgotten == 3)
    machine.act(.setUnits(Machine.units, owner: Machine.own.identifier, acknowledged: true))
    #expect(machine.delivered.isEmpty)
  }

  @Test func whatComesOutOfTheRingAfterTheReignHasEndedIsForgotten() {
    var machine = Machine()
    machine.act(.setMaster(true))
    machine.finish(packet(1))
    machine.readRing()
    #expect(machine.host.held.packetCount == 1)
    machine.act(.setMaster(false), .dropHeld)
    machine.finish(packet(2))
    machine.readRing()
    #expect(machine.host.held.isEmpty)
    machine.act(.setUnits(Machine.units, owner: Machine.own.identifier, acknowledged: true))
    #expect(machine.delivered.isEmpty)
  }

  @Test func theHeirProcessesWhatItHeldAndWhatComesOutOfTheRingOnceTheUnitIsOpen() {
    var machine = Machine()
    machine.act(.awaitState(serial: 1, Machine.units, from: MemberIdentifier(rawValue: 3)))
    #expect(machine.said.map(\.channel) == [.packetsWanted])
    machine.arrive(packet(1))
    machine.happen(.channel(Machine.transfer(.packetsGiven, 1), from: Machine.envelope(MemberIdentifier(rawValue: 3))))
    machine.finish(packet(2))
    machine.act(.setUnits(Machine.units, owner: Machine.own.identifier, acknowledged: true))
    machine.readRing()
    #expect(machine.deliveredNumbers == [1, 2])
  }

  @Test func theHeirAsksAgainUntilItIsAnsweredAndGivesUpWhenTheHolderIsNoMemberAnyMore() {
    var machine = Machine()
    machine.act(.awaitState(serial: 1, Machine.units, from: MemberIdentifier(rawValue: 3)))
    for _ in 0..<3 { machine.wait(PacketHandover.longestPatience) }
    #expect(machine.said.count == 4)
    // A member is waited for: it may have answered, and the answer be in this machine's own queue.
    machine.wait(.milliseconds(200))
    #expect(machine.host.handover.arrivals.count == 1)
    machine.act(.setMembers([Machine.own, Machine.heir]))
    machine.wait(.milliseconds(40))
    #expect(machine.host.handover.arrivals.isEmpty)
  }

  @Test func whatWasHeldForAUnitThatIsWaitedForNoLongerIsThereForTheNextWaitAndNotForLong() {
    let holder = MemberIdentifier(rawValue: 3)
    var (soon, late) = (Machine(), Machine())
    for interval in [Interval.milliseconds(100), .milliseconds(500)] {
      var machine = Machine()
      machine.act(.awaitState(serial: 1, Machine.units, from: holder))
      machine.arrive(packet(1))
      machine.readRing()
      machine.act(.abandonState(serial: 1))
      machine.finish(packet(2))
      machine.readRing()
      machine.wait(interval)
      machine.act(.awaitState(serial: 2, Machine.units, from: holder))
      machine.act(.setUnits(Machine.units, owner: Machine.own.identifier, acknowledged: true))
      if interval == .milliseconds(100) { soon = machine } else { late = machine }
    }
    #expect(soon.deliveredNumbers == [1, 2])
    #expect(late.delivered.isEmpty && late.host.held.forgotten == 2)
  }

  /// The way between the two may be cut while both hear the master.
  @Test func aHolderThatNeverAnswersIsNotWaitedForWithoutEnd() {
    var machine = Machine()
    machine.act(.awaitState(serial: 1, Machine.units, from: MemberIdentifier(rawValue: 3)))
    machine.wait(.milliseconds(400))
    #expect(machine.host.handover.arrivals.count == 1)
    machine.wait(.milliseconds(50))
    #expect(machine.host.handover.arrivals.isEmpty)
  }

  /// This machine's queue is behind: it has held its own copy for longer than others wait, when the last owner's copy comes out.
  @Test func aHeirThatIsLateTakesEachPacketOnce() {
    var machine = Machine()
    machine.act(.awaitState(serial: 1, Machine.units, from: MemberIdentifier(rawValue: 3)))
    machine.arrive(packet(1))
    machine.readRing()
    machine.wait(.milliseconds(390))
    // The last owner's copy of it, then its last word.
    machine.arrive(packet(1))
    machine.readRing()
    machine.happen(.channel(Machine.transfer(.packetsGiven, 1), from: Machine.envelope(MemberIdentifier(rawValue: 3))))
    machine.act(.setUnits(Machine.units, owner: Machine.own.identifier, acknowledged: true))
    #expect(machine.deliveredNumbers == [1])
    #expect(machine.host.held.duplicates == 1)
  }

  /// Whoever's lease has only now run out may have processed what is in the ring; what arrives for the next owner must not go with it.
  @Test func whatIsForgottenIsWhatArrivedBeforeTheUnitsNextOwnerWasStored() {
    var machine = Machine()
    machine.act(.setUnits(Machine.units, owner: nil, acknowledged: false))
    machine.finish(packet(1))
    machine.act(.forgetHeld(Machine.units), .setUnits(Machine.units, owner: Machine.own.identifier, acknowledged: true))
    machine.finish(packet(2))
    machine.readRing()
    #expect(machine.deliveredNumbers == [2])
  }

  /// A new master holds packets while it does not know who has the unit; whoever claims it from before has processed them.
  @Test func whatIsHeldForAUnitThatAMemberClaimsIsForgotten() {
    var machine = Machine()
    machine.act(.setUnits(Machine.units, owner: nil, acknowledged: false))
    machine.finish(packet(1))
    machine.readRing()
    machine.act(.setUnits(Machine.units, owner: Machine.heir.identifier, acknowledged: true))
    #expect(machine.host.held.isEmpty && machine.transmitted.isEmpty)
  }

  /// A master gave a unit away a moment ago, and says again whose it is: what it holds from then on the new owner may have processed.
  @Test func whatIsHeldAfterTheUnitWasAssignedAgainIsNotSentOn() {
    var machine = Machine.thatHasStopped()
    machine.isAsked()
    machine.act(.setUnits(Machine.units, owner: Machine.heir.identifier, acknowledged: false))
    machine.finish(packet(3))
    machine.act(.setUnits(Machine.units, owner: Machine.heir.identifier, acknowledged: true))
    machine.readRing()
    #expect(machine.sentToHeir == [1, 2])
  }

  @Test func boundsOfWhatIsHeldAreKeptInPacketsOctetsAndTime() {
    var held = HeldPackets(limits: HoldLimits(packetCount: 3, byteCount: 40, duration: .milliseconds(100)))
    func hold(_ number: UInt8, _ now: Instant = .zero) -> Bool {
      held.hold(packet(number), unit: 1, interface: 1, at: now)
    }
    #expect(hold(1) && !hold(1) && hold(2))
    #expect(held.duplicates == 1)
    // Two frames of 15 octets are there, and 40 are allowed.
    #expect(!hold(3))
    #expect(held.overflowed == 1 && held.byteCount == 30)
    held.expire(at: .zero + .milliseconds(100))
    #expect(held.isEmpty && held.byteCount == 0 && held.expired == 2)
    #expect(hold(4))
    held.removeAll()
    #expect(held.isEmpty && held.expired == 2 && held.forgotten == 1)
  }
}
