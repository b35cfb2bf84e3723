import CPacketPath
import CPacketPathTestSupport
import KernelProgram
import PacketPath
import PacketPathCases

/// The kernel program, loaded, with its maps in reach.
/// Not for two threads at a time; suites that share one are serialized.
final class Rig: KernelProgramRunner, @unchecked Sendable {
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  private let handle: OpaquePointer
  let tables: PacketTables

  /// Whether this machine lets us: root, and a kernel with BPF. A program of ours that the kernel refuses is a failure, no reason to skip.
  static let isAvailable = skein_rig_is_permitted() != 0

  init() throws {
    var log = [CChar](repeating: 0, count: 1 << 16)
    let object = KernelProgram.object()
    let sizes = World.sizes(processors: Int(skein_rig_processor_count()))
    let opened = object.withUnsafeBytes { octets in
      octets.baseAddress.flatMap { skein_rig_open($0, octets.count, sizes, &log, log.count) }
    }
    guard let opened else {
      throw Refused(description: String(decoding: log.prefix { $0 != 0 }.suffix(2000).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    handle = opened
    tables = try PacketTables(sizes: sizes) { name, _ throws(Refused) in
      guard let memory = skein_rig_map(opened, name) else { throw Refused(description: "no map \(name)") }
      return memory
    }
  }

  deinit { skein_rig_close(handle) }

  static var now: UInt64 { skein_rig_boot_time() }

  /// What XDP was told, and the frame that came out. `interface` is the one that it came in by, 0 for none that matters.
  func run(_ frame: [UInt8], program: String = KernelProgram.pathProgram, interface: UInt32 = 0) throws -> (code: UInt32, result: [UInt8]) {
    var result = [UInt8](repeating: 0, count: 4096)
    let outcome = skein_rig_run(handle, program, frame, frame.count, &result, result.count, 1, interface)
    guard outcome.error == 0 else { throw Refused(description: "the test run failed (\(outcome.error))") }
    return (outcome.verdict, Array(result.prefix(Int(outcome.length))))
  }

  /// Puts the packet path on an interface of this thread's namespace, in generic mode, until the namespace ends.
  func attach(to interface: UInt32) throws {
    let error = skein_rig_attach(handle, KernelProgram.pathProgram, interface)
    guard error == 0 else { throw Refused(description: "the program cannot be attached (\(error))") }
  }

  func nanoseconds(program: String, frame: [UInt8], repetitions: UInt32) throws -> UInt32 {
    var result = [UInt8](repeating: 0, count: 4096)
    let outcome = skein_rig_run(handle, program, frame, frame.count, &result, result.count, repetitions, 0)
    guard outcome.error == 0 else { throw Refused(description: "the test run failed (\(outcome.error))") }
    return outcome.nanoseconds
  }

  /// A packet that went up.
  struct Upcall: Equatable {
    var unit: UInt32
    var reason: UInt32
    var length: Int
    var frame: [UInt8]
  }

  func nextUpcall() -> Upcall? {
    var record = skein_upcall()
    guard skein_rig_next_upcall(handle, &record) != 0 else { return nil }
    let frame = withUnsafeBytes(of: &record.frame) { Array($0.prefix(Int(record.copied_length))) }
    return Upcall(unit: UInt32(record.unit), reason: UInt32(record.reason), length: Int(record.frame_length), frame: frame)
  }
}

/// What a packet path did with a frame, in terms that both of its builds can be asked in.
struct Deed: Equatable, CustomStringConvertible {
  var verdict: Verdict
  var result: [UInt8]
  /// The counters that were raised, by index.
  var counted: [Int]
  /// The unit and reason that the daemon was told.
  var upcall: Rig.Upcall?

  var description: String {
    let octets = result.map { String($0, radix: 16) }.joined(separator: " ")
    return "\(verdict), counted \(counted), up \(upcall.map { "\($0.unit) for \($0.reason)" } ?? "-"), \(octets)"
  }
}

/// Something that does deeds.
protocol Doer {
  var tables: PacketTables { get }
  func perform(_ frame: [UInt8]) throws -> Deed
}

extension PacketTables {
  /// Each counter over all processors.
  var totals: [UInt64] {
    var sums = [UInt64](repeating: 0, count: Int(skein_counter_count))
    for index in 0..<sums.count * counterRows { sums[index % sums.count] &+= counters[index] }
    return sums
  }

  var taken: [UInt64] {
    ((0..<Int(skein_unit_count)).map { traffic(of: $0) } + (0...UInt8.max).map { traffic(ofForwarder: $0) }).flatMap {
      [$0.packets, $0.octets]
    }
  }

  /// How many routes are remembered, on all processors.
  var rememberedRoutes: Int { (0..<Int(skein_route_memo_count) * processorCount).count { routes[$0].learnt != 0 } }

  /// The fragment table without its clock readings.
  var remembered: [skein_fragment] {
    (0..<Int(skein_fragment_count)).map { index in
      var record = fragments[index]
      record.deadline = record.deadline == 0 ? 0 : 1
      return record
    }
  }
}

func raised(from before: [UInt64], to after: [UInt64]) -> [Int] {
  before.indices.flatMap { [Int](repeating: $0, count: Int(after[$0] &- before[$0])) }
}

struct KernelDoer: Doer {
  let rig: Rig
  /// The interface that frames seem to come in by.
  var interface: UInt32 = 0
  var tables: PacketTables { rig.tables }

  func perform(_ frame: [UInt8]) throws -> Deed {
    let before = tables.totals
    let run = try rig.run(frame, interface: interface)
    let upcall = rig.nextUpcall()
    guard let verdict = Verdict(rawValue: upcall == nil ? run.code : Verdict.up.rawValue) else {
      throw Rig.Refused(description: "XDP was told \(run.code)")
    }
    return Deed(verdict: verdict, result: run.result, counted: raised(from: before, to: tables.totals), upcall: upcall)
  }
}

struct NativeDoer: Doer {
  let path = NativePacketPath(sizes: World.sizes(processors: 1))
  var tables: PacketTables { path.tables }

  func perform(_ frame: [UInt8]) -> Deed {
    let before = tables.totals
    var buffer = frame + [UInt8](repeating: 0, count: 64)
    var length = frame.count
    let outcome = buffer.withUnsafeMutableBytes { path.process($0, length: &length, now: Rig.now) }
    let result = Array(buffer.prefix(length))
    return Deed(
      verdict: outcome.verdict, result: result, counted: raised(from: before, to: tables.totals), upcall: upcall(outcome, result))
  }

  private func upcall(_ outcome: Outcome, _ frame: [UInt8]) -> Rig.Upcall? {
    guard outcome.verdict == .up, let reason = outcome.counter.upcallReason else { return nil }
    return Rig.Upcall(
      unit: outcome.unit, reason: reason.rawValue, length: frame.count, frame: Array(frame.prefix(Int(skein_frame_limit))))
  }
}
