import CPacketPath
import Linux
import PacketPath
import Testing
import Wire

@testable import Node

/// A packet path in memory: its ring is a list, and what it is given to send is kept.
private final class FakeBackend: PathBackend {
  let choice = PathChoice(wanted: .xdp, running: "fake", reason: "")
  let tablesWereReused = false
  private let path = NativePacketPath()
  var tables: PacketTables { path.tables }
  /// Packets sent up that nobody has read yet.
  private(set) var ring: [(unit: Int, frame: [UInt8])] = []
  private(set) var transmitted: [[UInt8]] = []
  private(set) var delivered: [[UInt8]] = []
  /// Happens when the ring has been emptied, before anything else does.
  var afterDrain: () -> Void = {}
  var readUpcall: (_ unit: Int, _ frame: UnsafeRawBufferPointer) -> Void = { _, _ in }

  func start(
    on poller: Poller, upcall: @escaping (skein_upcall_reason, _ unit: Int, _ interface: UInt32, _ frame: UnsafeRawBufferPointer) -> Void
  ) throws(LinuxError) {}

  /// A packet arrives: it goes up if its unit is on its way, as the packet path does it.
  func arrive(_ frame: [UInt8], unit: Int) {
    if tables.units[unit].mine == UInt8(skein_mine_moving) { finish(frame, unit: unit) }
  }

  /// A run of the packet path ends that looked at the unit before it was stored anew.
  func finish(_ frame: [UInt8], unit: Int) { ring.append((unit, frame)) }

  func drain() {
    while !ring.isEmpty {
      let record = ring.removeFirst()
      record.frame.withUnsafeBytes { readUpcall(record.unit, $0) }
    }
    afterDrain()
  }

  func deliver(_ frame: [UInt8], interface: UInt32) throws(LinuxError) { delivered.append(frame) }
  func transmit(_ frame: [UInt8]) throws(LinuxError) { transmitted.append(frame) }
  func stop(keeping: Bool) throws(LinuxError) {}
}

/// K gives a unit to J, and what is on its way must reach J.
@Suite("Packets in flight while a unit moves") struct PacketHandoverTests {
  private static let unit = 7
  private static let units = UnitSet(CollectionOfOne(unit))
  private static let start = Instant(nanoseconds: 5_000_000_000)
  private static let limit = Interval.milliseconds(200)
  private static let own = EthernetAddress(bits: 0x0200_0000_0001)
  private static let heir = Heir(member: MemberIdentifier(rawValue: 2), index: 1, address: EthernetAddress(bits: 0x0200_0000_0002))
  private static let gone = UnitState(owner: 1, isAcknowledged: false, isMine: false)

  private let backend: FakeBackend
  private let handover: PacketHandover

  init() {
    let backend = FakeBackend()
    let handover = PacketHandover(
      backend, own: Self.own, holdsEverywhere: true, limits: .init(packetCount: 100, byteCount: 100_000, duration: .seconds(1)))
    backend.readUpcall = { unit, frame in _ = handover.take(frame, unit: unit, interface: 1, at: Self.start) }
    backend.tables.leaseDeadline = .init(nanoseconds: .max)
    backend.tables.setUnit(Self.unit, owner: 0, isAcknowledged: true, isMine: true)
    self.backend = backend
    self.handover = handover
  }

  private func packet(_ number: UInt8) -> [UInt8] { [UInt8](repeating: 0xee, count: 14) + [number] }
  /// What J was sent: the numbers of the packets, all of them to its own address.
  private var sentToHeir: [UInt8] { backend.transmitted.filter { $0[5] == 2 && $0[11] == 1 }.compactMap(\.last) }

  /// K has stopped, holds one packet, and has another in its ring.
  private func stopWithOnePacketHeldAndOneInTheRing() {
    #expect(handover.keepsHolding(Self.unit, before: Self.gone, at: Self.start, limit: Self.limit))
    handover.expectQuestion(about: Self.units, from: Self.heir.member)
    backend.arrive(packet(1), unit: Self.unit)
    backend.drain()
    backend.arrive(packet(2), unit: Self.unit)
  }

  @Test func whatIsInTheRingWhenTheHeirAsksReachesItWithWhatWasHeld() {
    stopWithOnePacketHeldAndOneInTheRing()
    handover.giveUp(Self.units, to: Self.heir, serial: 1, at: Self.start)
    #expect(sentToHeir == [1, 2])
    #expect(handover.held.isEmpty)
  }

  @Test func nothingIsSentUpAfterTheRingWasEmptied() {
    stopWithOnePacketHeldAndOneInTheRing()
    backend.afterDrain = { [backend] in backend.arrive(self.packet(3), unit: Self.unit) }
    handover.giveUp(Self.units, to: Self.heir, serial: 1, at: Self.start)
    #expect(backend.ring.isEmpty)
    #expect(backend.tables.units[Self.unit].owner == Self.heir.index && backend.tables.units[Self.unit].acknowledged == 1)
  }

  @Test func theLastWordIsSaidAfterWhatAPathThatStillRanHasSentUp() {
    stopWithOnePacketHeldAndOneInTheRing()
    handover.giveUp(Self.units, to: Self.heir, serial: 1, at: Self.start)
    #expect(handover.takeLastWords(at: Self.start).isEmpty && handover.isParting)
    backend.finish(packet(3), unit: Self.unit)
    #expect(handover.takeLastWords(at: Self.start + PacketHandover.settlingTime).map(\.serial) == [1])
    #expect(sentToHeir == [1, 2, 3])
    #expect(!handover.isParting)
  }

  @Test func aQuestionAskedAgainIsAnsweredOnce() {
    stopWithOnePacketHeldAndOneInTheRing()
    for _ in 0..<2 { handover.giveUp(Self.units, to: Self.heir, serial: 1, at: Self.start) }
    #expect(handover.takeLastWords(at: Self.start + .seconds(1)).count == 1)
  }

  @Test func whatIsHeldForOneIsNotGivenToAnotherWhoAsks() {
    stopWithOnePacketHeldAndOneInTheRing()
    let stranger = Heir(member: MemberIdentifier(rawValue: 3), index: 2, address: EthernetAddress(bits: 0x0200_0000_0003))
    handover.giveUp(Self.units, to: stranger, serial: 1, at: Self.start)
    #expect(backend.transmitted.isEmpty)
    handover.giveUp(Self.units, to: Self.heir, serial: 2, at: Self.start)
    #expect(sentToHeir == [1, 2])
  }

  @Test func whatComesOutOfTheRingLaterStillIsSentOnForAWhile() {
    stopWithOnePacketHeldAndOneInTheRing()
    handover.giveUp(Self.units, to: Self.heir, serial: 1, at: Self.start)
    _ = handover.takeLastWords(at: Self.start + PacketHandover.settlingTime)
    backend.finish(packet(3), unit: Self.unit)
    backend.drain()
    #expect(sentToHeir == [1, 2, 3])
    backend.readUpcall = { [handover] unit, frame in
      _ = handover.take(frame, unit: unit, interface: 1, at: Self.start + PacketHandover.leastLimit)
    }
    backend.finish(packet(4), unit: Self.unit)
    backend.drain()
    #expect(sentToHeir == [1, 2, 3])
    #expect(handover.held.isEmpty)
  }

  @Test func aMasterThatGaveNothingSendsNothingOn() {
    backend.tables.setUnit(Self.unit, owner: 1, isAcknowledged: true, isMine: false)
    backend.finish(packet(1), unit: Self.unit)
    backend.drain()
    #expect(backend.transmitted.isEmpty && backend.delivered.isEmpty && handover.held.isEmpty)
  }

  @Test func whatNobodyAskedForIsForgottenToTheLastPacketOfTheRing() {
    stopWithOnePacketHeldAndOneInTheRing()
    #expect(handover.endPartings(at: Self.start + Self.limit) == [Self.unit])
    #expect(backend.transmitted.isEmpty && backend.ring.isEmpty && handover.held.isEmpty)
    #expect(backend.tables.units[Self.unit].mine == UInt8(skein_not_mine))
  }

  @Test func theHeirProcessesWhatItHeldAndWhatComesOutOfTheRingOnceTheUnitIsOpen() {
    backend.tables.setUnit(Self.unit, owner: nil, isAcknowledged: false, isMine: false)
    handover.receive(Self.units, serial: 1, from: MemberIdentifier(rawValue: 3), at: Self.start)
    backend.arrive(packet(1), unit: Self.unit)
    handover.complete(1)
    backend.finish(packet(2), unit: Self.unit)
    backend.tables.setUnit(Self.unit, owner: 0, isAcknowledged: true, isMine: true)
    handover.open(Self.unit, at: Self.start)
    backend.drain()
    #expect(backend.delivered.compactMap(\.last) == [1, 2])
  }
}
