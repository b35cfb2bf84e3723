import Wire

/// Watches the packet paths and the wire, and knows nothing of the protocol. For no virtual MAC may two paths forward that the same frames
/// could reach. Where messages were lost lately it may last one hold time, counted while messages pass both ways.
struct GatewayChecker {
  private(set) var violations: [SimulationResult.Violation] = []
  private let count: Int
  let hold: UInt64
  /// The last message that was lost, or that came later than a hold time.
  private(set) var disturbedAt: UInt64 = 0
  private var wasDisturbed = false
  /// Of each ordered pair: the last delivery, the first loss since, and since when messages have passed without a gap of a hold time.
  private var links: [Link]
  /// Since when two forward for the same.
  private var overlaps: [Overlap] = []
  /// The longest overlap that was seen.
  private(set) var longest: UInt64 = 0

  private struct Link {
    var delivered: UInt64 = 0
    var lost: UInt64?
    var since: UInt64 = 0
  }

  private struct Overlap {
    var forwarder: Int
    var one: Int
    var other: Int
    var since: UInt64
    var seen: UInt64
  }

  init(count: Int, hold: UInt64) {
    self.count = count
    self.hold = hold
    links = Array(repeating: Link(), count: count * count)
  }

  mutating func report(_ kind: SimulationResult.Violation.Kind, at time: UInt64, _ text: @autoclosure () -> String) {
    guard violations.count < Checker.limit else { return }
    violations.append(.init(kind: kind, time: Interval(nanoseconds: time), text: text()))
  }

  mutating func disturb(at time: UInt64) {
    disturbedAt = time
    wasDisturbed = true
  }

  mutating func delivered(from: Int, to: Int, at time: UInt64) {
    let place = from * count + to
    if let lost = links[place].lost, time > lost + hold || time > links[place].delivered + hold { links[place].since = time }
    links[place].delivered = time
    links[place].lost = nil
  }

  mutating func lost(from: Int, to: Int, at time: UInt64) {
    let place = from * count + to
    if links[place].lost == nil { links[place].lost = time }
    disturb(at: time)
  }

  /// Since when both hear each other; nil if one does not hear the other because its messages are lost.
  private func connection(_ one: Int, _ other: Int, at time: UInt64) -> UInt64? {
    var since: UInt64 = 0
    for place in [one * count + other, other * count + one] {
      if links[place].lost != nil, time > links[place].delivered + hold { return nil }
      since = max(since, links[place].since)
    }
    return since
  }

  /// Whether nothing was lost for so long that no conclusion from a loss can be left.
  private func isUndisturbed(at time: UInt64) -> Bool { !wasDisturbed || time > disturbedAt + 4 * hold }

  /// Looks at one virtual MAC.
  mutating func check(_ forwarder: Int, _ machines: [Machine], _ network: Network, at time: UInt64) {
    let holders = machines.indices.filter { machines[$0].forwards(forwarder, at: time) }
    guard holders.count > 1 else { return }
    for (place, one) in holders.enumerated() {
      for other in holders[(place + 1)...] where network.passes(from: one, to: other) && network.passes(from: other, to: one) {
        note(forwarder, one, other, at: time)
      }
    }
  }

  private mutating func note(_ forwarder: Int, _ one: Int, _ other: Int, at time: UInt64) {
    guard let connected = connection(one, other, at: time) else { return }
    let place = overlaps.firstIndex { $0.forwarder == forwarder && $0.one == one && $0.other == other }
    // Not seen at the last look: another overlap.
    let isGoingOn = place.map { time <= overlaps[$0].seen + hold / 8 } ?? false
    let since = max(isGoingOn ? place.map { overlaps[$0].since } ?? time : time, connected)
    let overlap = Overlap(forwarder: forwarder, one: one, other: other, since: since, seen: time)
    if let place { overlaps[place] = overlap } else { overlaps.append(overlap) }
    longest = max(longest, time - since)
    guard isUndisturbed(at: since) || time - since > hold else { return }
    report(.twoForwarders, at: time, "machines \(one + 1) and \(other + 1) forward for \(forwarder), for \((time - since) / 1000) µs")
  }

  mutating func checkAll(_ machines: [Machine], _ network: Network, at time: UInt64) {
    for forwarder in 1...255 { check(forwarder, machines, network, at: time) }
    overlaps.removeAll { time > $0.seen + hold / 8 }
  }
}
