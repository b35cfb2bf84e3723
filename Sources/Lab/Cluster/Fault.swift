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
}

extension Failure: FailureKind {
  var sentence: String {
    switch self {
    case .kill: "the machine dies (SIGKILL and link down)"
    case .stop: "its daemon hangs (SIGSTOP), its kernel lives"
    case .daemon: "its daemon is killed (SIGKILL), its kernel lives"
    case .link: "its link goes down"
    case .partition: "its link stays up but carries nothing"
    }
  }

  var cut: Cut? {
    switch self {
    case .kill: .everywhere
    case .link: .carrier
    case .partition: .silently
    case .stop, .daemon: nil
    }
  }

  var signal: Int32? {
    switch self {
    case .kill, .daemon: SIGKILL
    case .stop: SIGSTOP
    case .link, .partition: nil
    }
  }
}

/// Whom it hits.
public enum Victim: String, CaseIterable, Codable, Sendable {
  case member
  case master

  var words: String { self == .master ? "the master" : "a member" }
}
