import CLinux
import Glibc

/// Where in the kernel the program is wanted.
public enum XDPMode: String, Sendable, CaseIterable {
  /// Native if the driver can, else generic.
  case automatic
  /// In the driver, before the kernel makes a packet of the frame.
  case native
  /// After that: works with every driver, at a fraction of the speed.
  case generic

  func accepts(_ attachment: XDPAttachment) -> Bool {
    switch (self, attachment) {
    case (.automatic, _), (.native, .native), (.generic, .generic): true
    case (.native, .generic), (.generic, .native): false
    }
  }
}

/// Where in the kernel the program is.
public enum XDPAttachment: String, Sendable {
  case native = "xdp-native"
  case generic = "xdp-generic"

  var flag: UInt32 {
    switch self {
    case .native: 1 << 2  // XDP_FLAGS_DRV_MODE
    case .generic: 1 << 1  // XDP_FLAGS_SKB_MODE
    }
  }
}

/// A program on an interface. Unpinned, it ends with its last descriptor.
final class KernelLink {
  private let link: Descriptor
  var descriptor: Int32 { link.rawValue }

  init(_ link: consuming Descriptor) { self.link = link }

  /// A new link, and why its mode is not native when the driver was asked and refused.
  static func create(
    program: Int32, index: UInt32, interface: String, mode: XDPMode
  ) throws(LinuxError) -> (link: KernelLink, attachment: XDPAttachment, nativeRefusal: LinuxError?) {
    switch mode {
    case .native: return (try create(program, index, interface, .native), .native, nil)
    case .generic: return (try create(program, index, interface, .generic), .generic, nil)
    case .automatic:
      do throws(LinuxError) {
        return (try create(program, index, interface, .native), .native, nil)
      } catch {
        // What the other mode would be refused for just as well.
        if [.busy, .exists, .notPermitted, .noSuchDevice].contains(error.code) { throw error }
        return (try create(program, index, interface, .generic), .generic, error)
      }
    }
  }

  /// Where this link's program is attached to the interface; nil when it is not, since the interface went or was made anew.
  func attachment(on index: UInt32) -> XDPAttachment? {
    var information = bpf_link_info()
    var size = UInt32(MemoryLayout<bpf_link_info>.size)
    guard bpf_obj_get_info_by_fd(descriptor, &information, &size) == 0, information.xdp.ifindex == index else { return nil }
    // Interfaces of two network namespaces may have one number: ask what is on ours.
    var found = bpf_xdp_query_opts()
    found.sz = MemoryLayout<bpf_xdp_query_opts>.size
    guard bpf_xdp_query(Int32(index), 0, &found) == 0 else { return nil }
    if found.drv_prog_id == information.prog_id { return .native }
    if found.skb_prog_id == information.prog_id { return .generic }
    return nil
  }

  /// Replaces the program between two packets.
  func update(to program: Int32, interface: String) throws(LinuxError) {
    try check(bpf_link_update(descriptor, program, nil), "replace the XDP program on \(interface)")
  }

  /// Takes the program off; an interface that is gone has none.
  func detach() { _ = bpf_link_detach(descriptor) }

  private static func create(_ program: Int32, _ index: UInt32, _ interface: String, _ where: XDPAttachment) throws(LinuxError)
    -> KernelLink
  {
    skein_capture_begin()
    var options = bpf_link_create_opts()
    options.sz = MemoryLayout<bpf_link_create_opts>.size
    options.flags = `where`.flag
    let result = bpf_link_create(program, Int32(index), BPF_XDP, &options)
    return KernelLink(
      try Descriptor(
        result: result, "attach XDP to \(interface)", advice: advice(Errno(rawValue: -result), interface: interface, `where`)))
  }

  private static func advice(_ code: Errno, interface: String, _ attachment: XDPAttachment) -> String? {
    switch code {
    case .busy, .exists: "another XDP program is there: `ip link show \(interface)` names it, `ip link set \(interface) xdp off` removes it"
    case .notPermitted: "run as root, or grant CAP_BPF and CAP_NET_ADMIN"
    default: attachment == .native ? "try packetPath: xdp-generic" : "try packetPath: packet-socket"
    }
  }
}

func removeDirectory(_ path: String) { _ = rmdir(path) }
