import CPacketPath
import Glibc
import Linux
import PacketPath
import PacketPathCases
import Wire

extension Bench {
  /// How many flows are remembered while packets of them pass.
  public static let flowCounts = [1, 65_536, 1_048_576]

  /// Nanoseconds a packet to a virtual server and back, without a network card: the kernel runs the program again and again, each time on a
  /// packet of a client chosen at random among so many, whose flow is remembered; and on packets of clients that are all new.
  ///
  /// The empty program beside it makes the packet in the same way and drops it.
  /// - Parameter rounds: how often each is measured, in turns.
  public static func flows(rounds: Int = 9) throws -> [PacketPathFigure] {
    let bench = try FlowBenchmark()
    return try bench.figures(rounds: max(1, rounds))
  }
}

/// The packet path before a table of flows, in turns with what only makes the packets.
private final class FlowBenchmark {
  private let path: KernelProgram
  private let floor: KernelProgram
  private let tables: PacketTables
  private let maps: [MappedMemory]
  private var keeper: FlowKeeper
  private let world = World(services: .there)
  private var generator = SystemRandomNumberGenerator()

  private static let sizes = skein_sizes(
    processors: UInt32(KernelProgram.possibleProcessorCount), choice_blocks: 8, flow_buckets: 1 << 18,
    // What is ready for the other processors is not to be had for this one's flows.
    flows: UInt32(1 << 20 + KernelProgram.possibleProcessorCount * Int(skein_spare_count)))
  private static let repetitions = 200_000
  /// Fewer than a processor has lines ready.
  private static let newFlows = 12_000

  init() throws {
    Leftovers.prepare()
    func load(_ name: String, staged: Bool) throws(LinuxError) -> KernelProgram {
      try KernelProgram(
        object: EmbeddedPrograms.object(),
        .packetPath(
          instance: "\(Leftovers.prefix)\(getpid())-\(name.dropFirst(6))", programName: name,
          sizes: staged ? Self.sizes : KernelProgram.leastSizes, isStaged: staged))
    }
    let path = try load(EmbeddedPrograms.measured, staged: true)
    floor = try load(EmbeddedPrograms.measuredFloor, staged: false)
    var maps: [MappedMemory] = []
    tables = try PacketTables(sizes: Self.sizes) { name, octets throws(LinuxError) in
      let map = try path.memory(of: name, octets: octets)
      maps.append(map)
      return map.start
    }
    self.path = path
    self.maps = maps
    world.apply(to: tables)
    keeper = FlowKeeper(tables)
  }

  deinit { Leftovers.removeOwn() }

  func figures(rounds: Int) throws -> [PacketPathFigure] {
    var figures: [PacketPathFigure] = []
    for count in Bench.flowCounts {
      try remember(count)
      for isAnswer in [false, true] { figures.append(try established(count, isAnswer: isAnswer, rounds: rounds)) }
    }
    return try figures + [newFlow(rounds: rounds)]
  }

  private func established(_ count: Int, isAnswer: Bool, rounds: Int) throws -> PacketPathFigure {
    let counter: PacketCounter = isAnswer ? .serviceToClient : .serviceToServer
    let before = tables.total(of: counter)
    var samples: [(path: Double, floor: Double)] = []
    for _ in 0..<rounds {
      try Interruption.check()
      samples.append((try run(path, count, isAnswer, Self.repetitions), try run(floor, count, isAnswer, Self.repetitions)))
    }
    let counted = tables.total(of: counter) - before
    guard counted == UInt64(rounds * Self.repetitions) else {
      throw BenchError("of \(rounds * Self.repetitions) packets only \(counted) were counted as \(counter.name)")
    }
    let name = "\(isAnswer ? "answer" : "packet") of one of \(count) flows"
    return figure(name, samples)
  }

  /// Every packet is a new client's: its server is chosen, and it is remembered.
  private func newFlow(rounds: Int) throws -> PacketPathFigure {
    var samples: [(path: Double, floor: Double)] = []
    for _ in 0..<rounds {
      try Interruption.check()
      // A table as full as it can be and still take these.
      try remember(1 << 16)
      let before = tables.total(of: .serviceToServer)
      let time = try run(path, 1 << 28, false, Self.newFlows)
      guard tables.total(of: .serviceToServer) - before == UInt64(Self.newFlows) else {
        throw BenchError("new flows were not all taken: \(tables.total(of: .serviceUnrecorded)) found no room")
      }
      samples.append((time, try run(floor, 1 << 28, false, Self.newFlows)))
    }
    return figure("packet of a new flow", samples)
  }

  private func figure(_ name: String, _ samples: [(path: Double, floor: Double)]) -> PacketPathFigure {
    let path = samples.map(\.path).median ?? 0
    let floor = samples.map(\.floor).median ?? 0
    return PacketPathFigure(
      name: name, nanoseconds: path, floorNanoseconds: floor, aboveFloorNanoseconds: path - floor, nativeNanoseconds: 0, goal: nil)
  }

  /// The table with these flows and no others.
  private func remember(_ count: Int) throws {
    world.apply(to: tables)
    keeper = FlowKeeper(tables)
    let native = NativePacketPath(tables: tables)
    let station = UInt64(ethernetOctets: Frames.clientMAC) ?? 0
    let deadline = BootClock.now().nanoseconds + 3_600_000_000_000
    for client in 0..<UInt32(count) {
      if client % 8_192 == 0 { keeper.fill(tables) }
      var address = skein_address()
      address.words = (0, 0, UInt32(0xffff).bigEndian, measuredAddress(client))
      let port = UInt16(bigEndian: measuredPort(client))
      guard native.remember(client: address, port: port, virtualServer: 0, server: 0, deadline: deadline, lastHop: station) else {
        throw BenchError("only \(client) of \(count) flows found room")
      }
    }
    keeper.fill(tables)
  }

  private func run(_ program: KernelProgram, _ count: Int, _ isAnswer: Bool, _ repetitions: Int) throws -> Double {
    let packet =
      isAnswer
      ? Frames.ipv4(
        from: Frames.server4, to: Frames.client4, protocol: 6, Frames.tcp(from: 8080, to: 40000, flags: 16, .init(repeating: 0, count: 96)))
      : Frames.ipv4(protocol: 6, Frames.tcp(flags: 16, .init(repeating: 0, count: 96)))
    var frame = Frames.ip(packet)
    func put(_ value: UInt64, _ offset: Int) { withUnsafeBytes(of: value) { frame.replaceSubrange(offset..<offset + 8, with: $0) } }
    put(generator.next(), 64)
    put(UInt64(count - 1) | (isAnswer ? 1 << 32 : 0), 72)
    frame.replaceSubrange(80..<136, with: frame[..<56])
    return Double(try frame.withUnsafeBytes { try program.testRun($0, repeat: repetitions) }.nanoseconds)
  }
}
