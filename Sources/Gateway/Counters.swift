extension GatewayRouter {
  /// What was heard and said, and each reason for which a message changed nothing.
  public struct Counters: Hashable, Sendable {
    public var received: UInt64 = 0
    public var hellosSent: UInt64 = 0
    public var notAuthentic: UInt64 = 0
    /// An older message than one already heard: a replay, or overtaken on its way.
    public var replayed: UInt64 = 0
    public var wrongGroup: UInt64 = 0
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
    public var tooManyGateways: UInt64 = 0
    /// Somebody else claims a virtual address.
    public var conflicts: UInt64 = 0
    /// Hosts told unasked what their gateway's virtual MAC is, after such a claim.
    public var corrections: UInt64 = 0
    public var questions: UInt64 = 0
    public var answers: UInt64 = 0
    /// Questions that nobody could be named for.
    public var unanswerable: UInt64 = 0
    public var takeovers: UInt64 = 0
    public var moves: UInt64 = 0
  }
}
