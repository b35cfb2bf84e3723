import Wire

/// Hosts that this gateway confirms no more, because it carries more than its target: each asks everybody then, and is answered with another
/// gateway's virtual MAC. What they carry counts as gone before it is measured, or one excess would send everybody away.
struct Departures: Sendable {
  private struct Departure {
    let host: GatewayHost
    let share: Double
    let at: Instant
  }

  /// How long a host may go on asking whom it knows, before it asks everybody: three times, a second apart (RFC 4861, 10), and a bit.
  static let patience = Interval.seconds(5)
  /// More do not leave at a time.
  static let limit = 256
  private var departures: [Departure] = []

  /// What is on its way, as a share of the group's traffic: rates that have just begun to be measured grow, their shares do not.
  var share: Double { departures.reduce(0) { $0 + $1.share } }

  /// Forgets those that have left long enough ago for the measurement to show it.
  mutating func expire(_ window: Interval, at now: Instant) { departures.removeAll { now >= $0.at + Self.patience + window } }

  /// Whether the host was let go a moment ago, and has not yet asked the others.
  func contains(_ host: GatewayHost, at now: Instant) -> Bool { departures.contains { $0.host == host && now < $0.at + Self.patience } }

  /// Lets the host go.
  mutating func add(_ host: GatewayHost, share: Double, at now: Instant) {
    guard departures.count < Self.limit else { return }
    departures.append(Departure(host: host, share: share, at: now))
  }
}
