import Wire

/// The traffic of one virtual MAC.
public struct TrafficRate: Hashable, Sendable {
  /// Packets per second.
  public var packets: Double
  /// Octets per second.
  public var octets: Double

  /// So much traffic.
  public init(packets: Double = 0, octets: Double = 0) {
    self.packets = packets
    self.octets = octets
  }
}

/// Smoothed rates of each forwarder from cumulative counts (WO 2005/018176: "the rate of traffic on a per destination MAC address basis").
///
/// Each interval moves the rate by elapsed / (elapsed + window) of the way to what was counted in it: the exponential average, for
/// intervals of any length. The first interval is taken as it is.
public struct RateMeter: Sendable {
  private struct Count {
    var packets: UInt64
    var octets: UInt64
    var at: Instant
    var rate: TrafficRate?
  }

  /// The smoothing time: after it, more than half of a change shows.
  public var window: Interval
  private var counts = [Count?](repeating: nil, count: 256)

  /// Nothing counted yet.
  public init(window: Interval = .seconds(10)) { self.window = window }

  /// Takes in the counts of a forwarder up to now. Counts below the last ones are of a counter that began anew: the rate stays as it is
  /// until the next. So it does if no time has passed.
  public mutating func measure(_ forwarder: UInt8, packets: UInt64, octets: UInt64, at now: Instant) {
    guard let last = counts[Int(forwarder)] else {
      counts[Int(forwarder)] = Count(packets: packets, octets: octets, at: now)
      return
    }
    guard now > last.at else { return }
    var next = Count(packets: packets, octets: octets, at: now, rate: last.rate)
    if packets >= last.packets, octets >= last.octets { next.rate = rate(from: last, to: next) }
    counts[Int(forwarder)] = next
  }

  private func rate(from last: Count, to next: Count) -> TrafficRate {
    let elapsed = Double((next.at - last.at).nanoseconds)
    let seconds = elapsed / 1e9
    let counted = TrafficRate(packets: Double(next.packets - last.packets) / seconds, octets: Double(next.octets - last.octets) / seconds)
    guard let old = last.rate else { return counted }
    let part = elapsed / (elapsed + Double(window.nanoseconds))
    return TrafficRate(
      packets: old.packets + (counted.packets - old.packets) * part, octets: old.octets + (counted.octets - old.octets) * part)
  }

  /// The forwarder's rate; nothing before its second measurement.
  public func rate(of forwarder: UInt8) -> TrafficRate { counts[Int(forwarder)]?.rate ?? TrafficRate() }

  /// The forwarder is counted here from now on: with the rate that was measured elsewhere, or none.
  public mutating func begin(_ forwarder: UInt8, packets: UInt64, octets: UInt64, rate: TrafficRate, at now: Instant) {
    let known = rate == TrafficRate() ? nil : rate
    counts[Int(forwarder)] = Count(packets: packets, octets: octets, at: now, rate: known)
  }
}
