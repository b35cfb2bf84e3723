import CLinux
import Linux

/// Frames by the million: the kernel runs a program of ten instructions on recycled pages and sends what it makes
/// (`BPF_F_TEST_XDP_LIVE_FRAMES`, Linux 5.18).
final class Generator {
  private let program: BareProgram
  /// Frames that go out together; the kernel takes up to 256.
  private static let batch: UInt32 = 64

  /// `headers`, the first 28 octets of what is to be sent, are written anew for each frame: who receives one may have rewritten its page.
  init(restoring headers: [UInt8] = []) throws(LinuxError) {
    program = try BareProgram("skein_generator", Self.instructions(restoring: headers.count < 28 ? [] : headers))
  }

  /// Sends so many copies of a frame by an interface as fast as one core can; returns when all are sent. On a virtual pair the other end,
  /// which must run an XDP program, does its work in between, on the same core.
  /// - Returns: nanoseconds for each, all that included, as the kernel times it: without its preparations, which sleep for longer than the
  ///   frames take, and without what else ran on the core. Cut to a whole number.
  func send(_ frame: [UInt8], count: Int, by interface: UInt32) throws(LinuxError) -> UInt32 {
    var context = xdp_md()
    context.data_end = UInt32(frame.count)
    context.ingress_ifindex = interface
    var options = bpf_test_run_opts()
    options.sz = MemoryLayout<bpf_test_run_opts>.size
    options.flags = 1 << 1  // BPF_F_TEST_XDP_LIVE_FRAMES
    options.batch_size = Self.batch
    options.`repeat` = Int32(clamping: count)
    options.data_size_in = UInt32(frame.count)
    options.ctx_size_in = UInt32(MemoryLayout<xdp_md>.size)
    let result = frame.withUnsafeBytes { bytes in
      withUnsafePointer(to: &context) { context in
        options.data_in = bytes.baseAddress
        options.ctx_in = UnsafeRawPointer(context)
        return bpf_prog_test_run_opts(program.descriptor, &options)
      }
    }
    if result < 0 { throw LinuxError("send \(count) frames by interface \(interface)", Errno(rawValue: -result)) }
    return options.duration
  }

  /// Adds one to the source port of an IPv4 packet without options, so that its work unit changes each time its page comes round, and
  /// sends the frame out by the interface that it seems to have come in by.
  private static func instructions(restoring headers: [UInt8]) -> [UInt64] {
    let stores = stride(from: 0, to: min(headers.count, 28), by: 4).map { offset in
      instruction(0x62, to: 2, offset: UInt64(offset), constant: headers[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
    return [
      instruction(0x61, to: 2, from: 1),  // r2 = context.data
      instruction(0x61, to: 3, from: 1, offset: 4),  // r3 = context.data_end
      instruction(0xbf, to: 4, from: 2),  // r4 = r2 + 36
      instruction(0x07, to: 4, constant: 36),
      instruction(0x2d, to: 4, from: 3, offset: 3 + UInt64(stores.count)),  // beyond the end: send it as it is
    ] + stores + [
      instruction(0x69, to: 5, from: 2, offset: 34),  // the port += 1
      instruction(0x07, to: 5, constant: 1),
      instruction(0x6b, to: 2, from: 5, offset: 34),
      instruction(0xb7, to: 0, constant: 3),  // XDP_TX
      instruction(0x95),
    ]
  }
}
