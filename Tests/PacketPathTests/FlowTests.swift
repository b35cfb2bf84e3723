import CPacketPath
import Foundation
import Synchronization
import Testing

@testable import PacketPath

/// The table of flows as the packet path and the daemon use it, by the same functions.
@Suite struct FlowTests {
  /// A table with some flows, and a clock that is told.
  final class Table: @unchecked Sendable {
    // The table's own rules are what makes it safe; only one thread sweeps.
    let path: NativePacketPath
    var keeper: FlowKeeper
    var tables: PacketTables { path.tables }

    init(flows: Int, buckets: Int, processors: Int = 1, seed: UInt64 = 7) {
      path = NativePacketPath(
        sizes: skein_sizes(processors: UInt32(processors), choice_blocks: 1, flow_buckets: UInt32(buckets), flows: UInt32(flows)))
      var generator = Generator(state: seed)
      path.tables.prepareFlows(&generator)
      keeper = FlowKeeper(path.tables)
    }

    func sweep(now: UInt64, _ ended: (skein_flow) -> Void = { _ in }) {
      keeper.sweep(tables, lines: Int(tables.sizes.flows), now: now, ended: ended)
    }
  }

  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  private static func key(_ number: Int) -> FlowKey {
    FlowKey(
      client: Address(v4: UInt32(truncatingIfNeeded: 0x0a00_0000 + number / 100).bigEndian), clientPort: UInt16(1024 + number % 100),
      virtualServer: 0)
  }

  private static let second = 1_000_000_000 as UInt64
  private static func time(_ seconds: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: (seconds * second) >> UInt64(skein_flow_time_shift)) }

  /// What one insertion came to.
  private enum Insertion { case decided, known, busy, exhausted, crowded }

  private static func insert<Memory>(
    _ path: Path<Memory>, _ key: FlowKey, server: UInt16, deadline: UInt32
  ) -> (Insertion, server: UInt16) {
    let place = FlowPlace(key, path.settings)
    if let found = path.flow(key, place) {
      return found.word.state == UInt8(skein_flow_claimed) ? (.busy, 0) : (.known, found.word.server)
    }
    switch path.claimFlow(key, place, deadline: deadline) {
    case .claimed(let flow): return path.decideFlow(flow, server: server, tcp: 0) ? (.decided, server) : (.busy, 0)
    case .known: return (.busy, 0)
    case .exhausted: return (.exhausted, 0)
    case .crowded: return (.crowded, 0)
    }
  }

  /// A million flows in an index of two million slots, and as many as there are lines for. At two thirds of the slots nothing is refused
  /// either.
  @Test(arguments: [(flows: 1 << 20, buckets: 1 << 18), (flows: 85_196, buckets: 1 << 14)])
  func everyLineIsOfUse(flows: Int, buckets: Int) {
    let table = Table(flows: flows, buckets: buckets)
    var refused = 0
    for number in 0..<flows {
      if number % 10_000 == 0 { table.keeper.fill(table.tables) }
      table.path.withPath(now: 0) { path in
        if Self.insert(path, Self.key(number), server: UInt16(number % 1_000), deadline: 1).0 != .decided { refused += 1 }
      }
    }
    #expect(refused == 0)
    #expect(table.keeper.census(table.tables) == .init(live: flows, returning: 0, ready: 0, spare: 0))
    table.path.withPath(now: 0) { path in
      let wrong = (0..<flows).count { number in
        let key = Self.key(number)
        return path.flow(key, FlowPlace(key, path.settings))?.word.server != UInt16(number % 1_000)
      }
      #expect(wrong == 0)
      // One more finds no line, and says so.
      #expect(Self.insert(path, Self.key(flows), server: 1, deadline: 1).0 == .exhausted)
    }
  }

  /// An index that is too small for its lines refuses, keeps what it has, and loses no line.
  @Test func aCrowdedBucketRefusesAndNothingIsLost() {
    let table = Table(flows: 256, buckets: 4)
    var decided: [Int] = []
    var crowded = 0
    for number in 0..<200 {
      table.path.withPath(now: 0) { path in
        switch Self.insert(path, Self.key(number), server: 3, deadline: Self.time(5)).0 {
        case .decided: decided.append(number)
        case .crowded: crowded += 1
        default: Issue.record("neither decided nor crowded")
        }
      }
    }
    #expect(decided.count <= 32 && decided.count > 24 && crowded == 200 - decided.count)
    table.path.withPath(now: 0) { path in
      for number in decided { #expect(path.flow(Self.key(number), FlowPlace(Self.key(number), path.settings))?.word.server == 3) }
    }
    for _ in 0..<2 { table.sweep(now: 0) }
    #expect(table.keeper.census(table.tables) == .init(live: decided.count, returning: 0, ready: 256 - decided.count, spare: 0))
    // Their time is up: each goes a step in each round.
    var ended = 0
    for _ in 0..<4 { table.sweep(now: 6 * Self.second) { _ in ended += 1 } }
    #expect(ended == decided.count)
    #expect(table.keeper.census(table.tables) == .init(live: 0, returning: 0, ready: 256, spare: 0))
    #expect((0..<4).allSatisfy { bucket in (0..<8).allSatisfy { skein_flow_slot(table.tables.flowBuckets + bucket, $0).pointee == 0 } })
  }

  /// A flow whose time is up and that has a packet before it is gone goes on as it was.
  @Test func aPacketBringsADyingFlowBack() {
    let table = Table(flows: 16, buckets: 4)
    let key = Self.key(1)
    table.path.withPath(now: 0) { path in _ = Self.insert(path, key, server: 5, deadline: Self.time(5)) }
    table.sweep(now: 6 * Self.second)
    table.path.withPath(now: 6 * Self.second) { path in
      let found = path.flow(key, FlowPlace(key, path.settings))
      #expect(found?.word.state == UInt8(skein_flow_dying) && found?.word.server == 5)
      if let line = found?.line { skein_flow_set_deadline(line, Self.time(20)) }
    }
    for _ in 0..<4 { table.sweep(now: 7 * Self.second) }
    table.path.withPath(now: 7 * Self.second) { path in
      #expect(path.flow(key, FlowPlace(key, path.settings))?.word.state == UInt8(skein_flow_live))
    }
  }

  /// A daemon that comes back finds the lines that nobody has, and only those.
  @Test func anotherKeeperFindsTheSameLines() {
    let table = Table(flows: 1_000, buckets: 256)
    for number in 0..<300 { table.path.withPath(now: 0) { path in _ = Self.insert(path, Self.key(number), server: 1, deadline: 10) } }
    let before = table.keeper.census(table.tables)
    table.keeper = FlowKeeper(table.tables)
    #expect(table.keeper.census(table.tables) == before)
    #expect(before.live + before.ready + before.spare == 1_000)
  }

  private final class Decided: Sendable {
    let all = Mutex<[[Int: UInt16]]>([])
  }

  /// Two processors have packets of the same connections at the same time: each is decided once, and both say the same of it ever after.
  @Test func twoProcessorsNeverDecideTwice() throws {
    let keys = 100_000
    let table = Table(flows: 1 << 18, buckets: 1 << 16, processors: 2)
    table.keeper = FlowKeeper(table.tables)
    let decided = Decided()
    let started = Atomic<Int>(0)
    for processor in 0..<2 {
      Thread.detachNewThread {
        started.add(1, ordering: .sequentiallyConsistent)
        while started.load(ordering: .sequentiallyConsistent) < 2 {}
        var mine: [Int: UInt16] = [:]
        for number in 0..<keys {
          table.path.withPath(now: 0, processor: processor) { path in
            if Self.insert(path, Self.key(number), server: UInt16(processor + 1), deadline: Self.time(60)).0 == .decided {
              mine[number] = UInt16(processor + 1)
            }
          }
        }
        decided.all.withLock { $0.append(mine) }
      }
    }
    // The sweeper gives both new lines meanwhile, and takes back those that lost.
    while decided.all.withLock({ $0.count }) < 2 { table.sweep(now: Self.second) }
    let (first, second) = decided.all.withLock { ($0[0], $0[1]) }
    #expect(Set(first.keys).isDisjoint(with: second.keys))
    table.path.withPath(now: 0) { path in
      var wrong = 0
      for number in 0..<keys {
        guard let found = path.flow(Self.key(number), FlowPlace(Self.key(number), path.settings)) else { continue }
        if found.word.server != first[number] ?? second[number] { wrong += 1 }
      }
      #expect(wrong == 0)
    }
    for _ in 0..<4 { table.sweep(now: Self.second) }
    let census = table.keeper.census(table.tables)
    #expect(census.live == first.count + second.count && census.returning == 0)
    #expect(census.live + census.ready + census.spare == 1 << 18)
    for _ in 0..<5 { table.sweep(now: 61 * Self.second) }
    #expect(table.keeper.census(table.tables).live == 0)
  }
}
