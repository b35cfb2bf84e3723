import Wire

// The duties of who keeps the table: the active virtual gateway; under a foreign one the best of ours; in a cluster the master.

/// One gateway, as the keeper sees it.
struct Place: Sendable {
  var address: InternetAddress
  var share: Double
  var weight: UInt8
  var wanted: Int
  var isUnwilling: Bool
  var willingSince: Instant?
  /// Since when it is known.
  var since: Instant
  var carried: ForwarderSet
}

/// What the keeper gave to one of ours because whoever had it was none of them.
struct Rescue: Sendable {
  /// The word by which it did; a higher serial is another keeper's answer.
  var serial: UInt32
  /// Until then that answer stands.
  var until: Instant
}

extension Shared {
  typealias AssignmentReason = GatewayRouter.AssignmentReason
  /// IOS knows no forwarder beyond.
  static let foreignForwarders: ClosedRange<UInt8> = 1...4
  static let steeringInterval = Interval.seconds(1)

  mutating func keep() {
    guard isKeeper, now >= blindUntil else { return }
    adoptForeignClaims()
    age()
    let places = self.places
    rescue(places)
    relieve(places)
    register(places)
    bringHome(places)
    steer(places)
    place()
  }

  /// Our gateways that can be given something, this one included.
  var places: [Place] {
    if case .seated(let seat) = state { return seat.places(self) }
    var places = neighbours.all.compactMap { neighbour -> Place? in
      guard let member = neighbour.member, neighbour.isReady else { return nil }
      return Place(
        address: neighbour.address, share: Double(member.share), weight: neighbour.weight, wanted: Int(member.wantedForwarderCount),
        isUnwilling: neighbour.isUnwilling, willingSince: neighbour.willingSince, since: neighbour.since, carried: member.carried)
    }
    if isReady { places.append(ownPlace) }
    return places.sorted { $0.address < $1.address }
  }

  var ownPlace: Place {
    Place(
      address: own, share: Double(configuration.share), weight: weighing.weight, wanted: configuration.forwarderCount,
      isUnwilling: isUnwilling, willingSince: willingSince, since: willingSince ?? now,
      carried: ForwarderSet(table.numbers.filter { carries($0) }))
  }

  private mutating func assign(_ forwarder: UInt8, to place: Place, isFree: Bool, _ reason: AssignmentReason, isHome: Bool = false) {
    table.set(forwarder, at: now) {
      $0.holder = place.address
      $0.isFree = isFree
      $0.isRetired = false
      if isHome { $0.home = place.address }
    }
    report(.assigned(forwarder, to: place.address, reason))
    if reason == .holderLost { counters.takeovers += 1 } else if !isFree { counters.moves += 1 }
    measurement.steering.moved(at: now)
    measurement.isStale = true
    voice.speakNow()
  }

  // MARK: Who is gone

  /// Forwarders whose holder is gone go to the survivors, the busiest first, each to the one that has the least for its share.
  private mutating func rescue(_ places: [Place]) {
    let willing = places.filter { !$0.isUnwilling }
    let heirs = willing.isEmpty ? places : willing
    guard !heirs.isEmpty else { return }
    let orphans = table.numbers.filter { isOrphan($0, places) && mayRescue($0) }.sorted {
      (measurement.load(of: $1), $0) < (measurement.load(of: $0), $1)
    }
    for forwarder in orphans {
      let reason: AssignmentReason = neighbours[table[forwarder]?.holder ?? own] == nil ? .holderLost : .holderRefused
      if let carrier = places.first(where: { $0.carried.contains(forwarder) }) {
        assign(forwarder, to: carrier, isFree: false, .claimed)
      } else if let heir = lightest(heirs) {
        assign(forwarder, to: heir, isFree: true, reason)
      }
      noteRescue(forwarder)
    }
  }

  /// Two masters that hear each other's gateways each take the other's holders for lost. They contradict each other once in a hello interval,
  /// and not as fast as the wire allows.
  func mayRescue(_ forwarder: UInt8) -> Bool {
    guard let rescue = rescues[forwarder] else { return true }
    return table[forwarder]?.serial == rescue.serial || now >= rescue.until
  }

  mutating func noteRescue(_ forwarder: UInt8) {
    guard let serial = table[forwarder]?.serial else { return }
    rescues[forwarder] = Rescue(serial: serial, until: now + timers.hello)
  }

  private func isOrphan(_ forwarder: UInt8, _ places: [Place]) -> Bool {
    guard let record = table[forwarder], !record.isRetired, let holder = record.holder else { return false }
    if let foreign = neighbours[holder], foreign.isForeign, !isSeated {
      return !foreign.carries(forwarder) && now >= record.learned + foreign.hold
    }
    return !places.contains { $0.address == holder }
  }

  /// Who carries the least for its share, then the fewest.
  private func lightest(_ places: [Place]) -> Place? {
    let burdens = places.map { place in
      let held = table.numbers.filter { table[$0]?.holder == place.address && table[$0]?.isRetired == false }
      return (load: held.reduce(0) { $0 + measurement.load(of: $1) } / max(place.share, 1), count: Double(held.count) / max(place.share, 1))
    }
    return places.indices.min { burdens[$0] < burdens[$1] }.map { places[$0] }
  }

  // MARK: Who wants to give

  /// Gateways that drain, leave or are below their threshold give away what they carry, as far as somebody can take it.
  private mutating func relieve(_ places: [Place]) {
    let willing = places.filter { !$0.isUnwilling }
    guard !willing.isEmpty else { return }
    for place in places where place.isUnwilling {
      for forwarder in table.numbers where table[forwarder]?.holder == place.address {
        if let carrier = willing.first(where: { isSeated && $0.carried.contains(forwarder) }) {
          // The cluster was quicker. What it has moved away goes home as everything does, not when the drain ends.
          assign(forwarder, to: carrier, isFree: false, .drain)
        } else if isSettled(forwarder, at: place), let heir = lightest(willing) {
          assign(forwarder, to: heir, isFree: false, .drain)
        }
      }
    }
  }

  /// The forwarder is at this gateway and nothing is under way with it.
  private func isSettled(_ forwarder: UInt8, at place: Place) -> Bool {
    table[forwarder]?.holder == place.address && place.carried.contains(forwarder)
  }

  // MARK: Who is new

  /// A gateway that has nothing gets a set of its own: as many as it wants, among foreigners one of their four.
  private mutating func register(_ places: [Place]) {
    for place in places where !place.isUnwilling && isNewcomer(place) {
      for _ in 0..<(hasForeigners ? min(1, place.wanted) : place.wanted) {
        guard let forwarder = freeForwarder else { return }
        assign(forwarder, to: place, isFree: true, .registered, isHome: true)
      }
    }
  }

  private func isNewcomer(_ place: Place) -> Bool {
    guard !table.numbers.contains(where: { table[$0]?.home == place.address || table[$0]?.holder == place.address }) else { return false }
    // Not with its first hello: after a partition it may be in another table, which comes with it.
    guard let active = activeNeighbour, active.isForeign else { return isSeated || now >= place.since + timers.hello }
    return now >= max(place.since, active.since) + active.hold
  }

  private var freeForwarder: UInt8? {
    let offers = activeNeighbour?.offers.filter(Self.foreignForwarders.contains) ?? []
    let range = hasForeigners ? Self.foreignForwarders : 1...UInt8.max
    return (offers + Array(range)).first { forwarder in
      guard table[forwarder]?.isRetired ?? true else { return false }
      return !neighbours.all.contains { $0.carries(forwarder) || $0.awaits(forwarder) }
    }
  }

  /// What a foreign speaker forwards for is its own, unless one of us has the better claim. Who asks for a forwarder is given one.
  private mutating func adoptForeignClaims() {
    for foreign in neighbours.foreign {
      for claim in foreign.claims where concedes(claim.forwarder, to: foreign, claim.priority) {
        table.set(claim.forwarder, at: now) {
          if $0.home == nil || $0.isRetired || claim.priority > Self.guestPriority { $0.home = foreign.address }
          $0.holder = foreign.address
          $0.isRetired = false
        }
        report(.assigned(claim.forwarder, to: foreign.address, .claimed))
        voice.speakNow()
      }
      guard foreign.isAsking, foreign.claims.isEmpty, isActive, isNewcomer(foreign), let forwarder = freeForwarder else { continue }
      table.set(forwarder, at: now) { $0 = .init(home: foreign.address, holder: foreign.address, isFree: true) }
      report(.assigned(forwarder, to: foreign.address, .registered))
      voice.speakNow()
    }
  }

  private func isNewcomer(_ foreign: Neighbour) -> Bool { !table.numbers.contains { table[$0]?.home == foreign.address } }

  private func concedes(_ forwarder: UInt8, to foreign: Neighbour, _ priority: UInt8) -> Bool {
    guard let record = table[forwarder], !record.isRetired, let holder = record.holder else { return true }
    guard holder != foreign.address else { return false }
    if let rival = neighbours[holder], rival.isForeign {
      guard let claim = rival.claims.first(where: { $0.forwarder == forwarder }) else { return true }
      return Rank(priority: priority, address: foreign.address) > Rank(priority: claim.priority, address: holder)
    }
    let ours = record.home == holder ? Self.homePriority : Self.guestPriority
    return Rank(priority: priority, address: foreign.address) > Rank(priority: ours, address: holder)
  }

  // MARK: Who is back

  private mutating func bringHome(_ places: [Place]) {
    guard configuration.preemptsForwarders else { return }
    for home in places where !home.isUnwilling {
      guard let since = home.willingSince, now >= since + configuration.forwarderPreemptDelay else { continue }
      for forwarder in table.numbers where table[forwarder]?.home == home.address && table[forwarder]?.holder != home.address {
        guard let holder = places.first(where: { $0.address == table[forwarder]?.holder }), isSettled(forwarder, at: holder) else {
          continue
        }
        assign(forwarder, to: home, isFree: false, .home)
      }
    }
  }

  /// Redirect and timeout run from the loss of a forwarder's home.
  private mutating func age() {
    for forwarder in table.numbers {
      guard let record = table[forwarder], !record.isRetired, let home = record.home else { continue }
      guard let lost = absence(of: home) else {
        if record.isRedirectEnded { table.set(forwarder, at: now) { $0.isRedirectEnded = false } }
        continue
      }
      if now >= lost + timers.timeout {
        table.set(forwarder, at: now) { $0 = .init(isRetired: true) }
        report(.retired(forwarder))
        voice.speakNow()
      } else if now >= lost + timers.redirect, !record.isRedirectEnded {
        table.set(forwarder, at: now) { $0.isRedirectEnded = true }
        measurement.isStale = true
        report(.redirectEnded(forwarder))
      }
    }
  }

  private mutating func absence(of home: InternetAddress) -> Instant? {
    let isHere = if case .seated(let seat) = state { seat.members.contains { $0.address == home } } else { neighbours[home] != nil }
    guard home != own, !isHere else { return nil }
    neighbours.noteAbsence(of: home, at: now)
    return neighbours.absence(of: home)
  }

  // MARK: Steering

  private mutating func steer(_ places: [Place]) {
    guard isActive, measurement.steering.options.method != .answers, now >= nextSteering else { return }
    nextSteering = now + Self.steeringInterval
    let able = places.filter { !$0.isUnwilling }
    guard able.count > 1, !isMoving(places) else { return }
    let numbers = able.map { place in table.numbers.filter { isSettled($0, at: place) } }
    let loads = zip(able, numbers).map { GatewayLoad($1.map { measurement.load(of: $0) }, share: max($0.share, 1)) }
    for move in measurement.steering.measure(loads, at: now)?.moves ?? [] {
      let forwarder = numbers[move.from][move.forwarder]
      assign(forwarder, to: able[move.to], isFree: false, .balance, isHome: table[forwarder]?.home == able[move.from].address)
    }
  }

  private func isMoving(_ places: [Place]) -> Bool {
    table.numbers.contains { forwarder in
      guard let record = table[forwarder], !record.isRetired, let holder = places.first(where: { $0.address == record.holder }) else {
        return false
      }
      return !holder.carried.contains(forwarder)
    }
  }

  // MARK: Time

  var keeperDeadline: Instant? {
    guard isKeeper else { return nil }
    var deadline: Instant?
    func wait(for instant: Instant) { if instant > now { deadline = min(deadline ?? instant, instant) } }
    if isActive, measurement.steering.options.method != .answers { wait(for: max(nextSteering, blindUntil)) }
    for place in places { if let since = place.willingSince { wait(for: since + configuration.forwarderPreemptDelay) } }
    for forwarder in table.numbers {
      guard let home = table[forwarder]?.home, let lost = neighbours.absence(of: home) else { continue }
      wait(for: lost + timers.redirect)
      wait(for: lost + timers.timeout)
    }
    for (forwarder, rescue) in rescues where !mayRescue(forwarder) { wait(for: rescue.until) }
    if now < blindUntil { wait(for: blindUntil) }
    return deadline
  }
}
