import Wire

/// Hosts to be told again where their gateway is, because somebody else has claimed the address. RFC 5227, 2.4 (c): the address of a default
/// router is kept, whoever wants it.
///
/// Nothing is broadcast: that could name one virtual MAC only, and would bring every host there. Each host that is known is told its own, alone.
struct Defence: Sendable {
  /// Claims are not answered more often; the last one is answered, too.
  static let interval = Interval.seconds(1)
  /// A large LAN is told in pieces, so that no hello is late for it.
  static let pieceSize = 64
  static let pause = Interval.milliseconds(5)

  /// The virtual address that is defended.
  let address: InternetAddress
  /// When there is something to do; nil while nobody claims anything.
  private(set) var nextAt: Instant?
  private var isClaimed = false
  private var begunAt: Instant?
  private var waiting: [GatewayHost] = []

  init(_ address: InternetAddress) { self.address = address }

  /// Somebody else says that the address is his.
  mutating func claim(at now: Instant) {
    isClaimed = true
    nextAt = nextAt ?? nextRound(at: now)
  }

  /// The hosts to be told now, of all who are known, and those who asked last first.
  mutating func piece(of clients: ClientCache, at now: Instant) -> [GatewayHost] {
    guard let due = nextAt, now >= due else { return [] }
    if waiting.isEmpty {
      waiting = clients.clients().reversed().compactMap { $0.host.address.family == address.family ? $0.host : nil }
      isClaimed = false
      begunAt = now
    }
    let piece = Array(waiting.suffix(Self.pieceSize).reversed())
    waiting.removeLast(piece.count)
    nextAt = !waiting.isEmpty ? now + Self.pause : isClaimed ? nextRound(at: now) : nil
    return piece
  }

  private func nextRound(at now: Instant) -> Instant { begunAt.map { max(now, $0 + Self.interval) } ?? now }
}

extension Shared {
  /// Whoever knows a host corrects it: the active gateway all, since it has answered them; the others those whose virtual MAC they serve,
  /// since these make sure of it there. So the hosts are known after a change of the active gateway, too.
  mutating func defend() {
    for place in defences.indices {
      for host in defences[place].piece(of: measurement.clients, at: now) { correct(host) }
    }
  }

  private mutating func correct(_ host: GatewayHost) {
    // Who only probed whether the address is free has no address of his own, and keeps no entry.
    guard host.address != .unspecified, host.address.ipv4 != 0 else { return }
    guard let forwarder = measurement.clients.client(host)?.forwarder else { return }
    guard isActive || holds(forwarder), let record = table[forwarder], !record.isRetired else { return }
    counters.corrections += 1
    act(.correct(host, forwarder: forwarder))
  }
}
