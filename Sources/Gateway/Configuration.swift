import Wire

extension GatewayRouter {
  /// What a gateway has to know before it starts. Nothing here changes while it runs but the weight, which has an event.
  public struct Configuration: Sendable {
    /// 0…1,023.
    public var group: UInt16
    /// This machine's own address in the LAN, by which the group knows it.
    public var address: InternetAddress
    /// This machine's own MAC address in the LAN: hellos name it as their sender, and answers to hosts leave from it.
    public var ethernetAddress: EthernetAddress
    /// One run of this daemon: higher than that of any earlier run, such as the time it started.
    public var incarnation: UInt64
    /// What the hosts have as their gateway: an IPv4 address, a link-local IPv6 address, or one of each, the first in every hello.
    public var virtualAddresses: [InternetAddress]
    /// Who decides who forwards: the gateways among themselves, or the cluster that this machine is a member of.
    public var mode = Mode.alone
    /// Of the election of the active virtual gateway, 1…255; the higher is preferred, then the higher address.
    public var priority: UInt8 = 100
    /// Whether a higher priority takes the active role from a lower one that works, and after what delay.
    public var preempts = false
    /// How long a lower priority must have been heard as the active one before it is preempted; zero for at once.
    public var preemptDelay = Interval.zero
    /// How often this gateway says hello, and after what silences others draw their conclusions.
    public var timers = Timers()
    /// How many forwarders this gateway asks for when it registers, 1…32.
    public var forwarderCount = 5
    /// 1…255, and what `trackedObjects` leave of it: below `lowerThreshold` the gateway forwards no more, from `upperThreshold` on again.
    public var weight: UInt8 = 100
    /// The gateway stops forwarding when its weight falls below this.
    public var lowerThreshold: UInt8 = 1
    /// The gateway forwards again once its weight has come back to this; `lowerThreshold` counts instead if it is higher.
    public var upperThreshold: UInt8 = 1
    /// What each tracked object subtracts from the weight while it is down; `Event.tracked` names them by their place here.
    public var trackedObjects: [UInt8] = []
    /// Whether a forwarder goes back to its home when that works again, and after what delay.
    public var preemptsForwarders = true
    /// How long a home must have been ready and willing without a pause before its forwarders go back to it.
    public var forwarderPreemptDelay = Interval.seconds(30)
    /// How hosts are answered.
    public var answerMethod = AnswerMethod.leastTraffic
    /// How many hosts are remembered.
    public var clientCapacity = 65_536
    /// This gateway's target share of the traffic, beside the others'; all the same for equal parts.
    public var share: UInt16 = 100
    /// Whether traffic is steered by answers, by moving forwarders or by both, and from what disparity on.
    public var steering = Steering.Options()
    /// Over what time traffic is smoothed.
    public var measurementWindow = Interval.seconds(10)
    /// Rules that keep two from forwarding at once; a simulated run without one of them must fail.
    public var safetyRules = SafetyRules.all

    /// A gateway with the house's own timers.
    public init(
      group: UInt16, address: InternetAddress, ethernetAddress: EthernetAddress, incarnation: UInt64, virtualAddresses: [InternetAddress]
    ) {
      self.group = group
      self.address = address
      self.ethernetAddress = ethernetAddress
      self.incarnation = incarnation
      self.virtualAddresses = virtualAddresses
    }
  }

  /// Who decides who forwards.
  public enum Mode: Hashable, Sendable {
    /// The gateways among themselves, by GLBP.
    case alone
    /// The cluster: its master is the active virtual gateway, forwarders are its work units.
    case cluster
  }

  /// The intervals of GLBP.
  public struct Timers: Hashable, Sendable {
    /// How often a gateway says hello at least; the first repetitions of news come sooner. In whole milliseconds on the wire.
    public var hello: Interval
    /// Who is silent for so long is dead. At least twice `hello`.
    public var hold: Interval
    /// From the loss of its home on, a forwarder is handed out to hosts for so long.
    public var redirect = Interval.seconds(600)
    /// From the loss of its home on, a forwarder is served for so long.
    public var timeout = Interval.seconds(14_400)

    /// The house's profile unless told otherwise.
    public init(hello: Interval = .milliseconds(200), hold: Interval = .milliseconds(650)) {
      self.hello = hello
      self.hold = hold
    }

    /// Cisco's defaults.
    public static let cisco = Timers(hello: .seconds(3), hold: .seconds(10))
  }

  /// Each can be switched off, for the simulator alone.
  public struct SafetyRules: OptionSet, Hashable, Sendable {
    /// One bit for each rule that is in force.
    public let rawValue: UInt8
    /// The rules of these bits; bits beyond the three rules' mean nothing.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The packet path stops before others take over from a daemon that hangs.
    public static let lease = SafetyRules(rawValue: 1)
    /// A forwarder that moves is opened only when the old holder has stopped.
    public static let release = SafetyRules(rawValue: 2)
    /// Messages that are not authentic, or replayed, change nothing.
    public static let authentication = SafetyRules(rawValue: 4)
    /// All three rules: what every real gateway runs with.
    public static let all: SafetyRules = [.lease, .release, .authentication]
  }
}
