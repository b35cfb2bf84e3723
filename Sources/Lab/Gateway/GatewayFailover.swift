import Foundation

/// How a router fails, or that it returns.
public enum GatewayFailure: String, CaseIterable, Codable, Sendable {
  /// SIGKILL, and its links go down.
  case kill
  /// The daemon hangs (SIGSTOP); its kernel lives.
  case stop
  /// Its link to the hosts goes down.
  case link
  /// It has been dead, and comes back.
  case `return`

  var sentence: String {
    switch self {
    case .kill: "the router dies (SIGKILL and links down)"
    case .stop: "its daemon hangs (SIGSTOP), its kernel lives"
    case .link: "its link to the hosts goes down"
    case .return: "a router that was dead comes back"
    }
  }
}

/// Which router it hits.
public enum GatewayVictim: String, CaseIterable, Codable, Sendable {
  /// One that only forwards.
  case avf
  /// The active virtual gateway.
  case avg
  /// The active one and its standby together.
  case both

  var words: String {
    switch self {
    case .avf: "a forwarder"
    case .avg: "the active virtual gateway"
    case .both: "the active virtual gateway and its standby together"
    }
  }
}

/// Routers behind one address, whatever makes them.
protocol GatewayUnderTest {
  var topology: GatewayTopology { get }
  /// The routers to hit.
  func victims(_ wish: GatewayVictim) throws -> [Int]
  func fail(_ router: Int, by failure: GatewayFailure) throws
  func heal(_ router: Int, after failure: GatewayFailure) throws
  /// Waits until these are a group, and hosts have what they should.
  func waitUntilReady(_ routers: [Int]) throws
  /// How often hosts send and ask while it is measured.
  var packetsPerSecond: Double { get }
  /// Of the virtual addresses.
  var families: [AddressFamily] { get }
  /// Whether hosts learn another MAC address when another router takes over, and then make sure of it.
  var changesEntries: Bool { get }
  /// How many of these have the virtual address, where one is meant to; nil where all are.
  func addressHolders(_ routers: [Int]) throws -> Int?
  /// The books of what may take a packet, opened now; nil where none are kept.
  func lossBooks() -> LossBooks?
  /// After this a silent router's hosts can certainly not get through by it any more.
  var silenceCertainAfterMilliseconds: Int { get }
}

/// One failure of routers, measured at the server's wires.
struct GatewayFailoverRun: Sendable {
  var figures: FailoverRun
  /// The longest time without an answer to ARP questions, asked as often as a host sends.
  var answersSilenceMilliseconds: Double
  /// How many routers that the hosts could reach had the virtual address while the failure lasted, where one is meant to.
  var addressHolders: Int?
  /// How long the run took, with all waiting.
  var seconds: Double
}

extension GatewayUnderTest {
  private var plan: GatewayPlan { topology.plan }

  /// Lets routers fail, or return, under probes from every host.
  func measureFailover(_ victims: [Int], by failure: GatewayFailure, console: Console) throws -> GatewayFailoverRun {
    let begunAt = BootClock.nanoseconds
    let survivors = plan.routers.filter { !victims.contains($0) }
    if failure == .return {
      for victim in victims { try fail(victim, by: .kill) }
      try pause(milliseconds: silenceCertainAfterMilliseconds)
      try waitUntilReady(survivors)
    }
    try topology.letHostsAskSeldom(again: changesEntries, families: families)
    let traffic = try GatewayTraffic(plan: plan, streams: plan.hosts.map { GatewayStream(host: $0, packetsPerSecond: packetsPerSecond) })
    let asker = try ArpAsker(plan: plan, questionsPerSecond: packetsPerSecond)
    try pause(milliseconds: 500)
    let books = lossBooks()
    books?.failed = Set(victims)
    let failedAt = BootClock.nanoseconds
    if failure != .return { for victim in victims { try fail(victim, by: failure) } }
    let failedBy = BootClock.nanoseconds
    if failure != .return { try waitForRecovery(traffic, survivors, failedAt) }
    let holders = try addressHolders(failure == .stop ? Array(plan.routers) : survivors)
    books?.turnPage()
    books?.failed = []
    let healedAt = BootClock.nanoseconds
    for victim in victims { try heal(victim, after: failure == .return ? .kill : failure) }
    try waitUntilReady(Array(plan.routers))
    try pause(milliseconds: 500)
    let answers = try asker.finish()
    let ledger = try traffic.finish()
    books?.turnPage()
    var run = try FailoverRun(
      ledger: ledger, victims: failure == .return ? Array(survivors) : victims, failedAt: failedAt, failedBy: failedBy,
      healedAt: healedAt)
    let counts = FailoverRun.countedLosses(
      ledger, victims: failure == .return ? Array(survivors) : victims, failedAt: failedAt, healedAt: healedAt)
    if let books { run.losses = books.explain(ledger, where: counts) }
    if failure == .return { run.silenceMilliseconds = run.silenceOnReturnMilliseconds }
    let answersSilence = answers.longestSilence(in: failure == .return ? healedAt..<UInt64.max : failedAt..<healedAt)
    console.say(
      "   router \(victims.map(String.init).joined(separator: " and ")): its hosts got nothing through for \(run.silenceMilliseconds.formatted(digits: 0)) ms, "
        + "no ARP answer for \(answersSilence.formatted(digits: 0)) ms; lost by the others' \(run.lostOnSurvivors), forwarded twice \(run.answeredTwice), "
        + "lost on return \(run.lostOnReturn)")
    return GatewayFailoverRun(
      figures: run, answersSilenceMilliseconds: answersSilence, addressHolders: holders,
      seconds: Double(BootClock.nanoseconds - begunAt) / 1e9)
  }

  private func waitForRecovery(_ traffic: GatewayTraffic, _ survivors: [Int], _ failedAt: UInt64) throws {
    BootClock.sleep(until: failedAt + UInt64(silenceCertainAfterMilliseconds) * 1_000_000)
    let end = BootClock.nanoseconds + UInt64(silenceCertainAfterMilliseconds) * 5_000_000 + 5_000_000_000
    while BootClock.nanoseconds < end, !traffic.isGettingThrough() { try pause(milliseconds: 10) }
    try pause(milliseconds: 500)
    try waitUntilReady(survivors)
  }
}

extension GatewayTraffic {
  /// Whether every stream's packets have come out in the last 50 ms.
  func isGettingThrough() -> Bool {
    let since = BootClock.nanoseconds - 50_000_000
    return read { $0.isAnswered(flows: Array($0.flows.indices), since: since) }
  }
}

extension GatewayGroup: GatewayUnderTest {
  var silenceCertainAfterMilliseconds: Int { settings.holdMilliseconds + 200 }
  /// Whole seconds need no milliseconds.
  var packetsPerSecond: Double { settings.holdMilliseconds > 5000 ? 100 : 500 }
  var families: [AddressFamily] { settings.families }
  var changesEntries: Bool { false }
  func addressHolders(_ routers: [Int]) throws -> Int? { nil }
  func lossBooks() -> LossBooks? { LossBooks(booked) }

  func victims(_ wish: GatewayVictim) throws -> [Int] {
    let states = try plan.routers.map { ($0, try status($0).state) }
    let active = states.first { $0.1 == "active" }?.0
    let standby = states.first { $0.1 == "standby" }?.0
    let victims: [Int?] =
      switch wish {
      case .avg: [active]
      case .avf: [plan.routers.first { $0 != active && $0 != standby } ?? standby]
      case .both: [active, standby]
      }
    guard victims.allSatisfy({ $0 != nil }) else { throw LabError.observation("the group has no \(wish.words)") }
    return victims.compactMap { $0 }
  }

  func fail(_ router: Int, by failure: GatewayFailure) throws {
    switch failure {
    case .kill, .return:
      try topology.setCarriers(ofRouter: router, up: false)
      try daemon(router).signal(SIGKILL)
    case .stop: try daemon(router).signal(SIGSTOP)
    case .link: try topology.setLan(ofRouter: router, up: false)
    }
  }

  func heal(_ router: Int, after failure: GatewayFailure) throws {
    switch failure {
    case .kill, .return:
      try topology.setCarriers(ofRouter: router, up: true)
      try daemon(router).end()
      try startDaemon(router)
    case .stop: try daemon(router).signal(SIGCONT)
    case .link: try topology.setLan(ofRouter: router, up: true)
    }
  }

  /// With all routers there, every virtual MAC address is at home; without some, it is somewhere.
  func waitUntilReady(_ routers: [Int]) throws { try waitUntilSettled(routers, atHome: routers.count == plan.routerCount) }
}

/// Asks again and again who has the virtual address, in the hosts' LAN, and takes down when answers come.
final class ArpAsker: Sendable {
  struct Answers: Sendable {
    /// In rising order, once all are there.
    var arrivals: [UInt64] = []
    var asked = 0

    /// In milliseconds: the longest time without an answer, of all such times that touch the window.
    func longestSilence(in window: Range<UInt64>) -> Double {
      var previous = arrivals.last { $0 <= window.lowerBound } ?? window.lowerBound
      var longest: UInt64 = 0
      for arrival in arrivals where arrival > window.lowerBound {
        guard previous < window.upperBound else { break }
        longest = max(longest, arrival - previous)
        previous = arrival
      }
      if window.upperBound != .max, previous < window.upperBound { longest = max(longest, window.upperBound - previous) }
      return Double(longest / 1000) / 1000
    }
  }

  private let stopping = Flag()
  private let worker: Worker<Answers>

  init(plan: GatewayPlan, questionsPerSecond: Double) throws {
    let stopping = stopping
    let pause = UInt64(1e9 / questionsPerSecond)
    worker = Worker(isUrgent: true) {
      try plan.strangerNamespace.enter {
        let tap = try WireTap(interface: GatewayPlan.hostInterface)
        let sender = try FrameSender(interface: GatewayPlan.hostInterface)
        let own = try hardwareAddress(of: GatewayPlan.hostInterface)
        let question = LanFrame.arpRequest(
          from: own, GatewayPlan.strangerAddress, for: GatewayPlan.virtualAddress(.four))
        var answers = Answers()
        while !stopping.isRaised {
          // A queue that is full for a moment is no fault of the gateway's.
          if (try? sender.send(question)) != nil { answers.asked += 1 }
          BootClock.sleep(until: BootClock.nanoseconds + pause)
          tap.drain { octets, time in
            if LanFrame.isArpReply(octets, from: GatewayPlan.virtualAddress(.four), to: own) { answers.arrivals.append(time) }
          }
        }
        // Two who answer at once are stamped by two clocks' readings.
        answers.arrivals.sort()
        return answers
      }
    }
  }

  deinit { stopping.raise() }

  func finish() throws -> Answers {
    stopping.raise()
    return try worker.value()
  }
}
