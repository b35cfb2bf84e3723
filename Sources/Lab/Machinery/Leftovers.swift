import Foundation

/// Removes what runs of the lab have left or would leave: processes, namespaces (and with them every wire), files.
struct Leftovers {
  let console: Console

  /// The runs that are on this machine, by the process that each belongs to.
  var runs: [pid_t] {
    let directories = (try? FileManager.default.contentsOfDirectory(atPath: Plan.parentDirectory)) ?? []
    let names = Namespace.all(prefix: Plan.prefix).map(\.name) + directories.map { $0 + "-" }
    return Set(names.compactMap(Plan.owner(ofNamespace:))).sorted()
  }

  /// Removes the runs whose process is gone, for instance after a SIGKILL.
  /// - Returns: how many there were.
  @discardableResult
  func removeOrphans() -> Int {
    let orphans = runs.filter { !Self.isLab($0) }
    for orphan in orphans { remove(run: "\(Plan.prefix)\(orphan)") }
    return orphans.count
  }

  /// Asks the labs that `skein lab up` keeps to end, and waits until they have removed themselves. A measurement is left to finish.
  /// - Returns: how many there were.
  func endPlaygrounds(withinSeconds seconds: Double) throws -> Int {
    let playgrounds = runs.filter { $0 != getpid() && Self.words($0).starts(with: ["lab", "up"]) }
    for playground in playgrounds { kill(playground, SIGTERM) }
    try wait(for: "running labs to take themselves down", seconds: seconds) { !runs.contains(where: playgrounds.contains) }
    return playgrounds.count
  }

  /// Whether the process is a lab, and not some other to which the number has passed.
  private static func isLab(_ process: pid_t) -> Bool { process == getpid() || words(process).first == "lab" }

  /// The words behind the program's name on its command line.
  private static func words(_ process: pid_t) -> [String] {
    let line = (try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)) ?? ""
    return line.split(separator: "\0").dropFirst().map(String.init)
  }

  /// Never throws and never looks at interruptions: this is what runs when all else has failed.
  func remove(run: String) {
    let namespaces = Namespace.all(prefix: "\(run)-")
    for namespace in namespaces {
      for process in namespace.processes { kill(process, SIGKILL) }
    }
    // A gateway's pins are named after its interface, which has the run's process in its name.
    Self.removePins { $0.hasPrefix("\(run)-") || $0.hasPrefix("gateway-") && $0.contains("-\(run.dropFirst(Plan.prefix.count))-") }
    let directory = "\(Plan.parentDirectory)/\(run)"
    if !namespaces.isEmpty {
      do {
        let lines = namespaces.map { "netns delete \($0.name)\n" }.joined()
        try Launcher(console: console).run(["ip", "-force", "-batch", "-"], input: lines)
      } catch {
        console.say("could not remove everything: \(error)")
      }
    }
    try? FileManager.default.removeItem(atPath: directory)
    // Goes with the last run; fails harmlessly while there are others.
    rmdir(Plan.parentDirectory)
  }

  /// Removes what daemons have pinned in the kernel; `isMeant` is asked for each daemon's directory.
  static func removePins(_ isMeant: (String) -> Bool) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: pinParent)) ?? []
    for name in names where isMeant(name) { try? FileManager.default.removeItem(atPath: "\(pinParent)/\(name)") }
  }

  /// Whether a daemon of this instance has pinned its packet path.
  static func hasPins(_ instance: String) -> Bool { FileManager.default.fileExists(atPath: "\(pinParent)/\(instance)") }

  private static let pinParent = "/sys/fs/bpf/skein"
}
