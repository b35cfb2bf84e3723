import Host
import Wire

/// The `gateway` section: this machine's part in a virtual gateway (WO 2005/018176).
public struct GatewaySection: Hashable, Sendable {
  /// The group's number, 0 to 1023: part of its virtual MAC addresses.
  public var group: UInt16
  public var interface: String
  /// The virtual addresses: the hosts' default gateway, IPv4 or an IPv6 link-local one, at most one of each.
  public var addresses: [InternetAddress]
  /// This machine's own address in the hosts' network; the interface's first one when not set.
  public var ownAddress: InternetAddress?
  /// How many virtual MAC addresses this machine wants to be home to, 1 to 32.
  public var forwarderCount: Int
  public var priority: UInt8
  /// How long a machine of higher priority waits before it takes the election over; nil for never.
  public var preemption: Interval?
  /// How long a virtual MAC address stays away after its home has come back; nil for ever.
  public var forwarderPreemption: Interval?
  public var timers: Timers
  public var answers: Answers
  public var steering: Steering
  public var weight: Weight
  public var tracked: [TrackedObject]
  public var authentication: Authentication
  public var routing: Routing
  public var export: Export?
  public var hold: HoldLimits

  /// When somebody is silent (GLBP; two profiles by name, and each by itself).
  public struct Timers: Hashable, Sendable {
    public var hello: Interval
    public var hold: Interval
    public var redirect: Interval
    public var timeout: Interval

    /// Ours: hello 200 ms, hold 650 ms.
    public static let skein = Timers(
      hello: .milliseconds(200), hold: .milliseconds(650), redirect: .seconds(600), timeout: .seconds(14_400))
    /// Cisco's: hello 3 s, hold 10 s.
    public static let cisco = Timers(hello: .seconds(3), hold: .seconds(10), redirect: .seconds(600), timeout: .seconds(14_400))
    enum Profile: String, CaseIterable { case skein, cisco }
  }

  /// Which virtual MAC address a host is answered with.
  public enum Answers: String, CaseIterable, Hashable, Sendable, Codable {
    case roundRobin = "round-robin"
    case random
    case weighted
    case hostDependent = "host-dependent"
    case leastTraffic = "least-traffic"
  }

  /// How measured traffic is brought to its target.
  public struct Steering: Hashable, Sendable {
    public var method: Method
    /// This machine's share of the traffic, relative to the others'.
    public var share: Int
    /// Points of the group's traffic within which nothing is done.
    public var deadBand: Double
    public var minimumBetweenMoves: Interval
    /// The window of the smoothed rates.
    public var window: Interval
    public enum Method: String, CaseIterable, Hashable, Sendable, Codable { case answers, moves, hybrid }
  }

  /// GLBP's weighting: below `lower` this machine forwards nothing, from `upper` on again.
  public struct Weight: Hashable, Sendable {
    public var maximum: Int
    public var lower: Int
    public var upper: Int
  }

  /// What is subtracted from the weight while something is down.
  public struct TrackedObject: Hashable, Sendable {
    public var what: What
    public var subtract: Int
    public enum What: Hashable, Sendable {
      /// An interface that should be up with a carrier.
      case interface(String)
      /// A destination that should have a route.
      case route(InternetAddress)
      /// A command that should exit with status 0: `fall` failures in a row bring it down, `rise` successes up.
      case command(String, every: Interval, timeout: Interval, rise: Int, fall: Int)
    }
  }

  /// How messages are told from forged ones, outside a cluster.
  public enum Authentication: Hashable, Sendable {
    case none
    /// GLBP's plain text: keeps mistakes apart, not attackers.
    case text(String)
    /// HMAC-SHA-256 under the key in this file.
    case key(file: String)
  }

  /// Who routes what comes to a virtual MAC address of this machine.
  public enum Routing: String, CaseIterable, Hashable, Sendable, Codable {
    /// XDP, unless this machine filters or translates packets, which XDP would go around.
    case automatic = "auto"
    case xdp
    case kernel
  }

  /// An IPFIX collector.
  public struct Export: Hashable, Sendable {
    public var collector: Configuration.MetricsAddress
    public var interval: Interval
  }
}

extension GatewaySection {
  /// What differs and is fixed while the daemon runs: all but `weight.maximum`.
  static func settingsThatNeedRestart(_ new: GatewaySection?, comparedTo old: GatewaySection?) -> [String] {
    guard var new, let old else { return new == old ? [] : ["whether there is a `gateway` section"] }
    new.weight.maximum = old.weight.maximum
    return new == old ? [] : ["what `gateway` has beside `weight.maximum`"]
  }
}
