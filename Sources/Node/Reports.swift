// What the API answers and the commands show: plain values with the field names of the JSON.

/// What this daemon is: a cluster's member, a virtual gateway's, or both.
public struct NodeReport: Codable, Sendable {
  public var cluster: StatusReport?
  public var gateway: GatewayReport?
}

/// `skein status`: the first thing to look at.
public struct StatusReport: Codable, Sendable {
  public var cluster: String
  public var clusterIdentifier: Int
  public var member: Int
  /// starting, joining, offering, waiting, electing, member, master, left or down.
  public var state: String
  public var term: UInt64
  /// The master's member number; nil while there is none.
  public var master: Int?
  public var address: String
  public var addresses: [String]
  public var interface: String
  public var delivery: String
  public var packetPath: PacketPathReport
  public var detectionMilliseconds: Double
  /// How much longer this machine may process its units; 0 when its lease has run out.
  public var leaseMilliseconds: Double
  public var partition: String
  public var members: [MemberReport]
  public var units: UnitTotals
  public var personalityVersion: UInt64
  public var keyEpoch: UInt32
  public var keepalive: KeepaliveReport
  public var hold: HoldReport
  public var uptimeSeconds: Double
  /// Octets of memory that the daemon occupies.
  public var residentBytes: Int
  /// The newest events, newest last.
  public var events: [EventReport]
  /// What an operator should know now, in sentences; empty when all is well.
  public var warnings: [String]
  /// This machine's part in the virtual gateway inside the cluster, if there is one.
  public var gateway: GatewayReport?

  public struct UnitTotals: Codable, Sendable {
    public var assigned: Int
    public var acknowledged: Int
    public var mine: Int
  }
  public struct KeepaliveReport: Codable, Sendable {
    /// n: how many keepalives in a row may be lost.
    public var toleratedLosses: Int
    public var intervalMilliseconds: Double
    /// P: the loss average.
    public var loss: Double
  }
  public struct HoldReport: Codable, Sendable {
    public var packets: Int
    public var octets: Int
    public var overflowed: UInt64
    public var expired: UInt64
  }
}

/// Where the packet path runs, and why there.
public struct PacketPathReport: Codable, Equatable, Sendable {
  /// The configuration's `packetPath`: automatic, xdp, xdp-generic or packet-socket.
  public var wanted: String
  /// xdp, xdp-generic or packet-socket.
  public var running: String
  /// Why that one runs, in a sentence.
  public var reason: String
  /// What it costs, in a sentence.
  public var cost: String
  /// `automatic` did not get what it tried first.
  public var isFallback: Bool
}

/// One member, as this machine sees it.
public struct MemberReport: Codable, Sendable {
  public var member: Int
  public var address: String
  public var ethernetAddress: String
  /// master, member, draining, silent.
  public var state: String
  public var weight: Int
  public var units: Int
  /// nil on a member, of the others: only the master hears of it.
  public var packetsPerSecond: Int?
  /// P; nil as `packetsPerSecond` is.
  public var loss: Double?
  /// When it was last heard; nil if this machine does not listen for it (it is neither the master nor is this machine).
  public var heardMillisecondsAgo: Double?
}

/// `skein units`: who owns each of the 1,024.
public struct UnitsReport: Codable, Sendable {
  /// The owner's member number by unit; 0 for nobody.
  public var owners: [Int]
  /// Whether the owner has acknowledged, by unit.
  public var acknowledged: [Bool]
  /// The number of the member where the gateway wants the unit, by unit; 0 for no wish.
  public var places: [Int]
  /// Packets taken here since the packet path was started, by unit.
  public var packets: [UInt64]
  public var member: Int
}

/// One change of master, membership or units.
public struct EventReport: Codable, Sendable {
  /// Grows by one with each event of this daemon.
  public var number: UInt64
  /// Seconds since 1970; of one that is made of several, of the last.
  public var time: Double
  public var kind: String
  public var text: String
  /// Of one that is made of several: when the first of them was; and of how many it is made.
  public var since: Double?
  public var count: Int
  /// What happened and why, in words that stay the same between versions.
  public var name: String
  public var reason: String?
  /// debug, notice, warning or critical.
  public var severity: String
  /// Who ordered it, where somebody did: operator (by the API), signal or personality.
  public var actor: String?
  public var fields: EventFields
  /// What it means, and what to do about it.
  public var meaning: String
  public var advice: String
}

public struct EventsReport: Codable, Sendable {
  public var events: [EventReport]
}

/// One counter.
public struct CounterReport: Codable, Sendable {
  /// packets, cluster or security.
  public var group: String
  public var name: String
  public var meaning: String
  public var value: UInt64
}

public struct CountersReport: Codable, Sendable {
  /// Where the figures are from.
  public enum Source: String, Codable, Sendable {
    case daemon
    /// The packet path's maps, read without the daemon: the group `packets` and nothing else.
    case pinned
  }
  public var counters: [CounterReport]
  public var source = Source.daemon
  /// How much longer this machine may process its units; 0 when its lease has run out.
  public var leaseMilliseconds: Double
}

/// What a command that changes something answers.
public struct CommandReport: Codable, Sendable {
  public var done: Bool
  public var text: String
}

/// `skein trace`: where would this packet go, and why.
public struct TraceReport: Codable, Sendable {
  public var packet: String
  public var unit: Int?
  /// The unit's owner; nil for nobody or a packet without a unit.
  public var owner: Int?
  /// The gateway's forwarder whose virtual MAC address the frame is to; nil when it is to none.
  public var forwarder: Int?
  /// pass, drop, transmit, redirect or up.
  public var verdict: String
  /// The counter that the packet path would raise.
  public var reason: String
  public var why: String
  /// What is wrong with the question; nil when it was answered.
  public var problem: String?
}

/// What `skein trace` asks: a frame in hexadecimal, or the fields to make one of.
public struct TraceRequest: Codable, Sendable {
  public var frame: String?
  public var source: String?
  /// The first cluster address when not said.
  public var destination: String?
  /// tcp, udp, icmp, or an IP protocol's number; tcp when not said.
  public var ipProtocol: String?
  public var sourcePort: UInt16?
  public var destinationPort: UInt16?

  public init(
    frame: String? = nil, source: String? = nil, destination: String? = nil, ipProtocol: String? = nil, sourcePort: UInt16? = nil,
    destinationPort: UInt16? = nil
  ) {
    self.frame = frame
    self.source = source
    self.destination = destination
    self.ipProtocol = ipProtocol
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }
}
