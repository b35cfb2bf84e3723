import Wire

extension ClusterMember {
  /// Everything that can happen to a member. The node feeds them one at a time, in the order in which they happened.
  public enum Event: Sendable {
    /// Begin. `claims` are units that this machine's pinned packet path still holds from the daemon's last run, `leaseDeadline` the lease
    /// that it still holds them under; empty and zero for a machine that starts afresh.
    case start(claims: UnitSet, leaseDeadline: Instant)
    /// A message that `Wire` has parsed and `Credentials` has judged.
    case received(ClusterMessage, from: Envelope)
    /// A datagram sealed under a group key that this machine does not have: there is another group (figure 8A). At most one each 10 ms,
    /// please; the member limits what it answers, too.
    case undecipherable(sender: MemberIdentifier, sourceAddress: InternetAddress)
    /// `nextDeadline` has come. Early, late and superfluous ones do no harm.
    case timer
    /// The packet path sent up a packet of a unit that nobody owns (figure 9, step 937). Only a master cares.
    case packetForUnassigned(unit: Int)
    /// The interface received something since the last time: client packets, anybody's broadcast. To be told at least eight times per
    /// detection interval while it goes on; silence means that this machine is cut off.
    case heardTraffic
    /// The applications' answer to `Action.askApplications`; a refusal with its reason, or nil to agree.
    case applicationsAnswered(nonce: UInt64, refusal: String?)
    /// The state that `Action.awaitState` waited for is in.
    case stateComplete(serial: UInt32)
    /// The state that `Action.handOverState` asked for has been sent.
    case stateHandedOver(serial: UInt32)
    /// `skein drain`, `skein undrain`.
    case drain(Bool)
    /// `skein leave`: drain, then say farewell. `Action.stopped` says when.
    case leave
    /// The operator wants another member out.
    case expel(MemberIdentifier)
    /// Certificates of these members have just been revoked: whoever is in by one must go. Not their numbers: a JOIN REQUEST that verifies
    /// comes with another certificate.
    case revoked(Set<MemberIdentifier>)
    /// Which member should own which unit: the whole map each time. The master takes them there one by one as soon as their members may be
    /// given units; units that are not named are balanced. Each member's node says what it knows, so that a successor goes on with it.
    case place([Int: MemberIdentifier])
    /// This machine's own weight changed.
    case setWeight(UInt16)
    /// This machine now runs this personality, fetched or reloaded.
    case personality(version: UInt64, settingsDigest: UInt64)
    /// What this machine processed: its busiest units, and packets per second in all, smoothed.
    case load([LoadReport.UnitLoad], packetsPerSecond: UInt32)
    /// The answer to `Action.probeAddresses`: another machine has a cluster address, and whether it is of a cluster. No event when nobody
    /// has.
    case addressInUse(InternetAddress, by: EthernetAddress, isCluster: Bool)
    case carrierLost
    case carrierFound
  }

  /// What is known of a message beside its body. `Credentials` vouches for it when `isAuthentic`.
  public struct Envelope: Hashable, Sendable {
    /// The member that the header names.
    public var sender: MemberIdentifier
    /// The run of the sender's daemon that the header names: another one is another start of it.
    public var incarnation: UInt64
    /// How it was protected: signed, or sealed under the group key. `ClusterMessage` says which a type must be.
    public var protection: Protection
    /// The group key's epoch, of a sealed message.
    public var epoch: UInt32
    /// The header's sequence number, which grows with every datagram of the incarnation: what a master sent before its JOIN OK is not meant
    /// for the member that the JOIN OK made.
    public var sequence: UInt64
    /// Where the datagram came from; answers to a machine that is no member go there.
    public var sourceAddress: InternetAddress
    /// The seal opened and was not replayed, or the certificate chain and the signature hold. If not: why, for JOIN REQUESTs that
    /// deserve an answer.
    public var isAuthentic: Bool
    /// Why a signed message is not authentic: a JOIN REQUEST is refused with it.
    public var refusal: RefusalReason?

    /// What the header says, and whether that is authentic; `refusal` only for what is not.
    public init(
      sender: MemberIdentifier, incarnation: UInt64, protection: Protection, epoch: UInt32, sequence: UInt64,
      sourceAddress: InternetAddress, isAuthentic: Bool, refusal: RefusalReason? = nil
    ) {
      self.sender = sender
      self.incarnation = incarnation
      self.protection = protection
      self.epoch = epoch
      self.sequence = sequence
      self.sourceAddress = sourceAddress
      self.isAuthentic = isAuthentic
      self.refusal = refusal
    }
  }
}
