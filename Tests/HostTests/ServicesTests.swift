import CPacketPath
import Cluster
import PacketPath
import PacketPathCases
import Segments
import Testing
import Wire

@testable import Host

/// Virtual servers as a host has them: from the configuration's words to what becomes of a packet.
@Suite struct ServicesTests {
  /// A member that owns all units, with virtual servers.
  private struct Machine {
    let path = NativePacketPath(sizes: skein_sizes(processors: 1, choice_blocks: 64, flow_buckets: 64, flows: 256))
    var host: ApplianceHost
    var now = Instant(nanoseconds: 1_000_000_000)
    var generator = SystemRandomNumberGenerator()

    init(_ services: [VirtualServer]) {
      World().apply(to: path.tables)
      host = ApplianceHost(
        .init(hold: HoldLimits(packetCount: 16, byteCount: 1 << 16, duration: .seconds(1))), member: nil, tables: path.tables)
      tell(.virtualServers(services))
      let stations = [11, 12].map { (ServicesTests.address($0), EthernetAddress(bits: 0x0200_0000_0500 + UInt64($0))) }
      tell(.stations(Dictionary(uniqueKeysWithValues: stations)))
    }

    mutating func tell(_ event: ApplianceHost.Event) { _ = host.handle(event, at: now, using: &generator) }

    mutating func wait(_ time: Interval) {
      let end = now + time
      while let due = host.nextDeadline, due <= end {
        now = due
        tell(.timer)
      }
      now = end
    }

    func process(_ frame: [UInt8]) -> (counter: PacketCounter, frame: [UInt8]) {
      var frame = frame
      let outcome = frame.withUnsafeMutableBytes { path.process($0, now: now.nanoseconds) }
      return (outcome.counter, frame)
    }

    /// The last octet of the server's address that a client's segment goes to; nil when it goes to none.
    func server(ofPort port: UInt16, flags: UInt8 = 2) -> UInt8? {
      let (counter, frame) = process(Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp(from: port, flags: flags))))
      return counter == .serviceToServer ? frame[33] : nil
    }
  }

  private static func address(_ last: UInt32) -> InternetAddress { InternetAddress(ipv4: 0x0a00_0000 + last) }

  private static func service(_ weights: [(last: UInt32, weight: Int)]) -> VirtualServer {
    VirtualServer(
      name: "web", address: InternetAddress(ipv4: 0xc000_020a), port: 80, transport: .tcp,
      servers: weights.map { RealServer(address: address($0.last), port: 8080, weight: $0.weight) })
  }

  @Test func clientsAreSharedOutAndStayWhereTheyAre() {
    let machine = Machine([Self.service([(11, 1), (12, 1)])])
    let first = (40_000..<40_100).map { machine.server(ofPort: $0) }
    #expect(Set(first) == [11, 12])
    #expect(first.count { $0 == 11 } > 30 && first.count { $0 == 12 } > 30)
    #expect((40_000..<40_100).map { machine.server(ofPort: $0, flags: 16) } == first)
  }

  /// Another table does not move what is remembered; what is new goes by it.
  @Test func aDrainedServerKeepsItsConnectionsAndGetsNoMore() {
    var machine = Machine([Self.service([(11, 1), (12, 1)])])
    let before = (40_000..<40_100).map { machine.server(ofPort: $0) }
    machine.tell(.virtualServers([Self.service([(11, 1), (12, 0)])]))
    #expect((40_000..<40_100).map { machine.server(ofPort: $0, flags: 16) } == before)
    #expect(Set((50_000..<50_100).map { machine.server(ofPort: $0) }) == [11])
    let states = machine.host.services?.servers(of: 0)
    #expect(states?.map(\.share) == [1, 0])
  }

  /// A server that is gone leaves its number free; its connections find nobody, and the others' notice nothing.
  @Test func theConnectionsOfARemovedServerFindNobody() {
    var machine = Machine([Self.service([(11, 1), (12, 1)])])
    let before = (40_000..<40_100).map { machine.server(ofPort: $0) }
    machine.tell(.virtualServers([Self.service([(12, 1)])]))
    let after = (40_000..<40_100).map { machine.server(ofPort: $0, flags: 16) }
    #expect(zip(before, after).allSatisfy { $0 == 12 ? $1 == 12 : $1 == nil })
    machine.tell(.virtualServers([]))
    #expect(machine.process(Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp()))).counter == .taken)
  }

  private static func other(_ port: UInt16) -> VirtualServer {
    VirtualServer(
      name: "other", address: InternetAddress(ipv4: 0xc000_020a), port: port, transport: .tcp,
      servers: [RealServer(address: address(21), port: 9090), RealServer(address: address(22), port: 9090)])
  }

  /// Whatever comes, goes and changes its place in the list: who has a connection keeps it.
  @Test func otherServicesComeAndGoBesideConnections() {
    var machine = Machine([Self.service([(11, 1), (12, 1)]), Self.other(81)])
    let before = (40_000..<40_100).map { machine.server(ofPort: $0) }
    for list in [[Self.other(82), Self.service([(11, 1), (12, 1)]), Self.other(83)], [Self.service([(12, 1), (14, 1), (11, 1)])]] {
      machine.tell(.virtualServers(list))
      #expect((40_000..<40_100).map { machine.server(ofPort: $0, flags: 16) } == before)
    }
  }

  /// A new server does not get the connections of one that is gone, though that has left a number free; who asks again gets a server.
  @Test func aNewServerInheritsNoConnections() {
    var machine = Machine([Self.service([(11, 1), (12, 1)])])
    let before = (40_000..<40_100).map { machine.server(ofPort: $0) }
    machine.tell(.virtualServers([Self.service([(12, 1), (13, 1)])]))
    machine.tell(
      .stations([Self.address(12): EthernetAddress(bits: 0x0200_0000_0512), Self.address(13): EthernetAddress(bits: 0x0200_0000_0513)]))
    let after = (40_000..<40_100).map { machine.server(ofPort: $0, flags: 16) }
    #expect(zip(before, after).allSatisfy { $0 == 12 ? $1 == 12 : $1 == nil })
    let again = (40_000..<40_100).map { machine.server(ofPort: $0) }
    #expect(Set(again) == [12, 13])
    let moved = zip(before, again).count { old, new in old == 12 && new != 12 }
    #expect(moved == 0)
  }

  /// A daemon that comes back finds the flows that its packet path has kept, though its file has another order now.
  @Test func theNextDaemonKnowsTheNumbers() {
    var machine = Machine([Self.service([(11, 1), (12, 1)])])
    machine.tell(.virtualServers([Self.service([(12, 1), (13, 1), (11, 1)])]))
    let before = (40_000..<40_100).map { machine.server(ofPort: $0) }
    machine.host = ApplianceHost(machine.host.configuration, member: nil, tables: machine.path.tables)
    machine.tell(.virtualServers([Self.other(81), Self.service([(11, 1), (13, 1), (12, 1)])]))
    let stations = [11, 12, 13].map { (Self.address($0), EthernetAddress(bits: 0x0200_0000_0500 + UInt64($0))) }
    machine.tell(.stations(Dictionary(uniqueKeysWithValues: stations)))
    let after = (40_000..<40_100).map { machine.server(ofPort: $0, flags: 16) }
    // Of 13 nobody had said where it is.
    #expect(zip(before, after).allSatisfy { $0 == nil ? $1 == 13 : $0 == $1 })
  }

  /// The flows of a service that is gone are forgotten, whatever still comes of them.
  @Test func theFlowsOfARemovedServiceAreForgotten() {
    var machine = Machine([Self.service([(11, 1), (12, 1)]), Self.other(81)])
    _ = (40_000..<40_100).map { machine.server(ofPort: $0) }
    machine.wait(.seconds(2))
    #expect(machine.host.services?.flowCount == 100)
    machine.tell(.virtualServers([Self.other(81)]))
    machine.wait(.seconds(4))
    #expect(machine.host.services?.flowCount == 0)
  }

  @Test func withoutAServerNothingIsSentOn() {
    let machine = Machine([Self.service([(11, 0)])])
    #expect(machine.process(Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp()))).counter == .serviceNoServer)
  }

  /// More clients than lines: those that come too late go by their hash, to the same servers, and when the others are over there is room again.
  @Test func aFullTableServesByHashAndRecovers() {
    var machine = Machine([Self.service([(11, 1), (12, 1)])])
    var counters: [PacketCounter: Int] = [:]
    for port in UInt16(10_000)..<10_400 {
      counters[machine.process(Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp(from: port)))).counter, default: 0] += 1
    }
    #expect(counters == [.serviceToServer: 256, .serviceUnrecorded: 144])
    machine.wait(.seconds(4))
    #expect(machine.host.services?.flowCount == 256)
    // Half open for five seconds; then a line goes a step in each round.
    machine.wait(.seconds(6))
    #expect(machine.host.services?.flowCount == 0)
    #expect(machine.server(ofPort: 20_000) != nil)
  }

  /// The answer goes back to where the client's packets come from, whatever the stack knows of the way.
  @Test func answersGoToTheClientsLastHop() {
    let machine = Machine([Self.service([(11, 1)])])
    #expect(machine.server(ofPort: 40_000) == 11)
    let answer = Frames.ip(
      from: Frames.serverMAC,
      Frames.ipv4(from: [10, 0, 0, 11], to: Frames.client4, protocol: 6, Frames.tcp(from: 8080, to: 40000, flags: 18)))
    let (counter, frame) = machine.process(answer)
    #expect(counter == .serviceToClient)
    #expect(Array(frame[..<12]) == Frames.clientMAC + Frames.ownMAC && Array(frame[26..<30]) == Frames.cluster4)
  }

  /// `skein trace` of a packet leaves the flows as they are, and makes none.
  @Test func aTraceChangesNoFlow() {
    let machine = Machine([Self.service([(11, 1)])])
    let client = skein_address(octets: Frames.client4) ?? skein_address()
    let segment = Frames.ip(Frames.ipv4(protocol: 6, Frames.tcp(flags: 17)))
    let (outcome, frame) = machine.path.trace(segment, now: machine.now.nanoseconds)
    #expect(outcome.counter == .serviceToServer && Array(frame[30..<34]) == [10, 0, 0, 11])
    #expect(machine.path.flow(client: client, port: 40_000, virtualServer: 0) == nil)
    _ = machine.server(ofPort: 40_000)
    let before = machine.path.flow(client: client, port: 40_000, virtualServer: 0)
    #expect(machine.path.trace(segment, now: machine.now.nanoseconds).outcome.counter == .serviceToServer)
    let after = machine.path.flow(client: client, port: 40_000, virtualServer: 0)
    #expect(before?.word.tcp == after?.word.tcp && before?.packets.0 == after?.packets.0)
  }
}
