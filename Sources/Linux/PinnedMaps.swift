import CLinux
public import CPacketPath
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
    let descriptor = try open(name)
    let information = try information(of: descriptor, name)
    let available = (Int(information.value_size) + 7) / 8 * 8 * Int(information.max_entries)
    return try MappedMemory(name, descriptor.rawValue, available: available, octets: octets, protection: PROT_READ)
  }

  /// How many records each table of the packet path has.
  public func sizes() throws(LinuxError) -> skein_sizes {
    func entries(_ name: String) throws(LinuxError) -> UInt32 { try information(of: open(name), name).max_entries }
    return try skein_sizes(
      processors: entries("traffic"), choice_blocks: entries("choices"), flow_buckets: entries("flow_buckets"), flows: entries("flows"))
  }

  private func open(_ name: String) throws(LinuxError) -> Descriptor {
    try Descriptor(result: bpf_obj_get("\(path)/map_\(name)"), "open \(path)/map_\(name)")
  }

  private func information(of descriptor: borrowing Descriptor, _ name: String) throws(LinuxError) -> bpf_map_info {
    var information = bpf_map_info()
    var size = UInt32(MemoryLayout<bpf_map_info>.size)
    try check(bpf_obj_get_info_by_fd(descriptor.rawValue, &information, &size), "look at \(path)/map_\(name)")
    return information
  }
}
