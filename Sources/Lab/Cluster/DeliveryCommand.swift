/// `skein lab delivery`: many connections from thirty clients; is each answered once, and does every member do its part?
public struct DeliveryCommand: LabCommand {
  var requests: Int
  var options: LabOptions

  /// `requests` is the number of connections, 1 to 100,000; as many UDP flows, but at most 1,000, are asked on afterwards.
  public init(requests: Int = 900, options: LabOptions) {
    self.requests = requests
    self.options = options
  }

  /// Fetches a page over each connection, then asks on the UDP flows, and counts the answers on the wire.
  /// `LabError.observation` if no connection at all is answered.
  public func run() throws -> DeliveryReport {
    guard 1...100_000 ~= requests else { throw LabError.badOption("--requests is 1 to 100,000, not \(requests)") }
    return try options.withCluster { cluster in
      let (plan, family) = (cluster.topology.plan, options.family)
      let paths = try cluster.members.map { try cluster.status($0).packetPath?.running ?? "" }
      let moved = cluster.unitsMoved()
      options.console.say(
        "\(requests) connections from \(Plan.clientAddressCount) near client addresses to \(WebServer.url(family))")
      let web = try WebClients(plan: plan, family: family).request(count: requests)
      guard web.answered > 0 else { throw LabError.observation("nobody answers at \(WebServer.url(family)): \(web.failures)") }
      options.console.say("and as many flows of datagrams")
      let books = LossBooks(cluster.booked)
      // Some questions on each of up to a thousand UDP flows.
      let count = min(requests, 1000)
      let prober = try Prober(
        plan: plan,
        settings: .init(
          family: family, flowsPerMember: count, candidateCount: count, intervalMicroseconds: 100_000,
          slowness: options.slowness))
      try pause(milliseconds: 450 * options.slowness)
      let datagrams = try prober.finish()
      books.turnPage()
      var report = DeliveryReport(command: self, web: web, datagrams: datagrams, losses: books.explain(datagrams))
      (report.packetPaths, report.unitsMoved) = (paths, cluster.unitsMoved() - moved)
      return report
    }
  }
}

/// What `skein lab delivery` found.
public struct DeliveryReport: LabReport, Equatable {
  var mode: DeliveryMode
  var family: AddressFamily
  /// Where the clients are.
  var from = ClientSite.near
  var members: Int
  var requests: Int
  /// Connections with one complete answer.
  var answered: Int
  /// Connections and datagrams that more than one machine has answered on the wire.
  var answeredTwice: Int
  /// Each of those connections, with the frames that answered it.
  var secondAnswers: [String]
  /// How many work units were moved meanwhile: a connection does not outlive the move of its unit.
  var unitsMoved = 0
  /// Each member's packet path, as its `status` names it.
  var packetPaths: [String] = []
  /// Each member's part of the answers, by its number.
  var shares: [Double]
  /// Connections without an answer, by reason.
  var failures: [String: Int]
  var datagrams: Int
  var datagramsAnswered: Int
  /// What took the datagrams without an answer, and how many nothing explains.
  var losses: [Loss]
  var unexplained: Int
  /// Of those that nothing explains: they were answered, and the answer was not seen.
  var answersUnseen: Int
  /// Every connection was answered, nothing was answered twice, each member answered 75 % to 126 % of a fair part, and each lost
  /// datagram is the host's or its virtual wires' doing.
  public var succeeded: Bool
  /// Nothing is amiss but lost datagrams, and a daemon's standstill took all that the host and its virtual wires did not.
  public var stoodStill: Bool

  init(command: DeliveryCommand, web: WebClients.Result, datagrams ledger: ProbeLedger, losses known: Losses = Losses()) {
    mode = command.options.mode
    family = command.options.family
    members = command.options.members
    requests = command.requests
    answered = web.answered
    datagrams = ledger.probeCount
    datagramsAnswered = ledger.probeCount - ledger.lost()
    secondAnswers = web.secondAnswers
    answeredTwice = web.answeredTwice + ledger.answeredTwice
    shares = (1...members).map { Double(web.answers[$0] ?? 0) / Double(max(1, web.answered)) }
    failures = web.failures
    // For three members 25 % to 42 %; the same three quarters to five quarters of a fair part for any number.
    let fair = 0.75 / Double(members)...1.26 / Double(members)
    let lost = datagrams - datagramsAnswered
    (losses, unexplained, answersUnseen) = known.told(of: lost)
    (succeeded, stoodStill) = known.judge(lost, besides: answered == requests && answeredTwice == 0 && shares.allSatisfy(fair.contains))
  }

  /// Writes what was answered, lost and answered twice, then each member's packet path and part of the answers as a bar.
  public var lines: [String] {
    "\(requests) connections to one IPv\(family.rawValue) address from clients in the same network"
    "\(members) members, delivery by \(mode.rawValue)"
    verdict(answered == requests, "answered: \(answered)")
    failures.sorted { $0.key < $1.key }.map { "          \($0.value) × \($0.key)" }
    let lost = datagrams - datagramsAnswered
    verdict(losses.excuse(lost), "datagrams answered: \(datagramsAnswered) of \(datagrams)")
    losses.lines(of: lost, answersUnseen: answersUnseen)
    verdict(answeredTwice == 0, "answered by two machines: \(answeredTwice), counted on the wire")
    secondAnswers.map { "          \($0)" }
    if unitsMoved > 0 { "        work units moved meanwhile: \(unitsMoved)" }
    bars(shares) { packetPaths.indices.contains($0) ? "  \(packetPaths[$0])" : "" }
  }
}
