import CLinux
import Glibc

/// The maps that a daemon of one instance has pinned, to be read by somebody else: that daemon may hang or be gone, and its packet path
/// still runs. Nothing is locked and nothing can be written.
public struct PinnedMaps: Sendable {
  private let path: String

  /// - Throws: `.noSuchEntry` when nothing of that instance is pinned; `.invalid` for a name that cannot be one.
  public init(instance: String) throws(LinuxError) {
    path = try PinDirectory.path(of: instance)
    guard try !PinDirectory.names(in: path).isEmpty else {
      throw LinuxError("look into \(path)", .noSuchEntry, advice: "no packet path of this name is in the kernel; packet-socket never is")
    }
  }

  /// An array map (`BPF_F_MMAPABLE`) in this process's memory. Writing to it ends the process.
  /// - Throws: `.noSuchEntry` without such a map, `.invalid` when it has not so many octets.
  public func memory(of name: String, octets: Int) throws(LinuxError) -> MappedMemory {
    let pin = "\(path)/map_\(name)"
    let descriptor = try Descriptor(result: bpf_obj_get(pin), "open \(pin)")
    var information = bpf_map_info()
    var size = UInt32(MemoryLayout<bpf_map_info>.size)
    try check(bpf_obj_get_info_by_fd(descriptor.rawValue, &information, &size), "look at \(pin)")
    let available = (Int(information.value_size) + 7) / 8 * 8 * Int(information.max_entries)
    return try MappedMemory(name, descriptor.rawValue, available: available, octets: octets, protection: PROT_READ)
  }
}
