import Wire

/// A member as its master knows it.
struct Peer: Sendable {
  var profile: MemberProfile
  var personalityVersion: UInt64
  /// The request that it came in by; a repeated one is answered again.
  var joinNonce: UInt64
  /// The first member list that named it.
  var joinedVersion: UInt32
  /// Figure 8E: its watchdog counts from here.
  var lastHeard: Instant
  var lastSequence: UInt64
  /// The newest own keepalive that it said it heard, and until when that speaks for its hearing.
  var echoed: UInt64 = 0
  var hearsUntil: Instant
  /// Which member list and which table of owners it has whole.
  var reportedVersion: UInt32 = 0
  var reportedTableVersion: UInt32 = 0
  /// Its word has counted for the master's authority.
  var isVoter = false
  /// A keepalive has come since it joined: it lives now, not only when its request was sent.
  var hasSpoken = false
  var loss = LossAverage()
  /// Of the master's keepalives that did not come back as echoes.
  var echoLoss = LossAverage()
  var isDraining = false
  var isLeaving = false
  /// Its personality is older than the master's: its units go, then it is sent to fetch the newer.
  var isOutdated = false
  var packetsPerSecond: UInt32 = 0
  var unitLoads: [LoadReport.UnitLoad] = []
  var epoch: UInt32
  /// Count and digest of the units that it has acknowledged.
  var unitCount = 0
  var digest: UInt32 = 0

  init(_ request: JoinRequest, joinedVersion: UInt32, epoch: UInt32, at now: Instant, hearsUntil: Instant) {
    profile = request.profile
    personalityVersion = request.personalityVersion
    joinNonce = request.nonce
    self.joinedVersion = joinedVersion
    lastHeard = now
    lastSequence = request.sequence
    self.hearsUntil = hearsUntil
    self.epoch = epoch
  }

  /// Whether it may be given units.
  var isEligible: Bool { hasSpoken && !wantsNone }
  var wantsNone: Bool { isDraining || isLeaving || isOutdated }
}
