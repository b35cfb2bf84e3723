import Wire

/// Packets per second of each of this machine's units, smoothed over about ten seconds, from the packet path's own counts.
///
/// A unit that has just come is not smoothed with what it was elsewhere, or here long ago: its rate is what it has been since it came,
/// and after ten seconds like any other's. One that has gone counts no more. So a move is measured as soon as it is over.
public struct LoadMeter: Sendable {
  private static let smoothing = 10.0
  private var counts = [UInt64](repeating: 0, count: UnitSet.unitCount)
  private var rates = [Double](repeating: 0, count: UnitSet.unitCount)
  /// At how many looks in a row a unit was here.
  private var ages = [Int](repeating: 0, count: UnitSet.unitCount)
  private var measuredAt: Instant?
  /// Of all units that are here.
  public private(set) var packetsPerSecond: Double = 0

  /// Takes the counts of now.
  /// - Parameter own: the units that are here.
  mutating func measure(at now: Instant, own: UnitSet, _ packets: (Int) -> UInt64) {
    let elapsed = measuredAt.map { Double((now - $0).nanoseconds) / 1e9 } ?? 0
    measuredAt = now
    var sum = 0.0
    for unit in 0..<UnitSet.unitCount {
      let count = packets(unit)
      defer { counts[unit] = count }
      ages[unit] = own.contains(unit) ? ages[unit] + 1 : 0
      if ages[unit] == 0 { rates[unit] = 0 }
      guard ages[unit] > 0, elapsed > 0, count >= counts[unit] else { continue }
      let rate = Double(count - counts[unit]) / elapsed
      // The first look may cover a part of the time only: the second takes its place, and from there on it is the mean.
      rates[unit] += (rate - rates[unit]) * max(min(1, elapsed / Self.smoothing), 1 / Double(max(1, ages[unit] - 1)))
      sum += rates[unit]
    }
    packetsPerSecond = sum
  }

  /// The busiest of these units, at most as many as a load report holds.
  func busiest(of units: UnitSet) -> [LoadReport.UnitLoad] {
    units.filter { rates[$0] >= 0.5 }.sorted { rates[$0] > rates[$1] }.prefix(ClusterLimits.loadEntryCount)
      .map { LoadReport.UnitLoad(unit: UInt16($0), packetsPerSecond: UInt32(clamping: Int(rates[$0].rounded()))) }
  }
}
