import CLinux
import Linux

/// An XDP program of a few instructions, written out (RFC 9669): what a measurement needs beside Skein's own.
final class BareProgram {
  let descriptor: Int32

  init(_ name: String, _ instructions: [UInt64]) throws(LinuxError) {
    skein_capture_begin()
    var options = bpf_prog_load_opts()
    options.sz = MemoryLayout<bpf_prog_load_opts>.size
    let result = instructions.withUnsafeBytes {
      bpf_prog_load(
        BPF_PROG_TYPE_XDP, name, "Dual MIT/GPL", $0.baseAddress?.assumingMemoryBound(to: bpf_insn.self), instructions.count, &options)
    }
    guard result >= 0 else {
      throw LinuxError("load \(name)", Errno(rawValue: -result), advice: "run as root", detail: String(cString: skein_capture_text()))
    }
    descriptor = result
  }

  deinit { _ = Descriptor(owning: descriptor) }

  /// Sends every frame out of an interface as it is, without a look at it: as fast as XDP can send a frame on.
  static func sendingOn(to interface: UInt32) throws(LinuxError) -> BareProgram {
    try BareProgram(
      "skein_send_on",
      [
        instruction(0xb7, to: 1, constant: UInt64(interface)),
        instruction(0xb7, to: 2, constant: 0),
        instruction(0x85, constant: 23),  // call bpf_redirect
        instruction(0x95),
      ])
  }

  /// Drops every frame after one load from its IP header.
  static func droppingWithALook() throws(LinuxError) -> BareProgram {
    try BareProgram(
      "skein_look",
      [
        instruction(0x61, to: 2, from: 1),  // r2 = context.data
        instruction(0x61, to: 3, from: 1, offset: 4),  // r3 = context.data_end
        instruction(0xb7, to: 0, constant: 1),  // XDP_DROP
        instruction(0xbf, to: 4, from: 2),  // r4 = r2 + 34
        instruction(0x07, to: 4, constant: 34),
        instruction(0x2d, to: 4, from: 3, offset: 3),  // beyond the end: drop
        instruction(0x61, to: 5, from: 2, offset: 26),  // the source address
        instruction(0x55, to: 5, offset: 1),  // without one: abort
        instruction(0xb7, to: 0, constant: 0),
        instruction(0x95),
      ])
  }

  /// Puts it on an interface, natively.
  func attach(to interface: UInt32) throws(LinuxError) {
    let result = bpf_xdp_attach(Int32(bitPattern: interface), descriptor, 1 << 2, nil)  // XDP_FLAGS_DRV_MODE
    if result < 0 { throw LinuxError("attach a program to interface \(interface)", Errno(rawValue: -result)) }
  }

  /// Takes whatever runs natively on an interface off it.
  static func detach(from interface: UInt32) { _ = bpf_xdp_detach(Int32(bitPattern: interface), 1 << 2, nil) }
}

/// One instruction (RFC 9669, 3).
func instruction(_ code: UInt64, to: UInt64 = 0, from: UInt64 = 0, offset: UInt64 = 0, constant: UInt64 = 0) -> UInt64 {
  code | to << 8 | from << 12 | offset << 16 | constant << 32
}
