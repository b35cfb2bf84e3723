import CLinux
import Glibc

/// Where maps and links are pinned so that they outlive the daemon: one directory for each instance on the BPF file system.
struct PinDirectory: ~Copyable, Sendable {
  static let mountPoint = "/sys/fs/bpf"
  let path: String
  /// Held open and locked: two daemons of one instance would write the same maps.
  private let lock: Descriptor

  /// Mounts the file system and makes the directory where they are missing.
  init(instance: String) throws(LinuxError) {
    let path = try Self.path(of: instance)
    try Self.mount()
    try Self.makeDirectory("\(Self.mountPoint)/skein")
    try Self.makeDirectory(path)
    let lock = try Descriptor(result: skein_open(path, O_RDONLY | O_DIRECTORY, 0), "open \(path)")
    try checkErrno(
      flock(lock.rawValue, LOCK_EX | LOCK_NB), "take \(path)",
      advice: "another skein of this instance is running: stop it, or name this one")
    self.path = path
    self.lock = lock
  }

  private init(path: String, lock: consuming Descriptor) {
    self.path = path
    self.lock = lock
  }

  /// The same directory for another owner; locked until both are gone.
  func shared() throws(LinuxError) -> PinDirectory {
    PinDirectory(path: path, lock: try Descriptor(result: dup(lock.rawValue), "share \(path)"))
  }

  func pin(_ descriptor: Int32, as name: String) throws(LinuxError) {
    try check(bpf_obj_pin(descriptor, "\(path)/\(name)"), "pin \(name) in \(path)")
  }

  /// The object pinned under a name; nil when there is none.
  func open(_ name: String) throws(LinuxError) -> Descriptor? {
    let result = bpf_obj_get("\(path)/\(name)")
    if result == -ENOENT { return nil }
    return try Descriptor(result: result, "open \(path)/\(name)")
  }

  func remove(_ name: String) throws(LinuxError) { try Self.remove("\(path)/\(name)") }

  /// The names in the directory of an instance; none when it does not exist.
  static func names(in path: String) throws(LinuxError) -> [String] {
    guard let directory = opendir(path) else {
      let code = Errno.current
      if code == .noSuchEntry { return [] }
      throw LinuxError("list \(path)", code)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  static func remove(_ path: String) throws(LinuxError) {
    if unlink(path) == 0 { return }
    let code = Errno.current
    if code != .noSuchEntry { throw LinuxError("remove \(path)", code) }
  }

  static func path(of instance: String) throws(LinuxError) -> String {
    let isLegal = !instance.isEmpty && instance.utf8.count <= 64 && instance.unicodeScalars.allSatisfy(isLegalInName)
    if !isLegal { throw LinuxError("use the instance name \"\(instance)\"", .invalid, advice: "take letters, digits, - and _, at most 64") }
    return "\(mountPoint)/skein/\(instance)"
  }

  static func mount() throws(LinuxError) {
    if try check(skein_is_bpf_mount(mountPoint), "look at \(mountPoint)") == 1 { return }
    try check(skein_mount_bpf(mountPoint), "mount the BPF file system at \(mountPoint)", advice: "mount -t bpf bpf \(mountPoint)")
  }

  private static func makeDirectory(_ path: String) throws(LinuxError) {
    if mkdir(path, 0o700) == 0 { return }
    let code = Errno.current
    if code != .exists { throw LinuxError("make \(path)", code) }
  }

  /// The BPF file system keeps names with dots for itself.
  private static func isLegalInName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
    default: false
    }
  }
}
