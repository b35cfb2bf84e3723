/// Something that happened, as a value. Programs go by its name, its reason and its fields; what people read of it, the sentence, its meaning
/// and what to do, is in one table (`EventCatalogue`).
struct Event: Hashable, Sendable {
  var name: Name
  /// Which of the name's lines in the catalogue; nil when it has one only.
  var reason: String?
  var fields = EventFields()
  /// Who ordered it, where somebody did: operator (by the API), signal (SIGHUP, SIGTERM), personality or machine (it has changed).
  var actor: String?

  init(_ name: Name, _ reason: String? = nil, _ fields: EventFields = EventFields(), actor: String? = nil) {
    self.name = name
    self.reason = reason
    self.fields = fields
    self.actor = actor
  }

  /// What happened, in a word that stays the same between versions.
  enum Name: String, CaseIterable, Sendable {
    case becameMaster, steppedDown, following, masterSilent, servingAlone, idleAlone
    case memberJoined, memberLeft, refusedByMaster, joinerRefused, toldToLeave, memberDraining, memberUndrained, addressInUse
    case unitsAssigned, unitsMoving, unitsOwned, unitsStopped, conflictingClaims
    case leaseLapsed, groupKeyRenewed, carrierLost, carrierFound, packetPathFallback
    case machineChanged, machinePutRight, machineNotPutRight, clockJumped, startedAfresh, waitedForMachine
    case drainOrdered, undrainOrdered, leaveOrdered
    case configurationReloaded, reloadRefused, startsAfresh, personalityFetched, personalityUnfit
    case gatewayState, gatewayActive, gatewayFound, gatewayLost, gatewayWeight, gatewayDraining, gatewayUndrained
    case gatewayRouting, gatewayAddressConflict, gatewayLeaseLapsed, gatewayCarrierLost, gatewayCarrierFound
    case forwarderAssigned, forwarderHere, forwarderGone, forwarderHandedOutNoMore, forwarderRetired

    /// The group of names that `skein events` shows.
    var kind: String {
      switch self {
      case .becameMaster, .steppedDown, .following, .masterSilent, .servingAlone, .idleAlone: "master"
      case .memberJoined, .memberLeft, .refusedByMaster, .joinerRefused, .toldToLeave, .memberDraining, .memberUndrained, .addressInUse:
        "membership"
      case .unitsAssigned, .unitsMoving, .unitsOwned, .unitsStopped, .conflictingClaims: "units"
      case .leaseLapsed: "lease"
      case .groupKeyRenewed: "key"
      case .carrierLost, .carrierFound: "link"
      case .packetPathFallback: "path"
      case .machineChanged, .machinePutRight, .machineNotPutRight, .clockJumped, .startedAfresh, .waitedForMachine: "machine"
      case .drainOrdered, .undrainOrdered, .leaveOrdered: "order"
      case .configurationReloaded, .reloadRefused, .startsAfresh: "reload"
      case .personalityFetched, .personalityUnfit: "personality"
      case .gatewayState, .gatewayActive, .gatewayFound, .gatewayLost, .gatewayWeight, .gatewayDraining, .gatewayUndrained,
        .gatewayRouting, .gatewayAddressConflict, .gatewayLeaseLapsed, .gatewayCarrierLost, .gatewayCarrierFound, .forwarderAssigned,
        .forwarderHere,
        .forwarderGone, .forwarderHandedOutNoMore, .forwarderRetired:
        "gateway"
      }
    }
  }

  /// How much it matters.
  enum Severity: String, Sendable {
    /// The ordinary course of balancing. Events of one cause are folded, and kept apart from the others.
    case debug
    case notice
    case warning
    case critical
  }

  var definition: EventDefinition { EventCatalogue.definition(of: name, reason) }
  var severity: Severity { definition.severity }
  var isRoutine: Bool { severity == .debug }
  var text: String { definition.sentence(fields) }

  // MARK: Folding

  /// What it has in common with others of the same cause: all but how much.
  var cause: Event {
    var cause = self
    cause.fields.units = nil
    cause.fields.unit = nil
    cause.fields.forwarders = nil
    return cause
  }

  /// Grows by another one of the same cause.
  mutating func grow(by other: Event) {
    if let units = fields.units, let more = other.fields.units {
      fields.units = units + more
      fields.unit = nil
    }
    if let forwarders = fields.forwarders, let more = other.fields.forwarders {
      fields.forwarders = Set(forwarders).union(more).sorted()
    }
  }
}

/// What an event is about, each with its type. Those that say nothing about it are nil, and missing in the JSON.
public struct EventFields: Codable, Hashable, Sendable {
  /// A member's number.
  public var member: Int?
  /// A member's, a gateway's or a cluster address.
  public var address: String?
  /// The MAC address that claims `address`, or that an interface has now: six pairs of lowercase digits with colons.
  public var ethernetAddress: String?
  /// The member whose the units were, and the one that gets them.
  public var from: Int?
  /// The member that gets the units.
  public var to: Int?
  /// The reign of the master that it is about.
  public var term: UInt64?
  /// How many work units.
  public var units: Int?
  /// Which one, where it is one.
  public var unit: Int?
  /// The group key's number, which grows with each new key.
  public var epoch: UInt32?
  /// The virtual gateway's forwarders, by number.
  public var forwarders: [Int]?
  /// What a gateway is now: listen, speak, standby, active, down or left.
  public var state: String?
  /// What a gateway's weight is now, 0 to 254.
  public var weight: Int?
  /// xdp, xdp-generic or packet-socket.
  public var packetPath: String?
  /// Of a personality.
  public var version: UInt64?
  /// What of the machine it is about: an interface, an address, a kernel variable, a MAC address.
  public var setting: String?
  /// By how many seconds the wall clock jumped, or for how many the daemon waited for its machine; to a tenth.
  public var seconds: Double?
  /// For how long this process stood still.
  public var standstillMilliseconds: Int?
  /// What a program or another machine said, in its own words.
  public var explanation: String?

  /// Fields of which each is nil.
  public init() {}

  /// Fields, of which those that are set are set in `fill`.
  init(_ fill: (inout EventFields) -> Void) { fill(&self) }
}
