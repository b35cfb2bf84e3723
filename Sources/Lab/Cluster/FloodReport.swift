/// What `skein lab flood` found.
public struct FloodReport: LabReport, Equatable {
  /// One member's side of it.
  struct Member: Codable, Equatable, Sendable {
    var member: Int
    /// Datagrams sent to it, by the group or by its own address.
    var sent: Int
    /// Those that its daemon has refused, each counted for its reason.
    var counted: Int
    /// Signed datagrams that were authentic: the master's own challenges to strangers, and what a member signed before this one heard it.
    var authentic: Int
    /// What its socket had no room for: `drops` of /proc/net/udp. The cluster's own datagrams may be among them.
    var droppedBySocket: Int
    /// Lost before the socket: by an interface or a processor's queue on the way, or for want of a fragment.
    var droppedOnWire: Int
    var reasons: [String: Int]
    var residentBefore: Int
    var residentPeak: Int
    var residentAfter: Int
    var processorSeconds: Double
    var leasesLapsed: Int
    /// Ed25519 verifications.
    var signaturesChecked: Int

    /// The most signed datagrams that the master may send meanwhile, to challenge strangers: eight for each lease of its own.
    var challenges: Int

    /// Everything sent was counted or dropped by the kernel. Of the master's challenges those are refused that exceed the signatures
    /// which may be checked: they share that rate with forgeries that carry a member's certificate. Nothing else is refused too much.
    var isAccounted: Bool { counted + authentic + droppedBySocket + droppedOnWire >= sent && counted <= sent + challenges }
    var isFlat: Bool { max(residentPeak, residentAfter) - residentBefore < FloodReport.growthLimit }
  }

  static let growthLimit = 8 << 20

  var datagrams: Int
  var seed: UInt64
  var seconds: Double
  var kinds: [String: Int]
  var members: [Member]
  var masterBefore: Int
  var masterAfter: Int
  var sameMembers: Bool
  var sameUnits: Bool
  /// Probes sent meanwhile, those that nobody answered, and those with two answers.
  var probes: Int
  var lost: Int
  /// What took them.
  var losses: [Loss]
  var answeredTwice: Int
  /// Master, members and units are as before, no probe was answered twice, each lost one is the host's or its virtual wires' doing, and
  /// at every member all datagrams are accounted for, memory grew by less than 8 MiB and no lease lapsed.
  public var succeeded: Bool

  init(
    command: FloodCommand, flood: Flood, before: [MemberBooks], after: [MemberBooks], masters: (Int, Int), ledger: ProbeLedger,
    losses: [Loss]
  ) throws {
    datagrams = command.datagrams - flood.refusedBySender
    seed = command.seed
    seconds = flood.seconds
    kinds = Dictionary(uniqueKeysWithValues: flood.sentByKind.map { ($0.key.rawValue, $0.value) })
    let challenges = 10 + Int((flood.seconds + 2) * 16_000) / command.options.detectionMilliseconds
    members = zip(before, after).enumerated().map { index, pair in
      Member(index: index, sent: flood.sent(toMemberAt: index), peak: flood.peakResident[index], challenges, pair.0, pair.1)
    }
    (masterBefore, masterAfter) = masters
    sameMembers = before.map(\.members) == after.map(\.members)
    sameUnits = before.map(\.owners) == after.map(\.owners)
    probes = ledger.probeCount
    lost = ledger.lost()
    self.losses = losses
    answeredTwice = ledger.answeredTwice
    succeeded =
      masterBefore == masterAfter && sameMembers && sameUnits && losses.excuse(lost) && answeredTwice == 0
      && members.allSatisfy { $0.isAccounted && $0.isFlat && $0.leasesLapsed == 0 }
  }

  /// Writes how many datagrams of each kind were sent and whether the cluster noticed, then each member's books of them.
  public var lines: [String] {
    "\(datagrams) hostile datagrams in \(seconds.formatted(digits: 1)) s (seed \(seed)); \(probes) probes meanwhile"
    let listed = kinds.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    "        \(listed)"
    verdict(masterBefore == masterAfter, "the master is member \(masterAfter), as before")
    verdict(sameMembers && sameUnits, "the same members, and every unit is whose it was")
    verdict(losses.excuse(lost), "lost: \(lost)")
    losses.lines(of: lost)
    verdict(answeredTwice == 0, "answered twice: \(answeredTwice)")
    members.flatMap(\.lines)
  }
}

extension FloodReport.Member {
  /// What is no refusal, in the group `security` of `skein counters`.
  private static let others: Set<String> = ["sendFailures", "receiveOverflow", "signedOpened", "sealedOpened", "signaturesChecked"]

  fileprivate init(index: Int, sent: Int, peak: Int, _ challenges: Int, _ before: MemberBooks, _ after: MemberBooks) {
    func growth(_ group: String, _ name: String) -> Int { after.counters.value(group, name) - before.counters.value(group, name) }
    member = index + 1
    self.sent = sent
    self.challenges = challenges
    let names = after.counters.filter { $0.group == "security" && !Self.others.contains($0.name) }.map(\.name)
    reasons = Dictionary(uniqueKeysWithValues: names.map { ($0, growth("security", $0)) }).filter { $0.value > 0 }
    counted = reasons.values.reduce(0, +)
    authentic = growth("security", "signedOpened")
    droppedBySocket = after.kernel.socketDrops - before.kernel.socketDrops
    droppedOnWire = after.kernel.wireDrops - before.kernel.wireDrops
    residentBefore = before.kernel.residentBytes
    residentPeak = peak
    residentAfter = after.kernel.residentBytes
    processorSeconds = after.kernel.processorSeconds - before.kernel.processorSeconds
    leasesLapsed = growth("cluster", "leasesLapsed")
    signaturesChecked = growth("security", "signaturesChecked")
  }

  @Lines fileprivate var lines: [String] {
    let kernel = "\(droppedBySocket) dropped by its socket, \(droppedOnWire) before it"
    verdict(isAccounted, "member \(member): \(sent) sent = \(counted) refused, \(authentic) signed and authentic, \(kernel)")
    "          \(reasons.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))"
    let memory = [residentBefore, residentPeak, residentAfter].map { (Double($0) / 1_048_576).formatted(digits: 1) }
    verdict(isFlat, "  memory: \(memory[0]) MiB before, \(memory[1]) at most, \(memory[2]) after")
    let work = "\(processorSeconds.formatted(digits: 2)) s on processors, \(signaturesChecked) signatures checked"
    verdict(leasesLapsed == 0, "  \(work), leases lapsed: \(leasesLapsed)")
  }
}
