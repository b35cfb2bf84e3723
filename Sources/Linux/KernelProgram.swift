import CLinux
import CPacketPath
import Glibc
import Wire

/// The kernel's half of the packet path: one XDP program and its maps, loaded. Maps and links are pinned under
/// `/sys/fs/bpf/skein/<instance>`: the packets go on while the daemon restarts, and the lease keeps that safe.
public final class KernelProgram {
  /// What to load and how large.
  public struct Configuration: Sendable {
    /// Names the pin directory: letters, digits, `-` and `_`. Two daemons on one machine need two.
    public var instance: String
    /// The XDP program's name in the object, which is its function's.
    public var programName: String
    /// The programs that go on with what it leaves them, in the order of the map `stages`.
    public var stages: [String]
    /// Entries of the maps whose size is known only on this machine.
    public var maximumEntries: [String: Int]

    /// By default every map has the size that the object gives it.
    public init(instance: String, programName: String, stages: [String] = [], maximumEntries: [String: Int] = [:]) {
      self.instance = instance
      self.programName = programName
      self.stages = stages
      self.maximumEntries = maximumEntries
    }

    /// Skein's packet path: one of its programs, with tables of these sizes.
    public static func packetPath(
      instance: String, programName: String, sizes: skein_sizes = KernelProgram.leastSizes, isStaged: Bool = true
    ) -> Configuration {
      let stages = isStaged ? (0..<Int32(skein_stage_count)).map { String(cString: skein_stage_program($0)) } : []
      let tables = (0..<Int32(skein_map_count)).map { skein_map_number($0, sizes) }.filter { $0.entries != 1 }
      let entries = tables.map { (String(cString: $0.name), $0.entries) }
      return Configuration(
        instance: instance, programName: programName, stages: stages, maximumEntries: Dictionary(uniqueKeysWithValues: entries))
    }
  }

  /// CPUs that this machine may ever have.
  public static let possibleProcessorCount = max(1, Int(libbpf_num_possible_cpus()))

  /// Of the packet path's tables on this machine, where there are no virtual servers.
  public static let leastSizes = skein_least_sizes(UInt32(possibleProcessorCount))

  /// Whether the maps of an earlier daemon were taken over with what is in them; else all are new and zero.
  public let mapsWereReused: Bool
  /// Why the driver refused, when the last `attach` chose the generic mode by itself.
  public private(set) var nativeRefusal: LinuxError?

  /// Where an older build's program was taken over: this build's, to take its place.
  public let replacement: ProgramReplacement?

  private let object: KernelObject
  private let pins: PinDirectory
  private let program: Descriptor
  private var links: [UInt32: KernelLink] = [:]

  /// Loads `object`, the bytes of the ELF file, with the pinned maps of an earlier daemon if all of them agree in type, sizes and entries.
  /// - Throws: what libbpf, the verifier (its log's end in `detail`) or the BPF file system refused; `.wouldBlock` when another daemon
  ///   of this instance runs.
  public init(object bytes: UnsafeRawBufferPointer, _ configuration: Configuration) throws(LinuxError) {
    pins = try PinDirectory(instance: configuration.instance)
    object = try Self.prepare(bytes, configuration)
    mapsWereReused = try Self.reuseMaps(of: object, pins)
    // The verifier takes longer over the program than a lease lasts: a daemon that comes back takes over the very program that still runs.
    let pin = Self.programName(bytes)
    if mapsWereReused, let name = try PinDirectory.names(in: pins.path).first(where: Self.isProgram), let earlier = try pins.open(name) {
      program = try Descriptor(result: dup(earlier.rawValue), "take over the kernel program")
      replacement = name == pin ? nil : ProgramReplacement(object: Array(bytes), configuration, try pins.shared())
      return
    }
    replacement = nil
    try Self.load(object, configuration)
    program = try Descriptor(result: dup(object.programDescriptor(configuration.programName)), "keep the kernel program")
    if !mapsWereReused { try pinMaps() }
    try Self.pinStages(of: object, Self.stagesName(bytes), in: pins)
    try Self.pinProgram(program.rawValue, as: pin, in: pins)
  }

  /// Has the kernel verify the programs, and links the stages to the first.
  static func load(_ object: borrowing KernelObject, _ configuration: Configuration) throws(LinuxError) {
    try object.load()
    if configuration.stages.isEmpty { return }
    let stages = try object.map(named: "stages").descriptor()
    for (index, name) in configuration.stages.enumerated() {
      var key = UInt32(index)
      var program = try object.programDescriptor(name)
      try check(bpf_map_update_elem(stages, &key, &program, 0), "link \(name) to \(configuration.programName)")
    }
  }

  /// The object as it is to be loaded here.
  static func prepare(_ bytes: UnsafeRawBufferPointer, _ configuration: Configuration) throws(LinuxError) -> KernelObject {
    let object = try KernelObject(parsing: bytes)
    try object.selectPrograms([configuration.programName] + configuration.stages)
    for (name, count) in configuration.maximumEntries { try object.map(named: name).setMaximumEntries(count) }
    return object
  }

  /// What the verifier made of a program.
  public struct Verification: Hashable, Sendable {
    /// Its name.
    public var program: String
    /// How many instructions the verifier followed, over all ways through the program, of the million that it allows; nil before Linux 5.16,
    /// which does not tell.
    public var verifiedInstructions: Int?
    /// How many instructions the program has.
    public var instructions: Int

    /// What the kernel said of a program; `verifiedInstructions` is nil where it does not tell.
    public init(program: String, verifiedInstructions: Int? = nil, instructions: Int) {
      self.program = program
      self.verifiedInstructions = verifiedInstructions
      self.instructions = instructions
    }
  }

  /// Loads the programs of `object` that a configuration names, and lets them go again: would they run here? Nothing is pinned, and a daemon
  /// that runs is not disturbed.
  /// - Returns: what was made of each, the first program first.
  /// - Throws: what libbpf or the verifier refused, its log's end in `detail`.
  public static func verify(object: [UInt8], _ configuration: Configuration) throws(LinuxError) -> [Verification] {
    var verifications: [Verification] = []
    try object.lend { bytes throws(LinuxError) in
      let loaded = try prepare(bytes, configuration)
      try load(loaded, configuration)
      for name in [configuration.programName] + configuration.stages {
        var information = bpf_prog_info()
        var size = UInt32(MemoryLayout<bpf_prog_info>.size)
        try check(bpf_obj_get_info_by_fd(loaded.programDescriptor(name), &information, &size), "look at \(name)")
        verifications.append(
          Verification(
            program: name, verifiedInstructions: information.verified_insns == 0 ? nil : Int(information.verified_insns),
            instructions: Int(information.xlated_prog_len) / 8))
      }
    }
    return verifications
  }

  /// Loads `object`, the bytes of the ELF file.
  public convenience init(object: [UInt8], _ configuration: Configuration) throws(LinuxError) {
    // The closure cannot delegate to another initializer, so the bytes are lent for the rest of this one.
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: object.count, alignment: 8)
    defer { bytes.deallocate() }
    bytes.copyBytes(from: object)
    try self.init(object: UnsafeRawBufferPointer(bytes), configuration)
  }

  /// An array map (`BPF_F_MMAPABLE`) in this process's memory.
  /// - Throws: `.noSuchEntry` without such a map, `.invalid` when it has not so many octets.
  public func memory(of name: String, octets: Int) throws(LinuxError) -> MappedMemory {
    let map = try object.map(named: name)
    return try MappedMemory(name, map.descriptor(), available: map.byteCount, octets: octets, protection: PROT_READ | PROT_WRITE)
  }

  /// A ring buffer that the program writes and this process reads.
  public func ring(_ name: String = "upcalls") throws(LinuxError) -> RingBuffer { try RingBuffer(object.map(named: name)) }

  /// Puts the program on an interface. Where an earlier daemon's link is still pinned, the program in it is replaced between two packets.
  /// - Returns: the mode in force.
  /// - Throws: `.busy` when another XDP program is there, `.notSupported` when the driver has no native XDP, `.noSuchDevice`.
  @discardableResult
  public func attach(to interface: String, mode: XDPMode = .automatic) throws(LinuxError) -> XDPAttachment {
    let index = try interfaceIndex(interface)
    let name = Self.linkName(index)
    if let earlier = try pins.open(name) {
      let link = KernelLink(earlier)
      if let attachment = link.attachment(on: index), mode.accepts(attachment) {
        try link.update(to: program.rawValue, interface: interface)
        links[index] = link
        return attachment
      }
      // Of an interface that is gone, or in a mode that is no longer wanted.
      link.detach()
      try pins.remove(name)
    }
    let made = try KernelLink.create(program: program.rawValue, index: index, interface: interface, mode: mode)
    try pins.pin(made.link.descriptor, as: name)
    links[index] = made.link
    nativeRefusal = made.nativeRefusal
    return made.attachment
  }

  /// Takes the program off an interface; its maps stay pinned.
  public func detach(from interface: String) throws(LinuxError) {
    let index = try interfaceIndex(interface)
    links.removeValue(forKey: index)?.detach()
    try pins.remove(Self.linkName(index))
  }

  /// Takes the programs of an instance off every interface and forgets its maps, whether or not a daemon runs.
  public static func removeAll(instance: String) throws(LinuxError) {
    let path = try PinDirectory.path(of: instance)
    for name in try PinDirectory.names(in: path) {
      if isLink(name) {
        let descriptor = bpf_obj_get("\(path)/\(name)")
        if descriptor >= 0 { KernelLink(Descriptor(owning: descriptor)).detach() }
      }
      try PinDirectory.remove("\(path)/\(name)")
    }
    removeDirectory(path)
  }

  /// What the program makes of one frame, without an interface in play (`BPF_PROG_TEST_RUN`).
  /// With `count` > 1 each run is fed the output of the one before.
  public func testRun(_ frame: UnsafeRawBufferPointer, repeat count: Int = 1, interface: UInt32 = 0) throws(LinuxError) -> TestRun {
    try TestRun.run(program.rawValue, frame, count: count, interface: interface)
  }

  /// The frame passes through this program, and goes where it says, as if it had just arrived on `interface`.
  /// At least 14 octets, at most about 3,400.
  public func inject(_ frame: UnsafeRawBufferPointer, interface: UInt32) throws(LinuxError) {
    try TestRun.inject(program.rawValue, frame, interface: interface)
  }

  /// In place of an older daemon's.
  static func pinProgram(_ program: Int32, as name: String, in pins: borrowing PinDirectory) throws(LinuxError) {
    for earlier in try PinDirectory.names(in: pins.path) where isProgram(earlier) {
      try pins.remove(earlier)
      if earlier != name { try pins.remove(stagesName(ofProgram: earlier)) }
    }
    try pins.pin(program, as: name)
  }

  /// The stages, under a name of this build's, so that an older build's program keeps its own until it is replaced.
  static func pinStages(of object: borrowing KernelObject, _ name: String, in pins: borrowing PinDirectory) throws(LinuxError) {
    guard let stages = object.maps.first(where: \.holdsPrograms) else { return }
    try pins.remove(name)
    try pins.pin(stages.descriptor(), as: name)
  }

  private func pinMaps() throws(LinuxError) {
    for map in object.maps where !map.holdsPrograms {
      try pins.remove(Self.mapName(map.name))
      try pins.pin(map.descriptor(), as: Self.mapName(map.name))
    }
  }

  /// All or nothing: old units beside new settings would be two configurations at once.
  static func reuseMaps(of object: borrowing KernelObject, _ pins: borrowing PinDirectory) throws(LinuxError) -> Bool {
    let maps = object.maps.filter { !$0.holdsPrograms }
    for map in maps {
      guard let earlier = try pins.open(mapName(map.name)), map.agrees(with: earlier) else { return false }
    }
    for map in maps {
      guard let earlier = try pins.open(mapName(map.name)) else { return false }
      try map.reuse(earlier)
    }
    return !maps.isEmpty
  }

  /// The object's octets, folded (FNV-1a): another build's program is another.
  static func programName(_ object: UnsafeRawBufferPointer) -> String {
    "program_" + String(object.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
  }

  static func stagesName(_ object: UnsafeRawBufferPointer) -> String { stagesName(ofProgram: programName(object)) }
  private static func stagesName(ofProgram pin: String) -> String { "stages_" + pin.dropFirst("program_".count) }
  private static func isProgram(_ pin: String) -> Bool { pin.hasPrefix("program_") }
  static func isLink(_ pin: String) -> Bool { pin.hasPrefix("link_") }
  private static func mapName(_ name: String) -> String { "map_\(name)" }
  private static func linkName(_ index: UInt32) -> String { "link_\(index)" }
}
