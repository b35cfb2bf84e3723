import Wire

/// A host of the LAN, as it asks for its gateway.
public struct GatewayHost: Hashable, Sendable {
  /// Its own Ethernet address.
  public var ethernet: EthernetAddress
  /// Its own address.
  public var address: InternetAddress

  /// The host with these two addresses.
  public init(ethernet: EthernetAddress, address: InternetAddress) {
    self.ethernet = ethernet
    self.address = address
  }

  /// Who asks.
  public init(asking query: AddressQuery) { self.init(ethernet: query.askerEthernet, address: query.asker) }
}

/// How hosts are answered (WO 2005/018176: "The AVG may reply to ARP requests … in various ways").
public enum AnswerMethod: String, CaseIterable, Sendable {
  /// One virtual MAC after the other, of one gateway after the other.
  case roundRobin = "round-robin"
  /// Any.
  case random
  /// Each gateway as often as its weight says, and its virtual MACs in turn.
  case weighted
  /// The same host always gets the same virtual MAC while the set is unchanged.
  case hostDependent = "host-dependent"
  /// The lowest-traffic virtual MAC of the lowest-traffic gateway (Figure 5).
  case leastTraffic = "least-traffic"
}

/// What the answers need to know of one gateway.
public struct AnsweringGateway: Hashable, Sendable {
  /// One of its virtual MACs.
  public struct Forwarder: Hashable, Sendable {
    /// Its number in the group.
    public var number: UInt8
    /// Its measured traffic, in any unit, the same everywhere.
    public var load: Double
    /// Whether it may be handed out: its holder forwards and its redirect time has not ended.
    public var mayBeAnswered: Bool

    /// A virtual MAC.
    public init(number: UInt8, load: Double, mayBeAnswered: Bool = true) {
      self.number = number
      self.load = load
      self.mayBeAnswered = mayBeAnswered
    }
  }

  /// Its own address in the LAN.
  public var address: InternetAddress
  /// Its virtual MACs.
  public var forwarders: [Forwarder]
  /// Its weight now, for `.weighted`; 0 is never answered with, unless all have 0.
  public var weight: UInt8
  /// What it should carry beside the shares of the others, for `.leastTraffic`; 0 is never answered with, unless all have 0.
  public var share: Double

  /// A gateway.
  public init(_ address: InternetAddress, _ forwarders: [Forwarder], weight: UInt8 = 100, share: Double = 1) {
    self.address = address
    self.forwarders = forwarders
    self.weight = weight
    self.share = share
  }
}

/// Which virtual MAC a host is answered with.
///
/// Least traffic: a host just answered is not in the measurement yet, so until it is it counts by estimate, with the mean of the known hosts:
/// a hundred hosts that ask at once do not all get the same virtual MAC. The estimate fades as the meter takes the real traffic in.
public struct Answers: Sendable {
  /// How; may change at any time.
  public var method: AnswerMethod
  /// `.leastTraffic` goes round robin while every gateway is within this share of the total from its target (0.05: for two, at least 45 %).
  public var threshold = 0.05
  /// The smoothing time of the measurements (`RateMeter.window`).
  public var window = Interval.seconds(10)

  private var gateways: [AnsweringGateway] = []
  private var measuredAt: Instant?
  /// What a host is thought to add, and what those answered lately have added to each forwarder, in the unit of the loads.
  private var estimate = 0.0
  private var added = [Double](repeating: 0, count: 256)
  /// The number given last, by all and by each gateway.
  private var lastNumber: UInt8 = 0
  private var lastNumbers: [InternetAddress: UInt8] = [:]
  private var credits: [InternetAddress: Int] = [:]

  /// Nobody to answer with yet.
  public init(method: AnswerMethod = .leastTraffic) { self.method = method }

  /// Takes in who holds what now, and how much traffic there was at `measuredAt`. `hostCount` is how many hosts share it
  /// (`ClientCache.count`).
  public mutating func update(_ gateways: [AnsweringGateway], hostCount: Int, measuredAt: Instant) {
    self.gateways = gateways
    let addresses = Set(gateways.map(\.address))
    lastNumbers = lastNumbers.filter { addresses.contains($0.key) }
    credits = credits.filter { addresses.contains($0.key) }
    guard measuredAt != self.measuredAt else { return }
    let elapsed = Double((measuredAt - (self.measuredAt ?? .zero)).nanoseconds)
    let window = Double(window.nanoseconds)
    for number in added.indices { added[number] *= elapsed + window > 0 ? window / (elapsed + window) : 0 }
    self.measuredAt = measuredAt
    let total = gateways.reduce(0) { $0 + $1.forwarders.reduce(0) { $0 + sound($1.load) } }
    let sharers = hostCount > 0 ? hostCount : gateways.reduce(0) { $0 + $1.forwarders.count }
    estimate = total / Double(max(1, sharers))
  }

  /// The forwarder whose virtual MAC the host is answered with; nil if none may be handed out. `last` is what is known of the host
  /// (`ClientCache.client`, before the answer is recorded there), `load` what it is thought to carry; nil, or none, counts as the mean.
  public mutating func answer(
    _ host: GatewayHost, last: ClientCache.Client? = nil, load: Double? = nil, using generator: inout some RandomNumberGenerator
  ) -> UInt8? {
    if method == .leastTraffic, let last, let measuredAt, last.askedAt >= measuredAt, candidates.contains(last.forwarder) {
      return last.forwarder
    }
    guard let number = choose(host, using: &generator) else { return nil }
    let load = load.flatMap { $0 > 0 ? $0 : nil } ?? estimate
    if let last { added[Int(last.forwarder)] -= load }
    added[Int(number)] += load
    lastNumber = number
    return number
  }

  /// What the next host would be told under `.leastTraffic`: positions in what `update` was given. Nil if nobody may be handed out.
  public var nextByLeastTraffic: (gateway: Int, forwarder: Int)? {
    if let lowest = lowest() { return lowest }
    guard let number = nextInTurn else { return nil }
    for (gateway, position) in gateways.indices.map({ ($0, gateways[$0].forwarders.firstIndex { $0.number == number }) }) {
      if let position { return (gateway, position) }
    }
    return nil
  }

  /// The numbers that may be handed out.
  private var candidates: [UInt8] { gateways.flatMap(Self.candidates) }

  private static func candidates(of gateway: AnsweringGateway) -> [UInt8] {
    gateway.forwarders.filter(\.mayBeAnswered).map(\.number)
  }

  private mutating func choose(_ host: GatewayHost, using generator: inout some RandomNumberGenerator) -> UInt8? {
    switch method {
    case .roundRobin: nextInTurn
    case .random: candidates.randomElement(using: &generator)
    case .weighted: nextByWeight()
    case .hostDependent: Self.rendezvous(host, candidates)
    case .leastTraffic: nextByLeastTraffic.map { gateways[$0.gateway].forwarders[$0.forwarder].number }
    }
  }

  /// In turn, the gateways first: neighbours in the turn are of different gateways, so that the first few hosts do not all meet on one.
  private var nextInTurn: UInt8? {
    let rows = gateways.map(Self.candidates)
    let turn = (0..<(rows.map(\.count).max() ?? 0)).flatMap { place in rows.compactMap { $0.indices.contains(place) ? $0[place] : nil } }
    guard let last = turn.firstIndex(of: lastNumber) else { return turn.first }
    return turn[(last + 1) % turn.count]
  }

  /// The next higher number, or the lowest.
  private func following(_ number: UInt8, of numbers: [UInt8]) -> UInt8? { numbers.filter { $0 > number }.min() ?? numbers.min() }

  /// Each turn every gateway gains its weight, and the one with the most pays for all: evenly spread, without chance.
  private mutating func nextByWeight() -> UInt8? {
    let able = gateways.filter { $0.forwarders.contains(where: \.mayBeAnswered) }
    let isWeightless = able.allSatisfy { $0.weight == 0 }
    var (best, sum): (AnsweringGateway?, Int) = (nil, 0)
    for gateway in able where isWeightless || gateway.weight > 0 {
      let weight = isWeightless ? 1 : Int(gateway.weight)
      sum += weight
      credits[gateway.address, default: 0] += weight
      if best.map({ credits[gateway.address, default: 0] > credits[$0.address, default: 0] }) ?? true { best = gateway }
    }
    guard let best else { return nil }
    credits[best.address, default: 0] -= sum
    let number = following(lastNumbers[best.address] ?? 0, of: Self.candidates(of: best))
    lastNumbers[best.address] = number
    return number
  }

  /// The forwarder with the highest hash of host and number: one more or less changes only the hosts that are its own (Thaler and
  /// Ravishankar, 1996). The Ethernet address alone, so that a host has one gateway for IPv4 and IPv6.
  private static func rendezvous(_ host: GatewayHost, _ numbers: [UInt8]) -> UInt8? {
    numbers.max { (hash(host, $0), $0) < (hash(host, $1), $1) }
  }

  private static func hash(_ host: GatewayHost, _ number: UInt8) -> UInt64 {
    var word = (host.ethernet.bits << 8 | UInt64(number)) &* 0x9e37_79b9_7f4a_7c15
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  /// Figure 5: the lowest virtual MAC of the gateway that is lowest beside its target; nil while all are within the threshold.
  private func lowest() -> (gateway: Int, forwarder: Int)? {
    let able = gateways.indices.filter { gateways[$0].forwarders.contains(where: \.mayBeAnswered) }
    let loads = gateways.map { $0.forwarders.reduce(0) { $0 + load($1) } }
    let total = able.reduce(0) { $0 + loads[$1] }
    let shareless = able.allSatisfy { sound(gateways[$0].share) == 0 }
    let shares = gateways.map { shareless ? 1 : sound($0.share) }
    let sum = able.reduce(0) { $0 + shares[$1] }
    let isEven = able.allSatisfy { abs(loads[$0] - total * shares[$0] / sum) <= threshold * total * (1 + 1e-9) }
    guard total > 0, !isEven else { return nil }
    let lowest = able.filter { shares[$0] > 0 }.min { (loads[$0] / shares[$0], $0) < (loads[$1] / shares[$1], $1) }
    guard let lowest else { return nil }
    let forwarders = gateways[lowest].forwarders
    return forwarders.indices.filter { forwarders[$0].mayBeAnswered }
      .min { (load(forwarders[$0]), $0) < (load(forwarders[$1]), $1) }.map { (lowest, $0) }
  }

  private func load(_ forwarder: AnsweringGateway.Forwarder) -> Double { max(0, sound(forwarder.load) + added[Int(forwarder.number)]) }

  /// A number that can be counted with.
  private func sound(_ number: Double) -> Double { number > 0 ? min(number, 1e300) : 0 }
}
