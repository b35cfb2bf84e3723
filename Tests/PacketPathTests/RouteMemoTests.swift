import CPacketPath
import PacketPath
import PacketPathCases
import Testing

/// What the packet path remembers of the kernel's routes, natively, on a clock of the test's own.
@Suite struct RouteMemoTests {
  /// Routes in place of the kernel's, which count how often they are asked.
  private final class Routes {
    let path = NativePacketPath()
    var asked = 0
    var answer = skein_route(
      answer: Int32(skein_route_found), interface: 5, source: 0x0a_0000_0000_02, destination: 0x0b_0000_0000_02, length_limit: 1500)
    /// Nanoseconds.
    var now: UInt64 = 1_000_000_000

    init(watched: Bool = true) {
      World(flags: World.gateway(skein_flag_fast_routing), fastInterfaces: [5]).apply(to: path.tables)
      if watched { path.tables.setRoutesChanged(at: now - 1) }
      path.router = { [unowned self] _ in
        asked += 1
        return answer
      }
    }

    /// The verdict's reason, and where the frame would go.
    @discardableResult
    func send(_ packet: [UInt8] = udp()) -> (counter: PacketCounter, destination: [UInt8]) {
      now += 1
      var frame = Frames.ip(to: Frames.virtualMAC(1), packet)
      let outcome = frame.withUnsafeMutableBytes { path.process($0, now: now) }
      return (outcome.counter, Array(frame[0..<6]))
    }
  }

  private static func udp(
    from source: [UInt8] = Frames.client4, to destination: [UInt8] = Frames.far4, sourcePort: UInt16 = 4000, port: UInt16 = 53,
    payload: Int = 4
  ) -> [UInt8] {
    Frames.ipv4(
      from: source, to: destination, protocol: 17, Frames.udp(from: sourcePort, to: port, [UInt8](repeating: 0, count: payload)))
  }

  @Test func packetsOfOneFlowAskOnce() {
    let routes = Routes()
    for _ in 0..<100 { #expect(routes.send() == (.routedFast, [2, 0, 0, 0, 0, 0x0b])) }
    #expect(routes.asked == 1)
    #expect(routes.path.tables.traffic(ofForwarder: 1).packets == 100)
    for _ in 0..<100 {
      #expect(routes.send(Frames.ipv6(from: Frames.client6, to: Frames.far6, protocol: 6, Frames.tcp())).counter == .routedFast)
    }
    #expect(routes.asked == 2)
  }

  /// More questions than there are records, so that some find another's answer in their place.
  @Test(
    arguments: [
      { Self.udp(from: [198, 51, UInt8($0 >> 8), UInt8($0 & 0xff)]) }, { Self.udp(to: [203, 0, UInt8($0 >> 8), UInt8($0 & 0xff)]) },
      { Self.udp(sourcePort: UInt16($0)) }, { Self.udp(port: UInt16($0)) },
      {
        var packet = Self.udp()
        packet[1] = UInt8($0 & 0xff)
        return packet
      },
    ] as [@Sendable (Int) -> [UInt8]])
  func whateverTheKernelIsAskedByMakesAnotherQuestion(packet: @Sendable (Int) -> [UInt8]) {
    let routes = Routes()
    let packets = Set((1...6000).map(packet))
    for packet in packets { #expect(routes.send(packet).counter == .routedFast) }
    #expect(routes.asked == packets.count)
  }

  @Test func protocolAndVersionMakeAnotherQuestion() {
    let routes = Routes()
    routes.send(Self.udp(port: 80))
    routes.send(Frames.ipv4(from: Frames.client4, to: Frames.far4, protocol: 6, Frames.tcp(from: 4000, to: 80)))
    routes.send(Frames.ipv6(from: Frames.client6, to: Frames.far6, protocol: 6, Frames.tcp(from: 4000, to: 80)))
    #expect(routes.asked == 3)
  }

  @Test func whatWasLearntBeforeAChangeIsVoid() {
    let routes = Routes()
    routes.send()
    routes.answer.destination = 0x0c_0000_0000_02
    #expect(routes.send().destination == [2, 0, 0, 0, 0, 0x0b])
    routes.path.tables.setRoutesChanged(at: routes.now)
    #expect(routes.send().destination == [2, 0, 0, 0, 0, 0x0c])
    routes.answer.answer = Int32(skein_route_no_neighbour)
    routes.path.tables.setRoutesChanged(at: routes.now)
    #expect(routes.send().counter == .routeUnresolved)
    routes.answer.answer = Int32(skein_route_unreachable)
    #expect(routes.send().counter == .routeRefused)
  }

  @Test func nothingIsBelievedForLongerThanATenthOfASecond() {
    let routes = Routes()
    routes.send()
    routes.now += 99_999_990
    routes.send()
    #expect(routes.asked == 1)
    routes.now += 20
    routes.send()
    #expect(routes.asked == 2)
  }

  @Test func aPacketLargerThanTheWayIsExplainedByTheKernel() {
    let routes = Routes()
    routes.answer.length_limit = 1300
    routes.send(Self.udp(payload: 1272))
    routes.answer.answer = Int32(skein_route_too_big)
    #expect(routes.send(Self.udp(payload: 1272)).counter == .routedFast)
    #expect(routes.send(Self.udp(payload: 1273)).counter == .routeTooBig)
    #expect(routes.asked == 2)
  }

  @Test func aLastHopIsSeenWithAndWithoutAMemory() {
    let routes = Routes()
    routes.send()
    #expect(
      routes.send(Frames.ipv4(from: Frames.client4, to: Frames.far4, protocol: 17, hopLimit: 1, Frames.udp(from: 4000))).counter
        == .routeExpired)
  }

  @Test func whereNobodyListensEachPacketAsks() {
    let routes = Routes(watched: false)
    for _ in 0..<10 { routes.send() }
    #expect(routes.asked == 10)
    routes.path.tables.setRoutesChanged(at: routes.now)
    for _ in 0..<10 { routes.send() }
    #expect(routes.asked == 11)
    routes.path.tables.setRoutesChanged(at: 0)
    routes.send()
    #expect(routes.asked == 12)
  }

  @Test func aRememberedRouteIsNoReasonToForward() {
    let routes = Routes()
    routes.send()
    routes.path.tables.setUnit(1, owner: 1, isAcknowledged: true, isMine: false)
    #expect(routes.send().counter == .notForwarder)
    routes.path.tables.setUnit(1, owner: 0, isAcknowledged: true, isMine: true)
    routes.path.tables.setLease(deadline: routes.now)
    #expect(routes.send().counter == .leaseExpired)
    routes.path.tables.setLease(deadline: .max)
    routes.path.tables.settings.pointee.fast_interface_count = 0
    #expect(routes.send().counter == .routedByKernel)
    #expect(routes.asked == 1)
  }
}
