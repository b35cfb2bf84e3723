import Foundation
import Linux
import Wire

/// What a daemon changes of its machine, kernel variables and addresses, with what was there before. It is written to the runtime directory
/// before each change, so that it outlives a daemon that dies: the next one's orderly stop puts back what was there before the first start.
/// After a reboot the directory is empty, and so are the kernel's changes.
struct OriginalState {
  /// As systemd makes it for the service.
  static let directory = "/run/skein"

  /// What the file has.
  struct Record: Codable, Equatable {
    struct Variable: Codable, Equatable {
      var path: String
      var value: String
    }

    /// Which boot and which network namespace it is about; of others it says nothing.
    var place: String
    /// The values before, in the order of the changes.
    var variables: [Variable] = []
    /// The addresses that were not there.
    var addresses: [String] = []
  }

  private let file: String
  /// What this daemon has set itself: its own values are not the original ones.
  private var written: Set<String> = []
  private(set) var record: Record
  /// What did not go as it should, for the log.
  private(set) var problems: [String] = []

  /// Takes over what an earlier daemon of this name has left behind.
  init(named name: String, directory: String = Self.directory) {
    file = "\(directory)/\(name).before"
    let place = Self.place()
    record = Record(place: place)
    guard access(file, F_OK) == 0 else { return }
    do {
      let left = try JSONDecoder().decode(Record.self, from: Data(contentsOf: URL(filePath: file)))
      if left.place == place {
        record = left
      } else {
        problems.append("\(file) is of another boot or network namespace; it is passed over")
      }
    } catch {
      problems.append("\(file) cannot be understood, so what an earlier daemon has changed stays when this one stops: \(error)")
    }
  }

  /// This boot and the calling thread's network namespace.
  static func place() -> String {
    let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let network = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self/ns/net")) ?? ""
    return "\(boot.trimmingCharacters(in: .whitespacesAndNewlines)) \(network)"
  }

  /// Sets a kernel variable. A value that stands already is left alone: it is somebody else's, or an earlier daemon's and recorded.
  mutating func set(_ path: String, to value: String) throws(LinuxError) {
    let old = try Sysctl.read(path)
    guard old != value else { return }
    if written.insert(path).inserted {
      record.variables.removeAll { $0.path == path }
      record.variables.append(.init(path: path, value: old))
      save()
    }
    try Sysctl.write(path, value)
  }

  /// Adds an address, unless it is there already.
  mutating func add(_ address: InternetAddress, to interface: NetworkInterface, _ routes: RouteSocket) throws(LinuxError) {
    let present = try routes.addresses(of: interface.index)
    guard !present.contains(where: { $0.address == address }) else { return }
    if !record.addresses.contains("\(address)") {
      record.addresses.append("\(address)")
      save()
    }
    try routes.addAddress(address, to: interface.index)
  }

  /// Removes an address that a daemon has added.
  mutating func remove(_ address: InternetAddress, from interface: NetworkInterface, _ routes: RouteSocket) throws(LinuxError) {
    guard record.addresses.contains("\(address)") else { return }
    try routes.removeAddress(address, from: interface.index)
    record.addresses.removeAll { $0 == "\(address)" }
    save()
  }

  /// Puts everything back, the last first; what could not be is returned, and recorded still.
  mutating func restore(_ interface: NetworkInterface, _ routes: RouteSocket) -> [LinuxError] {
    var left = Record(place: record.place)
    var errors: [LinuxError] = []
    for text in record.addresses.reversed() {
      guard let address = InternetAddress(text: text) else { continue }
      do throws(LinuxError) { try routes.removeAddress(address, from: interface.index) } catch {
        errors.append(error)
        left.addresses.insert(text, at: 0)
      }
    }
    for variable in record.variables.reversed() {
      do throws(LinuxError) { try Sysctl.write(variable.path, variable.value) } catch {
        // A variable that is gone, with its interface, needs nothing.
        guard error.code != .noSuchEntry else { continue }
        errors.append(error)
        left.variables.insert(variable, at: 0)
      }
    }
    record = left
    if errors.isEmpty { unlink(file) } else { save() }
    return errors
  }

  /// Whole or not at all.
  private mutating func save() {
    do {
      let directory = URL(filePath: file).deletingLastPathComponent()
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      try JSONEncoder().encode(record).write(to: URL(filePath: file), options: .atomic)
    } catch {
      guard problems.isEmpty else { return }
      problems.append("\(file) cannot be written, so nobody puts back what this daemon changes if it dies: \(error)")
    }
  }
}
