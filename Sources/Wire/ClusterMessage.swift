// The messages that the members of an IP cluster exchange (WO 00/31945, figures 6 and 8A to 8I), as values.
//
// Layers: a *datagram* is one UDP payload: a header (`ClusterHeader`), a message body, and what protects it. The body is encoded and
// decoded in `ClusterCodec.swift`; protection (signature or seal) is put on and checked by `Credentials`; what a message means is decided
// by `Cluster`. docs/wire-format.md has every octet.

/// What protects a datagram.
public enum Protection: UInt8, Hashable, Sendable, CaseIterable {
  /// Signed by the sender's certificate, which travels with it: what is said before the sender has the group key.
  case signed = 1
  /// Sealed under the group key of the header's epoch: everything else.
  case sealed = 2
}

/// Why a join is refused (figure 8F: "NAK with the reason").
public enum RefusalReason: UInt8, Hashable, Sendable, CaseIterable {
  /// Not refused yet: the master is asking its applications, or the challenge has to be answered first. Keep waiting.
  case operationInProgress = 1
  /// The certificate does not chain to the cluster's authority.
  case unknownAuthority = 2
  /// The certificate is not valid now.
  case certificateExpired = 3
  /// The certificate is not on the list of those that may join.
  case certificateRevoked = 4
  /// The signature does not match the certificate's key, or the challenge is not the one given.
  case noProofOfPossession = 5
  /// The joiner's personality (signed configuration) is older than the master's; it may fetch the newer one.
  case olderConfiguration = 6
  /// An application on the master vetoed the join.
  case application = 7
  /// Another live member has this number.
  case duplicateMember = 8
  /// There are `ClusterLimits.memberCount` members already.
  case clusterFull = 9
  /// Cluster settings (detection interval, addresses, delivery) differ though the version is the same.
  case differentConfiguration = 10
}

/// Why a member is told to leave (EXIT CLUSTER).
public enum ExitReason: UInt8, Hashable, Sendable, CaseIterable {
  /// Its keepalive came though it is not in the master's list (figure 8B).
  case notAMember = 1
  /// It runs an older personality.
  case olderConfiguration = 2
  /// Its certificate was withdrawn.
  case revoked = 3
  /// The group key was renewed and this member could not be given the new one.
  case newEpoch = 4
  /// The operator removed it.
  case expelled = 5
  /// A farewell: the sender has stopped and leaves. A master that says it has handed its units over; its members elect the next at once.
  case leaving = 6
  /// A farewell of a master that lost the tie-break: its members drop their units and join the winner too.
  case otherMaster = 7
}

/// One message. `Cluster` reads and writes these; it never sees octets.
public enum ClusterMessage: Hashable, Sendable {
  // Signed.
  /// A machine asks to be a member.
  case joinRequest(JoinRequest)
  /// The master agrees.
  case joinOk(JoinOk)
  /// The master does not, or not yet.
  case nak(Nak)
  /// A machine that hears no master offers to be it.
  case offerMaster(OfferMaster)
  /// There is a master already.
  case otherMasterExists(OtherMasterExists)
  /// A member is told to leave, or says farewell.
  case exitCluster(ExitCluster)
  /// "Send me the personality you have": by a joiner that was refused for an older one, or a master that saw a newer one.
  case personalityRequest(PersonalityRequest)
  /// A piece of the personality that was asked for.
  case personalityPart(PersonalityPart)
  // Sealed. (`joinRequest`, `offerMaster`, `otherMasterExists` and `exitCluster` may be sealed too, among members of one group.)
  /// The master is there, and has heard these.
  case masterKeepalive(MasterKeepalive)
  /// Who is in.
  case memberList(MemberList)
  /// Who owns what.
  case assignmentTable(AssignmentTable)
  /// A member that disagrees asks.
  case assignmentQuery(AssignmentQuery)
  /// A member is there, and has heard the master.
  case clientKeepalive(ClientKeepalive)
  /// Own these units.
  case assign(Assign)
  /// Stop owning these units.
  case deassign(Deassign)
  /// Done, to either.
  case acknowledge(Acknowledge)
  /// How busy the sender's units are.
  case loadReport(LoadReport)
  /// A piece of a unit's state for its next owner.
  case stateTransfer(StateTransfer)
  /// The next group key, for one member; the key itself is put in and taken out by `Credentials`.
  case groupKey(GroupKeyHandover)
}

/// JOIN REQUEST (figure 6, step 603). Sent signed by a newcomer, with its certificate; sent sealed, with what it owns, by a member whose master fell silent.
public struct JoinRequest: Hashable, Sendable {
  /// Chosen afresh for each attempt; every answer repeats it.
  public var nonce: UInt64
  /// The master's challenge from its NAK "operation in progress"; 0 in the first request. Proof of possession is the signature over it.
  public var challenge: UInt64
  /// What the others need to know of the joiner.
  public var profile: MemberProfile
  /// The version of the personality (signed configuration bundle) that the joiner runs.
  public var personalityVersion: UInt64
  /// A digest of the settings that all members must share (addresses, delivery, detection, hash seed source).
  public var settingsDigest: UInt64
  /// The newest term that the joiner knows of.
  public var term: Term
  /// Units that the joiner still holds under a lease that has not run out; empty for a newcomer.
  public var claims: UnitSet
  /// The sequence number of the client-keepalive series, so that a sealed request can be echoed and renew the lease; 0 for a newcomer.
  public var sequence: UInt64

  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    nonce: UInt64, challenge: UInt64, profile: MemberProfile, personalityVersion: UInt64, settingsDigest: UInt64, term: Term,
    claims: UnitSet, sequence: UInt64
  ) {
    self.nonce = nonce
    self.challenge = challenge
    self.profile = profile
    self.personalityVersion = personalityVersion
    self.settingsDigest = settingsDigest
    self.term = term
    self.claims = claims
    self.sequence = sequence
  }
}

/// What the others need to know of a member; it does not change while the member runs.
public struct MemberProfile: Hashable, Sendable {
  /// Its number.
  public var identifier: MemberIdentifier
  /// Drawn afresh each time the daemon starts: keys and sequence numbers of an earlier run mean nothing in this one.
  public var incarnation: UInt64
  /// Its own address in the cluster's network; the tie-break compares it (figure 8A).
  public var address: InternetAddress
  /// Its own Ethernet address on the cluster's network, to which the master forwards its packets.
  public var ethernetAddress: EthernetAddress
  /// Relative strength, 1…65,535; twice the weight gets twice the units. 100 when not configured.
  public var weight: UInt16
  /// Its X25519 public key of this run, 32 octets: a master hands it new group keys under the secret they share.
  public var agreementKey: [UInt8]

  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    identifier: MemberIdentifier, incarnation: UInt64, address: InternetAddress, ethernetAddress: EthernetAddress, weight: UInt16,
    agreementKey: [UInt8]
  ) {
    self.identifier = identifier
    self.incarnation = incarnation
    self.address = address
    self.ethernetAddress = ethernetAddress
    self.weight = weight
    self.agreementKey = agreementKey
  }
}

/// OK to join (figure 6, step 605), or a new master's welcome to one that came along with its units.
public struct JoinOk: Hashable, Sendable {
  /// The nonce of the request.
  public var nonce: UInt64
  /// The reign that is joined.
  public var term: Term
  /// The master itself.
  public var master: MemberProfile
  /// The version that the master runs.
  public var personalityVersion: UInt64
  /// The cluster-wide seed of the unit hash, which only members know.
  public var hashSeed: UInt64
  /// Claims that the master confirmed; the joiner drops the others at once.
  public var confirmed: UnitSet
  /// The group key's epoch; the key travels sealed to the joiner's `agreementKey`. `Credentials` puts it in; empty in a sealed JOIN OK.
  public var epoch: UInt32
  /// At most `ClusterLimits.sealedGroupKeyByteCount` octets.
  public var sealedGroupKey: [UInt8]

  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    nonce: UInt64, term: Term, master: MemberProfile, personalityVersion: UInt64, hashSeed: UInt64, confirmed: UnitSet,
    epoch: UInt32, sealedGroupKey: [UInt8]
  ) {
    self.nonce = nonce
    self.term = term
    self.master = master
    self.personalityVersion = personalityVersion
    self.hashSeed = hashSeed
    self.confirmed = confirmed
    self.epoch = epoch
    self.sealedGroupKey = sealedGroupKey
  }
}

/// NAK to a join (figure 8F).
public struct Nak: Hashable, Sendable {
  /// The nonce of the request.
  public var nonce: UInt64
  /// Why not.
  public var reason: RefusalReason
  /// With `operationInProgress`: to be repeated in the next request.
  public var challenge: UInt64
  /// The master's personality version, so that an older joiner knows what to fetch.
  public var personalityVersion: UInt64
  /// For people; at most 255 octets of UTF-8.
  public var explanation: String

  /// All fields, unchecked; limits are checked where octets are read.
  public init(nonce: UInt64, reason: RefusalReason, challenge: UInt64, personalityVersion: UInt64, explanation: String) {
    self.nonce = nonce
    self.reason = reason
    self.challenge = challenge
    self.personalityVersion = personalityVersion
    self.explanation = explanation
  }
}

/// OFFER MASTER (figure 6, step 615): "I shall be master unless somebody objects". A sitting master sends it too when it hears a stranger's
/// keepalive that it cannot open (two groups after a partition), to start the tie-break.
public struct OfferMaster: Hashable, Sendable {
  /// To be repeated in the objection.
  public var nonce: UInt64
  /// The offer that this one counters, 0 if none.
  public var answering: UInt64
  /// The term the sender reigns in, or would.
  public var term: Term
  /// The candidate, or the sitting master.
  public var profile: MemberProfile
  /// The version of the sender's personality.
  public var personalityVersion: UInt64
  /// How many members follow the sender, itself included; 1 for a candidate.
  public var memberCount: UInt16
  /// Whether it is a sitting master.
  public var isMaster: Bool

  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    nonce: UInt64, answering: UInt64, term: Term, profile: MemberProfile, personalityVersion: UInt64, memberCount: UInt16,
    isMaster: Bool
  ) {
    self.nonce = nonce
    self.answering = answering
    self.term = term
    self.profile = profile
    self.personalityVersion = personalityVersion
    self.memberCount = memberCount
    self.isMaster = isMaster
  }
}

/// OTHER MASTER EXISTS (figures 6 and 8A): join me instead. Fresh because it repeats the offer's nonce.
public struct OtherMasterExists: Hashable, Sendable {
  /// The nonce of the offer.
  public var answering: UInt64
  /// The reign of that master.
  public var term: Term
  /// Whom to join.
  public var master: MemberIdentifier
  /// The master's own address, for the tie-break.
  public var address: InternetAddress
  /// How many members follow the master, itself included.
  public var memberCount: UInt16
  /// The version of the sender's personality.
  public var personalityVersion: UInt64

  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    answering: UInt64, term: Term, master: MemberIdentifier, address: InternetAddress, memberCount: UInt16, personalityVersion: UInt64
  ) {
    self.answering = answering
    self.term = term
    self.master = master
    self.address = address
    self.memberCount = memberCount
    self.personalityVersion = personalityVersion
  }
}

/// EXIT CLUSTER (figures 6 and 8B), or a member's own farewell when `member` is the sender.
public struct ExitCluster: Hashable, Sendable {
  /// Who is to leave, or leaves.
  public var member: MemberIdentifier
  /// Why.
  public var reason: ExitReason
  /// The nonce of the offer or request that this answers, when it is signed; 0 when sealed.
  public var answering: UInt64
  /// The sender's newest term.
  public var term: Term
  /// All fields, unchecked; limits are checked where octets are read.
  public init(member: MemberIdentifier, reason: ExitReason, answering: UInt64, term: Term) {
    self.member = member
    self.reason = reason
    self.answering = answering
    self.term = term
  }
}

/// Asks for the signed configuration bundle, from an offset on.
public struct PersonalityRequest: Hashable, Sendable {
  /// Chosen afresh; the parts repeat it.
  public var nonce: UInt64
  /// The version that the sender has; it wants a later one.
  public var have: UInt64
  /// The first octet wanted.
  public var offset: UInt32
  /// All fields, unchecked; limits are checked where octets are read.
  public init(nonce: UInt64, have: UInt64, offset: UInt32) {
    self.nonce = nonce
    self.have = have
    self.offset = offset
  }
}

/// A piece of the signed configuration bundle; the authority's signature on the whole is what makes it trusted.
public struct PersonalityPart: Hashable, Sendable {
  /// The nonce of the request.
  public var nonce: UInt64
  /// The version of the bundle that this is a piece of.
  public var version: UInt64
  /// Where in the bundle the piece begins.
  public var offset: UInt32
  /// The bundle's length.
  public var totalByteCount: UInt32
  /// At most `ClusterLimits.personalityPieceByteCount` octets.
  public var bytes: [UInt8]
  /// All fields, unchecked; limits are checked where octets are read.
  public init(nonce: UInt64, version: UInt64, offset: UInt32, totalByteCount: UInt32, bytes: [UInt8]) {
    self.nonce = nonce
    self.version = version
    self.offset = offset
    self.totalByteCount = totalByteCount
    self.bytes = bytes
  }
}

/// MASTER KEEPALIVE (figure 8C), one part of it: a part holds at most `ClusterLimits.keepaliveEntryCount` members.
public struct MasterKeepalive: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// Grows by one with each keepalive (not with each part); members echo it to renew the master's own lease.
  public var sequence: UInt64
  /// Which part this is, from 0.
  public var part: UInt8
  /// How many parts there are.
  public var partCount: UInt8
  /// The adaptive keepalive interval: how often a member shall send, in microseconds, and the n it comes from (2…20).
  public var intervalMicroseconds: UInt32
  /// The n that the interval comes from, 2…20.
  public var toleratedLosses: UInt8
  /// Members in all parts together.
  public var memberCount: UInt16
  /// The version of the member list and of the assignment table; a member that has another asks.
  public var memberListVersion: UInt32
  /// See `memberListVersion`.
  public var assignmentVersion: UInt32
  /// This part's members.
  public var entries: [Entry]

  /// What the master has from, and of, one member.
  public struct Entry: Hashable, Sendable {
    /// The member.
    public var member: MemberIdentifier
    /// The low half of the incarnation that joined.
    public var incarnation: UInt32
    /// The last client-keepalive sequence number received: it renews that member's lease to when that one was *sent* plus the detection interval.
    public var echo: UInt64
    /// How many units it is assigned.
    public var unitCount: UInt16
    /// Digest of the units assigned to it and acknowledged, to be compared with what it was told.
    public var unitsDigest: UInt32
    /// Loss average P in 1/65,536.
    public var loss: UInt16
    /// All fields, unchecked; limits are checked where octets are read.
    public init(
      member: MemberIdentifier, incarnation: UInt32, echo: UInt64, unitCount: UInt16, unitsDigest: UInt32, loss: UInt16
    ) {
      self.member = member
      self.incarnation = incarnation
      self.echo = echo
      self.unitCount = unitCount
      self.unitsDigest = unitsDigest
      self.loss = loss
    }
  }

  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    term: Term, sequence: UInt64, part: UInt8, partCount: UInt8, intervalMicroseconds: UInt32, toleratedLosses: UInt8,
    memberCount: UInt16, memberListVersion: UInt32, assignmentVersion: UInt32, entries: [Entry]
  ) {
    self.term = term
    self.sequence = sequence
    self.part = part
    self.partCount = partCount
    self.intervalMicroseconds = intervalMicroseconds
    self.toleratedLosses = toleratedLosses
    self.memberCount = memberCount
    self.memberListVersion = memberListVersion
    self.assignmentVersion = assignmentVersion
    self.entries = entries
  }
}

/// Who is in, in full; one part of at most `ClusterLimits.profileCount` members. Sent on each change and when asked for.
public struct MemberList: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// Grows with each change.
  public var version: UInt32
  /// Which part this is, from 0.
  public var part: UInt8
  /// How many parts there are.
  public var partCount: UInt8
  /// This part's members.
  public var members: [Member]
  /// A member and what changes about it.
  public struct Member: Hashable, Sendable {
    /// What the others need to know of it.
    public var profile: MemberProfile
    /// Whether it is giving up its units.
    public var isDraining: Bool
    /// All fields, unchecked; limits are checked where octets are read.
    public init(profile: MemberProfile, isDraining: Bool) {
      self.profile = profile
      self.isDraining = isDraining
    }
  }
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, version: UInt32, part: UInt8, partCount: UInt8, members: [Member]) {
    self.term = term
    self.version = version
    self.part = part
    self.partCount = partCount
    self.members = members
  }
}

/// Who owns what; one part of at most `ClusterLimits.assignmentCount` members.
public struct AssignmentTable: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// Grows with each change.
  public var version: UInt32
  /// Which part this is, from 0.
  public var part: UInt8
  /// How many parts there are.
  public var partCount: UInt8
  /// This part's members and their units.
  public var assignments: [Assignment]
  /// A member and its units.
  public struct Assignment: Hashable, Sendable {
    /// The owner.
    public var member: MemberIdentifier
    /// What it owns.
    public var units: UnitSet
    /// All fields, unchecked; limits are checked where octets are read.
    public init(member: MemberIdentifier, units: UnitSet) {
      self.member = member
      self.units = units
    }
  }
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, version: UInt32, part: UInt8, partCount: UInt8, assignments: [Assignment]) {
    self.term = term
    self.version = version
    self.part = part
    self.partCount = partCount
    self.assignments = assignments
  }
}

/// "What I was told differs from your keepalive": asks for the member list, the table, and its own units.
public struct AssignmentQuery: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// The version of the member list that the sender has.
  public var memberListVersion: UInt32
  /// The version of the assignment table that the sender has.
  public var assignmentVersion: UInt32
  /// The digest of the units that the sender holds.
  public var unitsDigest: UInt32
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, memberListVersion: UInt32, assignmentVersion: UInt32, unitsDigest: UInt32) {
    self.term = term
    self.memberListVersion = memberListVersion
    self.assignmentVersion = assignmentVersion
    self.unitsDigest = unitsDigest
  }
}

/// CLIENT KEEPALIVE (figure 8H).
public struct ClientKeepalive: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// Only grows. The sender remembers when it sent each.
  public var sequence: UInt64
  /// The newest master keepalive heard: renews the master's lease.
  public var masterSequence: UInt64
  /// The version of the member list that the sender has.
  public var memberListVersion: UInt32
  /// The version of the assignment table that the sender has.
  public var assignmentVersion: UInt32
  /// Packets that this member took per second, smoothed.
  public var packetsPerSecond: UInt32
  /// It wants to give up its units (`skein drain`).
  public var isDraining: Bool
  /// It wants to leave once its units have gone (`skein leave`).
  public var isLeaving: Bool
  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    term: Term, sequence: UInt64, masterSequence: UInt64, memberListVersion: UInt32, assignmentVersion: UInt32,
    packetsPerSecond: UInt32, isDraining: Bool, isLeaving: Bool
  ) {
    self.term = term
    self.sequence = sequence
    self.masterSequence = masterSequence
    self.memberListVersion = memberListVersion
    self.assignmentVersion = assignmentVersion
    self.packetsPerSecond = packetsPerSecond
    self.isDraining = isDraining
    self.isLeaving = isLeaving
  }
}

/// Work assignment: the member owns these units from its acknowledgement on.
public struct Assign: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// Numbers the master's assignments and de-assignments, to be repeated in the acknowledgement. A repeated one is acknowledged again.
  public var serial: UInt32
  /// The new owner.
  public var member: MemberIdentifier
  /// What it is to own.
  public var units: UnitSet
  /// Whose state must be in before the units are owned; nil (0 on the wire) when there is none to wait for.
  public var previousOwner: MemberIdentifier?
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, serial: UInt32, member: MemberIdentifier, units: UnitSet, previousOwner: MemberIdentifier?) {
    self.term = term
    self.serial = serial
    self.member = member
    self.units = units
    self.previousOwner = previousOwner
  }
}

/// Work de-assignment (figure 8D, step 863): stop, hand the state to the target, acknowledge.
public struct Deassign: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// Numbered as `Assign.serial` is, in the same series.
  public var serial: UInt32
  /// The owner that is to stop.
  public var member: MemberIdentifier
  /// What it is to stop owning.
  public var units: UnitSet
  /// The next owner, to which the state goes.
  public var target: MemberIdentifier
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, serial: UInt32, member: MemberIdentifier, units: UnitSet, target: MemberIdentifier) {
    self.term = term
    self.serial = serial
    self.member = member
    self.units = units
    self.target = target
  }
}

/// Acknowledges an assignment (the sender owns them now) or a de-assignment (the sender has stopped).
public struct Acknowledge: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// The serial that is acknowledged.
  public var serial: UInt32
  /// The units that it is true of.
  public var units: UnitSet
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, serial: UInt32, units: UnitSet) {
    self.term = term
    self.serial = serial
    self.units = units
  }
}

/// Packets per second of the sender's busiest units, for balancing by measured traffic. At most `ClusterLimits.loadEntryCount`.
public struct LoadReport: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// The busiest first.
  public var loads: [UnitLoad]
  /// A unit and its load.
  public struct UnitLoad: Hashable, Sendable {
    /// 0…1,023.
    public var unit: UInt16
    /// Smoothed.
    public var packetsPerSecond: UInt32
    /// All fields, unchecked; limits are checked where octets are read.
    public init(unit: UInt16, packetsPerSecond: UInt32) {
      self.unit = unit
      self.packetsPerSecond = packetsPerSecond
    }
  }
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, loads: [UnitLoad]) {
    self.term = term
    self.loads = loads
  }
}

/// What the members' own parts say to each other by `stateTransfer`: numbers of applications that no application has.
public enum StateChannel: UInt16, Sendable {
  /// A hello of the virtual gateway's.
  case gateway = 0xfffd
  /// The next owner of these units holds their packets now, and asks for those that were held before.
  case packetsWanted = 0xfffe
  /// Everything that was held for these units has been sent.
  case packetsGiven = 0xffff
}

/// A piece of an application's state of one work unit, on its way to the unit's next owner.
public struct StateTransfer: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// The serial of the de-assignment it belongs to.
  public var serial: UInt32
  /// 0…1,023.
  public var unit: UInt16
  /// Which application: 0 is the end-of-state marker of the unit; others are numbered by the applications' issues.
  public var application: UInt16
  /// Which piece this is, from 0.
  public var piece: UInt32
  /// How many pieces there are of this application and unit; at most `ClusterLimits.pieceCount`.
  public var pieceCount: UInt32
  /// At most `ClusterLimits.pieceByteCount` octets.
  public var bytes: [UInt8]
  /// All fields, unchecked; limits are checked where octets are read.
  public init(
    term: Term, serial: UInt32, unit: UInt16, application: UInt16, piece: UInt32, pieceCount: UInt32, bytes: [UInt8]
  ) {
    self.term = term
    self.serial = serial
    self.unit = unit
    self.application = application
    self.piece = piece
    self.pieceCount = pieceCount
    self.bytes = bytes
  }
}

/// The next group key for one member, sealed under the secret that its agreement key and the master's share.
public struct GroupKeyHandover: Hashable, Sendable {
  /// The master's reign that this belongs to.
  public var term: Term
  /// Whom it is sealed for.
  public var member: MemberIdentifier
  /// The epoch that the key begins.
  public var epoch: UInt32
  /// `Credentials` puts it in.
  public var sealedGroupKey: [UInt8]
  /// All fields, unchecked; limits are checked where octets are read.
  public init(term: Term, member: MemberIdentifier, epoch: UInt32, sealedGroupKey: [UInt8]) {
    self.term = term
    self.member = member
    self.epoch = epoch
    self.sealedGroupKey = sealedGroupKey
  }
}

/// Bounds that keep every datagram below 1,232 octets of UDP payload (1,280, the least IPv6 link, less 48 of headers) and every receiver bounded.
public enum ClusterLimits {
  /// The longest datagram.
  public static let datagramByteCount = 1232
  /// Entries in one part of a master keepalive.
  public static let keepaliveEntryCount = 32
  /// Members in one part of a member list.
  public static let profileCount = 12
  /// Members in one part of an assignment table.
  public static let assignmentCount = 7
  /// Parts of a keepalive, list or table: as many as the longest of them, an assignment table of `memberCount` members, needs, rounded up.
  public static let partCount = 64
  /// Units in a load report.
  public static let loadEntryCount = 128
  /// Octets in a piece of state.
  public static let pieceByteCount = 1024
  /// Pieces of one application's state of one unit: 64 MiB.
  public static let pieceCount = 65_536
  /// Octets in a piece of a personality; fewer than in a piece of state, because a signed datagram carries a certificate too.
  public static let personalityPieceByteCount = 448
  /// Octets in a whole personality.
  public static let personalityByteCount = 1_048_576
  /// Octets of UTF-8 in a NAK's explanation.
  public static let explanationByteCount = 255
  /// Octets in an X25519 public key.
  public static let agreementKeyByteCount = 32
  /// Octets in a group key that is sealed for one member: room for an ephemeral key, a nonce, the key and a tag.
  public static let sealedGroupKeyByteCount = 128
  /// Octets in the DER certificate of a signed datagram; one with a P-256 key has about 500.
  public static let certificateByteCount = 640
  /// Octets in a signature: P-256 in DER.
  public static let signatureByteCount = 72
  /// Octets in the tag of a sealed datagram.
  public static let tagByteCount = 16
  /// Keepalives that may be lost before a member counts as dead (n in WO 00/31945).
  public static let toleratedLosses: ClosedRange<UInt8> = 2...20
  /// Members of one cluster.
  public static let memberCount = 256

  /// The longest body that a datagram with this protection holds, whatever the certificate.
  public static func bodyByteCount(_ protection: Protection) -> Int {
    switch protection {
    case .sealed: datagramByteCount - ClusterHeader.byteCount - tagByteCount
    case .signed: datagramByteCount - ClusterHeader.byteCount - 2 - certificateByteCount - 2 - signatureByteCount
    }
  }
}
