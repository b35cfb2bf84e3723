import Wire

/// The traffic of one virtual MAC.
public struct TrafficRate: Hashable, Sendable {
  /// Packets per second.
  public var packets = 0.0
  /// Octets per second.
  public var octets = 0.0

  /// No traffic.
  public init() {}
}

/// Smoothed rates of each forwarder from cumulative counts (WO 2005/018176, "the rate of traffic on a per destination MAC address basis").
public struct RateMeter: Sendable {
  /// The smoothing time: after it, two thirds of a change show.
  public var window: Interval

  /// Nothing counted yet.
  public init(window: Interval = .seconds(10)) { self.window = window }

  /// Takes in the counts of a forwarder up to now. Counts below the last ones are of a counter that began anew.
  public mutating func measure(_ forwarder: UInt8, packets: UInt64, octets: UInt64, at now: Instant) {}

  /// The forwarder's rate.
  public func rate(of forwarder: UInt8) -> TrafficRate { TrafficRate() }

  /// The forwarder is counted elsewhere now, or by nobody.
  public mutating func forget(_ forwarder: UInt8) {}
}
