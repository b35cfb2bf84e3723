import CLinux
import Glibc

/// An array map in this process's memory: what is stored is seen by the running kernel program at once, without a system call.
/// The memory is the kernel's: another CPU may be reading it, so whatever must be consistent is published by one 8-octet store.
public final class MappedArray<Element: BitwiseCopyable> {
  /// How many elements it has: the entries of the map.
  public let count: Int
  /// The first element. Valid as long as this object.
  public let pointer: UnsafeMutablePointer<Element>
  private let memory: UnsafeMutableRawPointer
  private let byteCount: Int

  /// Maps an array whose values are `Element`s, rounded up to 8 octets.
  convenience init(_ map: KernelMap) throws(LinuxError) {
    try self.init(
      map.name, map.descriptor(), valueByteCount: bpf_map__value_size(map.pointer), count: map.maximumEntries,
      protection: PROT_READ | PROT_WRITE)
  }

  /// Maps the array of a descriptor, as `protection` allows.
  init(_ name: String, _ descriptor: Int32, valueByteCount: UInt32, count: UInt32, protection: Int32) throws(LinuxError) {
    let valueByteCount = Int(valueByteCount + 7) & ~7
    guard valueByteCount == MemoryLayout<Element>.stride else {
      throw LinuxError(
        "map \(name): its values have \(valueByteCount) octets, \(Element.self) has \(MemoryLayout<Element>.stride)", .invalid)
    }
    self.count = Int(count)
    byteCount = (self.count * valueByteCount + Int(getpagesize()) - 1) & ~(Int(getpagesize()) - 1)
    let mapped = mmap(nil, byteCount, protection, MAP_SHARED, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else { throw LinuxError("map \(name) into memory", .current) }
    memory = mapped
    pointer = mapped.bindMemory(to: Element.self, capacity: self.count)
  }

  deinit { munmap(memory, byteCount) }

  /// One element, read or written as a whole, in whatever order the processor likes.
  public subscript(index: Int) -> Element {
    get { (pointer + checked(index)).pointee }
    set { (pointer + checked(index)).pointee = newValue }
  }

  /// Replaces one element, of 8 octets, by a single store that is seen after all earlier ones.
  public func publish(_ value: Element, at index: Int) {
    precondition(MemoryLayout<Element>.size == 8, "\(Element.self) is not 8 octets long")
    skein_store_release(pointer + checked(index), unsafeBitCast(value, to: UInt64.self))
  }

  /// Replaces one field of 8 octets by a single store that is seen after all earlier ones.
  public func publish(_ value: UInt64, in field: KeyPath<Element, UInt64>, at index: Int = 0) {
    skein_store_release(address(of: field, index), value)
  }

  /// Reads one field of 8 octets by a single load.
  public func load(_ field: KeyPath<Element, UInt64>, at index: Int = 0) -> UInt64 { skein_load_acquire(address(of: field, index)) }

  private func address(of field: KeyPath<Element, UInt64>, _ index: Int) -> UnsafeMutableRawPointer {
    guard let offset = MemoryLayout<Element>.offset(of: field) else { preconditionFailure("\(field) is not stored in \(Element.self)") }
    return UnsafeMutableRawPointer(pointer + checked(index)) + offset
  }

  private func checked(_ index: Int) -> Int {
    precondition(index >= 0 && index < count, "element \(index) of \(count)")
    return index
  }
}
