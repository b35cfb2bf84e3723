import Host
import Wire

/// The `gateway` section: this machine's part in a virtual gateway (WO 2005/018176).
public struct GatewaySection: Hashable, Sendable {
  /// The group's number, 0 to 1023: part of its virtual MAC addresses.
  public var group: UInt16
  /// The interface towards the hosts. Inside a cluster it is the cluster's, and the default; alone there is none.
  public var interface: String
  /// The virtual addresses: the hosts' default gateway, IPv4 or an IPv6 link-local one, at most one of each.
  public var addresses: [InternetAddress]
  /// This machine's own address in the hosts' network; the interface's first one when not set.
  public var ownAddress: InternetAddress?
  /// How many virtual MAC addresses this machine wants to be home to, 1 to 32.
  public var forwarderCount: Int
  /// This machine's rank in the election of the active virtual gateway, 1 to 255; 100 when not set. It decides nothing inside a cluster.
  public var priority: UInt8
  /// How long a machine of higher priority waits before it takes the election over; nil for never.
  public var preemption: Interval?
  /// How long a virtual MAC address stays away after its home has come back; nil for ever.
  public var forwarderPreemption: Interval?
  /// How often this machine speaks, and how long silence is borne; `Timers.skein` when not set.
  public var timers: Timers
  /// How the active virtual gateway chooses what it answers; `leastTraffic` when not set.
  public var answers: Answers
  /// How traffic is brought to its target, and how eagerly.
  public var steering: Steering
  /// How strong this machine is, and when it is too weak to forward.
  public var weight: Weight
  /// What the weight depends on beside its maximum, at most 16 objects; none when not set.
  public var tracked: [TrackedObject]
  /// How messages prove that they are the group's; `none` when not set, and always inside a cluster, where every message is sealed.
  public var authentication: Authentication
  /// Who routes what is sent to this machine's virtual MAC addresses; `automatic` when not set.
  public var routing: Routing
  /// Where traffic is reported to; nil for nowhere.
  public var export: Export?
  /// What may wait for a virtual MAC address that is on its way here: always 4,096 packets, 8 MiB, 1 s.
  /// Inside a cluster the cluster's `hold` counts.
  public var hold: HoldLimits

  /// When somebody is silent (GLBP; two profiles by name, and each by itself).
  public struct Timers: Hashable, Sendable {
    /// How often this machine says hello, 20 ms to 60 s.
    public var hello: Interval
    /// How long it may be silent before the others take it for dead, 40 ms to 180 s and at least two hellos.
    /// Where the hello alone is set, 3.25 times that, at most 180 s.
    public var hold: Interval
    /// How long hosts are still answered with a virtual MAC address whose home is gone, 1 s to 65,535 s.
    public var redirect: Interval
    /// How long such a virtual MAC address is still served, 1 s to 65,535 s; not shorter than `redirect`.
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
    /// The answers to hosts, moves, or both; `hybrid` when not set.
    public var method: Method
    /// This machine's share of the traffic, relative to the others'.
    public var share: Int
    /// Points of the group's traffic within which nothing is done.
    public var deadBand: Double
    /// The least time from one round of moves, a takeover or a registration to the next round, 0 to 24 h; 60 s when not set.
    public var minimumBetweenMoves: Interval
    /// The window of the smoothed rates.
    public var window: Interval
    /// `answers` moves nothing; `moves` moves whenever a gateway is outside the dead band; `hybrid` when two are over 20 points apart.
    /// Hosts are answered in the same way in all three.
    public enum Method: String, CaseIterable, Hashable, Sendable, Codable { case answers, moves, hybrid }
  }

  /// GLBP's weighting: below `lower` this machine forwards nothing, from `upper` on again.
  public struct Weight: Hashable, Sendable {
    /// The weight while nothing that is tracked is down, 1 to 254; 100 when not set. A reload may change it.
    public var maximum: Int
    /// Below it the virtual MAC addresses are given away, 0 to 254; 1 when not set.
    public var lower: Int
    /// From it on some are taken again; from `lower` to `maximum`, and the larger of 1 and `lower` when not set.
    public var upper: Int
  }

  /// What is subtracted from the weight while something is down.
  public struct TrackedObject: Hashable, Sendable {
    /// What is looked at, and how.
    public var what: What
    /// How much is taken off the weight while it is down, 1 to 254; 100 when not set.
    public var subtract: Int
    /// The object. Interfaces and routes are looked at once a second; a command is run every 100 ms to 24 h (1 s when not set), has 10 ms to
    /// 10 min (1 s) to end, and changes what is thought of it after 1 to 100 results in a row (`rise` 2, `fall` 3).
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
    /// Where the records are sent by UDP: an address by number, no name, and a port; no default.
    public var collector: Configuration.MetricsAddress
    /// How often traffic is reported, 1 s to 24 h; 60 s when not set.
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
