import Foundation

/// `skein lab up`: a cluster to play with, until Ctrl-C.
public struct UpCommand: LabCommand {
  var options: LabOptions

  /// The console narrates: what to try goes to standard output unless it is quiet.
  public init(options: LabOptions) {
    self.options = options
    self.options.console.narrates = true
  }

  /// Builds the cluster, says what to try, and returns when SIGINT, SIGTERM or SIGHUP has ended it and all is removed.
  public func run() throws -> UpReport {
    let startedAt = BootClock.nanoseconds
    do {
      let _: Never = try options.withCluster { cluster in
        options.console.say(try Self.instructions(cluster))
        while true { try pause(milliseconds: 1000) }
      }
    } catch LabError.interrupted {
      return UpReport(seconds: BootClock.seconds(since: startedAt))
    }
  }

  private static func instructions(_ cluster: SkeinCluster) throws -> String {
    let (plan, master) = (cluster.topology.plan, try cluster.master())
    let member = cluster.members.last { $0 != master } ?? master
    let skein = Launcher.quoted(cluster.program)
    let (client, far) = (inside(plan.clientNamespace(.near)), inside(plan.clientNamespace(.far)))
    let lines = [
      ("ask once", "\(client) curl \(WebServer.url(.four))"),
      ("ask often", "\(client) sh -c 'for i in $(seq 300); do curl -s \(WebServer.url(.four)); done' | sort | uniq -c"),
      ("ask from afar", "\(far) curl \(WebServer.url(.four))"),
      ("who is who", "\(skein) status --api \(cluster.api(master))"),
      ("whose is what", "\(skein) units --api \(cluster.api(member))"),
      ("what happens", "\(skein) events --follow --api \(cluster.api(member))"),
      ("hand over, take back", "\(skein) drain --api \(cluster.api(member)); \(skein) undrain --api \(cluster.api(member))"),
      ("will it hurt", "\(inside(plan.namespace(of: member))) \(skein) doctor --config \(cluster.file(member, "yaml"))"),
      ("kill its daemon", "kill -9 \(try cluster.daemon(member).processIdentifier)"),
      ("start it again", "\(inside(plan.namespace(of: member))) \(skein) run --config \(cluster.file(member, "yaml"))"),
      ("cut its wire", "ip -n \(plan.switchNamespace.name) link set \(plan.port(of: member)) down"),
      ("mend it", "ip -n \(plan.switchNamespace.name) link set \(plan.port(of: member)) up"),
      ("what they say", "tail -f \(plan.directory)/skein-m*.log"),
    ]
    return """

      It runs. In another terminal, as root; where it says “its”, it is member \(member)'s:

      \(lines.map { "  \($0.padding(22))\($1)" }.joined(separator: "\n"))

      Every other command takes --api too, or `export SKEIN_API=\(cluster.api(member))` once.
      Ctrl-C removes everything.
      """
  }

  /// Not `ip netns exec`, which hides the file system that packet paths are pinned in.
  private static func inside(_ namespace: Namespace) -> String { "nsenter --net=/run/netns/\(namespace.name)" }
}

/// How long `skein lab up` was up.
public struct UpReport: LabReport, Equatable {
  var seconds: Double
  /// True: nothing is checked.
  public var succeeded: Bool { true }

  /// Writes how long the lab was up.
  public var lines: [String] {
    "\nThe lab was up for \(seconds.formatted(digits: 0)) s. Everything is removed."
  }
}

/// `skein lab down`: removes what interrupted labs have left behind, and ends those that `skein lab up` keeps.
public struct DownCommand: LabCommand {
  var console: Console

  /// The console is told what could not be removed and, when verbose, every command.
  public init(console: Console = Console()) { self.console = console }

  /// Removes the runs whose process is gone, and waits up to 20 s for the labs of `skein lab up`. `LabError.notRoot` for anybody but
  /// root; `LabError.timedOut` if one does not end.
  public func run() throws -> DownReport {
    guard geteuid() == 0 else { throw LabError.notRoot }
    Interruption.catchSignals()
    addSystemToolsToPath()
    let leftovers = Leftovers(console: console)
    let removed = leftovers.removeOrphans()
    return DownReport(removed: removed, ended: try leftovers.endPlaygrounds(withinSeconds: 20))
  }
}

/// What `skein lab down` did.
public struct DownReport: LabReport, Equatable {
  /// Leftovers of labs whose process was gone.
  var removed: Int
  /// Labs that `skein lab up` kept and that were asked to end.
  var ended: Int
  /// True: nothing is checked; what could not be removed has been told on the console.
  public var succeeded: Bool { true }

  /// Writes how many labs were removed, or that there was none.
  public var lines: [String] {
    removed + ended == 0 ? "There was no lab." : "Removed: \(removed) left over, \(ended) that ran."
  }
}
