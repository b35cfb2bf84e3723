import CPacketPath
import Foundation
import Linux
import PacketPath
import PacketPathCases
import Wire

/// What one way of forwarding a frame takes.
public struct GatewayFigure: Codable, Hashable, Sendable {
  /// What was measured.
  public var name: String
  /// Nanoseconds for each frame, `floorNanoseconds` included.
  public var nanoseconds: Double
  /// Of a program: the empty one's time. Of frames on a virtual pair: to make, send and receive one that is then dropped at once.
  public var floorNanoseconds: Double
  /// The kernel's own forwarding of the same frames in the same run; nil of a program alone.
  public var kernelNanoseconds: Double?
  /// How many times as long the kernel takes, all included.
  public var timesFaster: Double?
  /// The same without the floor, which is the sender's and none of either's.
  public var timesFasterAboveFloor: Double?
  /// What is asked of it, if anything is.
  public var goal: Goal?
  /// What else to know about it, in a few words.
  public var note: String?
}

extension Bench {
  /// How many times fewer nanoseconds than the kernel's own forwarding a frame is to take.
  public static let forwardingGoal = 4.0

  /// Nanoseconds to route a frame that came to a virtual MAC address: the program alone, and live frames through a router beside the
  /// kernel's own forwarding.
  ///
  /// The program alone runs 200 times on one frame, whose hops last so long: its next hop has the virtual MAC address that it came to.
  /// It is on an interface meanwhile, as it is in use; a program that is on none, the kernel would first have to prepare, for longer than the
  /// frames take, and all caches would be cold. Routes are remembered, as under a daemon, or asked of the kernel for each frame.
  /// Live frames are made by the kernel, cross a virtual pair to the router, and another to a sink that drops and counts them; what
  /// arrives there counts. All of it is done by one core, and what XDP cannot do faster than is a
  /// row too: each frame sent on without a look at it. Each way takes its turn for some 100 ms; the middle half of the turns counts.
  /// - Parameter rounds: how many turns.
  public static func gateway(rounds: Int = 20) throws -> [GatewayFigure] {
    try inNewNamespace {
      let bench = try GatewayBenchmark()
      let programs = try bench.programFigures(rounds: max(1, rounds))
      return try programs + bench.liveFigures(rounds: max(1, rounds))
    }
  }
}

extension [GatewayFigure] {
  /// All figures beneath one heading.
  public var rows: [[String]] {
    [["virtual gateway", "ns", "floor", "above", "times faster", "above floor", "goal"]]
      + map { figure in
        [
          figure.name, tenths(figure.nanoseconds), tenths(figure.floorNanoseconds), tenths(figure.nanoseconds - figure.floorNanoseconds),
          figure.timesFaster.map(tenths) ?? "", figure.timesFasterAboveFloor.map(tenths) ?? "", figure.goal?.verdict ?? figure.note ?? "",
        ]
      }
  }
}

///     generator ── in0 ════ in1 ── router ── out0 ════ out1 ── sink
///                   10.1.0.1                10.2.0.1
/// All in one namespace; neither the frames' source, 10.1.0.2, nor their destination, 10.2.0.2, is an address in it.
private final class GatewayBenchmark {
  /// One way from `in1` to `out0`.
  private enum Way: String, CaseIterable {
    case dropped = "dropped on arrival"
    case sentOn = "live, native XDP, sent on without a look"
    case kernel = "live, the kernel's own forwarding"
    case native = "live, native XDP, routed by Skein"
    case asked = "live, native XDP, routed, each route asked"
    case generic = "live, generic XDP, routed by Skein"
    case nativeByKernel = "live, native XDP, left to the kernel's routing"

    var isFast: Bool { self == .native || self == .generic || self == .asked }
  }

  private static let repetitions = 200
  private static let runs = 301
  private static let frameCount = 100_000
  private let programs: LoadedPrograms
  private let toKernel: Generator
  private let toGateway: Generator
  private let frames: (toKernel: [UInt8], toGateway: [UInt8])
  private let incoming: VirtualPair
  private let outgoing: VirtualPair
  private let incomingIndex: UInt32
  private let sendingOn: BareProgram
  /// Of `in1`.
  private let own: [UInt8]

  init() throws {
    programs = try LoadedPrograms()
    incoming = try VirtualPair("in")
    outgoing = try VirtualPair("out")
    incomingIndex = try RouteSocket().interface(named: incoming.far).index
    sendingOn = try BareProgram.sendingOn(to: outgoing.nearIndex)
    own = try RouteSocket().interface(named: incoming.far).ethernetAddress.octets
    let packet = Frames.ipv4(
      from: [10, 1, 0, 2], to: [10, 2, 0, 2], protocol: 17, hopLimit: 64, Frames.udp(.init(repeating: 0, count: 18)))
    frames = (Frames.ip(to: own, packet), Frames.ip(to: Frames.virtualMAC(1), packet))
    toKernel = try Generator(restoring: frames.toKernel)
    toGateway = try Generator(restoring: frames.toGateway)
    let mac = Frames.virtualMAC(1).map { String(format: "%02x", $0) }.joined(separator: ":")
    for words in [
      "ip addr add 10.1.0.1/24 dev \(incoming.far)", "ip addr add 10.2.0.1/24 dev \(outgoing.near)",
      "ip addr add 2001:db8:101::1/64 dev \(incoming.far) nodad", "ip addr add 2001:db8:102::1/64 dev \(outgoing.near) nodad",
      "ip neigh replace 10.2.0.2 lladdr \(mac) dev \(outgoing.near) nud permanent",
      "ip neigh replace 2001:db8:102::2 lladdr \(mac) dev \(outgoing.near) nud permanent",
      "ethtool -K \(incoming.far) gro on", "sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv6.conf.all.forwarding=1",
    ] { try command("sh", "-c", words) }
  }

  private static let source6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
  private static let destination6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]

  private func apply(fast: Bool, remembers: Bool = true, units: World.Units = .mine) {
    World(
      flags: fast ? World.gateway(skein_flag_fast_routing) : World.gateway(), units: units, fastInterfaces: [outgoing.nearIndex]
    ).apply(to: programs.tables)
    programs.tables.setRoutesChanged(at: remembers ? 1 : 0)
  }

  // MARK: the program alone

  func programFigures(rounds: Int) throws -> [GatewayFigure] {
    let v4 = Frames.ipv4(from: [10, 1, 0, 2], to: [10, 2, 0, 2], protocol: 17, hopLimit: 255, Frames.udp(.init(repeating: 0, count: 18)))
    let v6 = Frames.ipv6(
      from: Self.source6, to: Self.destination6, protocol: 17, hopLimit: 255, Frames.udp(.init(repeating: 0, count: 18)))
    try programs.path.attach(to: incoming.far, mode: .native)
    try programs.empty.attach(to: incoming.near, mode: .native)
    defer {
      try? programs.path.detach(from: incoming.far)
      try? programs.empty.detach(from: incoming.near)
    }
    return try [
      programFigure("program alone, routed", v4, .routedFast, rounds: rounds),
      programFigure("program alone, routed, IPv6", v6, .routedFast, rounds: rounds),
      programFigure("program alone, routed, each route asked", v4, .routedFast, remembers: false, rounds: rounds),
      programFigure("program alone, routed, IPv6, each route asked", v6, .routedFast, remembers: false, rounds: rounds),
      programFigure("program alone, another's virtual MAC", v4, .notForwarder, rounds: rounds),
    ]
  }

  private func programFigure(_ name: String, _ packet: [UInt8], _ counter: PacketCounter, remembers: Bool = true, rounds: Int) throws
    -> GatewayFigure
  {
    let frame = Frames.ip(to: Frames.virtualMAC(1), packet)
    apply(fast: true, remembers: remembers, units: counter == .routedFast ? .mine : .acknowledged)
    var path: [Double] = []
    var floor: [Double] = []
    let before = programs.tables.total(of: counter)
    for _ in 0..<rounds {
      try Interruption.check()
      floor.append(try time(programs.empty, frame))
      path.append(try time(programs.path, frame))
    }
    let counted = programs.tables.total(of: counter) - before
    guard counted == UInt64(rounds * Self.runs * Self.repetitions) else {
      throw BenchError("of \(rounds * Self.runs * Self.repetitions) frames only \(counted) were counted as \(counter.name)")
    }
    return GatewayFigure(name: name, nanoseconds: path.median ?? 0, floorNanoseconds: floor.median ?? 0)
  }

  private func time(_ program: KernelProgram, _ frame: [UInt8]) throws -> Double {
    let runs = try (0..<Self.runs).map { _ in
      try frame.withUnsafeBytes { try program.testRun($0, repeat: Self.repetitions, interface: incomingIndex) }.nanoseconds
    }
    return runs.map(Double.init).midmean
  }

  // MARK: live frames

  func liveFigures(rounds: Int) throws -> [GatewayFigure] {
    // Of the sink and of the sender: what a virtual pair hands over without the kernel's stack needs a program at its other end.
    try programs.empty.attach(to: outgoing.far, mode: .native)
    defer { try? programs.empty.detach(from: outgoing.far) }
    var times: [Way: [Double]] = [:]
    for round in 0...rounds {
      for way in Way.allCases {
        let time = try burst(way)
        // The first round is to warm up.
        if round > 0 { times[way, default: []].append(time) }
      }
    }
    let floor = times[.dropped]?.midmean ?? 0
    let kernel = times[.kernel]?.midmean ?? 0
    return Way.allCases.filter { $0 != .dropped }.map { way in
      let time = times[way]?.midmean ?? 0
      let ratio = time > 0 ? kernel / time : 0
      let isOurs = way == .native || way == .generic
      return GatewayFigure(
        name: way.rawValue, nanoseconds: time, floorNanoseconds: floor, kernelNanoseconds: kernel, timesFaster: ratio,
        timesFasterAboveFloor: time > floor ? (kernel - floor) / (time - floor) : nil,
        goal: isOurs ? Goal("at least \(Int(Bench.forwardingGoal)) times", isMet: ratio >= Bench.forwardingGoal) : nil,
        note: way == .sentOn ? "the least that sending on by XDP takes" : nil)
    }
  }

  private func burst(_ way: Way) throws -> Double {
    try Interruption.check()
    apply(fast: way.isFast, remembers: way != .asked)
    // What is left to the kernel must be to the interface's own address.
    withUnsafeMutableBytes(of: &programs.tables.settings.pointee.own_mac) { $0.copyBytes(from: own) }
    let (generator, frame) = way == .kernel ? (toKernel, frames.toKernel) : (toGateway, frames.toGateway)
    switch way {
    case .dropped: try programs.empty.attach(to: incoming.far, mode: .native)
    case .sentOn: try sendingOn.attach(to: incomingIndex)
    case .kernel: break
    case .native, .asked, .nativeByKernel: try programs.path.attach(to: incoming.far, mode: .native)
    case .generic: try programs.path.attach(to: incoming.far, mode: .generic)
    }
    defer {
      try? programs.path.detach(from: incoming.far)
      try? programs.empty.detach(from: incoming.far)
      BareProgram.detach(from: incomingIndex)
    }
    let arrival = way == .dropped ? incoming.far : outgoing.far
    let before = try received(by: arrival)
    let time = Double(try generator.send(frame, count: Self.frameCount, by: incoming.nearIndex)) * Double(Self.frameCount)
    let arrived = try received(by: arrival) - before
    guard arrived >= Self.frameCount / 2 else { throw BenchError("\(way.rawValue): only \(arrived) of \(Self.frameCount) frames arrived") }
    return time / Double(arrived)
  }
}
