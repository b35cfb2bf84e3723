import Wire

/// Every interval of the protocol, from the one that is configured.
struct Timing: Sendable {
  /// D: the lease of a unit's owner.
  let lease: Interval
  /// P: the lease of a master.
  let authority: Interval
  /// Added to each wait for the deadline of another machine's clock.
  let guardInterval: Interval

  init(_ configuration: ClusterMember.Configuration) {
    lease = configuration.detectionInterval
    authority = configuration.authorityInterval
    guardInterval = configuration.guardInterval
  }

  /// A member's watchdog on its master (figure 8I), and its promise to echo no other.
  var promise: Interval { authority + guardInterval }
  /// The master's watchdog on a member (figure 8E): by then the member's lease has run out, on its own clock too.
  var silence: Interval { lease + guardInterval }
  /// How long candidates of neighbouring rank keep apart.
  var stagger: Interval { authority / 8 }
  /// How long a candidate waits for those who have not answered yet.
  var collecting: Interval { authority / 4 }
  /// The same for the one that is left of two: longer than a living master could have gone on without its word.
  var collectingAlone: Interval { authority * 3 / 8 }
  /// Two members: how long one must be silent before the other, which is the master, does without its word; how fresh the traffic must
  /// be that shows that the wire works, with the time that it is good for. Shorter than `collectingAlone`.
  var bereavement: Interval { authority * 11 / 16 }
  var trafficCredit: Interval { authority * 5 / 16 }
  /// How soon a message is repeated that was not answered.
  var retry: Interval { authority / 16 }
  /// How long a joiner waits for a first answer; the seed does not say.
  var joinWait: Interval { max(authority, .milliseconds(50)) }
  /// Figure 6, step 619: 100 ms of silence make a master.
  var offerSilence: Interval { max(authority, .milliseconds(100)) }
  /// How long a lone master asks whether there is really nobody before it takes the units: as long as the lease of one that cannot answer
  /// because it was stopped.
  var probe: Interval { silence }
  /// After so much silence on the wire, a lone master takes itself for cut off. Shorter than `probe`.
  var quiet: Interval { lease }

  /// So many keepalives in a row may be lost before the watchdog, which has the guard interval to spare, expires.
  func keepaliveInterval(toleratedLosses: Int) -> Interval { authority / UInt64(toleratedLosses + 1) }
}
