import Wire

/// Who carries how much, whom hosts are answered with, and what moves: the values of this room that measure, answer and steer, together.
struct Measurement: Sendable {
  var meter: RateMeter
  var answers: Answers
  var clients: ClientCache
  var steering: Steering
  var departures = Departures()
  /// What was measured here the last time.
  private var metered = ForwarderSet()
  /// What others say of the forwarders that they carry; of one whose holder is gone, the last that was said.
  private var heard: [TrafficRate] = Array(repeating: TrafficRate(), count: 256)
  /// The answers do not know who carries what now.
  var isStale = true
  /// When the packet path was read last. The hosts answered since then count by estimate.
  private(set) var measuredAt = Instant.zero

  init(_ configuration: GatewayRouter.Configuration) {
    meter = RateMeter(window: configuration.measurementWindow)
    answers = Answers(method: configuration.answerMethod)
    answers.window = configuration.measurementWindow
    clients = ClientCache(capacity: configuration.clientCapacity)
    steering = Steering(configuration.steering)
  }

  func rate(of forwarder: UInt8) -> TrafficRate { heard[Int(forwarder)] }
  func load(of forwarder: UInt8) -> Double { heard[Int(forwarder)].octets }

  /// - Parameter carried: what this gateway forwards for. One that has just come goes on with the rate that its last holder measured.
  mutating func measure(_ volumes: [UInt8: GatewayRouter.Volume], of carried: [UInt8], at now: Instant) {
    measuredAt = now
    isStale = true
    for forwarder in carried where forwarder != 0 {
      let volume = volumes[forwarder] ?? .init(packets: 0, octets: 0)
      if metered.contains(forwarder) {
        meter.measure(forwarder, packets: volume.packets, octets: volume.octets, at: now)
      } else {
        meter.begin(forwarder, packets: volume.packets, octets: volume.octets, rate: heard[Int(forwarder)], at: now)
      }
      heard[Int(forwarder)] = meter.rate(of: forwarder)
    }
    metered = ForwarderSet(carried)
  }

  mutating func hear(_ entries: [GlbpTraffic.Entry]) {
    for entry in entries {
      heard[Int(entry.forwarder)].packets = Double(entry.packetsPerSecond)
      heard[Int(entry.forwarder)].octets = Double(entry.octetsPerSecond)
    }
  }
}

extension Shared {
  mutating func measure(_ volumes: [UInt8: GatewayRouter.Volume]) {
    measurement.measure(volumes, of: table.numbers.filter { carriesTraffic($0) }, at: now)
  }

  /// Whether this gateway forwards for it: by its own word, or inside a cluster by the cluster's.
  func carriesTraffic(_ forwarder: UInt8) -> Bool {
    if case .seated(let seat) = state { return seat.owners[forwarder] == own }
    return carries(forwarder)
  }

  var carriedTraffic: [GlbpTraffic.Entry] {
    table.numbers.compactMap { forwarder in
      guard carriesTraffic(forwarder) else { return nil }
      let rate = measurement.rate(of: forwarder)
      return GlbpTraffic.Entry(
        forwarder: forwarder, packetsPerSecond: UInt32(max(0, min(rate.packets.rounded(), 4e9))),
        octetsPerSecond: UInt64(max(0, min(rate.octets.rounded(), 1e18))))
    }
  }
}
