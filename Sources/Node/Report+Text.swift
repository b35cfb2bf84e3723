import Cluster
import Wire

extension ClusterMember.Report {
  /// The event's word in `skein events`.
  var kind: String {
    switch self {
    case .becameMaster, .steppedDown, .following, .masterSilent, .servingAlone, .idleAlone: "master"
    case .memberJoined, .memberLeft, .refusedBy, .refusedJoiner, .exited, .draining, .addressInUse: "membership"
    case .unitsAssigned, .unitsMoving, .unitsOwned, .unitsStopped, .conflictingClaims: "units"
    case .leaseLapsed: "lease"
    case .newGroupKey: "key"
    case .carrierLost, .carrierFound: "link"
    }
  }

  /// Whether it belongs to the ordinary course of balancing.
  var isRoutine: Bool {
    switch self {
    case .unitsAssigned, .unitsMoving, .unitsOwned, .unitsStopped: true
    default: false
    }
  }

  /// The event in a sentence, with its reason.
  var text: String {
    switch self {
    case .becameMaster(let term, let reason): "this machine is the master of term \(term.rawValue): \(reason.text)"
    case .steppedDown(let term, let reason): "no longer the master of term \(term.rawValue): \(reason.text)"
    case .following(let master, let term): "following member \(master.rawValue), master of term \(term.rawValue)"
    case .masterSilent(let master, let term): "member \(master.rawValue), master of term \(term.rawValue), fell silent: looking for another"
    case .memberJoined(let member, let address, let kept):
      "member \(member.rawValue) (\(address)) joined" + (kept > 0 ? ", keeping \(kept) units" : "")
    case .memberLeft(let member, let reason, let units): "member \(member.rawValue) is out: \(reason.text); \(units) units to assign"
    case .refusedBy(let master, let address, let reason, let why):
      "master \(master.rawValue) (\(address)) refuses this machine: \(reason.text)\(why.isEmpty ? "" : " (\(why))")"
    case .refusedJoiner(let member, let reason, let why):
      "member \(member.rawValue) may not join: \(reason.text)\(why.isEmpty ? "" : " (\(why))")"
    case .unitsAssigned(let units, let member): "\(units.spelled) assigned to member \(member.rawValue)"
    case .unitsMoving(let units, let from, let to, let reason):
      "\(units.spelled) moving from member \(from.rawValue) to \(to.rawValue): \(reason.rawValue)"
    case .unitsOwned(let units): "processing \(units.spelled)"
    case .unitsStopped(let units): "no longer processing \(units.spelled)"
    case .conflictingClaims(let units, let member): "member \(member.rawValue) claims \(units.spelled) that another claims too"
    case .leaseLapsed: "the lease has run out: processing nothing until it is renewed"
    case .exited(let reason, let member): "told by member \(member.rawValue) to leave: \(reason.text)"
    case .newGroupKey(let epoch): "new group key, epoch \(epoch)"
    case .draining(let member, let on): "member \(member.rawValue) \(on ? "is draining" : "takes work again")"
    case .carrierLost: "the interface has lost its carrier: processing nothing"
    case .carrierFound: "the interface has a carrier again: joining afresh"
    case .addressInUse(let address, let ethernet, true):
      "\(address) is answered for by \(ethernet), which this machine cannot join: it does not become the master. "
        + "Another cluster's `id`, another authority's certificate, or a firewall between them?"
    case .addressInUse(let address, let ethernet, false):
      "\(address) is still answered for by \(ethernet), which is no cluster: serving beside it. Proxy ARP, or a machine with this address?"
    case .servingAlone: "serving alone: no other member is heard"
    case .idleAlone: "alone, and nothing is heard on the wire: serving nothing until something is"
    }
  }
}

extension UnitSet {
  /// “unit 17”, “342 units”.
  fileprivate var spelled: String {
    let count = self.count
    if count == 1, let unit = first(where: { _ in true }) { return "unit \(unit)" }
    return "\(count) units"
  }
}

extension ClusterMember.MasterReason {
  fileprivate var text: String {
    switch self {
    case .nobodyElse: "nobody else answered"
    case .masterSilent: "the last one fell silent"
    case .masterLeft: "the last one left"
    case .elected: "a majority wanted it"
    }
  }
}

extension ClusterMember.StepDownReason {
  fileprivate var text: String {
    switch self {
    case .lostTieBreak: "another master has more members, or the lower address"
    case .olderConfiguration: "another machine has a newer configuration"
    case .leaseLapsed: "its lease ran out: it was stopped, or too few members heard it"
    case .leaving: "it leaves"
    case .carrierLost: "it lost its carrier"
    case .toldToExit: "it was told to leave"
    case .newerMaster: "there is a newer one"
    case .addressInUse: "a cluster address is in use"
    }
  }
}

extension ClusterMember.DepartureReason {
  fileprivate var text: String {
    switch self {
    case .silent: "not heard for the detection interval"
    case .deaf: "heard, but it does not hear"
    case .farewell: "it said farewell"
    case .restarted: "it was restarted"
    case .expelled: "expelled"
    case .revoked: "its certificate is revoked"
    case .didNotFollow: "it did not come along to the new master"
    case .keptOldKey: "it did not take the new group key in time"
    }
  }
}

extension RefusalReason {
  fileprivate var text: String {
    switch self {
    case .operationInProgress: "still being decided"
    case .unknownAuthority: "its certificate is not by this cluster's authority"
    case .certificateExpired: "its certificate has expired or is not valid yet; check the clocks"
    case .certificateRevoked: "its certificate is revoked"
    case .noProofOfPossession: "it could not prove that it has its certificate's key"
    case .olderConfiguration: "its configuration is older"
    case .application: "an application objects"
    case .duplicateMember: "another machine has this member number"
    case .clusterFull: "the cluster is full"
    case .differentConfiguration: "its cluster settings differ; compare addresses, delivery, detection, partition and hash"
    }
  }
}

extension ExitReason {
  fileprivate var text: String {
    switch self {
    case .notAMember: "it does not know this machine"
    case .olderConfiguration: "this machine's configuration is older"
    case .revoked: "this machine's certificate is revoked"
    case .newEpoch: "the group key was renewed without this machine"
    case .expelled: "expelled by the operator"
    case .leaving: "it is leaving"
    case .otherMaster: "there is another master"
    }
  }
}
