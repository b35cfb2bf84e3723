import Wire

/// Another gateway, as its newest hello has it.
struct Neighbour: Sendable {
  let address: InternetAddress
  var ethernetAddress: EthernetAddress
  var state = GlbpState.listen
  var priority: UInt8 = 0
  var weight: UInt8 = 100
  var hold: Interval
  var lastHeard: Instant
  /// Since when it is heard, and since when it is ready and willing to forward.
  var since: Instant
  var willingSince: Instant?
  /// Nil for a foreign speaker of GLBP.
  var member: GlbpMember?
  /// What a foreign speaker says it forwards for, with the priority it says that at.
  var claims: [(forwarder: UInt8, priority: UInt8)] = []
  /// Forwarders that a foreign speaker names and does not forward for: what it answers to who wants one.
  var offers: [UInt8] = []
  /// A foreign speaker wants a forwarder.
  var isAsking = false

  var isForeign: Bool { member == nil }
  var isActive: Bool { state == .active && priority > 0 }
  var isReady: Bool { member?.isReady ?? true }
  /// Wants to be given nothing.
  var isUnwilling: Bool { member.map { $0.isDraining || $0.isLeaving || $0.isBelowThreshold || $0.wantedForwarderCount == 0 } ?? true }
  var rank: Rank { Rank(priority: priority, address: address) }

  func carries(_ forwarder: UInt8) -> Bool {
    member?.carried.contains(forwarder) ?? claims.contains { $0.forwarder == forwarder }
  }
  func awaits(_ forwarder: UInt8) -> Bool { member?.arriving.contains(forwarder) ?? false }
}

/// By which the active virtual gateway is elected.
struct Rank: Comparable, Sendable {
  var priority: UInt8
  var address: InternetAddress

  static func < (left: Rank, right: Rank) -> Bool { (left.priority, left.address) < (right.priority, right.address) }
}

/// Which of a sender's messages is the newest: what is older is a replay, or was overtaken.
struct Freshness: Sendable {
  var incarnation: UInt64
  var sequence: UInt64

  /// Whether a message is newer than all before it; `orSame` lets parts of one hello pass.
  mutating func admits(_ incarnation: UInt64, _ sequence: UInt64, orSame: Bool) -> Bool {
    let isNewer = (incarnation, sequence) > (self.incarnation, self.sequence)
    guard isNewer || orSame && (incarnation, sequence) == (self.incarnation, self.sequence) else { return false }
    (self.incarnation, self.sequence) = (incarnation, sequence)
    return true
  }
}

/// The other gateways that are heard, by address: at most 31.
struct Neighbours: Sendable {
  static let limit = 31
  private(set) var all: [Neighbour] = []
  /// Those of them that speak GLBP and nothing of ours.
  private(set) var foreign: [Neighbour] = []
  /// Of senders heard ever, so that a dead one's messages cannot be played again.
  private var hellos: [InternetAddress: Freshness] = [:]
  private var seals: [InternetAddress: Freshness] = [:]
  /// Since when those that were heard are heard no more.
  private var absences: [InternetAddress: Instant] = [:]

  subscript(address: InternetAddress) -> Neighbour? { all.first { $0.address == address } }

  var isFull: Bool { all.count >= Self.limit }

  mutating func put(_ neighbour: Neighbour) {
    absences[neighbour.address] = nil
    if let place = all.firstIndex(where: { $0.address >= neighbour.address }) {
      if all[place].address == neighbour.address { all[place] = neighbour } else { all.insert(neighbour, at: place) }
    } else {
      all.append(neighbour)
    }
    noteForeigners()
  }

  private mutating func noteForeigners() {
    guard !foreign.isEmpty || all.contains(where: \.isForeign) else { return }
    foreign = all.filter(\.isForeign)
  }

  mutating func remove(_ address: InternetAddress, at now: Instant) {
    all.removeAll { $0.address == address }
    noteForeigners()
    noteAbsence(of: address, at: now)
  }

  mutating func removeAll(at now: Instant) { for neighbour in all { remove(neighbour.address, at: now) } }

  /// Since when this gateway is not heard; nil if it is.
  func absence(of address: InternetAddress) -> Instant? { absences[address] }

  mutating func noteAbsence(of address: InternetAddress, at now: Instant) {
    if absences[address] == nil, absences.count < 4 * Self.limit { absences[address] = now }
  }

  /// Whether the sealed message is newer than the last; `seals` of those never heard fill up to a bound.
  mutating func admitsSeal(_ address: InternetAddress, _ incarnation: UInt64, _ sequence: UInt64) -> Bool {
    Self.admits(&seals, address, incarnation, sequence, orSame: false)
  }

  mutating func admitsHello(_ address: InternetAddress, _ incarnation: UInt64, _ sequence: UInt64) -> Bool {
    Self.admits(&hellos, address, incarnation, sequence, orSame: true)
  }

  private static func admits(
    _ known: inout [InternetAddress: Freshness], _ address: InternetAddress, _ incarnation: UInt64, _ sequence: UInt64, orSame: Bool
  ) -> Bool {
    guard var freshness = known[address] else {
      if known.count < 8 * limit { known[address] = Freshness(incarnation: incarnation, sequence: sequence) }
      return true
    }
    let isAdmitted = freshness.admits(incarnation, sequence, orSame: orSame)
    known[address] = freshness
    return isAdmitted
  }
}
