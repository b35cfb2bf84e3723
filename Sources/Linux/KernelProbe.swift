import CLinux
import Glibc

/// The running kernel's version.
public struct KernelVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The first number of the release: 6 of 6.18.
  public var major: Int
  /// The second number of the release: 18 of 6.18. What comes after it is not looked at.
  public var minor: Int

  /// The version with these two numbers.
  public init(major: Int, minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// From a release such as "6.18.44-cloud-amd64".
  public init?(release: String) {
    let numbers = release.split(separator: ".", maxSplits: 2).prefix(2).map { Int($0.prefix { $0.isNumber }) }
    guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
    self.init(major: major, minor: minor)
  }

  /// The version of the kernel that this process runs on.
  /// - Throws: `.invalid` when its release does not begin with two numbers.
  public static func running() throws(LinuxError) -> KernelVersion {
    let release = try Sysctl.read("kernel/osrelease")
    guard let version = KernelVersion(release: release) else { throw LinuxError("understand the kernel release \(release)", .invalid) }
    return version
  }

  /// By the first number, then by the second: 6.9 is before 6.18.
  public static func < (left: KernelVersion, right: KernelVersion) -> Bool { (left.major, left.minor) < (right.major, right.minor) }

  /// The two numbers with a dot between them, as in "6.18".
  public var description: String { "\(major).\(minor)" }
}

/// What `skein doctor` asks of the kernel, by trying. Each answers nil when all is well, else why not.
public enum KernelProbe {
  /// XDP programs load.
  public static func xdp() -> LinuxError? {
    refusal { () throws(LinuxError) in _ = try PassProgram() }
  }

  /// Programs are compiled to machine code; else they run, at a tenth of the speed.
  public static func justInTimeCompiler() -> LinuxError? {
    refusal { () throws(LinuxError) in
      let program = try PassProgram()
      var information = bpf_prog_info()
      var size = UInt32(MemoryLayout<bpf_prog_info>.size)
      try check(bpf_obj_get_info_by_fd(program.descriptor, &information, &size), "look at an XDP program")
      if information.jited_prog_len == 0 {
        throw LinuxError("compile BPF programs to machine code", .notSupported, advice: "set net.core.bpf_jit_enable to 1")
      }
    }
  }

  /// Ring buffers for what goes up to the daemon (Linux 5.8).
  public static func ringBuffer() -> LinuxError? {
    map(BPF_MAP_TYPE_RINGBUF, keySize: 0, valueSize: 0, entries: 4096, flags: 0, "make a ring buffer")
  }

  /// Array maps in the daemon's memory (Linux 5.5).
  public static func mappableArray() -> LinuxError? {
    map(BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, entries: 1, flags: 1 << 10, "make an array map that can be mapped")
  }

  /// The BPF file system is, or can be, mounted.
  public static func fileSystem() -> LinuxError? {
    refusal { () throws(LinuxError) in try PinDirectory.mount() }
  }

  /// Programs can be tried on frames, and held frames handed on (Linux 5.18).
  public static func liveFrames() -> LinuxError? {
    refusal { () throws(LinuxError) in
      let frame = [UInt8](repeating: 0, count: 64)
      let program = try PassProgram()
      let loopback = try interfaceIndex("lo")
      try frame.lend { frame throws(LinuxError) in try TestRun.inject(program.descriptor, frame, interface: loopback) }
    }
  }

  /// XDP attaches to the interface in this mode, tried with a program that passes everything. A driver may reset its queues for that: not
  /// to be asked of an interface in service. `.busy` when a program is there already, which answers the question too.
  public static func attaching(to interface: String, _ attachment: XDPAttachment) -> LinuxError? {
    refusal { () throws(LinuxError) in
      let program = try PassProgram()
      let mode: XDPMode = attachment == .native ? .native : .generic
      _ = try KernelLink.create(program: program.descriptor, index: interfaceIndex(interface), interface: interface, mode: mode)
    }
  }

  /// The guard of the packet socket mode can be installed: nftables with ingress hooks, and its library.
  public static func stackGuard() -> LinuxError? {
    refusal { () throws(LinuxError) in
      try StackGuard.run(
        """
        table netdev skein_probe {
          chain ingress {
            type filter hook ingress device "lo" priority -500; policy accept;
          }
        }
        delete table netdev skein_probe
        """, "keep frames from the kernel's stack (nftables)")
    }
  }

  /// TAP devices can be made.
  public static func tap() -> LinuxError? {
    refusal { () throws(LinuxError) in _ = try Descriptor(result: skein_open("/dev/net/tun", O_RDWR, 0), "open /dev/net/tun") }
  }

  private static func map(
    _ type: bpf_map_type, keySize: UInt32, valueSize: UInt32, entries: UInt32, flags: UInt32, _ operation: String
  ) -> LinuxError? {
    refusal { () throws(LinuxError) in
      var options = bpf_map_create_opts()
      options.sz = MemoryLayout<bpf_map_create_opts>.size
      options.map_flags = flags
      _ = try Descriptor(result: bpf_map_create(type, "skein_probe", keySize, valueSize, entries, &options), operation)
    }
  }

  private static func refusal(_ attempt: () throws(LinuxError) -> Void) -> LinuxError? {
    do throws(LinuxError) {
      try attempt()
      return nil
    } catch {
      return error
    }
  }
}
