import CPacketPath
import PacketPath
import PacketPathCases
import Testing

/// splitmix64, so that a failing seed can be run again.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Both builds do the same with whatever comes: the cases' frames mutated, and noise. Set SKEIN_SEED to run a seed again,
/// SKEIN_RANDOM_PACKETS for another number than a hundred thousand.
@Suite(.enabled(if: Rig.isAvailable, "needs root and a kernel with BPF")) struct RandomTests {
  private static let worlds: [World] = [
    World(), World(units: .acknowledged), World(hasLease: false),
    World(flags: World.master(skein_flag_hold, skein_flag_l2tp_ids), units: .unassigned, sourceOnly: [(17, 500), (50, 0), (6, 80)]),
    World(flags: World.master(skein_flag_hold, skein_flag_routing), units: .acknowledged, isForwarding: true),
    World(flags: World.master(skein_flag_routing), units: .unacknowledged), World(flags: skein_flag_routing.rawValue),
    World(flags: World.master(skein_flag_hold), hasLease: false),
    World(flags: World.gateway(skein_flag_answers)), World(flags: World.gateway(skein_flag_hold), units: .moving),
    World(flags: World.gateway(skein_flag_hold, skein_flag_master, skein_flag_routing), units: .acknowledged, isForwarding: true),
    World(flags: World.gateway(), units: .acknowledged), World(services: .there), World(services: .withoutFlows),
    World(flags: World.master(skein_flag_hold, skein_flag_routing), units: .unassigned, services: .unresolved),
  ]

  @Test func randomPacketsAgree() throws {
    let count = environment("SKEIN_RANDOM_PACKETS").flatMap { Int($0) } ?? 100_000
    let seed = seedFromEnvironment() ?? UInt64.random(in: 0 ... .max)
    print("random packets: SKEIN_SEED=\(seed)")
    var generator = SeededGenerator(state: seed)
    let native = NativeDoer()
    let kernel = KernelDoer(rig: try Rig())
    let frames = PacketPathCase.all.flatMap(\.steps).map(\.frame)
    var verdicts: [Verdict: Int] = [:]
    for round in 0..<count {
      if round % 1000 == 0, var world = Self.worlds.randomElement(using: &generator) {
        world.seed = generator.next()
        world.apply(to: native.tables)
        world.apply(to: kernel.tables)
      }
      let frame = frames.randomElement(using: &generator).map { mutated($0, &generator) } ?? []
      let ours = native.perform(frame)
      let theirs = try kernel.perform(frame)
      verdicts[ours.verdict, default: 0] += 1
      guard ours == theirs else {
        Issue.record("seed \(seed), round \(round): \(frame)\nnative \(ours)\nkernel \(theirs)")
        return
      }
    }
    print(
      "random packets: \(verdicts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")
    #expect(native.tables.taken == kernel.tables.taken)
    #expect(Set(verdicts.keys) == [.drop, .pass, .transmit, .up])
    let differing = zip(native.tables.remembered, kernel.tables.remembered).count { !isEqual($0, $1) }
    #expect(differing == 0)
  }

  private func isEqual(_ a: skein_fragment, _ b: skein_fragment) -> Bool {
    withUnsafeBytes(of: a) { left in withUnsafeBytes(of: b) { left.elementsEqual($0) } }
  }

  /// One in four frames stays as it is, one in eight becomes noise; the others lose their end, or some octets change.
  private func mutated(_ frame: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var frame = frame
    let kind = Int.random(in: 0..<8, using: &generator)
    if kind == 7 { return noise(&generator) }
    if kind >= 2 {
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 0..<frame.count, using: &generator)
        frame[index] =
          Bool.random(using: &generator)
          ? UInt8.random(in: 0...255, using: &generator) : frame[index] ^ (1 << UInt8.random(in: 0..<8, using: &generator))
      }
    }
    if kind == 2 || kind == 3 { frame.removeLast(Int.random(in: 0..<frame.count - 13, using: &generator)) }
    if kind == 4 { frame += [UInt8](repeating: 0xee, count: Int.random(in: 1...30, using: &generator)) }
    return frame
  }

  /// Random octets behind an EtherType that is looked into.
  private func noise(_ generator: inout SeededGenerator) -> [UInt8] {
    var octets = (0..<Int.random(in: 2...200, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let type: UInt16 = [0x0800, 0x86dd, 0x0806, 0x8100].randomElement(using: &generator) ?? 0x0800
    if type == 0x0800 { octets[0] = 0x45 }
    if type == 0x86dd { octets[0] = 0x60 }
    return Frames.ethernet(
      to: [Frames.ownMAC, Frames.sharedMAC, Frames.solicitedMAC, Frames.virtualMAC()].randomElement(using: &generator) ?? Frames.ownMAC,
      type: type, octets)
  }
}
