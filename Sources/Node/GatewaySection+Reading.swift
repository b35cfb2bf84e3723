import Host
import Wire

extension GatewaySection {
  /// The bounds of the `gateway` section.
  enum Limits {
    static let hello = Interval.milliseconds(20)...Interval.seconds(60)
    static let longestHold = Interval.seconds(180)
    static let forwarderCount = 1...32
    static let trackedCount = 16
  }

  /// Reads the section; nil when something that has no default is missing.
  /// - Parameter cluster: the cluster that the group is inside of, if any.
  init?(_ section: inout SectionReader, cluster: ClusterSection?) {
    let group = section.number("group", in: UInt16(0)...1023)
    let interface = section.text("interface") ?? cluster?.interface
    let addresses = Self.readAddresses(&section)
    for needed in ["group", "address"] where !section.isSet(needed) {
      section.problem(needed, "is missing; \(Self.advice[needed] ?? "it has no default")")
    }
    if interface == nil { section.problem("interface", "is missing; name the interface towards the hosts, such as lan0") }
    self.init(
      group: group ?? 0, interface: interface ?? "", addresses: addresses,
      ownAddress: section.value("ownAddress", expecting: "an IPv4 or IPv6 address", InternetAddress.init(text:)) ?? cluster?.address,
      forwarderCount: section.number("forwarders", in: Limits.forwarderCount) ?? 5,
      priority: section.number("priority", in: UInt8(1)...255) ?? 100,
      preemption: Self.readDelay(&section, "preempt", otherwise: nil),
      forwarderPreemption: Self.readDelay(&section, "forwarderPreempt", otherwise: .seconds(30)),
      timers: Self.readTimers(&section), answers: section.choice("answers", Answers.self) ?? .leastTraffic,
      steering: Self.readSteering(&section), weight: Self.readWeight(&section), tracked: Self.readTracked(&section),
      authentication: Self.readAuthentication(&section, isInCluster: cluster != nil),
      routing: section.choice("routing", Routing.self) ?? .automatic, export: Self.readExport(&section),
      hold: .init(packetCount: 4096, byteCount: 8 << 20, duration: .seconds(1)))
    if let cluster, cluster.interface != self.interface {
      section.problem(
        "interface",
        "is \(self.interface), the cluster's is \(cluster.interface); inside a cluster the members' messages and the hosts' packets share one"
      )
    }
    if let cluster, self.ownAddress != cluster.address {
      section.problem("ownAddress", "is another than `cluster.address`; inside a cluster a machine has one address, so remove it")
    }
    guard group != nil, interface != nil, !addresses.isEmpty else { return nil }
  }

  private static let advice = [
    "group": "each virtual gateway on a network needs its own number, 0 to 1023, the same on all its routers",
    "address": "name the address that the hosts have as their default gateway, such as 10.0.0.100",
  ]

  private static func readAddresses(_ section: inout SectionReader) -> [InternetAddress] {
    let addresses = section.list("address", expecting: "an IPv4 or IPv6 address", InternetAddress.init(text:)) ?? []
    if Set(addresses.map { $0.ipv4 == nil }).count != addresses.count {
      section.problem("address", "names two of one family; a group has one IPv4 and one IPv6 address")
    }
    for address in addresses {
      if address.isMulticast || address == .unspecified {
        section.problem("address", "\(address) cannot be a gateway: it is not a unicast address")
      } else if address.ipv4 == nil, !address.isLinkLocal {
        section.problem("address", "\(address) is not link-local; hosts know their IPv6 gateway by a link-local address, such as fe80::7:1")
      }
    }
    return addresses
  }

  /// `false`, `true` or a time.
  private static func readDelay(_ section: inout SectionReader, _ name: String, otherwise: Interval?) -> Interval? {
    guard section.isSet(name) else {
      _ = section.text(name)
      return otherwise
    }
    let delay = section.value(name, expecting: "false, true, or a time to wait such as 30s") { text -> Interval?? in
      switch text {
      case "false", "no", "off": .some(nil)
      case "true", "yes", "on": .some(.zero)
      default: Interval(text: text).map { .some($0) }
      }
    }
    return delay ?? otherwise
  }

  private static func readTimers(_ section: inout SectionReader) -> Timers {
    var timers = section.choice("timers", Timers.Profile.self) == .cisco ? Timers.cisco : .skein
    func time(_ name: String, _ value: inout Interval) {
      value = section.value(name, expecting: "a time such as 200ms", Interval.init(text:)) ?? value
    }
    let isHelloSet = section.isSet("hello")
    time("hello", &timers.hello)
    if isHelloSet, !section.isSet("hold") { timers.hold = timers.hello * 13 / 4 }
    time("hold", &timers.hold)
    time("redirect", &timers.redirect)
    time("timeout", &timers.timeout)
    if !Limits.hello.contains(timers.hello) {
      section.problem("hello", "should be from 20ms to 60s: below 20ms ordinary scheduling looks like death")
    }
    if timers.hold < timers.hello * 2 {
      section.problem("hold", "should be at least twice the hello, or one lost message looks like death")
    }
    if timers.hold > Limits.longestHold { section.problem("hold", "should not be above 180s: the other gateways would refuse it") }
    if timers.timeout < timers.redirect { section.problem("timeout", "should not be shorter than `redirect`") }
    return timers
  }

  private static func readSteering(_ section: inout SectionReader) -> Steering {
    var steering = Steering(method: .hybrid, share: 1, deadBand: 5, minimumBetweenMoves: .seconds(60), window: .seconds(10))
    section.section("steering") { reader in
      steering.method = reader.choice("method", Steering.Method.self) ?? steering.method
      steering.share = reader.number("share", in: 0...1000) ?? steering.share
      steering.deadBand =
        reader.value("deadBand", expecting: "points from 0 to 100") { Double($0).flatMap { 0...100 ~= $0 ? $0 : nil } }
        ?? steering.deadBand
      steering.minimumBetweenMoves =
        reader.value("betweenMoves", expecting: "a time such as 60s", Interval.init(text:)) ?? steering.minimumBetweenMoves
      steering.window = reader.value("window", expecting: "a time such as 10s", Interval.init(text:)) ?? steering.window
      if steering.window < .seconds(1) { reader.problem("window", "should be at least 1s") }
    }
    return steering
  }

  private static func readWeight(_ section: inout SectionReader) -> Weight {
    var weight = Weight(maximum: 100, lower: 1, upper: 1)
    section.section("weight") { reader in
      weight.maximum = reader.number("maximum", in: 1...254) ?? weight.maximum
      weight.lower = reader.number("lower", in: 0...254) ?? weight.lower
      weight.upper = reader.number("upper", in: 0...254) ?? max(weight.lower, weight.upper)
      if weight.upper < weight.lower { reader.problem("upper", "should not be below `lower`") }
      if weight.upper > weight.maximum { reader.problem("upper", "is above `maximum`: this machine would never forward again") }
    }
    return weight
  }

  private static func readTracked(_ section: inout SectionReader) -> [TrackedObject] {
    var tracked: [TrackedObject] = []
    section.sections("track") { reader in
      let kinds = ["interface", "route", "command"].filter { reader.isSet($0) }
      if kinds.count != 1 { reader.problem(kinds.first ?? "interface", "should name one of `interface`, `route`, `command`") }
      let interface = reader.text("interface").map { TrackedObject.What.interface($0) }
      let route = reader.value("route", expecting: "the address of a destination", InternetAddress.init(text:)).map {
        TrackedObject.What.route($0)
      }
      let command = readCommand(&reader)
      let subtract = reader.number("subtract", in: 1...254) ?? 100
      if let what = interface ?? route ?? command { tracked.append(.init(what: what, subtract: subtract)) }
    }
    if tracked.count > Limits.trackedCount { section.problem("track", "has \(tracked.count) objects; at most \(Limits.trackedCount)") }
    return tracked
  }

  private static func readCommand(_ reader: inout SectionReader) -> TrackedObject.What? {
    let every = reader.value("every", expecting: "a time such as 1s", Interval.init(text:)) ?? .seconds(1)
    let timeout = reader.value("timeout", expecting: "a time such as 1s", Interval.init(text:)) ?? .seconds(1)
    let (rise, fall) = (reader.number("rise", in: 1...100) ?? 2, reader.number("fall", in: 1...100) ?? 3)
    if every < .milliseconds(100) { reader.problem("every", "should be at least 100ms: each time a process is started") }
    return reader.text("command").map { .command($0, every: every, timeout: timeout, rise: rise, fall: fall) }
  }

  private static func readAuthentication(_ section: inout SectionReader, isInCluster: Bool) -> Authentication {
    var result = Authentication.none
    section.section("authentication") { reader in
      let key = reader.text("key")
      let text = reader.text("text")
      if key != nil, text != nil { reader.problem("text", "is set beside `key`; keep one") }
      if let text, text.utf8.isEmpty || text.utf8.count > 8 { reader.problem("text", "should have 1 to 8 octets, as GLBP has it") }
      result = key.map { .key(file: $0) } ?? text.map { .text($0) } ?? .none
    }
    if isInCluster, result != .none {
      section.problem("authentication", "is not used inside a cluster, where every message is sealed under the group key; remove it")
    }
    return result
  }

  private static func readExport(_ section: inout SectionReader) -> Export? {
    var export: Export?
    section.section("export") { reader in
      let collector = reader.value(
        "collector", expecting: "an address and port such as 192.0.2.9:4739", Configuration.MetricsAddress.init(text:))
      let interval = reader.value("interval", expecting: "a time such as 60s", Interval.init(text:)) ?? .seconds(60)
      if interval < .seconds(1) { reader.problem("interval", "should be at least 1s") }
      if collector == nil, !reader.isSet("collector") {
        reader.problem("collector", "is missing; name the collector, such as 192.0.2.9:4739")
      }
      export = collector.map { Export(collector: $0, interval: interval) }
    }
    return export
  }
}
