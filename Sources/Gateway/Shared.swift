import Wire

/// GLBP's states. Each holds only what is legal in it; what outlives a change is in `Shared`.
///
///     unstarted → listening → speaking → standby → active
///     active → speaking (a better one is active), standby → listening (a better one is standby)
///     all → listening (the lease ran out), down (no carrier) → listening, left (as asked)
///     unstarted → seated (inside a cluster)
enum State: Sendable {
  case unstarted
  case listening(Listening)
  case speaking(Speaking)
  case standby
  case active
  case seated(Seat)
  case down
  case left
}

/// Hears, and is neither active nor standby. Takes on nothing before `until`: by then it knows the group.
struct Listening: Sendable { var until: Instant }
/// Stands for the place of the standby until then; then has it.
struct Speaking: Sendable { var until: Instant }

/// What outlives a change of state.
struct Shared: Sendable {
  typealias Configuration = GatewayRouter.Configuration

  let configuration: Configuration
  var now = Instant.zero
  var actions: [GatewayRouter.Action] = []
  var counters = GatewayRouter.Counters()
  var state = State.unstarted
  var neighbours = Neighbours()
  var table = ForwarderTable()
  var holdings: [Holding?] = Array(repeating: nil, count: 256)
  /// To whom a forwarder was released, until that one is heard to forward.
  var releases: [InternetAddress?] = Array(repeating: nil, count: 256)
  /// Of forwarders that were rescued: when that was last.
  var rescues: [UInt8: Rescue] = [:]
  var voice = Voice()
  var lease = Instant.zero
  /// Nobody is taken for dead before: this process was kept from hearing, and reads what has come meanwhile first.
  var blindUntil = Instant.zero
  /// The last active virtual gateway that it knew, itself perhaps.
  var leader: InternetAddress?
  var preemptsAt: Instant?
  var willingSince: Instant?
  var measurement: Measurement
  var weighing: Weighing
  var isDraining = false
  var leavesBy: Instant?
  var nextSteering = Instant.zero
  var conflictReported = Instant.zero
  var defences: [Defence]

  init(_ configuration: Configuration) {
    self.configuration = configuration
    measurement = Measurement(configuration)
    weighing = Weighing(configuration)
    defences = configuration.virtualAddresses.map { Defence($0) }
  }

  var own: InternetAddress { configuration.address }
  var timers: GatewayRouter.Timers { configuration.timers }
  var rank: Rank { Rank(priority: configuration.priority, address: own) }
  /// The longest that anybody in the group may be silent.
  var groupHold: Interval { neighbours.all.reduce(timers.hold) { max($0, $1.hold) } }
  var rules: GatewayRouter.SafetyRules { configuration.safetyRules }

  mutating func act(_ action: GatewayRouter.Action) { actions.append(action) }
  mutating func report(_ report: GatewayRouter.Report) { act(.report(report)) }

  /// Whether it knows the group, and may be given forwarders.
  var isReady: Bool {
    switch state {
    case .unstarted, .down, .left: false
    case .listening(let listening): now >= listening.until
    case .speaking, .standby, .active, .seated: true
    }
  }
  var isActive: Bool {
    switch state {
    case .active: true
    case .seated(let seat): seat.isMaster
    case .unstarted, .listening, .speaking, .standby, .down, .left: false
    }
  }
  var isSeated: Bool { if case .seated = state { true } else { false } }
  var isRunning: Bool {
    switch state {
    case .unstarted, .down, .left: false
    case .listening, .speaking, .standby, .active, .seated: true
    }
  }
  var isLeaving: Bool { leavesBy != nil }
  var isUnwilling: Bool { isDraining || isLeaving || !weighing.isForwarding || configuration.forwarderCount == 0 }
  /// The active virtual gateway that is heard, the best if there are several.
  var activeNeighbour: Neighbour? { neighbours.all.filter(\.isActive).max { $0.rank < $1.rank } }
  var standbyNeighbour: Neighbour? { neighbours.all.filter { $0.state == .standby }.max { $0.rank < $1.rank } }
  var hasForeigners: Bool { !neighbours.foreign.isEmpty }
}
