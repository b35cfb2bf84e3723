import Cluster
import Credentials
import Gateway

extension ClusterMember.Counters {
  /// Every counter with its name, what it means, and its value.
  var named: [(name: String, meaning: String, value: UInt64)] {
    [
      ("received", "messages received", received), ("sent", "messages sent", sent),
      ("notAuthentic", "neither seal nor signature held, or it was a replay", notAuthentic),
      ("wrongProtection", "signed where it must be sealed, or the other way round", wrongProtection),
      ("wrongSender", "speaks for another member than the one that sent it", wrongSender),
      ("fromMyself", "this machine's own message, come back", fromMyself), ("oldTerm", "from an earlier term", oldTerm),
      ("notMyMaster", "from a master or for a term that this machine does not follow", notMyMaster),
      ("notAMember", "from a machine that is not a member", notAMember),
      ("oldSequence", "a sequence number or serial that is not newer than the last", oldSequence),
      ("wrongNonce", "an answer to nothing that was asked", wrongNonce),
      ("wrongChallenge", "a join request whose challenge is not, or no longer, valid", wrongChallenge),
      ("oldIncarnation", "from an earlier run of its sender", oldIncarnation),
      ("unexpected", "not for a machine in this state", unexpected),
      ("withoutLease", "an assignment that came when this machine had no lease", withoutLease),
      ("notForMe", "for another member", notForMe),
      ("tableFull", "a table was full", tableFull),
      ("joinsRefused", "joins that this master refused", joinsRefused),
      ("conflictingClaims", "units claimed by two members at once: must stay 0", conflictingClaims),
      ("undecipherable", "sealed under another group's key", undecipherable),
      ("rateLimited", "answers that were due but came too often", rateLimited),
      ("unitsMoved", "units moved from one member to another", unitsMoved),
      ("retransmissions", "messages sent again because no acknowledgement came", retransmissions),
      ("leasesLapsed", "times that this machine's lease ran out", leasesLapsed),
      ("elections", "times that a new master was looked for", elections),
    ]
  }
}

extension GatewayRouter.Counters {
  /// Every counter with its name, what it means, and its value.
  var named: [(name: String, meaning: String, value: UInt64)] {
    [
      ("judged", "messages that were read and judged", received), ("hellosSent", "hellos sent", hellosSent),
      ("notAuthentic", "not authentic: they changed nothing", notAuthentic),
      ("replayed", "older than one already heard: a replay, or overtaken on its way", replayed),
      ("wrongGroup", "of another group", wrongGroup), ("wrongVirtualAddress", "for another virtual address", wrongVirtualAddress),
      ("wrongSender", "name another sender than they come from", wrongSender),
      ("duplicateAddress", "from this gateway's own address: somebody else has it", duplicateAddress),
      ("withoutHello", "without a hello, from a gateway that has not said one", withoutHello),
      ("impossibleTimers", "with timers that cannot be", impossibleTimers),
      ("impossibleForwarder", "with a forwarder that cannot be", impossibleForwarder),
      ("tooManyGateways", "from one gateway more than a group may have", tooManyGateways),
      ("conflicts", "times that a stranger claimed a virtual address", conflicts),
      ("corrections", "times that a host was told its gateway's MAC address again after such a claim", corrections),
      ("asked", "questions of hosts that were this gateway's to answer or to leave", questions), ("named", "hosts answered", answers),
      ("unanswerable", "questions for which no virtual MAC address could be named", unanswerable),
      ("takeovers", "virtual MAC addresses taken over from a gateway that is gone", takeovers),
      ("moves", "virtual MAC addresses moved", moves),
    ]
  }
}

extension SecurityRefusal {
  /// What the counter counts, for people.
  var meaning: String {
    switch self {
    case .truncated: "shorter than it says"
    case .oversized: "longer than any message"
    case .badMagic: "not a message of Skein"
    case .unknownVersion: "of a protocol version that this machine does not speak"
    case .malformed: "a header or body that the protocol does not allow"
    case .otherCluster: "of another cluster"
    case .ownMessage: "this machine's own datagram, come back"
    case .unknownAuthority: "its certificate is not by this cluster's authority"
    case .expired: "its certificate has expired"
    case .notYetValid: "its certificate is not valid yet: check the clocks"
    case .revoked: "its certificate is revoked"
    case .badSignature: "its sender does not have the certificate's key"
    case .wrongMember: "it names another member than its certificate does"
    case .rateLimited: "more signatures, or seals of unknown runs, than may be checked in a second"
    case .unknownEpoch: "sealed under a group key that this machine does not have"
    case .badSeal: "its seal does not open: forged or damaged"
    case .oldIncarnation: "from an earlier run of its sender"
    case .staleGroupKey: "a group key that is not newer than the one in use, or from a stranger"
    case .replayed: "received before"
    case .tooOld: "too far behind its sender's newest"
    }
  }
}
