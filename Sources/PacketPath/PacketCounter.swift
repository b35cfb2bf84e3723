public import CPacketPath

/// Why a packet met its verdict. Every packet raises one of these, once; the raw value is its index in a row of `counters`, and
/// `meaning` says it in words. Each belongs to one verdict.
///
/// Numbers are never reused: a daemon may read the counters of an older program that still runs.
public enum PacketCounter: UInt32, Sendable {
  case disabled = 0
  case otherProtocol

  case arpPassed
  case arpAnswered
  case arpNotMaster
  case arpLeaseExpired
  case duplicateAddress
  case neighbourPassed
  case neighbourAnswered
  case neighbourNotMaster
  case neighbourLeaseExpired
  case neighbourInvalid
  case neighbourUnanswerable

  case taken
  case routed
  case notMine
  case leaseExpired
  case leftToMember
  case forwarded
  case unassigned
  case unacknowledged
  case fragmentHeld
  case fragmentTaken
  case unassignedDropped
  case unacknowledgedDropped
  case fragmentUnknown
  case ringFull
  case memberMissing

  case malformed
  case malformedPassed
  case headerLimit
  case headerLimitPassed

  case ownAddress
  case group
  case toStack
  case otherStation
  case groupFrame
  case foreign

  case tableMissing
  case invalidAsker

  case notForwarder
  case routedFast
  case routedByKernel
  case routeUnresolved
  case routeTooBig
  case routeExpired
  case routeRefused
  case routeSwitchedOff
  case gatewayAddress
  case gatewayEcho
  case sentOn
  case question
  case questionNotOurs
  case questionLeaseExpired
  case questionInvalid
  case virtualAddressAnnounced
  case virtualAddressConflict
  /// Raised by the daemon, not by the path: the kernel takes the tag out of a frame before a packet socket sees it.
  case taggedFrame
  case serviceToServer
  case serviceToClient
  case serviceByKernel
  case serviceUnrecorded
  case serviceUnknown
  case serviceNoServer
  case serviceBusy
  case serviceNotPlain
}

extension PacketCounter {
  /// What the daemon is told of a packet that goes up; nil when none does.
  @inlinable @inline(__always) public var upcallReason: skein_upcall_reason? {
    switch self {
    case .unassigned: skein_upcall_unassigned
    case .unacknowledged: skein_upcall_unacknowledged
    case .fragmentHeld: skein_upcall_fragment
    case .question: skein_upcall_question
    case .virtualAddressConflict: skein_upcall_conflict
    default: nil
    }
  }
}

#if !hasFeature(Embedded)
  extension PacketCounter: CaseIterable {
    /// Its name, as metrics and `--json` show it.
    public var name: String { String(describing: self) }

    /// The verdict of the packets that raise it.
    public var verdict: Verdict {
      switch self {
      case .disabled, .otherProtocol, .arpPassed, .duplicateAddress, .neighbourPassed, .taken, .routed, .fragmentTaken, .malformedPassed,
        .headerLimitPassed, .ownAddress, .group, .toStack, .otherStation, .routedByKernel, .routeUnresolved, .routeTooBig, .routeExpired,
        .routeRefused, .routeSwitchedOff, .gatewayAddress, .serviceByKernel:
        .pass
      case .arpAnswered, .neighbourAnswered, .forwarded, .gatewayEcho, .sentOn, .serviceToServer, .serviceToClient, .serviceUnrecorded:
        .transmit
      case .routedFast: .redirect
      case .unassigned, .unacknowledged, .fragmentHeld, .question, .virtualAddressConflict: .up
      case .arpNotMaster, .arpLeaseExpired, .neighbourNotMaster, .neighbourLeaseExpired, .neighbourInvalid, .neighbourUnanswerable,
        .notMine, .leaseExpired, .leftToMember, .unassignedDropped, .unacknowledgedDropped, .fragmentUnknown, .ringFull, .memberMissing,
        .malformed, .headerLimit, .groupFrame, .foreign, .tableMissing, .invalidAsker, .notForwarder, .questionNotOurs,
        .questionLeaseExpired, .questionInvalid, .virtualAddressAnnounced, .taggedFrame, .serviceUnknown, .serviceNoServer, .serviceBusy,
        .serviceNotPlain:
        .drop
      }
    }

    /// What it counts, in a line.
    public var meaning: String {
      switch self {
      case .disabled: "the packet path is switched off"
      case .otherProtocol: "neither IP nor ARP"
      case .arpPassed: "ARP that does not ask for a cluster address"
      case .arpAnswered: "ARP request for a cluster address, answered by this master"
      case .arpNotMaster: "ARP request for a cluster address, which the master answers"
      case .arpLeaseExpired: "ARP request for a cluster address, and this master's lease has run out"
      case .duplicateAddress: "a stranger claims a cluster address, by ARP or neighbour discovery"
      case .neighbourPassed: "neighbour discovery that does not ask for a cluster address"
      case .neighbourAnswered: "neighbour solicitation for a cluster address, answered by this master"
      case .neighbourNotMaster: "neighbour solicitation for a cluster address, which the master answers"
      case .neighbourLeaseExpired: "neighbour solicitation for a cluster address, and this master's lease has run out"
      case .neighbourInvalid: "neighbour solicitation for a cluster address that RFC 4861 refuses: hop limit, checksum, length or code"
      case .neighbourUnanswerable: "neighbour solicitation for a cluster address that could not be turned into its answer"
      case .taken: "to the cluster, of a work unit of this machine"
      case .routed: "router work, of a work unit of this machine"
      case .notMine: "of another member's work unit"
      case .leaseExpired: "this machine would have acted on it, but its lease has run out"
      case .leftToMember: "of a member's acknowledged work unit, seen by this master too"
      case .forwarded: "forwarded by this master to its member"
      case .unassigned: "of a work unit without owner, handed to the daemon"
      case .unacknowledged: "of a work unit that its owner has not acknowledged, handed to the daemon"
      case .fragmentHeld: "a fragment before its first fragment, handed to the daemon"
      case .fragmentTaken: "a fragment of unknown work unit, sent by the master to this machine itself"
      case .unassignedDropped: "of a work unit without owner, and nothing is held"
      case .unacknowledgedDropped: "of a work unit that its owner has not acknowledged, and nothing is held"
      case .fragmentUnknown: "a fragment whose first fragment was not seen"
      case .ringFull: "for the daemon, but the ring to it is full"
      case .memberMissing: "of a work unit whose owner is not among the members"
      case .malformed: "to the cluster or the gateway, malformed or truncated"
      case .malformedPassed: "malformed or truncated, and not for the cluster"
      case .headerLimit: "to the cluster, with more IPv6 extension headers than are followed"
      case .headerLimitPassed: "with more IPv6 extension headers than are followed, and not for the cluster"
      case .ownAddress: "to an address of this machine"
      case .group: "to a multicast, broadcast or link-local address"
      case .toStack: "to this machine's hardware address, and no business of the cluster's"
      case .otherStation: "to another machine's hardware address"
      case .groupFrame:
        "to a cluster address, in a frame that is not the cluster's: broadcast, multicast, or at the gateway's virtual MAC address"
      case .foreign: "to the shared hardware address, but neither for the cluster nor router work"
      case .tableMissing: "a table of the packet path is missing"
      case .invalidAsker: "an ARP request that came from a multicast hardware address"
      case .notForwarder: "to a virtual MAC address of the gateway that this machine is not the forwarder of"
      case .routedFast: "to a virtual MAC address of this machine, routed by the packet path"
      case .routedByKernel: "to a virtual MAC address of this machine, routed by the kernel"
      case .routeUnresolved: "routed by the kernel, which must first ask for the next hop's hardware address"
      case .routeTooBig: "routed by the kernel, because it is larger than the way it goes allows at once"
      case .routeExpired: "its hop limit ends here: the kernel drops it and says so"
      case .routeRefused: "the kernel's routes say unreachable, prohibited or blackhole: it drops it and may say so"
      case .routeSwitchedOff: "the kernel does not route on the interface it came in by (sysctl forwarding): it drops it"
      case .gatewayAddress: "to a virtual address or another of this machine's, at a virtual MAC address of this machine"
      case .gatewayEcho: "ping to a virtual address, answered by the packet path"
      case .sentOn: "held for a virtual MAC address that another machine has now, sent on to it"
      case .question: "ARP or neighbour solicitation for a virtual address, handed to the daemon"
      case .questionNotOurs: "ARP or neighbour solicitation for a virtual address, which another machine answers"
      case .questionLeaseExpired: "ARP or neighbour solicitation for a virtual address, and this machine's lease has run out"
      case .questionInvalid: "malformed question for a virtual address, or from a multicast hardware address"
      case .virtualAddressAnnounced: "a gateway of the group names a virtual MAC address for a virtual address"
      case .virtualAddressConflict: "a stranger claims a virtual address, handed to the daemon"
      case .taggedFrame: "in a VLAN: packet-socket takes no tagged frames"
      case .serviceToServer: "a client's to a virtual server, sent to its real server"
      case .serviceToClient: "a real server's answer, sent to the client from the virtual server's address"
      case .serviceByKernel: "of a virtual server, translated, and sent on by the kernel, which must find the way or explain why not"
      case .serviceUnrecorded: "a client's to a virtual server, sent to the real server that its hash says: there is no room to remember it"
      case .serviceUnknown: "from a real server, and an answer to nobody that is known"
      case .serviceNoServer: "a client's to a virtual server without a real server"
      case .serviceNotPlain:
        "to a virtual server or from a real one, with options, extension headers or a VLAN tag, or in fragments: not sent on yet"
      case .serviceBusy: "of a flow whose real server is being chosen at this moment, by another processor"
      }
    }
  }
#endif
