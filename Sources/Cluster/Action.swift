import Wire

extension ClusterMember {
  /// What the node must do, in the order given: the packet path is told before a message that relies on it leaves.
  public enum Action: Hashable, Sendable {
    case send(ClusterMessage, to: Destination, Protection)
    /// The packet path processes, forwards and answers ARP only before this deadline.
    case setLease(Instant)
    /// Whether this machine is the master: it answers ARP and neighbour solicitations, and holds packets of unassigned units.
    case setMaster(Bool)
    /// The owner of these units. They are this machine's own to process when `owner` is this member and `acknowledged` holds.
    case setUnits(UnitSet, owner: MemberIdentifier?, acknowledged: Bool)
    /// The members, this machine included, by which owners are found. Always before a `setUnits` that names a new one.
    case setMembers([MemberProfile])
    /// The seed of the unit hash.
    case setHashSeed(UInt64)
    /// The owner has acknowledged: forward what was held for these units.
    case releaseHeld(UnitSet, to: MemberIdentifier)
    /// Forget what was held for these units so far: somebody whose lease has only now run out may have processed it.
    case forgetHeld(UnitSet)
    /// Forget what was held: this machine is the master no longer.
    case dropHeld
    /// Gratuitous ARP and unsolicited neighbour advertisements for the cluster addresses.
    case announce(AnnounceReason)
    /// Ask the wire who has the cluster addresses, for a lease's length; `Event.addressInUse` says who. Before a reign that nobody
    /// objected to: a cluster that this machine cannot read or hear may serve them.
    case probeAddresses
    /// May this machine join? (figure 8F)
    case askApplications(nonce: UInt64, MemberProfile)
    /// Tell the applications (figure 8G).
    case membersChanged(arrived: [MemberProfile], departed: [MemberProfile])
    /// Report `Event.stateComplete` when the state of these units is in; at once if there is none. `from` is nil when the last owner is gone.
    case awaitState(serial: UInt32, UnitSet, from: MemberIdentifier?)
    /// Send the state of these units, which this machine has just stopped processing, and report `Event.stateHandedOver`.
    case handOverState(serial: UInt32, UnitSet, to: MemberIdentifier)
    /// The wait announced by `awaitState` is off.
    case abandonState(serial: UInt32)
    /// A piece of state for the applications.
    case deliverState(StateTransfer, from: MemberIdentifier)
    /// Draw a group key for this epoch and be able to open what is sealed under it.
    case newGroupKey(epoch: UInt32)
    /// Open the group key that came with JOIN OK or a hand-over, and be able to open what is sealed under it.
    case adoptGroupKey(epoch: UInt32, sealed: [UInt8], from: MemberIdentifier)
    /// Seal under this epoch from now on.
    case useGroupKey(epoch: UInt32)
    /// Forget every key of another epoch.
    case retireGroupKeys(except: UInt32)
    /// Fetch a personality of this version or a later one from this member, then report `Event.personality`.
    case fetchPersonality(from: MemberIdentifier, InternetAddress, version: UInt64)
    /// The snapshot shows other members, another master or other owners than before.
    case viewChanged
    /// Something an operator wants to read.
    case report(Report)
    /// The member has left as it was asked to; it may be stopped or started again.
    case stopped
  }

  /// Where a message goes.
  public enum Destination: Hashable, Sendable {
    /// Every machine of the cluster, members or not.
    case everyone
    case member(MemberIdentifier, InternetAddress)
  }

  /// Why the cluster addresses are announced.
  public enum AnnounceReason: String, Hashable, Sendable {
    /// This machine has become the master.
    case takeover
    /// It won the tie-break; the loser may have announced too (figure 8A).
    case tieBreak
    case periodic
    /// A new configuration may have brought new addresses.
    case configuration
  }

  /// One line of `skein events`.
  public enum Report: Hashable, Sendable {
    case becameMaster(Term, MasterReason)
    case steppedDown(Term, StepDownReason)
    case following(master: MemberIdentifier, Term)
    case masterSilent(MemberIdentifier, Term)
    case memberJoined(MemberIdentifier, InternetAddress, unitsKept: Int)
    case memberLeft(MemberIdentifier, DepartureReason, units: Int)
    case refusedBy(MemberIdentifier, InternetAddress, RefusalReason, explanation: String)
    case refusedJoiner(MemberIdentifier, RefusalReason, explanation: String)
    case unitsAssigned(UnitSet, to: MemberIdentifier)
    case unitsMoving(UnitSet, from: MemberIdentifier, to: MemberIdentifier, MoveReason)
    case unitsOwned(UnitSet)
    case unitsStopped(UnitSet)
    case conflictingClaims(UnitSet, MemberIdentifier)
    case leaseLapsed
    case exited(ExitReason, by: MemberIdentifier)
    case newGroupKey(epoch: UInt32)
    case draining(MemberIdentifier, Bool)
    case carrierLost
    case carrierFound
    /// Somebody whom this machine cannot read answers for a cluster address. It does not begin a reign while it waits.
    case addressInUse(InternetAddress, by: EthernetAddress, waits: Bool)
    case servingAlone
    case idleAlone
  }

  /// Why this machine became the master.
  public enum MasterReason: String, Hashable, Sendable, CaseIterable {
    /// Nobody answered (figure 6).
    case nobodyElse
    /// The last master fell silent (figure 8I).
    case masterSilent
    /// The last master left.
    case masterLeft
    /// A majority wanted it.
    case elected
  }

  /// Why this machine is the master no longer, or gave its reign up before that began to serve.
  public enum StepDownReason: String, Hashable, Sendable, CaseIterable {
    case lostTieBreak
    case olderConfiguration
    /// Its lease ran out: it was stopped, or too few members heard it.
    case leaseLapsed
    case leaving
    case carrierLost
    case toldToExit
    case newerMaster
    /// Before its reign began: somebody else answers for a cluster address.
    case addressInUse
  }

  /// Why the master took a member out of its list.
  public enum DepartureReason: String, Hashable, Sendable, CaseIterable {
    /// Its watchdog expired (figure 8E).
    case silent
    /// It went on sending, but did not hear the master: a link that carries one way only.
    case deaf
    case farewell
    case restarted
    case expelled
    case revoked
    /// It did not come along to a new master.
    case didNotFollow
    /// It did not take the new group key in time.
    case keptOldKey
  }

  /// Why the master moves a unit from one member to another.
  public enum MoveReason: String, Hashable, Sendable, CaseIterable {
    case balance
    case drain
    case leave
    /// The gateway wants it there.
    case placement
  }
}
