import Wire

// Answers to the hosts' questions (WO 2005/018176, Figure 5).
extension Shared {
  mutating func answer(_ query: AddressQuery, _ forwarder: UInt8?, using generator: inout some RandomNumberGenerator) {
    counters.questions += 1
    if let forwarder { return confirm(query, forwarder) }
    guard isActive else { return }
    refreshAnswers()
    let host = GatewayHost(asking: query)
    let last = measurement.clients.client(host)
    let load = last.map { possibleLoadOfAHost(of: $0.forwarder) }
    guard let choice = measurement.answers.answer(host, last: last, load: load, using: &generator) else {
      return counters.unanswerable += 1
    }
    give(choice, query)
  }

  /// A host makes sure of what it has. Who is to carry less stays silent: the host then asks everybody.
  private mutating func confirm(_ query: AddressQuery, _ forwarder: UInt8) {
    guard holds(forwarder), let record = table[forwarder], !record.isRedirectEnded, !record.isRetired else { return }
    guard measurement.steering.options.method == .moves || !letsGo(GatewayHost(asking: query), forwarder) else { return }
    give(forwarder, query)
  }

  /// Whether the host should ask the others. Only as many as bring this gateway closer to its target.
  private mutating func letsGo(_ host: GatewayHost, _ forwarder: UInt8) -> Bool {
    measurement.departures.expire(measurement.meter.window, at: now)
    guard !measurement.departures.contains(host, at: now) else { return true }
    guard let (excess, total) = excess() else { return false }
    let rest = excess / total - measurement.departures.share
    guard rest > measurement.steering.options.planner.deadBand, loadOfAHost(of: forwarder) / total < 2 * rest else { return false }
    measurement.departures.add(host, share: possibleLoadOfAHost(of: forwarder) / total, at: now)
    measurement.clients.release(host)
    return true
  }

  /// Hosts are not alike, and one that has both IPv4 and IPv6 counts twice: one may carry several times the mean.
  private func possibleLoadOfAHost(of forwarder: UInt8) -> Double {
    min(measurement.load(of: forwarder), 4 * loadOfAHost(of: forwarder))
  }

  /// What one of the forwarder's hosts carries in the mean.
  private func loadOfAHost(of forwarder: UInt8) -> Double {
    measurement.load(of: forwarder) / Double(max(1, measurement.clients.hostCount(of: forwarder)))
  }

  private mutating func give(_ forwarder: UInt8, _ query: AddressQuery) {
    measurement.clients.record(GatewayHost(asking: query), forwarder: forwarder, at: now)
    counters.answers += 1
    act(.answer(query, forwarder: forwarder))
  }

  func holds(_ forwarder: UInt8) -> Bool {
    if case .seated(let seat) = state { return seat.owners[forwarder] == own }
    return carries(forwarder)
  }

  /// How much more than its target this gateway carries, and how much all carry; nil where there is nothing to compare.
  private func excess() -> (excess: Double, total: Double)? {
    let groups = carriedLoads()
    let total = groups.reduce(0) { $0 + $1.load }
    let shares = groups.reduce(0) { $0 + $1.share }
    guard groups.count > 1, total > 0, shares > 0, let mine = groups.first(where: { $0.address == own }) else { return nil }
    return (mine.load - total * mine.share / shares, total)
  }

  private func carriedLoads() -> [(address: InternetAddress, load: Double, share: Double)] {
    places.map { place in
      let load = table.numbers.filter { place.carried.contains($0) }.reduce(0) { $0 + measurement.load(of: $1) }
      return (place.address, load, max(place.share, 1))
    }
  }

  private mutating func refreshAnswers() {
    guard measurement.isStale else { return }
    measurement.isStale = false
    var gateways = places.map { answering($0.address, $0.weight, $0.share, $0.carried.contains) }
    for foreign in neighbours.foreign {
      gateways.append(answering(foreign.address, foreign.weight, 100) { foreign.carries($0) })
    }
    measurement.answers.update(gateways, hostCount: measurement.clients.count, measuredAt: measurement.measuredAt)
  }

  private func answering(
    _ address: InternetAddress, _ weight: UInt8, _ share: Double, _ carries: (UInt8) -> Bool
  ) -> AnsweringGateway {
    let forwarders = table.numbers.compactMap { number -> AnsweringGateway.Forwarder? in
      guard let record = table[number], record.holder == address, !record.isRetired else { return nil }
      return .init(number: number, load: measurement.load(of: number), mayBeAnswered: carries(number) && !record.isRedirectEnded)
    }
    return AnsweringGateway(address, forwarders, weight: weight, share: max(share, 1))
  }
}
