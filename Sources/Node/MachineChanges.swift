import Foundation
import Linux
import Wire

/// What a daemon changes of its machine: kernel variables, addresses, filters. It knows what was there before, and puts that back at the stop;
/// and it knows what it wants, and puts that right when somebody else has changed it.
///
/// What was there before is written to the runtime directory before each change, so that it outlives a daemon that dies: the next one's orderly
/// stop puts back what was there before the first start. After a reboot the directory is empty, and so are the kernel's changes.
struct MachineChanges {
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

  /// One thing that the daemon wants of its machine.
  enum Setting: Hashable {
    /// The loopback is switched on: an address on it is of no use otherwise.
    case loopback
    /// A kernel variable; `atLeast` takes larger numbers too.
    case variable(String, String, atLeast: Bool)
    /// An address on the loopback.
    case address(InternetAddress)
    /// The interface accepts frames to this MAC address.
    case filter(EthernetAddress)

    /// Its name, for people.
    var name: String {
      switch self {
      case .loopback: "lo"
      case .variable(let path, _, _): path
      case .address(let address): "\(address)"
      case .filter(let address): "\(address)"
      }
    }

    /// The reason of its events.
    var reason: String {
      switch self {
      case .loopback: "loopback"
      case .variable: "variable"
      case .address: "address"
      case .filter: "filter"
      }
    }
  }

  /// How often a setting was not as the daemon wants it, and what of it has been said.
  struct Disturbance {
    var count: UInt64 = 0
    var lastAt = Instant.zero
    /// When an event has told of it last.
    var toldAt: Instant?
    /// Why it cannot be put right; nil when it is right.
    var problem: String?
  }

  /// The interface whose filter and variables these are.
  private let interface: NetworkInterface
  private let loopback: NetworkInterface
  private let routes: RouteSocket
  private let file: String
  /// In the order in which they were set.
  private var wanted: [Setting] = []
  private var disturbances: [Setting: Disturbance] = [:]
  /// How often something was not as it should be.
  private(set) var disturbanceCount: UInt64 = 0
  /// What this daemon has set itself: its own values are not the original ones.
  private var written: Set<String> = []
  private(set) var record: Record
  /// What did not go as it should, for the log.
  private(set) var problems: [String] = []

  /// Takes over what an earlier daemon of this name has left behind.
  init(named name: String, on interface: NetworkInterface, directory: String = Self.directory) throws(LinuxError) {
    self.interface = interface
    routes = try RouteSocket()
    loopback = try routes.interface(named: "lo")
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

  // MARK: Setting

  /// Switches the loopback on. It stays so.
  mutating func switchLoopbackOn() throws(LinuxError) { try want(.loopback) }

  /// Sets a kernel variable, to a number at least where a larger one does as well. A value that stands already is left alone: it is somebody
  /// else's, or an earlier daemon's and recorded.
  mutating func set(_ path: String, to value: String, atLeast: Bool = false) throws(LinuxError) {
    for case .variable(path, let other, let otherAtLeast) in wanted { forget(.variable(path, other, atLeast: otherAtLeast)) }
    try want(.variable(path, value, atLeast: atLeast))
  }

  /// Adds an address to the loopback, unless it is there already.
  mutating func add(_ address: InternetAddress) throws(LinuxError) { try want(.address(address)) }

  /// Removes an address that a daemon has added.
  mutating func remove(_ address: InternetAddress) throws(LinuxError) {
    forget(.address(address))
    guard record.addresses.contains("\(address)") else { return }
    try routes.removeAddress(address, from: loopback.index)
    record.addresses.removeAll { $0 == "\(address)" }
    save()
  }

  /// Has the interface accept frames to these MAC addresses beside its own, and no longer to others of an earlier call.
  mutating func accept(_ addresses: Set<EthernetAddress>) throws(LinuxError) {
    for address in addresses where !wanted.contains(.filter(address)) { try want(.filter(address)) }
    for case .filter(let address) in wanted where !addresses.contains(address) {
      forget(.filter(address))
      try routes.removeFilterAddress(address, interface: interface.index)
    }
  }

  private mutating func want(_ setting: Setting) throws(LinuxError) {
    _ = try establish(setting)
    if !wanted.contains(setting) { wanted.append(setting) }
  }

  private mutating func forget(_ setting: Setting) {
    wanted.removeAll { $0 == setting }
    disturbances[setting] = nil
  }

  /// Sees to it that the machine is as it should be.
  /// - Returns: how it was before; nil when there was nothing to do.
  private mutating func establish(_ setting: Setting) throws(LinuxError) -> String? {
    switch setting {
    case .loopback:
      if try routes.interface(index: loopback.index).isUp { return nil }
      try routes.setUp(true, interface: loopback.index)
      return "off"
    case .variable(let path, let value, let atLeast):
      let old = try Sysctl.read(path)
      if old == value { return nil }
      if atLeast, let old = Int(old), let value = Int(value), old >= value { return nil }
      if written.insert(path).inserted {
        record.variables.removeAll { $0.path == path }
        record.variables.append(.init(path: path, value: old))
        save()
      }
      try Sysctl.write(path, value)
      return old
    case .address(let address):
      let present = try routes.addresses(of: loopback.index)
      if present.contains(where: { $0.address == address }) { return nil }
      if !record.addresses.contains("\(address)") {
        record.addresses.append("\(address)")
        save()
      }
      try routes.addAddress(address, to: loopback.index)
      return "missing"
    case .filter(let address): return try hear(address) ? "missing" : nil
    }
  }

  /// - Returns: whether the interface did not accept it before.
  private func hear(_ address: EthernetAddress) throws(LinuxError) -> Bool {
    do throws(LinuxError) { return try routes.addFilterAddress(address, interface: interface.index) } catch {
      guard error.code == .notSupported else { throw error }
      throw LinuxError(
        "have \(interface.name) accept frames to \(address), beside its own MAC address", error.code,
        advice: "a macvlan accepts no other, unless its mode is passthru: name the interface below it, or use a veth in a bridge")
    }
  }

  /// Tries whether the interface can accept frames to MAC addresses beside its own.
  func tryToHear(_ address: EthernetAddress) throws(LinuxError) {
    if try hear(address) { try routes.removeFilterAddress(address, interface: interface.index) }
  }

  // MARK: Putting right

  /// For so long a setting that was put right is a warning, and no further event tells of it.
  static let reminder = Interval.seconds(60)

  /// Looks at all that was set, and sets anew what somebody else has changed.
  /// - Returns: what was put right, and what could not be; of each once in a while.
  mutating func putRight(at now: Instant) -> [Event] {
    var events: [Event] = []
    for setting in wanted {
      do throws(LinuxError) {
        guard let found = try establish(setting) else {
          disturbances[setting]?.problem = nil
          continue
        }
        if note(setting, at: now, problem: nil) {
          events.append(Event(.machinePutRight, setting.reason, .init { ($0.setting, $0.explanation) = (setting.name, found) }))
        }
      } catch {
        // Its interface is gone, which is another matter.
        if error.code == .noSuchEntry || error.code == .noSuchDevice { continue }
        if note(setting, at: now, problem: "\(error)") {
          events.append(Event(.machineNotPutRight, nil, .init { ($0.setting, $0.explanation) = (setting.name, "\(error)") }))
        }
      }
    }
    return events
  }

  /// Notes that a setting was not as it should be.
  /// - Returns: whether an event is due that says so.
  private mutating func note(_ setting: Setting, at now: Instant, problem: String?) -> Bool {
    var disturbance = disturbances[setting] ?? Disturbance()
    disturbance.count += 1
    disturbanceCount += 1
    disturbance.lastAt = now
    disturbance.problem = problem
    let isDue = disturbance.toldAt.map { now >= $0 + Self.reminder } ?? true
    if isDue { disturbance.toldAt = now }
    disturbances[setting] = disturbance
    return isDue
  }

  /// What an operator should know now.
  func warnings(at now: Instant) -> [String] {
    disturbances.sorted { $0.key.name < $1.key.name }.compactMap { setting, disturbance in
      if let problem = disturbance.problem { return "\(setting.name) is not as this daemon needs it, and cannot be put right: \(problem)" }
      guard now < disturbance.lastAt + Self.reminder else { return nil }
      let times = disturbance.count == 1 ? "once" : "\(disturbance.count) times"
      return "\(setting.name): somebody else has changed it \(times), and it was put right: `skein events` says more"
    }
  }

  /// As `skein counters` shows it.
  static func counterReport(_ count: UInt64) -> CounterReport {
    CounterReport(
      group: "machine", name: "disturbed",
      meaning: "times that an address, a kernel variable or a filter of the daemon was found changed by somebody else", value: count)
  }

  // MARK: Putting back

  /// Puts everything back, the last first; what could not be is returned, and recorded still.
  mutating func restore() -> [LinuxError] {
    var left = Record(place: record.place)
    var errors: [LinuxError] = []
    for case .filter(let address) in wanted {
      do throws(LinuxError) { try routes.removeFilterAddress(address, interface: interface.index) } catch {
        // A filter goes with its interface.
        if error.code != .noSuchDevice { errors.append(error) }
      }
    }
    (wanted, disturbances) = ([], [:])
    for text in record.addresses.reversed() {
      guard let address = InternetAddress(text: text) else { continue }
      do throws(LinuxError) { try routes.removeAddress(address, from: loopback.index) } catch {
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
    if left == Record(place: record.place) { unlink(file) } else { save() }
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
