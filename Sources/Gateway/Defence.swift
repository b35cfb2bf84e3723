import Wire

/// Hosts to be told again where their gateway is, because somebody else has claimed its address. RFC 5227, 2.4 (c): the address of a default
/// router is kept, whoever wants it.
///
/// Nothing is broadcast: that could name one virtual MAC only, and would bring every host there. Each host that is known is told its own, alone.
struct Defence: Sendable {
  /// Claims are not answered more often; the last one is answered, too.
  static let interval = Interval.seconds(1)
  /// A large LAN is told in pieces, so that no hello is late for it.
  static let pieceSize = 64
  static let pause = Interval.milliseconds(5)

  /// When there is something to do; nil while nobody claims anything.
  private(set) var nextAt: Instant?
  private var claimed: [InternetAddress] = []
  private var begunAt: Instant?
  private var waiting: [GatewayHost] = []

  /// Somebody else says that he has this virtual address.
  mutating func claim(_ address: InternetAddress, at now: Instant) {
    if !claimed.contains(address) { claimed.append(address) }
    nextAt = nextAt ?? nextRound(at: now)
  }

  /// The hosts to be told now, of all who are known, and those who asked last first.
  mutating func piece(of clients: ClientCache, at now: Instant) -> [GatewayHost] {
    guard let due = nextAt, now >= due else { return [] }
    if waiting.isEmpty {
      waiting = clients.clients().reversed().compactMap { client in
        claimed.contains { $0.family == client.host.address.family } ? client.host : nil
      }
      claimed = []
      begunAt = now
    }
    let piece = Array(waiting.suffix(Self.pieceSize).reversed())
    waiting.removeLast(piece.count)
    nextAt = !waiting.isEmpty ? now + Self.pause : claimed.isEmpty ? nil : nextRound(at: now)
    return piece
  }

  private func nextRound(at now: Instant) -> Instant { begunAt.map { max(now, $0 + Self.interval) } ?? now }
}

extension Shared {
  /// Whoever knows a host corrects it: the active gateway all, since it has answered them; the others those whose virtual MAC they serve,
  /// since these make sure of it there. So the hosts are known after a change of the active gateway, too.
  mutating func defend() {
    for host in defence.piece(of: measurement.clients, at: now) {
      // Who only probed whether the address is free has no address of his own, and keeps no entry.
      guard host.address != .unspecified, host.address.ipv4 != 0 else { continue }
      guard let forwarder = measurement.clients.client(host)?.forwarder else { continue }
      guard isActive || holds(forwarder), let record = table[forwarder], !record.isRetired else { continue }
      counters.corrections += 1
      act(.correct(host, forwarder: forwarder))
    }
  }
}
