import Foundation

/// `skein lab flood`: forged, replayed, truncated, oversized and spoilt datagrams at everybody, as fast as asked for. Does anything change?
public struct FloodCommand: LabCommand {
  var datagrams: Int
  var seed: UInt64
  /// How many a second; 0 for as many as the sender can.
  var rate: Int
  var options: LabOptions

  /// `datagrams` is 1 to 100,000,000 and `rate` 0 to 10,000,000. What is sent follows from the `seed` and from what was recorded of the
  /// members.
  public init(datagrams: Int, seed: UInt64 = 1, rate: Int = 0, options: LabOptions) {
    self.datagrams = datagrams
    self.seed = seed
    self.rate = rate
    self.options = options
  }

  /// Records what the members say as they meet, sends the datagrams while clients probe, and compares each member's counters, memory and
  /// units before and after.
  public func run() throws -> FloodReport {
    guard 1...100_000_000 ~= datagrams else { throw LabError.badOption("--datagrams is 1 to 100,000,000, not \(datagrams)") }
    guard 0...10_000_000 ~= rate else { throw LabError.badOption("--rate is 0 to 10,000,000, not \(rate)") }
    let settings = try options.settings()
    return try TestBed.with(try Topology(memberCount: options.members, console: options.console)) { topology in
      // Before the members meet: what they sign, they say then.
      let recorder = try WireRecorder(namespace: topology.plan.clientNamespace(.near), cluster: SkeinCluster.clusterIdentifier)
      defer { try? recorder.stop() }
      let cluster = try SkeinCluster(topology: topology, settings: settings)
      try wait(for: "something to record", seconds: 10) { !recorder.heard.signed.isEmpty && recorder.heard.sealed.count > 100 }
      return try flood(cluster, recorder)
    }
  }

  private func flood(_ cluster: SkeinCluster, _ recorder: WireRecorder) throws -> FloodReport {
    let plan = cluster.topology.plan
    let before = try plan.members.map { try MemberBooks(cluster, $0) }
    let master = try cluster.master()
    let books = LossBooks(cluster.booked)
    let prober = try Prober(plan: plan, settings: .init())
    options.console.say("\(datagrams) datagrams from a client's address at the group and at each member")
    let daemons = try plan.members.map { try cluster.daemon($0).processIdentifier }
    let flood = try plan.clientNamespace(.near).enter { try Flood(plan: plan, cluster: SkeinCluster.clusterIdentifier) }
    try flood.send(datagrams, seed: seed, rate: rate, recorder: recorder, watching: daemons)
    // What waits in queues is still to be counted.
    try pause(milliseconds: 1500)
    let after = try plan.members.map { try MemberBooks(cluster, $0) }
    let ledger = try prober.finish()
    books.turnPage()
    return try FloodReport(
      command: self, flood: flood, before: before, after: after, masters: (master, cluster.master()), ledger: ledger,
      losses: books.explain(ledger).causes)
  }
}

/// All that is known of one member at one moment.
struct MemberBooks {
  var counters: [Counter]
  var kernel: KernelBooks
  var members: [Int]
  var owners: [Int]

  init(_ cluster: SkeinCluster, _ member: Int) throws {
    counters = try cluster.counters(member)
    members = try cluster.memberNumbers(member)
    owners = try cluster.owners(member)
    kernel = KernelBooks(daemon: try cluster.daemon(member).processIdentifier, member: member, plan: cluster.topology.plan)
  }
}

/// The sender: sockets in the client's namespace, with the hop limit of a neighbour and with less.
final class Flood {
  private let near: Descriptor
  private let far: Descriptor
  /// The group, then each member.
  private let targets: [SocketAddress]
  private(set) var sentByKind: [Forgery: Int] = [:]
  private(set) var sentByTarget: [Int]
  private(set) var sentFromAfar = 0
  private(set) var refusedBySender = 0
  private(set) var seconds = 0.0
  /// The most memory that each daemon had.
  private(set) var peakResident: [Int] = []

  init(plan: Plan, cluster: Int) throws {
    let addresses = [WireRecorder.group(cluster: cluster)] + plan.members.map { plan.address(of: $0, .four) }
    targets = try addresses.map { address in
      guard let target = SocketAddress(address, port: WireRecorder.port) else { throw LabError.badOption("\(address) is no address") }
      return target
    }
    sentByTarget = targets.map { _ in 0 }
    near = try Self.socket(hopLimit: 255)
    far = try Self.socket(hopLimit: 254)
  }

  private static func socket(hopLimit: Int32) throws -> Descriptor {
    guard let own = SocketAddress(Plan.clientAddress(hopLimit == 255 ? 1 : 2, .four), port: WireRecorder.port) else {
      preconditionFailure("a client's address can be read")
    }
    let socket = try Descriptor.socket(AF_INET, SOCK_DGRAM)
    try socket.set(SOL_SOCKET, SO_REUSEADDR)
    try socket.set(SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
    try socket.bind(to: own)
    try socket.set(Int32(IPPROTO_IP), IP_TTL, hopLimit)
    try socket.set(Int32(IPPROTO_IP), IP_MULTICAST_TTL, hopLimit)
    try socket.set(Int32(IPPROTO_IP), IP_MULTICAST_LOOP, 0)
    try checked(setsockopt(socket.number, Int32(IPPROTO_IP), IP_MULTICAST_IF, Array(own.octets[4..<8]), 4), "choose the interface")
    return socket
  }

  /// Sends so many, and watches the memory of these processes meanwhile.
  func send(_ count: Int, seed: UInt64, rate: Int, recorder: WireRecorder, watching daemons: [pid_t]) throws {
    var forger = Forger(seed: seed, recording: recorder.heard)
    peakResident = daemons.map { _ in 0 }
    let start = BootClock.nanoseconds
    for index in 0..<count {
      if index % 4096 == 0 {
        try Interruption.check()
        forger.recording = recorder.heard
        peakResident = zip(peakResident, daemons).map { max($0, KernelBooks.residentBytes($1)) }
      }
      sendOne(&forger)
      if rate > 0, index % 32 == 31 { BootClock.sleep(until: start + UInt64(index) * 1_000_000_000 / UInt64(rate)) }
    }
    seconds = Double(BootClock.nanoseconds - start) / 1e9
  }

  private func sendOne(_ forger: inout Forger) {
    let target = forger.below(targets.count)
    // One in sixteen comes from beyond a router.
    let isFar = forger.below(16) == 0
    let (kind, octets) = forger.next()
    let sent = targets[target].withPointer { address, length in
      sendto((isFar ? far : near).number, octets, octets.count, Int32(MSG_NOSIGNAL), address, length)
    }
    guard sent == octets.count else { return refusedBySender += 1 }
    sentByKind[kind, default: 0] += 1
    sentByTarget[target] += 1
    if isFar { sentFromAfar += 1 }
  }

  /// How many were sent to a member, by the group or by its own address.
  func sent(toMemberAt index: Int) -> Int { sentByTarget[0] + sentByTarget[index + 1] }
}
