// One machine as a value: its appliances' decision makers, what it has stored in the packet path's tables, and the packets that wait while
// units move. It has no clock, socket or thread of its own: events come in, effects come out, and time and the random generator are arguments.
// The daemon carries the effects out on a real machine, the simulator on a wire in memory: what ships is what is simulated.
//
// There are three appliances: a cluster's member, a virtual gateway's router, and virtual servers at the cluster's addresses. Alone, the router
// fills the tables itself. Where both are, forwarder f is the cluster's unit f: the member fills the tables, and the router says where the
// units should be.
//
//   ApplianceHost.swift            the value: events, effects, and in which order things are done
//   ApplianceHost+Actions.swift    what the member wants, stored in the tables or passed on
//   ApplianceHost+Gateway.swift    what the router wants, and what ties it to the member
//   GatewayAppliance.swift         the router, and what is known of it beside
//   ServicesAppliance.swift        virtual servers, their choices and flows in the tables
//   LoadMeter.swift                how busy the member's units are
//   PacketHandover.swift           packets in flight while a unit moves, from its last owner K to its next owner J
//   HeldPackets.swift              the queue of packets that wait, and its bounds
//   ReplayPath.swift               a held packet through the packet path once more
//
// What is odd here: the ring. The packet path sends packets up through a ring that only the world outside can read, and the hand-over has
// steps that must wait until the ring is empty. Such a step stores what it has to store, asks for `emptyRing`, and ends the list of effects;
// whoever carries the effects out gives each packet of the ring to `sentUp` and then says `ringEmptied`, and the rest goes on from there.
// Nothing else may be handled in between, so the decision makers' events wait their turn.

public import CPacketPath
public import Cluster
public import Gateway
public import PacketPath
public import Segments
public import Wire

/// One machine's appliances, without the machine.
public struct ApplianceHost {
  /// What the machine is.
  public struct Configuration: Sendable {
    /// Who this machine is in its cluster: its number and its Ethernet address; nil without a cluster.
    public var profile: MemberProfile?
    /// Whether the master alone hands out packets; else every member sees every packet.
    public var isForwarding: Bool
    /// How long a silent member keeps its work.
    public var detection: Interval
    /// How many packets may wait, and how long.
    public var hold: HoldLimits

    /// A cluster's member.
    public init(profile: MemberProfile, isForwarding: Bool, detection: Interval, hold: HoldLimits) {
      self.profile = profile
      self.isForwarding = isForwarding
      self.detection = detection
      self.hold = hold
    }

    /// A machine of no cluster.
    public init(hold: HoldLimits) {
      isForwarding = false
      detection = .zero
      self.hold = hold
    }
  }

  /// A packet that the packet path could not decide.
  public struct Upcall: Sendable {
    /// Why it was sent up: no owner, no acknowledgement yet, a fragment before its first, a question, or a claim of a virtual address.
    public var reason: skein_upcall_reason
    /// The packet's work unit; of a question, the forwarder whose virtual MAC it came to. `skein_no_unit` where there is none.
    public var unit: Int
    /// The interface that it came by, the kernel's number.
    public var interface: UInt32
    /// The whole frame, from its Ethernet header on.
    public var frame: [UInt8]

    /// What the packet path's ring says of a packet, with the frame.
    public init(reason: skein_upcall_reason, unit: Int, interface: UInt32, frame: [UInt8]) {
      self.reason = reason
      self.unit = unit
      self.interface = interface
      self.frame = frame
    }
  }

  /// Everything that can happen to a machine, one at a time.
  public enum Event: Sendable {
    /// What the member's decision maker is to know.
    case member(ClusterMember.Event)
    /// What the gateway's decision maker is to know.
    case gateway(GatewayRouter.Event)
    /// An authentic message of one of the members' own channels (`StateChannel`). It goes by the member's decision maker: members that have
    /// left still owe and are owed packets, and the gateway has a decision maker of its own.
    case channel(StateTransfer, from: ClusterMember.Envelope)
    case sentUp(Upcall)
    /// Answers `Effect.emptyRing`, after every packet of the ring went to `sentUp`.
    case ringEmptied
    /// The interface has its carrier again, or has it no longer.
    case carrier(Bool)
    /// `skein drain`, `skein undrain`, `skein leave`: the member obeys where there is one, and its gateway follows it.
    case drain(Bool)
    case leave
    /// At least once a second: the packet path's counters are read.
    case measure
    /// These virtual servers and no others, at the cluster's addresses.
    case virtualServers([VirtualServer])
    /// The hardware addresses by which real servers are reached, as far as they are known.
    case stations([InternetAddress: EthernetAddress])
    /// `nextDeadline` has come.
    case timer
  }

  /// What the world outside has to do, in this order.
  public enum Effect: Sendable {
    case send(ClusterMessage, to: ClusterMember.Destination, Protection)
    /// To the other gateways of a group that stands alone: a datagram from each of these Ethernet addresses, each authenticated by itself.
    case hello(GlbpPacket, from: [EthernetAddress])
    /// A frame out of the interface.
    case transmit([UInt8], Purpose)
    /// A frame to this machine's own stack, as if it had just come by that interface.
    case deliver([UInt8], interface: UInt32)
    /// Give everything in the ring to `Event.sentUp`, then say `Event.ringEmptied`. Always the last of the list.
    case emptyRing
    /// The interface is to hear these virtual MAC addresses beside its own, and no others of the group.
    case hear(Set<EthernetAddress>)
    /// Members, owners or the master may be others than before.
    case viewChanged
    /// What only the world outside can do: keys, hooks, announcements, reports.
    case perform(ClusterMember.Action)
    /// Something about the gateway that an operator wants to read.
    case report(GatewayRouter.Report)
    /// The gateway has left its group as it was asked to.
    case gatewayLeft
  }

  /// What a frame is sent for.
  public enum Purpose: Sendable {
    /// It was held, and is another's now or leaves as the packet path wants it.
    case held
    /// A host asked for the gateway, or is told its address anew.
    case answer, correction
    /// Switches learn where a virtual MAC address is.
    case whereabouts
    /// `Effect.hello`.
    case hello
  }

  /// The cluster's decision maker; nil where a gateway stands alone.
  public internal(set) var member: ClusterMember?
  /// The virtual gateway's, and what belongs to it; nil without one.
  public internal(set) var gateway: GatewayAppliance?
  /// The virtual servers; nil without any.
  public internal(set) var services: ServicesAppliance?
  /// What the machine is. New limits for what is held count at once for what comes, not for what waits already.
  public var configuration: Configuration {
    didSet { held.limits = configuration.hold }
  }
  /// The packet path's tables. Whoever made them keeps them.
  public let tables: PacketTables
  /// Packets that wait.
  public internal(set) var held: HeldPackets
  /// How busy the member's units are.
  public internal(set) var load = LoadMeter()
  /// The packet path's index of each member.
  public internal(set) var slots: [MemberIdentifier: Int] = [:]
  /// Everybody who was a member, for packets that are still owed.
  public internal(set) var knownProfiles: [MemberIdentifier: MemberProfile] = [:]

  var handover = PacketHandover()
  let replay: ReplayPath
  var now = Instant.zero
  var effects: [Effect] = []
  private var steps: [Step] = []
  private var events: [Waiting] = []
  private var afterRing: AfterRing?
  /// The lease ends when no unit parts from this machine any more.
  var endsLease = false
  var hasCarrier = true
  private var heardAt = Instant.zero
  private var heardCount: UInt64 = 0
  private var fragmentsDueAt: Instant?
  private var expiryAt: Instant?

  /// How soon a later fragment is tried again that came before its first.
  public static let fragmentPatience = Interval.milliseconds(5)

  /// A machine whose decision makers wait for their start. `tables` are those that its packet path runs by, and must live as long.
  public init(_ configuration: Configuration, member: ClusterMember?, gateway: GatewayAppliance? = nil, tables: PacketTables) {
    self.configuration = configuration
    self.member = member
    self.gateway = gateway
    self.tables = tables
    held = HeldPackets(limits: configuration.hold)
    replay = ReplayPath(tables)
  }

  /// When something is due by itself; nil when nothing is.
  public var nextDeadline: Instant? {
    [member?.nextDeadline, gateway?.router.nextDeadline, handover.nextDeadline, services?.nextDeadline, fragmentsDueAt, expiryAt].compactMap
    { $0 }.min()
  }

  /// Whether a unit still parts from here, or its heir waits for the last word.
  public var isParting: Bool { handover.isParting }

  /// Units that come here, and whose packets are not in yet.
  public var arriving: UnitSet { handover.arrivals.values.reduce(into: UnitSet()) { $0.formUnion($1.units) } }

  /// A frame that was to be sent or delivered, and the kernel did not take.
  public mutating func countUnsent(_ purpose: Purpose = .held) {
    if case .held = purpose { held.countUnsent() } else { gateway?.counters.countUnsent(purpose) }
  }

  // MARK: In which order

  /// Something that must not begin before what comes before it has ended.
  enum Step {
    case action(ClusterMember.Action)
    case route(GatewayRouter.Action)
    case giveUp(UnitSet, to: Heir, Order)
    case sayLastWords
    case complete(serial: UInt32)
    case endPartings
  }

  /// What goes on when the ring is empty.
  enum AfterRing {
    case give(UnitSet, late: UnitSet, to: Heir)
    case sayLastWords([LastWord])
    case complete(serial: UInt32)
    case endPartings([Int])
    case open(unit: Int)
    case forget(UnitSet)
  }

  /// A decision maker's event whose turn has not come.
  private enum Waiting {
    case member(ClusterMember.Event)
    case gateway(GatewayRouter.Event)
  }

  /// Takes one event, and says what is to be done.
  /// - Parameters:
  ///   - now: The boot clock's.
  ///   - generator: For the decision maker's dice.
  public mutating func handle(_ event: Event, at now: Instant, using generator: inout some RandomNumberGenerator) -> [Effect] {
    self.now = now
    effects = []
    switch event {
    case .member(let event): tell(event)
    case .gateway(let event): tellGateway(event)
    case .channel(let transfer, let envelope):
      switch StateChannel(rawValue: transfer.application) {
      case .gateway: hear(transfer.bytes, envelope)
      case .packetsWanted, .packetsGiven: take(transfer, from: envelope.sender)
      case nil: break
      }
    case .sentUp(let upcall): take(upcall)
    case .ringEmptied: goOn()
    case .carrier(let isThere): order(isThere ? .carrierFound : .carrierLost, isThere ? .carrierFound : .carrierLost)
    case .drain(let isWanted): order(.drain(isWanted), .drain(isWanted))
    case .leave: order(.leave, .leave)
    case .measure: measure()
    case .virtualServers(let wanted):
      tables.prepareFlows(&generator)
      if services == nil { services = ServicesAppliance(tables) }
      services?.set(wanted, in: tables, at: now)
    case .stations(let stations): services?.set(stations: stations, in: tables)
    case .timer: wake()
    }
    advance(&generator)
    if endsLease, !isParting {
      endsLease = false
      tables.leaseDeadline = .zero
    }
    return effects
  }

  private mutating func advance(_ generator: inout some RandomNumberGenerator) {
    while afterRing == nil {
      if !steps.isEmpty {
        run(steps.removeFirst())
      } else if !events.isEmpty {
        switch events.removeFirst() {
        case .member(let event): feed(event, &generator)
        case .gateway(let event): feed(event, &generator)
        }
      } else if !tellGatewayOfCluster() {
        return
      }
    }
  }

  private mutating func feed(_ event: ClusterMember.Event, _ generator: inout some RandomNumberGenerator) {
    if hearsTraffic() { carryOut(member?.handle(.heardTraffic, at: now, using: &generator) ?? []) }
    switch event {
    case .carrierLost: hasCarrier = false
    case .carrierFound: hasCarrier = true
    default: break
    }
    carryOut(member?.handle(event, at: now, using: &generator) ?? [])
  }

  private mutating func feed(_ event: GatewayRouter.Event, _ generator: inout some RandomNumberGenerator) {
    if case .start = event { gateway?.isViewOld = true }
    steps += (gateway?.router.handle(event, at: now, using: &generator) ?? []).map(Step.route)
  }

  private mutating func carryOut(_ actions: [ClusterMember.Action]) {
    steps += actions.map(Step.action)
    let isChange = actions.contains {
      switch $0 {
      case .setMaster, .setUnits, .setMembers, .viewChanged: true
      default: false
      }
    }
    if isChange { noteChange() }
  }

  /// What the tables or the member's snapshot say of members, owners and the master may be other than before.
  private mutating func noteChange() {
    gateway?.isViewOld = true
    effects.append(.viewChanged)
  }

  private mutating func run(_ step: Step) {
    switch step {
    case .action(let action): carryOut(action)
    case .route(let action): carryOut(action)
    case .giveUp(let units, let heir, let order): giveUp(units, to: heir, order)
    case .sayLastWords: sayLastWords()
    case .complete(let serial): emptyRing(then: .complete(serial: serial))
    case .endPartings: endPartings()
    }
  }

  /// Whether nothing is left to be done of the last event.
  var isBetweenEvents: Bool { afterRing == nil && steps.isEmpty && events.isEmpty }

  mutating func begin(_ step: Step) { steps.append(step) }
  /// The member hears of it where there is one, and else the gateway.
  private mutating func order(_ event: ClusterMember.Event, _ alone: GatewayRouter.Event) {
    if member != nil { tell(event) } else { tellGateway(alone) }
  }

  mutating func tell(_ event: ClusterMember.Event) {
    if member != nil { events.append(.member(event)) }
  }
  mutating func tellGateway(_ event: GatewayRouter.Event) {
    if gateway != nil { events.append(.gateway(event)) }
  }

  mutating func emptyRing(then next: AfterRing) {
    afterRing = next
    effects.append(.emptyRing)
  }

  private mutating func goOn() {
    guard let next = afterRing else { return }
    afterRing = nil
    switch next {
    case .give(let units, let late, let heir): give(units, late: late, to: heir)
    case .sayLastWords(let words): say(words)
    case .complete(let serial):
      handover.arrivals[serial] = nil
      tell(.stateComplete(serial: serial))
    case .endPartings(let units):
      for unit in units { held.forget(unit) }
      noteChange()
    case .open(let unit): open(unit)
    case .forget(let units): for unit in units { held.forget(unit) }
    }
  }

  // MARK: Time

  private mutating func wake() {
    pursueHandovers()
    services?.tend(tables, at: now)
    if let due = fragmentsDueAt, now >= due {
      fragmentsDueAt = nil
      for packet in held.takeFragments() where !rerun(packet) { held.keepFragment(packet, at: now) }
    }
    if let due = expiryAt, now >= due {
      expiryAt = nil
      held.expire(at: now)
    }
    planHeld()
    if let due = member?.nextDeadline, now >= due { tell(.timer) }
    if let due = gateway?.router.nextDeadline, now >= due { tellGateway(.timer) }
  }

  private mutating func measure() {
    if gateway != nil { tellGateway(.traffic(tables.volumes)) }
    guard member != nil else { return }
    let tables = tables
    let own = tables.ownUnits
    load.measure(at: now, own: own) { tables.traffic(of: $0).packets }
    tell(.load(load.busiest(of: own), packetsPerSecond: UInt32(clamping: Int(load.packetsPerSecond))))
  }

  /// What waits is looked at again in time.
  private mutating func planHeld() {
    if held.hasFragments, fragmentsDueAt == nil { fragmentsDueAt = now + Self.fragmentPatience }
    if !held.isEmpty, expiryAt == nil { expiryAt = now + .seconds(1) }
  }

  /// Whether the wire is alive, by the packet path's own counters; asked at most sixteen times per detection interval.
  private mutating func hearsTraffic() -> Bool {
    guard now - heardAt >= configuration.detection / 16 else { return false }
    heardAt = now
    let count = tables.packetCount
    defer { heardCount = count }
    return count != heardCount
  }

  // MARK: Packets sent up

  private mutating func take(_ upcall: Upcall) {
    switch upcall.reason {
    case skein_upcall_question: hearQuestion(upcall.frame, forwarder: UInt8(exactly: upcall.unit))
    case skein_upcall_conflict: hearClaim(upcall.frame)
    case skein_upcall_fragment: upcall.frame.withUnsafeBytes { held.holdFragment($0, interface: upcall.interface, at: now) }
    default: if keep(upcall), upcall.reason == skein_upcall_unassigned { tell(.packetForUnassigned(unit: upcall.unit)) }
    }
    planHeld()
  }
}
