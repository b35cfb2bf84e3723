import CLinux

/// What a program made of a frame.
public struct TestRun: Sendable {
  /// What it returned: `XDP_PASS` is 2.
  public var verdict: UInt32
  /// The frame as it left it.
  public var frame: [UInt8]
  /// The mean time of one run.
  public var nanoseconds: UInt32

  /// A program may lengthen the frame by this much.
  private static let growth = 512

  static func run(_ program: Int32, _ frame: UnsafeRawBufferPointer, count: Int, interface: UInt32) throws(LinuxError) -> TestRun {
    var output = [UInt8](repeating: 0, count: frame.count + growth)
    var context = xdp_md()
    var options = Self.options(frame, &context, interface)
    options.`repeat` = Int32(clamping: count)
    let result = output.withUnsafeMutableBytes { output in
      options.data_out = output.baseAddress
      options.data_size_out = UInt32(output.count)
      return withUnsafePointer(to: &context) { context in
        if interface != 0 { options.ctx_in = UnsafeRawPointer(context) }
        return bpf_prog_test_run_opts(program, &options)
      }
    }
    try check(result, "run the kernel program on a frame of \(frame.count) octets")
    output.removeLast(output.count - Int(options.data_size_out))
    return TestRun(verdict: options.retval, frame: output, nanoseconds: options.duration)
  }

  static func inject(_ program: Int32, _ frame: UnsafeRawBufferPointer, interface: UInt32) throws(LinuxError) {
    var context = xdp_md()
    var options = Self.options(frame, &context, interface)
    options.`repeat` = 1
    options.batch_size = 1
    options.flags = 1 << 1  // BPF_F_TEST_XDP_LIVE_FRAMES
    let result = withUnsafePointer(to: &context) { context in
      options.ctx_in = UnsafeRawPointer(context)
      return bpf_prog_test_run_opts(program, &options)
    }
    try check(result, "hand a frame of \(frame.count) octets to interface \(interface)")
  }

  private static func options(_ frame: UnsafeRawBufferPointer, _ context: inout xdp_md, _ interface: UInt32) -> bpf_test_run_opts {
    context.data_end = UInt32(frame.count)
    context.ingress_ifindex = interface
    var options = bpf_test_run_opts()
    options.sz = MemoryLayout<bpf_test_run_opts>.size
    options.data_in = frame.baseAddress
    options.data_size_in = UInt32(frame.count)
    if interface != 0 { options.ctx_size_in = UInt32(MemoryLayout<xdp_md>.size) }
    return options
  }
}

/// A program of two instructions that passes every frame: to probe what the kernel can, and to hand on frames past the cluster's program.
struct PassProgram: ~Copyable {
  private let program: Descriptor
  var descriptor: Int32 { program.rawValue }

  init() throws(LinuxError) {
    skein_capture_begin()
    var options = bpf_prog_load_opts()
    options.sz = MemoryLayout<bpf_prog_load_opts>.size
    let passAndExit: [UInt64] = [0x0000_0002_0000_00b7, 0x95]  // r0 = XDP_PASS; exit
    let result = passAndExit.withUnsafeBytes {
      bpf_prog_load(
        BPF_PROG_TYPE_XDP, "skein_pass", "Dual BSD/GPL", $0.baseAddress?.assumingMemoryBound(to: bpf_insn.self), passAndExit.count, &options
      )
    }
    program = try Descriptor(result: result, "load an XDP program", advice: "run as root, or grant CAP_BPF and CAP_NET_ADMIN")
  }
}

/// Hands frames to the local stack as if they had just arrived, past the native XDP program of the interface. (A generic one sees them again.)
public final class FrameInjector {
  private let program: PassProgram

  /// Loads the program that passes the frames on.
  /// - Throws: what the kernel refused, `.notPermitted` without CAP_BPF and CAP_NET_ADMIN.
  public init() throws(LinuxError) { program = try PassProgram() }

  /// The frame must be addressed to the interface's own Ethernet address; at least 14 octets, at most about 3,400.
  public func inject(_ frame: UnsafeRawBufferPointer, interface: UInt32) throws(LinuxError) {
    try TestRun.inject(program.descriptor, frame, interface: interface)
  }

  /// The frame must be addressed to the interface's own Ethernet address; at least 14 octets, at most about 3,400.
  public func inject(_ frame: [UInt8], interface: UInt32) throws(LinuxError) {
    try frame.lend { frame throws(LinuxError) in try inject(frame, interface: interface) }
  }
}
