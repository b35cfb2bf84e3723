import Cluster
import Host
import PacketPath
import Wire

/// One simulated machine: a process that may stop or die, and a packet path that outlives it.
struct Machine {
  /// The process: what ships. Kept behind a reference, so that a look at a machine does not copy its process.
  var host: ApplianceHost {
    _read { yield kept.host }
    _modify { yield &kept.host }
  }
  private let kept: Kept
  /// The packet path, natively; its tables are the process's and outlive it.
  var native: NativePacketPath
  var profile: MemberProfile
  /// What the tables say, looked at after each event.
  var path = Path()
  /// Packets sent up that the process has not read yet, and when each is there to be read: a run of the packet path takes its time.
  var ring: [(visibleAt: UInt64, upcall: ApplianceHost.Upcall)] = []
  var clock: Clock
  var process = Process.running
  /// When the process looks at its timer next, and the number of that look: earlier ones are void.
  var timerAt = UInt64.max
  var timerNumber: UInt32 = 0
  /// Deliveries that a stopped process finds when it goes on.
  var backlog: [UInt32] = []
  /// Whether somebody reaches its process: the address that it speaks by may have gone.
  var hasOwnAddress = true
  /// Whether its stack takes packets to the cluster address.
  var hasClusterAddress = true
  var keys = Keys()
  var outgoingSequence: UInt64 = 0
  var lastTrafficAt: UInt64 = 0
  var lastUnassignedAt: UInt64 = 0
  var isMasterPhase = false
  /// Which run of the process it is: what an earlier one had planned is void.
  var gatewayRun: UInt32 = 0

  var member: ClusterMember? { _read { yield kept.host.member } }

  enum Process { case running, stopped, dead }

  private final class Kept {
    var host: ApplianceHost
    init(_ host: ApplianceHost) { self.host = host }
  }

  init(host: ApplianceHost, native: NativePacketPath, profile: MemberProfile, clock: Clock) {
    kept = Kept(host)
    self.native = native
    self.profile = profile
    self.clock = clock
  }

  /// What the kernel holds: it goes by the lease, not by the process.
  struct Path {
    var mine = UnitSet()
    /// By the machine's own clock.
    var lease: UInt64 = 0
    var isMaster = false
    var unassigned = UnitSet.all
  }

  /// Runs a little fast or slow, from an offset of its own.
  struct Clock {
    var offset: UInt64
    /// Nanoseconds gained in a second.
    var drift: Int64

    init(offset: UInt64, drift: Int64) { (self.offset, self.drift) = (offset, drift) }

    /// Draws one that runs up to `skew` fast or slow: 0.02 is 2 %.
    init(skew: Double, using random: inout SplitMix) {
      let skew = Int64(skew * 1e9)
      drift = skew == 0 ? 0 : Int64(random.next() % UInt64(2 * skew + 1)) - skew
      offset = 1_000_000_000 + random.below(UInt64(3_600_000_000_000))
    }

    func local(_ time: UInt64) -> UInt64 {
      let seconds = time / 1_000_000_000
      let rest = time % 1_000_000_000
      let gained = Int64(seconds) * drift + Int64(rest) * drift / 1_000_000_000
      return UInt64(Int64(offset) + Int64(time) + gained)
    }

    /// The first instant of the world at which this clock shows at least `local`.
    func world(_ local: UInt64) -> UInt64 {
      guard local > offset else { return 0 }
      let shown = Double(local - offset)
      var time = UInt64(shown / (1 + Double(drift) / 1e9))
      time = time > 2000 ? time - 2000 : 0
      while self.local(time) < local { time += max(1, (local - self.local(time)) / 2) }
      return time
    }
  }

  /// What `Credentials` would hold: group keys, and which datagrams were seen.
  struct Keys {
    var groupKeys: [UInt32: UInt64] = [:]
    var sending: UInt32 = 0
    var windows: [UInt64: Window] = [:]

    /// A replay window of 64.
    struct Window {
      var newest: UInt64 = 0
      var seen: UInt64 = 0

      mutating func accepts(_ sequence: UInt64) -> Bool {
        if sequence > newest {
          let shift = sequence - newest
          seen = shift >= 64 ? 0 : seen << shift
          seen |= 1
          newest = sequence
          return true
        }
        let age = newest - sequence
        guard age < 64, seen >> age & 1 == 0 else { return false }
        seen |= 1 << age
        return true
      }
    }
  }
}
