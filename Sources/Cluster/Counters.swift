extension ClusterMember {
  /// One counter for each reason for which a message is refused or something unusual is done.
  public struct Counters: Hashable, Sendable {
    /// One more for each `Event.received`, before it is judged: whatever is refused by another counter is in this one too.
    public var received: UInt64 = 0
    /// One more for each message handed out to be sent; one to everybody counts once.
    public var sent: UInt64 = 0
    /// Neither seal nor signature held, or it was a replay.
    public var notAuthentic: UInt64 = 0
    /// Signed where it must be sealed, or the other way round.
    public var wrongProtection: UInt64 = 0
    /// The body speaks for another member than the one that sent it.
    public var wrongSender: UInt64 = 0
    /// One more for each message of this very run of the daemon that the network brought back.
    public var fromMyself: UInt64 = 0
    /// From an earlier term.
    public var oldTerm: UInt64 = 0
    /// From a master or for a term that this member does not follow.
    public var notMyMaster: UInt64 = 0
    /// From a machine that is not a member.
    public var notAMember: UInt64 = 0
    /// A sequence number or serial that is not newer than the last.
    public var oldSequence: UInt64 = 0
    /// An answer to nothing that was asked.
    public var wrongNonce: UInt64 = 0
    /// A JOIN REQUEST whose challenge is not, or no longer, valid.
    public var wrongChallenge: UInt64 = 0
    /// An earlier run of the sender.
    public var oldIncarnation: UInt64 = 0
    /// Not for a machine in this state.
    public var unexpected: UInt64 = 0
    /// An assignment to a member that has no lease yet, or none any more.
    public var withoutLease: UInt64 = 0
    /// For another member.
    public var notForMe: UInt64 = 0
    /// A table was full.
    public var tableFull: UInt64 = 0
    /// As the master, one more for each JOIN REQUEST refused by a NAK for another reason than `operationInProgress`.
    public var joinsRefused: UInt64 = 0
    /// Units claimed by two members at once: the packet path's lease must have been defeated.
    public var conflictingClaims: UInt64 = 0
    /// One more for each `Event.undecipherable`: a datagram sealed under a group key that this machine does not have.
    public var undecipherable: UInt64 = 0
    /// Answers that were due but came too often.
    public var rateLimited: UInt64 = 0
    /// As the master, one more for each unit that a member is told to stop so that another may have it.
    public var unitsMoved: UInt64 = 0
    /// As the master, one more for each assignment or de-assignment that was said again because no acknowledgement came in time.
    public var retransmissions: UInt64 = 0
    /// One more each time that this machine's lease ran out, so that it stopped processing whatever it had.
    public var leasesLapsed: UInt64 = 0
    /// As a member, one more each time that the master fell silent or left and a successor was looked for (figure 8I).
    public var elections: UInt64 = 0

    /// Nothing counted yet.
    public init() {}
  }
}
