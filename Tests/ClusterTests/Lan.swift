import Cluster
import Testing
import Wire

/// A wire without surprises: what a test cuts is cut, the rest arrives a tenth of a millisecond later. Every machine has the same clock.
struct Lan {
  struct Parcel {
    var time: Instant
    var to: Int
    var message: ClusterMessage
    var envelope: ClusterMember.Envelope
  }

  /// What one machine's packet path was told, and what else it was asked to do.
  struct Record {
    var lease = Instant.zero
    var isMaster = false
    var mine = UnitSet()
    var owners: [MemberIdentifier?] = Array(repeating: nil, count: UnitSet.unitCount)
    var announcements: [(time: Instant, reason: ClusterMember.AnnounceReason)] = []
    var reports: [ClusterMember.Report] = []
    var actions: [ClusterMember.Action] = []
    var sent: [(time: Instant, message: ClusterMessage)] = []
  }

  var now = Instant(nanoseconds: 1_000_000_000)
  var members: [ClusterMember]
  var records: [Record]
  var isRunning: [Bool]
  var isDeaf: [Bool]
  var isMute: [Bool]
  /// Which machines' client packets arrive at.
  var hasTraffic: [Bool]
  /// Drops a message on the way: sender, receiver, message.
  var drops: (Int, Int, ClusterMessage) -> Bool = { _, _, _ in false }
  /// Whether somebody answers who is asked for the cluster addresses, and whether that is a cluster.
  var addressOwnerIsCluster: Bool?
  /// Whether the applications' state arrives, and is sent, a millisecond after it is asked for.
  var completesState: [Bool]
  private var states: [(time: Instant, index: Int, event: ClusterMember.Event)] = []
  private var parcels: [Parcel] = []
  private var sequences: [UInt64]
  private var random = FixedGenerator()
  private var nextTraffic = Instant.zero
  /// Units that more than one machine processed at an instant.
  private(set) var conflicts: [String] = []

  init(_ count: Int, configure: (inout ClusterMember.Configuration) -> Void = { _ in }) {
    members = (0..<count).map { index in
      var configuration = Self.configuration(index)
      configure(&configuration)
      return ClusterMember(configuration: configuration)
    }
    records = Array(repeating: Record(), count: count)
    isRunning = Array(repeating: false, count: count)
    isDeaf = Array(repeating: false, count: count)
    isMute = Array(repeating: false, count: count)
    hasTraffic = Array(repeating: true, count: count)
    completesState = Array(repeating: true, count: count)
    sequences = Array(repeating: 0, count: count)
  }

  static func profile(_ index: Int, incarnation: UInt64 = 1, weight: UInt16 = 100) -> MemberProfile {
    MemberProfile(
      identifier: MemberIdentifier(rawValue: UInt16(index + 1)), incarnation: UInt64(index + 1) * 1000 + incarnation,
      address: InternetAddress(ipv4: 0x0a00_0001 + UInt32(index)), ethernetAddress: EthernetAddress(bits: UInt64(index + 1)),
      weight: weight, agreementKey: [])
  }

  static func configuration(_ index: Int, incarnation: UInt64 = 1) -> ClusterMember.Configuration {
    ClusterMember.Configuration(profile: profile(index, incarnation: incarnation), personalityVersion: 1)
  }

  static func identifier(_ index: Int) -> MemberIdentifier { MemberIdentifier(rawValue: UInt16(index + 1)) }

  // MARK: Happening

  mutating func start(_ index: Int, claims: UnitSet = UnitSet(), lease: Instant = .zero) {
    isRunning[index] = true
    feed(.start(claims: claims, leaseDeadline: lease), to: index)
  }

  /// Starts all, the first a little earlier, and lets them come together.
  mutating func form() {
    start(0)
    run(for: .milliseconds(700))
    for index in members.indices.dropFirst() { start(index) }
    run(for: .seconds(4))
  }

  /// The machine is gone, packet path and all.
  mutating func crash(_ index: Int) {
    isRunning[index] = false
    records[index] = Record()
  }

  /// The daemon is gone; the next one is another run of the same machine.
  mutating func replace(_ index: Int, incarnation: UInt64, configure: (inout ClusterMember.Configuration) -> Void = { _ in }) {
    isRunning[index] = false
    var configuration = Self.configuration(index, incarnation: incarnation)
    configure(&configuration)
    members[index] = ClusterMember(configuration: configuration)
  }

  mutating func feed(_ event: ClusterMember.Event, to index: Int) {
    for action in members[index].handle(event, at: now, using: &random) { carryOut(action, index) }
    checkOwners()
    for sentence in members[index].checkInvariants() { Issue.record("\(now): member \(index + 1): \(sentence)") }
  }

  mutating func run(for duration: Interval) { run(until: now + duration) }

  mutating func run(until end: Instant) {
    while let next = nextInstant(), next <= end {
      now = max(now, next)
      step()
    }
    now = end
  }

  /// Runs until the condition holds; answers whether it did within the limit.
  mutating func run(within limit: Interval, until condition: (Lan) -> Bool) -> Bool {
    let end = now + limit
    while !condition(self) {
      guard let next = nextInstant(), next <= end else { return false }
      now = max(now, next)
      step()
    }
    return true
  }

  private func nextInstant() -> Instant? {
    var next = parcels.first?.time
    for index in members.indices where isRunning[index] {
      if let deadline = members[index].nextDeadline { next = min(next ?? deadline, deadline) }
    }
    if let state = states.first { next = min(next ?? state.time, state.time) }
    if hasTraffic.contains(true) { next = min(next ?? nextTraffic, nextTraffic) }
    return next
  }

  private mutating func step() {
    if nextTraffic <= now { sendTraffic() }
    while let state = states.first, state.time <= now {
      states.removeFirst()
      if isRunning[state.index] { feed(state.event, to: state.index) }
    }
    while let parcel = parcels.first, parcel.time <= now {
      parcels.removeFirst()
      if isRunning[parcel.to], !isDeaf[parcel.to] { feed(.received(parcel.message, from: parcel.envelope), to: parcel.to) }
    }
    for index in members.indices where isRunning[index] {
      if let deadline = members[index].nextDeadline, deadline <= now { feed(.timer, to: index) }
    }
  }

  private mutating func sendTraffic() {
    nextTraffic = now + .milliseconds(10)
    for index in members.indices where isRunning[index] && hasTraffic[index] && !isDeaf[index] {
      feed(.heardTraffic, to: index)
      if records[index].isMaster, let unit = records[index].owners.firstIndex(where: { $0 == nil }) {
        feed(.packetForUnassigned(unit: unit), to: index)
      }
    }
  }

  // MARK: What members want

  private mutating func carryOut(_ action: ClusterMember.Action, _ index: Int) {
    records[index].actions.append(action)
    switch action {
    case .setLease(let lease): records[index].lease = lease
    case .setMaster(let isMaster): records[index].isMaster = isMaster
    case .setUnits(let units, let owner, let isAcknowledged): setUnits(units, owner, isAcknowledged, index)
    case .announce(let reason): records[index].announcements.append((now, reason))
    case .report(let report): records[index].reports.append(report)
    case .send(let message, let destination, let protection): send(message, destination, protection, index)
    case .awaitState(let serial, _, _): complete(.stateComplete(serial: serial), index)
    case .handOverState(let serial, _, _): complete(.stateHandedOver(serial: serial), index)
    case .probeAddresses:
      if let isCluster = addressOwnerIsCluster { states.append((now + .milliseconds(1), index, Self.addressInUse(isCluster))) }
    default: break
    }
  }

  static func addressInUse(_ isCluster: Bool) -> ClusterMember.Event {
    .addressInUse(InternetAddress(ipv4: 0x0a00_00ff), by: EthernetAddress(bits: 0x0200_0000_0099), isCluster: isCluster)
  }

  private mutating func complete(_ event: ClusterMember.Event, _ index: Int) {
    if completesState[index] { states.append((now + .milliseconds(1), index, event)) }
  }

  private mutating func setUnits(_ units: UnitSet, _ owner: MemberIdentifier?, _ isAcknowledged: Bool, _ index: Int) {
    for unit in units { records[index].owners[unit] = owner }
    if owner == Self.identifier(index), isAcknowledged {
      records[index].mine.formUnion(units)
    } else {
      records[index].mine.subtract(units)
    }
  }

  private mutating func send(
    _ message: ClusterMessage, _ destination: ClusterMember.Destination, _ protection: Protection, _ index: Int
  ) {
    records[index].sent.append((now, message))
    sequences[index] += 1
    guard !isMute[index] else { return }
    let targets: [Int]
    switch destination {
    case .everyone: targets = members.indices.filter { $0 != index }
    case .member(let member, _): targets = [Int(member.rawValue) - 1].filter { members.indices.contains($0) && $0 != index }
    }
    for target in targets where !drops(index, target, message) {
      parcels.append(Parcel(time: now + .microseconds(100), to: target, message: message, envelope: envelope(index, protection)))
    }
  }

  /// The envelope of an authentic message that a machine sends now.
  func envelope(_ index: Int, _ protection: Protection = .sealed, isAuthentic: Bool = true) -> ClusterMember.Envelope {
    ClusterMember.Envelope(
      sender: Self.identifier(index), incarnation: members[index].configuration.profile.incarnation, protection: protection, epoch: 1,
      sequence: sequences[index], sourceAddress: Self.profile(index).address, isAuthentic: isAuthentic)
  }

  // MARK: Looking

  private mutating func checkOwners() {
    var seen = UnitSet()
    for index in members.indices where records[index].lease > now && !isMute[index] && !isDeaf[index] {
      let twice = seen.intersection(records[index].mine)
      if !twice.isEmpty { conflicts.append("\(now): \(twice.count) units, one of them \(twice.first { _ in true } ?? -1), twice") }
      seen.formUnion(records[index].mine)
    }
  }

  /// Units that somebody processes now.
  var served: UnitSet {
    var result = UnitSet()
    for index in members.indices where records[index].lease > now { result.formUnion(records[index].mine) }
    return result
  }

  func count(_ index: Int) -> Int { records[index].lease > now ? records[index].mine.count : 0 }
  func phase(_ index: Int) -> ClusterMember.Phase { members[index].snapshot(at: now).phase }
  var masters: [Int] { members.indices.filter { isRunning[$0] && records[$0].isMaster } }

  func sent(by index: Int, where fits: (ClusterMessage) -> Bool) -> [(time: Instant, message: ClusterMessage)] {
    records[index].sent.filter { fits($0.message) }
  }

  func reports(_ index: Int, where fits: (ClusterMember.Report) -> Bool) -> Int { records[index].reports.count(where: fits) }
}

/// The same numbers in every run.
struct FixedGenerator: RandomNumberGenerator {
  private var state: UInt64 = 42
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 29
  }
}
