import Wire

// Answers to the hosts' questions (WO 2005/018176, Figure 5).
extension Shared {
  mutating func answer(_ host: GatewayHost, _ forwarder: UInt8?, using generator: inout some RandomNumberGenerator) {
    counters.questions += 1
    if let forwarder { return confirm(host, forwarder) }
    guard isActive else { return }
    refreshAnswers()
    let last = measurement.clients.client(host)
    guard let choice = measurement.answers.answer(host, last: last, using: &generator) else { return counters.unanswerable += 1 }
    give(choice, to: host)
  }

  /// A host makes sure of what it has. Who is to carry less stays silent: the host then asks everybody.
  private mutating func confirm(_ host: GatewayHost, _ forwarder: UInt8) {
    guard holds(forwarder), let record = table[forwarder], !record.isRedirectEnded, !record.isRetired else { return }
    guard measurement.steering.options.method == .moves || !isOverburdened else { return }
    give(forwarder, to: host)
  }

  private mutating func give(_ forwarder: UInt8, to host: GatewayHost) {
    measurement.clients.record(host, forwarder: forwarder, at: now)
    counters.answers += 1
    act(.answer(host, forwarder: forwarder))
  }

  private func holds(_ forwarder: UInt8) -> Bool {
    if case .seated(let seat) = state { return seat.owners[forwarder] == own }
    return carries(forwarder)
  }

  /// Whether this gateway carries more than its target by more than the dead band.
  private var isOverburdened: Bool {
    let groups = carriedLoads()
    let total = groups.reduce(0) { $0 + $1.load }
    let shares = groups.reduce(0) { $0 + $1.share }
    guard groups.count > 1, total > 0, shares > 0, let mine = groups.first(where: { $0.address == own }) else { return false }
    return mine.load > total * (mine.share / shares + measurement.steering.options.planner.deadBand)
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
