import Cluster
import Wire

// The gateway of the cluster, as far as the members see it: a map of units to members that changes now and then, and that each machine's
// own node hands to its own member.

extension World {
  /// At most so many units are placed: all of them must be able to get home in the time that the cluster has to come together.
  private static let placedCount = 48
  /// How much later than the first the last machine hears of a new map.
  private static let placementDelay: UInt64 = 500_000_000

  mutating func schedulePlacements(until end: UInt64) {
    var at = random.below(UInt64(2_000_000_000))
    while at < end {
      queue.add(.rearrange, at: at)
      at += 1 + random.below(UInt64(5_000_000_000))
    }
  }

  /// Another map: units come, go and change their place.
  mutating func rearrange() {
    let isAfresh = random.chance(0.2)
    if isAfresh { places = [:] }
    for _ in 0..<1 + random.below(Self.placedCount / 2) {
      let unit = random.below(Self.placedCount)
      // One that is no machine's number never comes.
      places[unit] = random.chance(0.15) ? nil : MemberIdentifier(rawValue: UInt16(1 + random.below(machines.count + 1)))
    }
    for index in machines.indices { tellPlaces(index, within: Self.placementDelay) }
    lastHealAt = max(lastHealAt, time + Self.placementDelay)
  }

  /// The machine's node hears of the map, and says so to its member.
  mutating func tellPlaces(_ index: Int, within delay: UInt64) {
    guard options.faults.contains(.placements), !options.hasGateway else { return }
    queue.add(.place, at: time + 1 + random.below(delay), machine: index)
  }

  mutating func place(_ index: Int) {
    switch machines[index].process {
    case .running: feed(.place(places), to: index)
    case .stopped: tellPlaces(index, within: 10_000_000)
    case .dead: break
    }
  }

  /// A unit that is not where it belongs, though it could be.
  func misplacement(_ snapshot: ClusterMember.Snapshot) -> String? {
    // Drains go first, and a thousand units take their time.
    guard !snapshot.members.contains(where: { $0.isDraining && $0.unitCount > 0 }) else { return nil }
    let places = options.hasGateway ? snapshot.places : self.places
    if options.hasGateway, places.isEmpty { return "the gateway has placed no virtual MAC address" }
    for (unit, place) in places.sorted(by: { $0.key < $1.key }) {
      guard let member = snapshot.members.first(where: { $0.profile.identifier == place }), !member.isDraining else { continue }
      guard machines[Int(place.rawValue) - 1].path.mine.contains(unit) else { return "unit \(unit) is not at its place, \(place.rawValue)" }
    }
    return nil
  }
}
