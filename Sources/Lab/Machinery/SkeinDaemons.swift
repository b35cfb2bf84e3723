import Foundation

/// Machines of a lab that run Skein, one daemon each, started and spoken to as an operator would: files, commands, signals.
class SkeinDaemons {
  let bed: TestBed
  /// The program under test: the running one.
  let program: String
  private var daemons: [Int: ChildProcess] = [:]

  init(_ bed: TestBed) throws {
    self.bed = bed
    program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  }

  /// A machine's file; `ending` says which.
  func file(_ machine: Int, _ ending: String) -> String { "\(bed.layout.directory)/\(bed.layout.port(of: machine)).\(ending)" }

  /// The API's socket of a machine.
  func api(_ machine: Int) -> String { file(machine, "sock") }

  /// Writes a machine's skein.yaml.
  func configure(_ machine: Int, _ text: String) throws {
    try text.write(toFile: file(machine, "yaml"), atomically: false, encoding: .utf8)
  }

  /// - Parameter other: another program than the one under test.
  func startDaemon(_ machine: Int, _ other: String? = nil) throws {
    let daemon = try bed.start(
      "skein-\(bed.layout.port(of: machine))", [other ?? program, "run", "--config", file(machine, "yaml")],
      in: bed.layout.namespace(of: machine))
    daemons[machine] = daemon
    // As the service's unit has it: also on a busy machine the next daemon must be there before the last one's lease has run out.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(daemon.processIdentifier), -20)
  }

  func daemon(_ machine: Int) throws -> ChildProcess {
    guard let daemon = daemons[machine] else { throw LabError.badOption("there is no \(bed.layout.word) \(machine)") }
    return daemon
  }

  func isRunning(_ machine: Int) -> Bool { (try? daemon(machine).endedWith) == .some(nil) }
  func processes(of machine: Int) throws -> [ChildProcess] { [try daemon(machine)] }
  func startProcesses(of machine: Int) throws { try startDaemon(machine) }

  /// Runs a command of the operator's against a machine's daemon. One that hangs must not hang the lab.
  @discardableResult
  func tell(_ machine: Int, _ words: String...) throws -> String {
    try bed.launcher.run(["timeout", "300", program] + words + ["--api", api(machine)])
  }

  /// Asks a machine's daemon for a report.
  func ask<Answer: Decodable>(_ machine: Int, _ words: String...) throws -> Answer {
    try JSONDecoder().decode(Answer.self, from: Data(screen(machine, words + ["--json"]).utf8))
  }

  private func screen(_ machine: Int, _ words: [String]) throws -> String {
    try bed.launcher.ask([program] + words + ["--api", api(machine)])
  }

  /// What a person needs to see when they do not come together: what each of them shows on these screens, and the end of its log.
  func explain(_ machines: [Int], _ screens: [String]...) -> String {
    machines.map { machine in
      let views = screens.map { words in
        do { return try screen(machine, words).trimmingCharacters(in: .newlines) } catch { return "does not answer: \(error)" }
      }
      return "\(bed.layout.word) \(machine): \(views.joined(separator: "\n"))\n\(indented(daemons[machine]?.logTail(lines: 8) ?? ""))"
    }.joined(separator: "\n")
  }
}

/// One of `skein counters --json`.
struct Counter: Codable, Equatable, Sendable {
  var group: String
  var name: String
  var value: UInt64
}

extension [Counter] {
  /// One counter's value; 0 when there is none of this name.
  func value(_ group: String, _ name: String) -> Int { Int(clamping: first { $0.group == group && $0.name == name }?.value ?? 0) }

  /// By their groups and names.
  var table: [String: Int] { Dictionary(map { ("\($0.group).\($0.name)", Int(clamping: $0.value)) }, uniquingKeysWith: +) }
}

/// What a daemon says of itself, by the commands that an operator has.
extension SkeinDaemons {
  struct Event: Codable {
    var number: UInt64
    /// Seconds since 1970.
    var time: Double
    var kind: String
    var text: String
  }

  private struct Members: Decodable {
    struct Member: Decodable { var member: Int }
    var members: [Member]
  }
  private struct Events: Decodable { var events: [Event] }
  private struct Units: Decodable { var owners: [Int] }
  private struct Epoch: Decodable { var keyEpoch: UInt32 }
  private struct Counters: Decodable { var counters: [Counter] }

  /// `skein members --json`: their numbers.
  func memberNumbers(_ machine: Int) throws -> [Int] { (try ask(machine, "members") as Members).members.map(\.member).sorted() }

  /// `skein events --json`.
  func events(_ machine: Int) throws -> [Event] { (try ask(machine, "events") as Events).events }

  /// `skein units --json`: the owner of each.
  func owners(_ machine: Int) throws -> [Int] { (try ask(machine, "units") as Units).owners }

  /// `skein counters --json`.
  func counters(_ machine: Int) throws -> [Counter] { (try ask(machine, "counters") as Counters).counters }

  /// The sum of a counter over these machines.
  func sum(_ group: String, _ name: String, of machines: some Sequence<Int>) throws -> Int {
    try machines.reduce(0) { $0 + (try counters($1)).value(group, name) }
  }

  /// The group key that it seals under.
  func keyEpoch(_ machine: Int) throws -> UInt32 { (try ask(machine, "status") as Epoch).keyEpoch }
}
