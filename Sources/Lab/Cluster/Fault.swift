import Foundation

/// How a member fails.
public enum Failure: String, CaseIterable, Codable, Sendable {
  /// The machine dies: its processes are gone and its link is down, at the same moment.
  case kill
  /// The daemon hangs (SIGSTOP); the machine, its kernel and its applications go on.
  case stop
  /// The daemon is gone (SIGKILL); the machine, its kernel and its applications go on.
  case daemon
  /// The wire loses its carrier.
  case link
  /// The wire keeps its carrier, but no frame gets through either way.
  case partition

  /// For people: what happens to the member.
  var sentence: String {
    switch self {
    case .kill: "the machine dies (SIGKILL and link down)"
    case .stop: "its daemon hangs (SIGSTOP), its kernel lives"
    case .daemon: "its daemon is killed (SIGKILL), its kernel lives"
    case .link: "its link goes down"
    case .partition: "its link stays up but carries nothing"
    }
  }

  /// Whether the machine is off the network.
  var cutsWire: Bool {
    switch self {
    case .kill, .link, .partition: true
    case .stop, .daemon: false
    }
  }

  /// Whether the daemon has to be started again afterwards.
  var endsDaemon: Bool {
    switch self {
    case .kill, .daemon: true
    case .stop, .link, .partition: false
    }
  }
}

/// Whom it hits.
public enum Victim: String, CaseIterable, Codable, Sendable {
  case member
  case master

  var words: String { self == .master ? "the master" : "a member" }
}

extension Topology {
  /// Lets a member fail.
  func inflict(_ failure: Failure, on member: Int, daemon: ChildProcess) throws {
    switch failure {
    case .kill:
      try setCarrier(ofMember: member, up: false)
      daemon.signal(SIGKILL)
    case .stop: daemon.signal(SIGSTOP)
    case .daemon: daemon.signal(SIGKILL)
    case .link: try setCarrier(ofMember: member, up: false)
    case .partition: try setReachable(member: member, false)
    }
  }

  /// Repairs what `inflict` broke, but for a daemon that is gone.
  func repair(_ failure: Failure, on member: Int, daemon: ChildProcess) throws {
    switch failure {
    case .kill, .link: try setCarrier(ofMember: member, up: true)
    case .stop: daemon.signal(SIGCONT)
    case .daemon: break
    case .partition: try setReachable(member: member, true)
    }
  }
}

/// Several machines that answer as one, whatever makes them: what a failover is measured on.
protocol ClusterUnderTest {
  var topology: Topology { get }
  /// The member to hit; `owners` says who answered on each flow just now.
  func victim(_ wish: Victim, owners: [Int]) throws -> Int
  /// Lets the member fail.
  func fail(_ member: Int, by failure: Failure) throws
  /// How many live machines hold the shared address at the moment, where one alone is meant to; nil where all of them are.
  func addressHolders(dead: Set<Int>) throws -> Int?
  /// What the member's packet path has counted so far, read without its daemon; nil where it has none that could be read so.
  func readPath(_ member: Int) throws -> PathReading?
  /// How often the member's lease has run out since it started; 0 where there are no leases.
  func leasesLapsed(_ member: Int) throws -> Int
  /// Whether everybody's packets go by the one who is to fail, so that everybody must wait for the next.
  func everybodyWaits(for victim: Victim) -> Bool
  /// The books of what may take a probe, opened now; nil where none are kept.
  func lossBooks() -> LossBooks?
  /// Repairs the member and begins its way back.
  func heal(_ member: Int, after failure: Failure) throws
  /// Waits until everybody has their part again.
  func waitUntilSettled() throws
}
