import Foundation

/// What happens to a member while connections go through it.
public enum ServicesEvent: String, CaseIterable, Codable, Sendable {
  /// The machine dies.
  case kill
  /// Its daemon hangs.
  case stop
  /// Its wire loses its carrier.
  case link
  /// It gives its work away, as an operator has it before he works on the machine.
  case drain

  /// Nil for the one that is no failure.
  var failure: Failure? { Failure(rawValue: rawValue) }
  var sentence: String { failure?.sentence ?? "it is drained, and given work again" }
}

/// `skein lab services`: connections through virtual servers while a member fails, or is drained. Does each go on?
public struct ServicesCommand: LabCommand {
  var servers: Int
  var victim: Victim
  var event: ServicesEvent
  var connections: Int
  /// New connections a second besides.
  var rate: Int
  var options: LabOptions

  static let requestCount = 30

  /// `servers` is 1 to 16, `connections` 1 to 10,000 and `rate` 0 to 500, which `run()` checks; `options.members` must be 2 or more.
  public init(
    servers: Int = 3, victim: Victim = .member, event: ServicesEvent = .kill, connections: Int = 1000, rate: Int = 0, options: LabOptions
  ) {
    self.servers = servers
    self.victim = victim
    self.event = event
    self.connections = connections
    self.rate = rate
    self.options = options
  }

  /// Opens the connections, lets it happen, waits until each connection is answered again or given up, repairs it, waits until all is as
  /// before, and goes on for two seconds. `LabError.missingTool` without curl or nginx.
  public func run() throws -> ServicesReport {
    guard options.members >= 2 else { throw LabError.badOption("with one member there is nobody to take over") }
    guard 1...Plan.serverLimit ~= servers, 1...10_000 ~= connections, 0...500 ~= rate else {
      throw LabError.badOption("--servers is 1 to \(Plan.serverLimit), --connections 1 to 10,000, --rate 0 to 500")
    }
    try requireTools(["curl": "curl"])
    var settings = try options.settings()
    settings.serverCount = servers
    return try options.withCluster(settings) { cluster in
      let topology = cluster.topology
      let namespaces = topology.plan.servers.map(topology.plan.namespace(ofServer:))
      for (server, namespace) in zip(topology.plan.servers, namespaces) {
        try WebServer.start(name: Plan.serverName(server), in: namespace, topology)
      }
      let echoes = try namespaces.map { try EchoServer(in: $0) }
      try wait(for: "the web servers", seconds: 30) { try topology.plan.servers.allSatisfy(topology.webServerListens) }
      return try measure(cluster, echoes, ends: namespaces + [topology.plan.clientNamespace(.near)])
    }
  }

  private func measure(_ cluster: SkeinCluster, _ echoes: [EchoServer], ends: [Namespace]) throws -> ServicesReport {
    let console = options.console
    let before = RefereeCounters(ends)
    let web = try curl(cluster)
    let member = try cluster.victim(victim)
    console.say("\(connections) connections to \(Plan.clusterAddress(options.family)) port \(Plan.echo.port)")
    let clients = EchoClients(.standing(connections), plan: cluster.topology.plan, family: options.family)
    defer { clients.stop() }
    try waitUntilAnswered(clients, count: connections, since: 0)
    let perServer = echoes.map(\.accepted)
    let passing = rate > 0 ? EchoClients(.passing(rate), plan: cluster.topology.plan, family: options.family) : nil
    defer { passing?.stop() }
    try pause(milliseconds: 500)

    console.say("member \(member): \(event.sentence)")
    let failedAt = BootClock.nanoseconds
    try begin(cluster, member)
    let since = failedAt + UInt64(cluster.silenceCertainAfterMilliseconds) * 1_000_000
    BootClock.sleep(until: since)
    try waitUntilAnswered(clients, count: connections, since: max(since, BootClock.nanoseconds))
    let healedAt = BootClock.nanoseconds
    console.say("member \(member) returns and is balanced into")
    try end(cluster, member)
    try cluster.waitUntilSettled()
    try pause(milliseconds: 2000)
    try waitUntilAnswered(clients, count: connections, since: BootClock.nanoseconds)

    let newcomers = try passing?.finish()
    let ledger = try clients.finish()
    // The last connections' ends are on their way.
    try pause(milliseconds: 200)
    return ServicesReport(
      command: self, ledger: ledger, newcomers: newcomers, times: failedAt..<healedAt, web: web, connectionsPerServer: perServer,
      referee: RefereeCounters(ends).since(before))
  }

  private func begin(_ cluster: SkeinCluster, _ member: Int) throws {
    if let failure = event.failure { try cluster.fail(member, by: failure) } else { try cluster.drain(member) }
  }

  private func end(_ cluster: SkeinCluster, _ member: Int) throws {
    if let failure = event.failure { try cluster.heal(member, after: failure) } else { try cluster.tell(member, "undrain") }
  }

  /// Waits until so many connections are there, and each that is not lost has had an echo of what it sent since; what has none is given
  /// up by the clients themselves.
  private func waitUntilAnswered(_ clients: EchoClients, count: Int, since: UInt64) throws {
    try wait(
      for: "\(count) connections, each answered or given up", seconds: Double(count) / 1000 + 45, everyMilliseconds: 10,
      until: { clients.hasFailed || clients.read { $0.connections.count >= count && $0.isAnswered(since: since) } })
    if clients.hasFailed { _ = try clients.finish() }
  }

  /// Asks by curl from thirty addresses in turn: which server answered how often?
  private func curl(_ cluster: SkeinCluster) throws -> [String: Int] {
    let host = WebServer.host(options.family)
    let words = (0..<Self.requestCount).flatMap { index in
      let client = Plan.clientAddress(index % Plan.clientAddressCount, options.family)
      return (index == 0 ? [] : ["--next"]) + ["-s", "-g", "-m", "5", "--interface", client, "http://\(host):\(Plan.web.port)/"]
    }
    options.console.say("\(Self.requestCount) × curl http://\(host):\(Plan.web.port)/")
    let text = try cluster.topology.launcher.run(["curl"] + words, in: cluster.topology.plan.clientNamespace(.near))
    let answers = text.split(separator: "\n").reduce(into: [String: Int]()) { $0[String($1), default: 0] += 1 }
    for (server, count) in answers.sorted(by: { $0.key < $1.key }) { options.console.say("\("\(count)".leftPadded(7)) \(server)") }
    return answers
  }
}

extension Topology {
  /// Whether a server's nginx accepts connections yet.
  fileprivate func webServerListens(_ server: Int) throws -> Bool {
    guard let address = SocketAddress(Plan.serverAddress(server, .four), port: WebServer.port) else { return false }
    return try plan.namespace(ofServer: server).enter {
      let socket = try Descriptor.socket(address.family, SOCK_STREAM)
      return address.withPointer { connect(socket.number, $0, $1) } == 0
    }
  }
}

/// What `skein lab services` found.
public struct ServicesReport: LabReport, Equatable {
  struct Stall: Codable, Equatable, Sendable {
    var median: Double
    var worst: Double
  }
  var mode: DeliveryMode
  var family: AddressFamily
  var victim: Victim
  var how: ServicesEvent
  var detectionMilliseconds: Int
  var members: Int
  var connections: Int
  /// Answers to curl by the server's name.
  var webAnswers: [String: Int]
  /// How many of them there should be.
  var webRequests: Int
  /// How many connections each server had before.
  var connectionsPerServer: [Int]
  /// Connections that were up before.
  var established: Int
  /// Of those: they were reset, ended otherwise, or were not answered for 15 seconds, at any time.
  var lost: Int
  /// Of those: by RST.
  var reset: Int
  /// Each connection's longest wait for an echo, from the failure to the repair.
  var stallMilliseconds: Stall
  /// How many of them waited for longer than the time between two questions: those whose way was hit.
  var stalled: Int
  /// The new connections opened meanwhile that had their one exchange.
  var newEstablished: Int
  /// Those that had not.
  var newLost: Int
  /// Echoes that are not what was sent.
  var wrong: Int
  /// What the kernels of clients and servers counted from beginning to end.
  var refereeCounters: [String: Int]
  var refereesAreContent: Bool
  /// All connections came up and none was lost, old or new; every echo was what had been sent; the kernels at both ends saw no wrong
  /// checksum, timestamp or acknowledgment; and each request by curl was answered.
  public var succeeded: Bool

  init(
    command: ServicesCommand, ledger: ConnectionLedger, newcomers: ConnectionLedger?, times: Range<UInt64>, web: [String: Int],
    connectionsPerServer: [Int], referee: RefereeCounters
  ) {
    mode = command.options.mode
    family = command.options.family
    victim = command.victim
    how = command.event
    detectionMilliseconds = command.options.detectionMilliseconds
    members = command.options.members
    connections = command.connections
    webAnswers = web
    webRequests = ServicesCommand.requestCount
    self.connectionsPerServer = connectionsPerServer
    let before = ledger.established(before: times.lowerBound)
    established = before.count
    lost = ledger.lost(before)
    reset = ledger.lost(before, .reset)
    let stalls = Figures(before.map { ledger.longestWait($0, in: times).milliseconds })
    stalled = stalls.all.count { $0 > 100 }
    stallMilliseconds = Stall(median: stalls.median, worst: stalls.worst)
    newEstablished = newcomers?.connections.count { $0.isAnswered } ?? 0
    newLost = newcomers?.connections.count { !$0.isAnswered } ?? 0
    wrong = ledger.wrong + (newcomers?.wrong ?? 0)
    refereeCounters = referee.values
    refereesAreContent = referee.areClean
    succeeded =
      established == connections && lost == 0 && newLost == 0 && wrong == 0 && refereesAreContent
      && web.values.reduce(0, +) == webRequests
  }

  /// Writes how the connections were spread, how long they waited, and each check with its verdict.
  public var lines: [String] {
    "\(connections) connections to virtual servers; \(victim.words): \(how.sentence)"
    "\(members) members, delivery by \(mode.rawValue), IPv\(family.rawValue), detection \(detectionMilliseconds) ms"
    "8 octets on each every 100 ms; connections of each server: \(connectionsPerServer.list)"
    ""
    let (median, worst) = (stallMilliseconds.median.formatted(digits: 0), stallMilliseconds.worst.formatted(digits: 0))
    "  longest wait for an echo  median \(median) ms, worst \(worst) ms; longer than 100 ms: \(stalled) connections"
    ""
    let answered = webAnswers.values.reduce(0, +)
    verdict(answered == webRequests, "requests by curl answered: \(answered) of \(webRequests)")
    verdict(established == connections, "connections up before: \(established)")
    verdict(lost == 0, "of those lost: \(lost), by reset: \(reset)")
    if newEstablished + newLost > 0 { verdict(newLost == 0, "new connections meanwhile: \(newEstablished), lost: \(newLost)") }
    verdict(wrong == 0, "echoes that are not what was sent: \(wrong)")
    verdict(refereesAreContent, "what the kernels of clients and servers counted:")
    for (name, value) in refereeCounters.sorted(by: { $0.key < $1.key }) { "          \(name) \(value)" }
  }
}
