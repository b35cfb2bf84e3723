import CLinux

/// A BPF object file that libbpf has parsed and, after `load`, the kernel has accepted.
/// What libbpf says on the way becomes the detail of the error.
struct KernelObject: ~Copyable {
  private let object: OpaquePointer

  init(parsing bytes: UnsafeRawBufferPointer) throws(LinuxError) {
    skein_capture_begin()
    var options = bpf_object_open_opts()
    options.sz = MemoryLayout<bpf_object_open_opts>.size
    let opened = "skein".withCString { name in
      options.object_name = name
      return bpf_object__open_mem(bytes.baseAddress, bytes.count, &options)
    }
    guard let opened else { throw Self.failure("read the kernel program", .current) }
    object = opened
  }

  deinit { bpf_object__close(object) }

  /// All maps, among them the sections of globals that have a name of the program's own.
  var maps: [KernelMap] {
    var maps: [KernelMap] = []
    var map = bpf_object__next_map(object, nil)
    while let each = map {
      maps.append(KernelMap(pointer: each))
      map = bpf_object__next_map(object, each)
    }
    return maps
  }

  func map(named name: String) throws(LinuxError) -> KernelMap {
    guard let map = maps.first(where: { $0.name == name }) else {
      throw LinuxError("find map \(name) in the kernel program", .noSuchEntry)
    }
    return map
  }

  /// Leaves these XDP programs to be loaded, and no others.
  func selectPrograms(_ names: [String]) throws(LinuxError) {
    var program = bpf_object__next_program(object, nil)
    var missing = Set(names)
    while let each = program {
      let name = String(cString: bpf_program__name(each))
      let isWanted = missing.remove(name) != nil
      try check(bpf_program__set_autoload(each, isWanted), "select program \(name)")
      if isWanted { try check(bpf_program__set_type(each, BPF_PROG_TYPE_XDP), "make \(name) an XDP program") }
      program = bpf_object__next_program(object, each)
    }
    if let name = missing.first { throw LinuxError("find \(name) in the kernel program", .noSuchEntry) }
  }

  /// Where the kernel still counts BPF memory as locked memory (before 5.11), libbpf lifts the limit by itself.
  func load() throws(LinuxError) {
    skein_capture_begin()
    let result = bpf_object__load(object)
    if result == 0 { return }
    throw Self.failure("load the kernel program", Errno(rawValue: -result))
  }

  /// The descriptor of a loaded program, which the object owns.
  func programDescriptor(_ name: String) throws(LinuxError) -> Int32 {
    guard let program = bpf_object__find_program_by_name(object, name) else {
      throw LinuxError("find \(name) in the kernel program", .noSuchEntry)
    }
    return try check(bpf_program__fd(program), "use \(name)")
  }

  private static func failure(_ operation: String, _ code: Errno) -> LinuxError {
    let advice = code == .notPermitted ? "run as root, or grant CAP_BPF and CAP_NET_ADMIN" : nil
    return LinuxError(operation, code, advice: advice, detail: verifierEnd(of: String(cString: skein_capture_text())))
  }

  /// The last lines of the verifier's log, which say what it would not have; all that libbpf said where there is no such log.
  static func verifierEnd(of text: String, lines count: Int = 12) -> String {
    let lines = text.split(separator: "\n")
    guard let end = lines.lastIndex(where: { $0.contains("END PROG LOAD LOG") }) else { return text }
    let begin = lines[..<end].lastIndex { $0.contains("BEGIN PROG LOAD LOG") }.map { $0 + 1 } ?? 0
    return lines[begin..<end].suffix(count).joined(separator: "\n")
  }
}

/// One map of a `KernelObject`; valid as long as that.
struct KernelMap {
  let pointer: OpaquePointer

  /// A global's section is called after it: `.data.lease`.
  var name: String {
    let name = String(cString: bpf_map__name(pointer))
    return name.hasPrefix(".data.") ? String(name.dropFirst(6)) : name
  }
  var maximumEntries: UInt32 { bpf_map__max_entries(pointer) }

  func setMaximumEntries(_ count: Int) throws(LinuxError) {
    try check(bpf_map__set_max_entries(pointer, UInt32(clamping: count)), "size map \(name)")
  }

  /// Whether it holds programs that others go on with.
  var holdsPrograms: Bool { bpf_map__type(pointer) == BPF_MAP_TYPE_PROG_ARRAY }

  /// Octets of all its values.
  var byteCount: Int { (Int(bpf_map__value_size(pointer)) + 7) / 8 * 8 * Int(maximumEntries) }

  func descriptor() throws(LinuxError) -> Int32 { try check(bpf_map__fd(pointer), "use map \(name)") }

  /// Whether a map made earlier has the type, sizes, entries and flags that this one is declared with.
  func agrees(with earlier: borrowing Descriptor) -> Bool {
    var information = bpf_map_info()
    var size = UInt32(MemoryLayout<bpf_map_info>.size)
    guard bpf_obj_get_info_by_fd(earlier.rawValue, &information, &size) == 0 else { return false }
    return information.type == bpf_map__type(pointer).rawValue && information.key_size == bpf_map__key_size(pointer)
      && information.value_size == bpf_map__value_size(pointer) && information.max_entries == maximumEntries
      && information.map_flags == bpf_map__map_flags(pointer)
  }

  /// Has the object use this map instead of making one.
  func reuse(_ earlier: borrowing Descriptor) throws(LinuxError) {
    try check(bpf_map__reuse_fd(pointer, earlier.rawValue), "take over map \(name)")
  }
}
