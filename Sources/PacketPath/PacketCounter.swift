/// Why a packet met its verdict. Every packet raises one of these, once; the raw value is its index in the map `counters`.
/// Numbers are never reused: a daemon may read a running older program's counters.
public enum PacketCounter: UInt32, Sendable {
  /// Passed: the packet path is switched off.
  case disabled = 0
  /// Passed: neither IP nor ARP.
  case otherProtocol
  /// Passed: ARP that is not about a cluster address.
  case arpPassed
  /// Sent: an ARP request for a cluster address, answered by this master.
  case arpAnswered
  /// Dropped: an ARP request for a cluster address; the master answers it.
  case arpNotMaster
  /// Dropped: an ARP request for a cluster address; this master's lease has run out.
  case arpLeaseExpired
  /// Passed: another hardware address than the shared one claims a cluster address, by ARP or neighbour discovery.
  case duplicateAddress
  /// Passed: neighbour discovery that does not ask for a cluster address.
  case neighbourPassed
  /// Sent: a neighbour solicitation for a cluster address, answered by this master.
  case neighbourAnswered
  /// Dropped: a neighbour solicitation for a cluster address; the master answers it.
  case neighbourNotMaster
  /// Dropped: a neighbour solicitation for a cluster address; this master's lease has run out.
  case neighbourLeaseExpired
  /// Dropped: a neighbour solicitation for a cluster address that RFC 4861, 7.1.1 refuses (hop limit, checksum, length, code).
  case neighbourInvalid
  /// Dropped: a neighbour solicitation for a cluster address that could not be turned into its answer.
  case neighbourUnanswerable
  /// Passed: to a cluster address, of a work unit of this machine.
  case taken
  /// Passed: router work of a work unit of this machine, which the kernel routes.
  case routed
  /// Dropped: of a work unit of another member, and this machine is not the master.
  case notMine
  /// Dropped: it would be this machine's, but its lease has run out.
  case leaseExpired
  /// Dropped: this master sees it as its member does, which has acknowledged the unit and takes it.
  case leftToMember
  /// Sent: this master forwarded it to its member.
  case forwarded
  /// Up: of a unit that has no owner.
  case unassigned
  /// Up: of a unit whose owner has not acknowledged it.
  case unacknowledged
  /// Up: a fragment whose first fragment has not been seen.
  case fragmentHeld
  /// Passed: a fragment of unknown unit that the master sent to this machine itself.
  case fragmentTaken
  /// Dropped: of a unit that has no owner, and nothing is held.
  case unassignedDropped
  /// Dropped: of a unit whose owner has not acknowledged it, and nothing is held.
  case unacknowledgedDropped
  /// Dropped: a fragment whose first fragment has not been seen.
  case fragmentUnknown
  /// Dropped: the ring to the daemon is full.
  case ringFull
  /// Dropped: the unit's owner has no entry among the members.
  case memberMissing
  /// Dropped: to a cluster address, malformed or truncated.
  case malformed
  /// Passed: malformed or truncated, and not known to be for the cluster.
  case malformedPassed
  /// Dropped: to a cluster address, with more IPv6 extension headers than are followed.
  case headerLimit
  /// Passed: not to a cluster address, with more IPv6 extension headers than are followed.
  case headerLimitPassed
  /// Passed: to one of this machine's own addresses.
  case ownAddress
  /// Passed: to a multicast, broadcast or link-local address.
  case group
  /// Passed: to this machine's hardware address, for the kernel to deliver or route as it would without a cluster.
  case toStack
  /// Passed: to the hardware address of another machine; the stack ignores it.
  case otherStation
  /// Dropped: to a cluster address, in a broadcast or multicast frame that is not the cluster's.
  case groupFrame
  /// Dropped: to the shared hardware address, but neither to the cluster nor router work.
  case foreign
  /// Dropped: a table of the packet path is missing. Never raised by a whole installation.
  case tableMissing
}
