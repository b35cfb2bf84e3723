import Gateway
import Wire

/// One simulated run of a virtual gateway: everything that happens in it follows from these.
public struct GatewayOptions: Sendable {
  /// How many gateways stand behind the virtual address, each on a machine of its own.
  public var gatewayCount = 8
  /// Replays the run to the last message.
  public var seed: UInt64 = 1
  /// How long the run is in virtual time, `settling` included.
  public var duration = Interval.seconds(60)
  /// The timers that every gateway is configured with.
  public var timers = GatewayRouter.Timers()
  var forwarderCount = 5
  /// Share of datagrams lost, 0…1.
  public var loss = 0.0
  /// Share of datagrams delivered twice.
  public var duplication = 0.01
  /// Each datagram takes between these; so they overtake one another.
  public var delay = Interval.microseconds(50)...Interval.milliseconds(1)
  /// Clocks run up to this much fast or slow: 0.02 is 2 %.
  public var clockSkew = 0.01
  /// The faults that may strike; `links` and `placements` have no meaning for gateways.
  public var faults: FaultKinds = .all
  /// Mean time between two faults.
  public var faultInterval = Interval.seconds(2)
  /// How much of the end stays without faults; by then the group must be whole.
  public var settling = Interval.seconds(10)
  /// Within this after the last fault has healed there must be one active gateway, and one holder of every forwarder.
  public var convergence = Interval.seconds(4)
  /// Safety rules that are in force; a run without one of them must fail.
  public var safetyRules = GatewayRouter.SafetyRules.all

  /// Eight gateways for a minute, with every kind of fault.
  public init() {}
}

/// Runs virtual gateways in virtual time, each from one seed.
public enum GatewaySimulator {
  /// One run. `trace` prints what the gateways report and which faults strike.
  public static func run(_ options: GatewayOptions, trace: Bool = false) -> SimulationResult {
    var world = GatewayWorld(options, trace: trace)
    return world.run()
  }

  /// What a move costs: a host sends frames to one virtual MAC, every `interval`, through a switch that learns, while it is moved.
  public static func measureMove(_ options: GatewayOptions, interval: Interval) -> MoveFigures {
    var options = options
    options.faults = .none
    options.duplication = 0
    var world = GatewayWorld(options, trace: false)
    return world.measureMove(interval: interval)
  }
}

/// What became of a stream of frames.
public struct MoveFigures: Hashable, Sendable {
  var sent = 0
  var lost = 0
  var forwardedTwice = 0
  var overtaken = 0
  /// Held at the new holder, then forwarded.
  public var held = 0
  /// How often the forwarder changed hands.
  public var moves = 0
}
