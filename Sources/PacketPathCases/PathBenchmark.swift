import CPacketPath
public import PacketPath

/// What can run a program of the kernel object on a frame: the daemon's BPF library, or a test's.
public protocol KernelProgramRunner {
  /// The loaded object's maps.
  var tables: PacketTables { get }
  /// Runs the program so many times on one frame, each run on what the last left; answers nanoseconds for one run.
  func nanoseconds(program: String, frame: [UInt8], repetitions: UInt32) throws -> UInt32
}

/// What one kind of packet costs.
public struct PathMeasurement: Sendable {
  /// What was measured.
  public var name: String
  /// Median of the runs, nanoseconds for a packet; includes the empty program's.
  public var medianNanoseconds: UInt32
  /// The least of the runs.
  public var leastNanoseconds: UInt32
  /// The empty program's median, measured the same way.
  public var emptyNanoseconds: UInt32
  /// What the packet path itself costs.
  public var nanosecondsAboveEmpty: Int { Int(medianNanoseconds) - Int(emptyNanoseconds) }
}

/// The benchmark of the packet path in the kernel, over frames of the test cases.
public enum PathBenchmark {
  /// A kind of packet to measure.
  public struct Subject: Sendable {
    /// What is measured.
    public var name: String
    /// What the packet path has been told before.
    public var world: World
    /// The frame.
    public var frame: [UInt8]
    /// The answer differs from the question, so that each run needs the frame afresh, and the timer is part of each.
    public var changesItsVerdict: Bool
  }

  /// What is measured. To forward repeatedly, the other member has this machine's own address: rewritten, the frame is as it was.
  public static let subjects: [Subject] = {
    let hold = World.master(skein_flag_hold)
    let v4 = Frames.ipv4(protocol: 6, Frames.tcp(.init(repeating: 0, count: 10)))
    let v6 = Frames.ipv6(protocol: 6, Frames.tcp(.init(repeating: 0, count: 10)))
    let forwarding = World(flags: hold, units: .acknowledged, isForwarding: true, memberMAC: Frames.ownMAC)
    let extensions = [Frames.optionsHeader(0), Frames.optionsHeader(60), Frames.authenticationHeader()]
    func subject(_ name: String, _ world: World, _ frame: [UInt8], changes: Bool = false) -> Subject {
      Subject(name: name, world: world, frame: frame, changesItsVerdict: changes)
    }
    return [
      subject("take", World(), Frames.ip(v4)),
      subject("drop", World(units: .acknowledged), Frames.ip(v4)),
      subject("forward", forwarding, Frames.ip(to: Frames.ownMAC, v4)),
      subject("left to member", World(flags: hold, units: .acknowledged), Frames.ip(v4)),
      subject("lease expired", World(hasLease: false), Frames.ip(v4)),
      subject("own address", World(), Frames.ip(to: Frames.ownMAC, Frames.ipv4(to: Frames.own4, protocol: 6, Frames.tcp()))),
      subject("take, IPv6", World(), Frames.ip(v6)),
      subject("drop, IPv6", World(units: .acknowledged), Frames.ip(v6)),
      subject(
        "drop, IPv6, three extension headers", World(units: .acknowledged),
        Frames.ip(Frames.ipv6(protocol: 6, extensions: extensions, Frames.tcp()))),
      subject("drop, first fragment", World(units: .acknowledged), Frames.ip(Frames.ipv4(protocol: 17, fragment: 0x2000, Frames.udp()))),
      subject("ARP for the cluster, not the master", World(), Frames.arp()),
      subject("ARP, answered", World(flags: hold), Frames.arp(), changes: true),
      subject(
        "neighbour solicitation, answered", World(flags: hold), Frames.ip(to: Frames.solicitedMAC, Frames.neighbour()), changes: true),
      subject("other protocol", World(), Frames.ethernet(to: Frames.ownMAC, type: 0x88cc, .init(repeating: 0, count: 46))),
    ]
  }()

  /// Measures every subject; some seconds. Writes over the tables.
  public static func run(on runner: some KernelProgramRunner, program: String, empty: String, repetitions: UInt32 = 300_000) throws
    -> [PathMeasurement]
  {
    try subjects.map { subject in
      subject.world.apply(to: runner.tables)
      func runs(_ program: String) throws -> [UInt32] {
        guard subject.changesItsVerdict else {
          return try (0..<7).map { _ in try runner.nanoseconds(program: program, frame: subject.frame, repetitions: repetitions) }.sorted()
        }
        return try (0..<3001).map { _ in try runner.nanoseconds(program: program, frame: subject.frame, repetitions: 1) }.sorted()
      }
      let floor = try runs(empty)
      let times = try runs(program)
      return PathMeasurement(
        name: subject.name, medianNanoseconds: times[times.count / 2], leastNanoseconds: times[0], emptyNanoseconds: floor[floor.count / 2])
    }
  }
}
