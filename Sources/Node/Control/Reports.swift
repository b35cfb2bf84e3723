// What the API answers and the commands show: plain values with the field names of the JSON.

/// What this daemon is: a cluster's member, a virtual gateway's, or both.
public struct NodeReport: Codable, Sendable {
  /// Its part in a cluster; nil without a `cluster` section.
  public var cluster: StatusReport?
  /// Its part in a virtual gateway; nil without a `gateway` section.
  public var gateway: GatewayReport?
}

/// `skein status`: the first thing to look at.
public struct StatusReport: Codable, Sendable {
  /// The cluster's name for people.
  public var cluster: String
  /// The cluster's number, 1 to 65535.
  public var clusterIdentifier: Int
  /// This machine's member number, 1 to 65534.
  public var member: Int
  /// starting, joining, offering, waiting, electing, member, master, left or down.
  public var state: String
  /// The reign of the master, which grows with each new one; 0 while this machine follows none.
  public var term: UInt64
  /// The master's member number; nil while there is none.
  public var master: Int?
  /// This machine's own address, by which the other members know it.
  public var address: String
  /// The cluster addresses, each with its prefix length; empty where only a virtual gateway is shared.
  public var addresses: [String]
  /// The name of the interface that carries them.
  public var interface: String
  /// How packets reach their member: forwarding, unicast or multicast.
  public var delivery: String
  /// Where the packet path runs, and why there.
  public var packetPath: PacketPathReport
  /// How long a silent member keeps its units, in milliseconds, as configured.
  public var detectionMilliseconds: Double
  /// How much longer this machine may process its units; 0 when its lease has run out.
  public var leaseMilliseconds: Double
  /// What a side of a partition does: serve or majority.
  public var partition: String
  /// The members by number, this machine included; empty while it is in no cluster.
  public var members: [MemberReport]
  /// The 1,024 work units, as far as this machine knows; of others' units a member learns up to a second late.
  public var units: UnitTotals
  /// The version of the signed settings in force; 0 without a personality.
  public var personalityVersion: UInt64
  /// The number of the group key in use, which grows with each new key; 0 while there is none.
  public var keyEpoch: UInt32
  /// How members and master watch each other.
  public var keepalive: KeepaliveReport
  /// What waits, and has waited in vain, for a unit's owner.
  public var hold: HoldReport
  /// Seconds since the daemon started, time asleep included.
  public var uptimeSeconds: Double
  /// Octets of memory that the daemon occupies.
  public var residentBytes: Int
  /// The newest events, newest last.
  public var events: [EventReport]
  /// What an operator should know now, in sentences; empty when all is well.
  public var warnings: [String]
  /// This machine's part in the virtual gateway inside the cluster, if there is one.
  public var gateway: GatewayReport?

  /// How many of the 1,024 work units are where.
  public struct UnitTotals: Codable, Sendable {
    /// Those with an owner, whether or not it has acknowledged them.
    public var assigned: Int
    /// Those of them whose owner has acknowledged: their packets are processed.
    public var acknowledged: Int
    /// Those that this machine's packet path takes for its own; processed while the lease runs.
    public var mine: Int
  }
  /// The keepalive's adaptation to loss (WO 00/31945, “Failover Handling”).
  public struct KeepaliveReport: Codable, Sendable {
    /// n: how many keepalives in a row may be lost.
    public var toleratedLosses: Int
    /// The time between two keepalives, in milliseconds; 0 while there is no master.
    public var intervalMilliseconds: Double
    /// P: the loss average.
    public var loss: Double
  }
  /// Packets held on this machine until somebody may take them, within the bounds of `hold`.
  public struct HoldReport: Codable, Sendable {
    /// How many are held now.
    public var packets: Int
    /// The octets of their frames.
    public var octets: Int
    /// Dropped since the daemon started because a bound was reached.
    public var overflowed: UInt64
    /// Dropped since the daemon started because they had waited too long.
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
  /// Its number, 1 to 65534.
  public var member: Int
  /// Its own address.
  public var address: String
  /// The MAC address of its interface: six pairs of lowercase digits with colons.
  public var ethernetAddress: String
  /// master, member, draining, silent.
  public var state: String
  /// Its relative strength, 1 to 10000; 100 for all where the balance counts units alone.
  public var weight: Int
  /// How many of the 1,024 units it owns, as far as this machine knows.
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
  /// The number of the member that answers.
  public var member: Int
}

/// One change of master, membership or units.
public struct EventReport: Codable, Sendable {
  /// Grows by one with each event of this daemon.
  public var number: UInt64
  /// Seconds since 1970; of one that is made of several, of the last.
  public var time: Double
  /// The group of names that `skein events` shows: master, membership, units, lease, key, link, path, machine, order, reload,
  /// personality or gateway.
  public var kind: String
  /// What happened, a sentence for people; its words may change between versions.
  public var text: String
  /// Of one that is made of several: when the first of them was; and of how many it is made.
  public var since: Double?
  /// How many it is made of; 1 unless it is routine that was folded.
  public var count: Int
  /// What happened and why, in words that stay the same between versions.
  public var name: String
  /// Why, in a word that stays the same likewise; nil where the name says all.
  public var reason: String?
  /// debug, notice, warning or critical.
  public var severity: String
  /// Who ordered it, where somebody did: operator (by the API), signal or personality.
  public var actor: String?
  /// What it is about; of routine that was folded, of all of it together.
  public var fields: EventFields
  /// What it means, and what to do about it.
  public var meaning: String
  /// What to do about it; `nothing` where that is the advice.
  public var advice: String
}

/// What `/v1/events?after=NUMBER&wait=SECONDS` answers.
public struct EventsReport: Codable, Sendable {
  /// The events after that number that are still kept (4,096 notable, 2,048 of routine), by number; empty when none came in time.
  public var events: [EventReport]
}

/// One counter.
public struct CounterReport: Codable, Sendable {
  /// packets, cluster or security.
  public var group: String
  /// A word that is unique in its group and stays the same between versions.
  public var name: String
  /// What is counted, for people.
  public var meaning: String
  /// How many so far: since the daemon started or, of what the packet path itself counts, since its tables were made.
  public var value: UInt64
}

/// What `/v1/counters` answers, and `skein counters` reads without the daemon: every counter, those at 0 too.
public struct CountersReport: Codable, Sendable {
  /// Where the figures are from.
  public enum Source: String, Codable, Sendable {
    case daemon
    /// The packet path's maps, read without the daemon: the group `packets` and nothing else.
    case pinned
  }
  /// The counters, group by group.
  public var counters: [CounterReport]
  /// `daemon` by the API; `pinned` when the daemon was not asked.
  public var source = Source.daemon
  /// How much longer this machine may process its units; 0 when its lease has run out.
  public var leaseMilliseconds: Double
}

/// What a command that changes something answers.
public struct CommandReport: Codable, Sendable {
  /// Whether what was ordered is so now; false makes the command exit with status 1.
  public var done: Bool
  /// What came of it, and what would help where nothing did; for people.
  public var text: String
}

/// `skein trace`: where would this packet go, and why.
public struct TraceReport: Codable, Sendable {
  /// The packet in one line, as a capture would show it; empty when `problem` is set.
  public var packet: String
  /// Its work unit, 0 to 1023; nil for a packet that has none.
  public var unit: Int?
  /// The unit's owner; nil for nobody or a packet without a unit.
  public var owner: Int?
  /// The gateway's forwarder whose virtual MAC address the frame is to; nil when it is to none.
  public var forwarder: Int?
  /// pass, drop, transmit, redirect or up.
  public var verdict: String
  /// The counter that the packet path would raise.
  public var reason: String
  /// What that counter means, for people; before it whose the forwarder is, where there is one.
  public var why: String
  /// What is wrong with the question; nil when it was answered.
  public var problem: String?
}

/// What `skein trace` asks: a frame in hexadecimal, or the fields to make one of.
public struct TraceRequest: Codable, Sendable {
  /// At least 14 octets in hexadecimal, the destination MAC address first; spaces and colons are skipped.
  /// With it no other field is looked at.
  public var frame: String?
  /// The sender's address; needed without a frame.
  public var source: String?
  /// The first cluster address when not said.
  public var destination: String?
  /// tcp, udp, icmp, or an IP protocol's number; tcp when not said.
  public var ipProtocol: String?
  /// The sender's port for TCP and UDP, in host byte order; 40000 when not said.
  public var sourcePort: UInt16?
  /// The receiver's port, likewise; 80 when not said.
  public var destinationPort: UInt16?

  /// A question about `frame`, or else about a packet of these fields.
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
