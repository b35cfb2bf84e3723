import CLinux
import Glibc

/// An array map in this process's memory: what is stored is seen by the running kernel program at once, without a system call.
/// The memory is the kernel's: another CPU may be reading it, so whatever must be consistent is published by one 8-octet store.
public final class MappedMemory {
  /// The first octet. Valid as long as this object.
  public let start: UnsafeMutableRawPointer
  private let byteCount: Int

  /// Maps the array of a descriptor, as `protection` allows. `available`: what it has, of which `octets` are expected.
  init(_ name: String, _ descriptor: Int32, available: Int, octets: Int, protection: Int32) throws(LinuxError) {
    guard available == octets else { throw LinuxError("map \(name): it has \(available) octets instead of \(octets)", .invalid) }
    byteCount = (octets + Int(getpagesize()) - 1) & ~(Int(getpagesize()) - 1)
    let mapped = mmap(nil, byteCount, protection, MAP_SHARED, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else { throw LinuxError("map \(name) into memory", .current) }
    start = mapped
  }

  deinit { munmap(start, byteCount) }
}
