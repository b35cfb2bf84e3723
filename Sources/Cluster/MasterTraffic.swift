import Wire

// Balancing by measured traffic: figure 8D with packets per second in the place of units.
//
// Every move ends the connections of a unit, so units move only where the measure is to be trusted and the disparity is worth it. The
// members' reports are smoothed and up to a second old. So the master looks every balance interval, and plans only
//   - when the traffic as a whole is steady: while it rises or falls, members that looked a moment apart cannot be compared;
//   - when what the last plan moved has been measured where it is now, or it would be moved twice;
//   - when the members are further apart than the dead band. The plan then goes on until they are within half of it.

/// What the master has seen of the traffic, and what it means to move.
struct TrafficBalance: Sendable {
  struct Move: Sendable {
    var unit: Int
    var source: MemberIdentifier
    var target: MemberIdentifier
  }
  /// Made at one look, carried out a few units at a time.
  var plan: [Move] = []
  /// When the members have measured what the last plan moved.
  var measuredAt = Instant.zero
  /// All members' packets per second at the last look.
  var lastTotal: Double?

  static let movesInPlan = 64
  /// A part of the mean traffic of a member.
  static let deadBand = 0.1
  /// Below so many packets per second apart it is chance.
  static let leastGap = 10.0
  /// A member looks once a second; the first look at a unit that came may cover a part of a second only, the second is whole.
  static let measuring = Interval.seconds(3)
}

/// A member that may be given units, and its traffic.
private struct TrafficShare {
  var share: Master.Share
  var packetsPerSecond: Double
  var units: [LoadReport.UnitLoad]

  /// For each point of weight.
  var rate: Double { packetsPerSecond / Double(share.weight) }
}

extension Master {
  /// Whether there is traffic to balance by; without any, units are counted.
  func isBalancedByTraffic(_ shared: Shared) -> Bool {
    shared.configuration.balance == .measuredTraffic && (peers.contains { !$0.unitLoads.isEmpty } || !shared.unitLoads.isEmpty)
  }

  private func trafficShares(_ shared: Shared) -> [TrafficShare] {
    takers(shared).map { share in
      guard let slot = slots[share.member] else {
        return TrafficShare(share: share, packetsPerSecond: Double(shared.packetsPerSecond), units: shared.unitLoads)
      }
      return TrafficShare(share: share, packetsPerSecond: Double(peers[slot].packetsPerSecond), units: peers[slot].unitLoads)
    }
  }

  /// Looks at the reports, and plans what to move if they can be trusted and are uneven enough.
  mutating func planByTraffic(_ shared: inout Shared) {
    guard isReady, shared.hasLease, solitude == .accompanied, isBalancedByTraffic(shared) else { return }
    var shares = trafficShares(shared)
    let total = shares.reduce(0) { $0 + $1.packetsPerSecond }
    defer { traffic.lastTotal = total }
    guard let last = traffic.lastTotal, abs(total - last) <= total * TrafficBalance.deadBand, traffic.plan.isEmpty,
      units.movingCount == 0, shared.now >= traffic.measuredAt, shares.count > 1
    else { return }
    let band = max(TrafficBalance.leastGap, TrafficBalance.deadBand * total / Double(shares.count))
    guard gap(&shares) > band else { return }
    while traffic.plan.count < TrafficBalance.movesInPlan, gap(&shares) > band / 2, let move = bestMove(&shares, shared) {
      traffic.plan.append(move)
    }
    traffic.measuredAt = shared.now + TrafficBalance.measuring
  }

  /// How far the busiest and the least busy for their strength are apart, at a member of mean weight. Sorts them, the least busy first.
  private func gap(_ shares: inout [TrafficShare]) -> Double {
    shares.sort { $0.rate < $1.rate }
    guard let least = shares.first, let most = shares.last else { return 0 }
    let weights = shares.reduce(0) { $0 + Double($1.share.weight) }
    return (most.rate - least.rate) * weights / Double(shares.count)
  }

  /// The busiest unit of the busiest member that leaves the least busy not above it, and that is not where it is placed: the traffic of
  /// those counts, but stays. It is entered in the shares as moved.
  private func bestMove(_ shares: inout [TrafficShare], _ shared: Shared) -> TrafficBalance.Move? {
    let (least, most) = (0, shares.count - 1)
    let (from, to) = (shares[most], shares[least])
    let candidates = from.units.indices.filter { index in
      let (unit, packets) = (Int(from.units[index].unit), Double(from.units[index].packetsPerSecond))
      let mayMove = unit < UnitSet.unitCount && units[unit] == .owned(from.share.member) && place(of: unit, shared) == nil
      return mayMove && packets > 0
        && (from.packetsPerSecond - packets) * Double(to.share.weight) >= (to.packetsPerSecond + packets) * Double(from.share.weight)
    }
    guard let best = candidates.max(by: { from.units[$0].packetsPerSecond < from.units[$1].packetsPerSecond }) else { return nil }
    let load = shares[most].units.remove(at: best)
    shares[most].packetsPerSecond -= Double(load.packetsPerSecond)
    shares[least].packetsPerSecond += Double(load.packetsPerSecond)
    return TrafficBalance.Move(unit: Int(load.unit), source: from.share.member, target: to.share.member)
  }

  /// Carries out the next move of the plan that can still be.
  mutating func followPlan(_ shared: inout Shared) -> Bool {
    while !traffic.plan.isEmpty {
      let move = traffic.plan.removeFirst()
      guard units[move.unit] == .owned(move.source), mayTake(move.target, shared) else { continue }
      traffic.measuredAt = shared.now + TrafficBalance.measuring
      shared.report(.unitsMoving(UnitSet(unit: move.unit), from: move.source, to: move.target, .balance))
      release(move.unit, of: move.source, to: move.target, &shared)
      return true
    }
    return false
  }
}
