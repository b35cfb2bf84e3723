import Wire

/// Which of a virtual server's real servers a new flow goes to, by the hash of its client: what a data segment decides by alone (DFS_ASSIST).
///
/// Each server has an order of its own in which it wants the slots, which follows from its address and port alone. In turns, and as often as its
/// weight says, each takes the first that is free in its order (Maglev, NSDI 2016; here the number of slots is a power of two and the step
/// odd). So shares are as exact as slots allow, every machine makes the same table of the same servers, and when a server goes, hardly
/// a slot changes but its own.
public struct ChoiceTable: Hashable, Sendable {
  /// For each slot a server's place in the list that it was made of. Empty when no server has a weight.
  public let slots: [Int]

  /// The fewest slots, and what a table grows by: a block of the packet path's.
  public static let leastSlots = 512
  /// The most.
  public static let mostSlots = 65_536

  /// A table of these servers; those without weight are in none of its slots.
  /// - Parameter most: at most so many slots, a power of two of at least `leastSlots`.
  public init(_ servers: [RealServer], most: Int = mostSlots) {
    // In an order that is theirs, so that nobody's list matters.
    let identities = servers.map { Order.identity(of: $0) }
    let chosen = servers.indices.filter { servers[$0].weight > 0 }.sorted { identities[$0] < identities[$1] }
    guard let heaviest = chosen.map({ servers[$0].weight }).max(), let lightest = chosen.map({ servers[$0].weight }).min() else {
      slots = []
      return
    }
    // A hundred slots for the lightest make its share right to a hundredth.
    let wanted = chosen.reduce(0) { $0 + servers[$1].weight } * 100 / lightest
    var count = Self.leastSlots
    while count < wanted && count < most { count *= 2 }
    var slots = [Int](repeating: -1, count: count)
    var orders = chosen.map { Order(servers[$0], slots: count) }
    var credit = [Int](repeating: 0, count: chosen.count)
    var free = count
    while free > 0 {
      for index in chosen.indices where free > 0 {
        credit[index] += servers[chosen[index]].weight
        guard credit[index] >= heaviest else { continue }
        credit[index] -= heaviest
        var slot = orders[index].next()
        while slots[slot] >= 0 { slot = orders[index].next() }
        slots[slot] = chosen[index]
        free -= 1
      }
    }
    self.slots = slots
  }

  /// In how many slots a server is.
  public func share(of server: Int) -> Double {
    slots.isEmpty ? 0 : Double(slots.count { $0 == server }) / Double(slots.count)
  }
}

/// In which order a server wants the slots.
private struct Order {
  private var place: UInt64
  private let step: UInt64
  private let mask: UInt64

  static func identity(of server: RealServer) -> UInt64 {
    mixed(server.address.high ^ mixed(server.address.low ^ mixed(UInt64(server.port))))
  }

  init(_ server: RealServer, slots: Int) {
    place = Self.identity(of: server)
    step = mixed(place) | 1
    mask = UInt64(slots - 1)
  }

  mutating func next() -> Int {
    defer { place &+= step }
    return Int(place & mask)
  }
}

/// The finalizer of splitmix64.
private func mixed(_ value: UInt64) -> UInt64 {
  var z = value &+ 0x9e37_79b9_7f4a_7c15
  z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
  z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
  return z ^ (z >> 31)
}
