import Host
import Wire

extension GatewaySection {
  /// The bounds of the `gateway` section.
  enum Limits {
    static let hello = Interval.milliseconds(20)...Interval.seconds(60)
    static let hold = Interval.milliseconds(40)...Interval.seconds(180)
    /// GLBP has 16 bits of seconds for them.
    static let redirect = Interval.seconds(1)...Interval.seconds(65_535)
    static let delay = Interval.zero...Interval.seconds(86_400)
    static let betweenMoves = Interval.zero...Interval.seconds(86_400)
    static let window = Interval.seconds(1)...Interval.seconds(3600)
    static let commandEvery = Interval.milliseconds(100)...Interval.seconds(86_400)
    static let commandTimeout = Interval.milliseconds(10)...Interval.seconds(600)
    static let exportInterval = Interval.seconds(1)...Interval.seconds(86_400)
    static let forwarderCount = 1...32
    static let trackedCount = 16
  }

  /// Reads the section; nil when something that has no default is missing.
  /// - Parameter cluster: the cluster that the group is inside of, if any.
  init?(_ section: inout SectionReader, cluster: ClusterSection?) {
    let group = section.number("group", in: UInt16(0)...1023)
    let isInterfaceSet = section.isSet("interface")
    let interface = section.sharedInterface("interface") ?? cluster?.interface
    let own = section.value("ownAddress", expecting: "an IPv4 or IPv6 address", InternetAddress.init(text:)) ?? cluster?.address
    let addresses = Self.readAddresses(&section, own: own, cluster)
    for needed in ["group", "address"] where !section.isSet(needed) {
      section.problem(needed, "is missing; \(Self.advice[needed] ?? "it has no default")")
    }
    if interface == nil, !isInterfaceSet {
      section.problem("interface", "is missing; name the interface towards the hosts, such as lan0")
    }
    if section.isSet("ownAddress"), let own, let why = own.whyUnusable {
      section.problem("ownAddress", "\(own) cannot be this machine's own address: \(why)")
    }
    self.init(
      group: group ?? 0, interface: interface ?? "", addresses: addresses,
      ownAddress: own, forwarderCount: section.number("forwarders", in: Limits.forwarderCount) ?? 5,
      priority: section.number("priority", in: UInt8(1)...255) ?? 100,
      preemption: Self.readDelay(&section, "preempt", otherwise: nil),
      forwarderPreemption: Self.readDelay(&section, "forwarderPreempt", otherwise: .seconds(30)),
      timers: Self.readTimers(&section), answers: section.choice("answers", Answers.self) ?? .leastTraffic,
      steering: Self.readSteering(&section), weight: Self.readWeight(&section), tracked: Self.readTracked(&section),
      authentication: Self.readAuthentication(&section, isInCluster: cluster != nil),
      routing: section.choice("routing", Routing.self) ?? .automatic, export: Self.readExport(&section),
      hold: .init(packetCount: 4096, byteCount: 8 << 20, duration: .seconds(1)))
    if let cluster, let interface, cluster.interface != interface {
      section.problem(
        "interface",
        "is \(interface), the cluster's is \(cluster.interface); inside a cluster the members' messages and the hosts' packets share one"
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

  /// Each with the length of its network's prefix or without: only with it is 10.0.0.255 known from a broadcast address.
  private static func readAddresses(_ section: inout SectionReader, own: InternetAddress?, _ cluster: ClusterSection?) -> [InternetAddress]
  {
    let shared = Set(cluster?.addresses.map(\.address) ?? [])
    var others = Set(cluster?.peers ?? [])
    if let own { others.insert(own) }
    let addresses =
      section.list("address", expecting: "an IPv4 or IPv6 address") { text in
        InternetPrefix(text: text).map { Candidate(prefix: $0, isSure: true) } ?? Candidate(InternetAddress(text: text))
      } check: { candidate in
        let address = candidate.prefix.address
        if shared.contains(address) { return "\(address) is a cluster address too, and hosts would hear two answers; keep one of the two" }
        if others.contains(address) { return "\(address) is also a machine's own address; the gateway needs one of its own" }
        if let why = candidate.prefix.whyUnusable {
          return "\(address) cannot be a gateway: \(why)\(candidate.isSure ? "" : candidate.advice)"
        }
        guard address.ipv4 == nil, !address.isLinkLocal else { return nil }
        return "\(address) is not link-local; hosts know their IPv6 gateway by a link-local address, such as fe80::7:1"
      }?.map(\.prefix.address) ?? []
    if Set(addresses.map(\.family)).count != addresses.count {
      section.problem("address", "names two of one family; a group has one IPv4 and one IPv6 address")
    }
    return addresses
  }

  /// A virtual address in a network whose size is given or, being that of nearly all, guessed.
  private struct Candidate {
    var prefix: InternetPrefix
    var isSure: Bool

    init(prefix: InternetPrefix, isSure: Bool) {
      self.prefix = prefix
      self.isSure = isSure
    }

    /// For an address that would do in a larger network than the one that was guessed.
    var advice: String {
      let larger = (8..<24).reversed().lazy.compactMap { InternetPrefix(address: prefix.address, length: $0) }
      guard prefix.address.ipv4 != nil, let good = larger.first(where: { $0.whyUnusable == nil }) else { return "" }
      return "; if the network is larger than a /24, name its prefix, such as \(good)"
    }

    init?(_ address: InternetAddress?) {
      guard let address, let prefix = InternetPrefix(address: address, length: address.ipv4 == nil ? 64 : 24) else { return nil }
      self.init(prefix: prefix, isSure: false)
    }
  }

  /// `false`, `true` or a time.
  private static func readDelay(_ section: inout SectionReader, _ name: String, otherwise: Interval?) -> Interval? {
    guard section.isSet(name) else {
      _ = section.text(name)
      return otherwise
    }
    let delay = section.value(name, expecting: "false, true, or a time to wait of at most \(Limits.delay.upperBound.text)") {
      text -> Interval?? in
      switch text {
      case "false", "no", "off": .some(nil)
      case "true", "yes", "on": .some(.zero)
      default: Interval(text: text).flatMap { Limits.delay.contains($0) ? .some($0) : nil }
      }
    }
    return delay ?? otherwise
  }

  private static func readTimers(_ section: inout SectionReader) -> Timers {
    var timers = section.choice("timers", Timers.Profile.self) == .cisco ? Timers.cisco : .skein
    func time(_ name: String, in range: ClosedRange<Interval>, why: String? = nil, _ value: inout Interval) {
      value = section.time(name, in: range, why: why) ?? value
    }
    time("hello", in: Limits.hello, why: "below 20ms ordinary scheduling looks like death", &timers.hello)
    if section.isSet("hello"), !section.isSet("hold") { timers.hold = min(timers.hello * 13 / 4, Limits.hold.upperBound) }
    time("hold", in: Limits.hold, why: "the other gateways would refuse more", &timers.hold)
    time("redirect", in: Limits.redirect, &timers.redirect)
    time("timeout", in: Limits.redirect, &timers.timeout)
    if timers.hold < timers.hello * 2 {
      section.problem("hold", "should be at least twice the hello, or one lost message looks like death")
    }
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
        reader.time("betweenMoves", in: Limits.betweenMoves) ?? steering.minimumBetweenMoves
      steering.window = reader.time("window", in: Limits.window) ?? steering.window
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
      let interface = reader.interface("interface").map { TrackedObject.What.interface($0) }
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
    let every = reader.time("every", in: Limits.commandEvery, why: "each time a process is started") ?? .seconds(1)
    let timeout = reader.time("timeout", in: Limits.commandTimeout) ?? .seconds(1)
    let (rise, fall) = (reader.number("rise", in: 1...100) ?? 2, reader.number("fall", in: 1...100) ?? 3)
    return reader.text("command").map { .command($0, every: every, timeout: timeout, rise: rise, fall: fall) }
  }

  private static func readAuthentication(_ section: inout SectionReader, isInCluster: Bool) -> Authentication {
    var result = Authentication.none
    section.section("authentication") { reader in
      let key = reader.text("key")
      let text = reader.value("text", expecting: "a text of 1 to 8 octets, as GLBP has it") {
        (1...8).contains($0.utf8.count) && !$0.utf8.contains(0) ? $0 : nil
      }
      if key != nil, text != nil { reader.problem("text", "is set beside `key`; keep one") }
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
      let collector = reader.value("collector", expecting: "an address, by number, and a port, such as 192.0.2.9:4739") {
        Configuration.MetricsAddress(text: $0).flatMap { InternetAddress(text: $0.host) == nil ? nil : $0 }
      }
      if let address = collector.flatMap({ InternetAddress(text: $0.host) }), !address.isMulticast, !address.isLoopback,
        let why = address.whyUnusable ?? address.whyNeedsInterface
      {
        reader.problem("collector", "\(address) cannot be a collector's address: \(why)")
      }
      let interval = reader.time("interval", in: Limits.exportInterval) ?? .seconds(60)
      if collector == nil, !reader.isSet("collector") {
        reader.problem("collector", "is missing; name the collector, such as 192.0.2.9:4739")
      }
      export = collector.map { Export(collector: $0, interval: interval) }
    }
    return export
  }
}
