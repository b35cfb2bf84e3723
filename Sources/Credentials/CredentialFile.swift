import Glibc

/// Files of this module: read with a limit, written whole or not at all.
enum CredentialFile {
  /// The longest file that is read: a personality of the longest kind, with its signature.
  static let byteLimit = 2_097_152

  /// The file's octets. One that holds a private key must be its owner's alone.
  static func read(_ path: String, isSecret: Bool) throws(CredentialError) -> [UInt8] {
    // A daemon reads some of them again while it holds a lease: it does not wait for whoever is at the other end of a pipe.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .init(.unreadable, "\(path) is no file", remedy: "name a file") }
    let octets = try Self.octets(of: descriptor, path: path)
    guard !isSecret || status.st_mode & 0o077 == 0 || !String(decoding: octets, as: UTF8.self).contains("PRIVATE KEY") else {
      throw .init(.unsafePermissions, "\(path) holds a private key and others may read it", remedy: "chmod 600 \(path)")
    }
    return octets
  }

  /// The file's text.
  static func readText(_ path: String, isSecret: Bool) throws(CredentialError) -> String {
    guard let text = String(validating: try read(path, isSecret: isSecret), as: UTF8.self) else {
      throw .init(.malformed, "\(path) is not text", remedy: "name a PEM file")
    }
    return text
  }

  /// Writes beside the path, then moves it there: a reader sees the old file or the new one.
  static func write(_ octets: [UInt8], to path: String, isSecret: Bool, replacing: Bool) throws(CredentialError) {
    if !replacing { try refuseExisting(path) }
    let draft = path + ".new"
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, isSecret ? 0o600 : 0o644)
    guard descriptor >= 0 else { throw unwritable(path, errno) }
    var failure = writeAll(octets, to: descriptor)
    if failure == nil, fsync(descriptor) != 0 { failure = errno }
    close(descriptor)
    // A link, unlike a rename, does not replace what somebody put there meanwhile.
    if failure == nil, (replacing ? rename(draft, path) : link(draft, path)) != 0 { failure = errno }
    unlink(draft)
    if let failure { throw unwritable(path, failure) }
  }

  /// Makes the directory if it is not there, and those that it is in: for nobody but their owner, since secrets will lie there.
  static func makeDirectory(_ path: String) throws(CredentialError) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let parent = directory(of: path) else { throw unwritable(path, errno) }
    try makeDirectory(parent)
    guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
    throw unwritable(path, errno)
  }

  /// The directory that a path's last name is in; nil for the root and for a name alone.
  static func directory(of path: String) -> String? {
    let names = path.split(separator: "/")
    guard names.count > 1 else { return nil }
    return (path.hasPrefix("/") ? "/" : "") + names.dropLast().joined(separator: "/")
  }

  /// Throws if there is anything of this name.
  static func refuseExisting(_ path: String) throws(CredentialError) {
    guard access(path, F_OK) == 0 else { return }
    throw .init(.alreadyExists, "\(path) exists", remedy: "remove it, or name another place")
  }

  /// The names in a directory, sorted, without hidden ones.
  static func names(in path: String) throws(CredentialError) -> [String] {
    guard let directory = opendir(path) else { throw unreadable(path, errno) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  private static func octets(of descriptor: Int32, path: String) throws(CredentialError) -> [UInt8] {
    var octets: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while octets.count <= byteLimit {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path, errno) }
      guard count > 0 else { return octets }
      octets.append(contentsOf: buffer.prefix(count))
    }
    throw .init(.malformed, "\(path) is longer than \(byteLimit) octets", remedy: "name the right file")
  }

  /// The error number, or nil when all is written.
  private static func writeAll(_ octets: [UInt8], to descriptor: Int32) -> Int32? {
    var rest = octets[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return errno }
      rest = rest.dropFirst(count)
    }
    return nil
  }

  private static func unreadable(_ path: String, _ error: Int32) -> CredentialError {
    .init(.unreadable, "cannot read \(path)", remedy: String(cString: strerror(error)))
  }

  private static func unwritable(_ path: String, _ error: Int32) -> CredentialError {
    guard error == ENOENT, let directory = directory(of: path) else {
      return .init(.unwritable, "cannot write \(path)", remedy: String(cString: strerror(error)))
    }
    return .init(.unwritable, "cannot write \(path): its directory is not there", remedy: "mkdir -p -m 700 \(directory)")
  }
}
