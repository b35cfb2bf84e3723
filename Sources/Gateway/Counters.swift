extension GatewayRouter {
  /// What was heard and said, and each reason for which a message changed nothing.
  public struct Counters: Hashable, Sendable {
    /// One more for each `Event.received` while the gateway runs, before it is judged: what another counter refuses is in this one too.
    public var received: UInt64 = 0
    /// One more for each hello, in however many datagrams it goes; a farewell is not counted.
    public var hellosSent: UInt64 = 0
    /// One more for each message of this group whose authentication is missing or wrong, or is there although none is configured.
    public var notAuthentic: UInt64 = 0
    /// An older message than one already heard: a replay, or overtaken on its way.
    public var replayed: UInt64 = 0
    /// One more for each message that names another group than this gateway's.
    public var wrongGroup: UInt64 = 0
    /// One more for each message with a hello for a virtual address that is not the group's; a hello that names none yet is let pass.
    public var wrongVirtualAddress: UInt64 = 0
    /// It names another sender than it comes from.
    public var wrongSender: UInt64 = 0
    /// Somebody else has this gateway's own address.
    public var duplicateAddress: UInt64 = 0
    /// No hello, from a gateway that has not said one.
    public var withoutHello: UInt64 = 0
    /// A hello time of 0, or not below the hold time, or a hold time beyond 180 s.
    public var impossibleTimers: UInt64 = 0
    /// A forwarder 0 that forwards, or a virtual MAC that is not the forwarder's, or a serial out of reach.
    public var impossibleForwarder: UInt64 = 0
    /// One more for each message of a gateway that is new when 31 others are known.
    public var tooManyGateways: UInt64 = 0
    /// Somebody else claims a virtual address.
    public var conflicts: UInt64 = 0
    /// Hosts told unasked what their gateway's virtual MAC is, after such a claim.
    public var corrections: UInt64 = 0
    /// One more for each `Event.hostAsked` while the gateway runs, also for questions that another gateway is to answer.
    public var questions: UInt64 = 0
    /// One more for each question of a host that was answered with a virtual MAC.
    public var answers: UInt64 = 0
    /// Questions that nobody could be named for.
    public var unanswerable: UInt64 = 0
    /// As the keeper of the table, one more for each forwarder given to another gateway because its holder is gone.
    public var takeovers: UInt64 = 0
    /// As the keeper of the table, one more for each forwarder given to another gateway while somebody still had it.
    public var moves: UInt64 = 0
  }
}
