import Wire

/// Packets per second of each unit, smoothed over about ten seconds, from the packet path's own counts.
struct LoadMeter {
  private var counts = [UInt64](repeating: 0, count: UnitSet.unitCount)
  private var rates = [Double](repeating: 0, count: UnitSet.unitCount)
  private var measuredAt: Instant?
  private(set) var packetsPerSecond: Double = 0

  /// Takes the counts of now.
  mutating func measure(at now: Instant, _ packets: (Int) -> UInt64) {
    let elapsed = measuredAt.map { Double((now - $0).nanoseconds) / 1e9 } ?? 0
    measuredAt = now
    var sum = 0.0
    for unit in 0..<UnitSet.unitCount {
      let count = packets(unit)
      defer { counts[unit] = count }
      guard elapsed > 0, count >= counts[unit] else { continue }
      let rate = Double(count - counts[unit]) / elapsed
      rates[unit] += (rate - rates[unit]) * min(1, elapsed / 10)
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
