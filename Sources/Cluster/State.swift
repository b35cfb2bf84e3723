import Wire

/// The states of figure 6 and those around it. Each holds only what is legal in it; what outlives a change is in `Shared`.
///
///     unstarted → joining ⇄ offering → reigning
///                 joining → following ⇄ orphaned ⇄ candidate → reigning
///                 joining → resting → joining
///     orphaned → following (of a successor), or → joining when no successor is found
///     following, reigning → joining (told to exit; lease lapsed; tie-break lost), left (as asked), down (no carrier)
enum State: Sendable {
  case unstarted
  case joining(Joining)
  case offering(Offering)
  case resting(Resting)
  case following(Following)
  case orphaned(Orphaned)
  case candidate(Candidate)
  case reigning(Master)
  case left
  case down
}

extension Joining {
  mutating func receive(_ message: ClusterMessage, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    switch message {
    case .joinOk(let ok): return receive(ok, from: envelope, &shared)
    case .nak(let nak): return receive(nak, from: envelope, &shared)
    case .offerMaster(let offer): return receive(offer, &shared)
    case .masterKeepalive: shared.masterHeard = shared.now
    default: shared.counters.unexpected += 1
    }
    return nil
  }
}

extension Offering {
  mutating func receive(_ message: ClusterMessage, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    switch message {
    case .otherMasterExists(let objection): return receive(objection, &shared)
    case .offerMaster(let offer): return receive(offer, &shared)
    case .joinRequest(let request): receive(request, from: envelope, &shared)
    case .masterKeepalive:
      shared.masterHeard = shared.now
      return .joining(Joining(&shared, since: since))
    default: shared.counters.unexpected += 1
    }
    return nil
  }
}

extension Following {
  mutating func receive(_ message: ClusterMessage, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    switch message {
    case .masterKeepalive(let keepalive): return receive(keepalive, from: envelope, &shared)
    case .exitCluster(let exit): return receive(exit, from: envelope, &shared)
    case .assign(let assign): receive(assign, from: envelope, &shared)
    case .deassign(let deassign): receive(deassign, from: envelope, &shared)
    case .memberList(let list): receive(list, from: envelope, &shared)
    case .assignmentTable(let table): receive(table, from: envelope, &shared)
    case .offerMaster(let offer): receive(offer, from: envelope, &shared)
    case .groupKey(let handover): receive(handover, from: envelope, &shared)
    case .stateTransfer(let state): shared.act(.deliverState(state, from: envelope.sender))
    default: shared.counters.unexpected += 1
    }
    return nil
  }
}

extension Orphaned {
  mutating func receive(_ message: ClusterMessage, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    switch message {
    case .masterKeepalive(let keepalive): return receive(keepalive, from: envelope, &shared)
    case .joinOk(let ok): return receive(ok, from: envelope, &shared)
    case .exitCluster(let exit): return receive(exit, from: envelope, &shared)
    case .offerMaster(let offer): answer(offer, from: envelope, &shared)
    case .otherMasterExists(let objection): receive(late: objection, &shared)
    case .stateTransfer(let state): shared.act(.deliverState(state, from: envelope.sender))
    default: shared.counters.unexpected += 1
    }
    return nil
  }
}

extension Candidate {
  mutating func receive(_ message: ClusterMessage, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    switch message {
    case .joinRequest(let request): return receive(request, from: envelope, &shared)
    case .offerMaster(let offer): return receive(offer, from: envelope, &shared)
    case .masterKeepalive(let keepalive): return receive(keepalive, from: envelope, &shared)
    case .otherMasterExists(let objection): return receive(objection, from: envelope, &shared)
    default: shared.counters.unexpected += 1
    }
    return nil
  }
}

extension Master {
  mutating func receive(_ message: ClusterMessage, from envelope: ClusterMember.Envelope, _ shared: inout Shared) -> State? {
    switch message {
    case .clientKeepalive(let keepalive): receive(keepalive, from: envelope, &shared)
    case .joinRequest(let request): receive(request, from: envelope, &shared)
    case .acknowledge(let acknowledge): receive(acknowledge, from: envelope, &shared)
    case .assignmentQuery(let query): receive(query, from: envelope, &shared)
    case .loadReport(let report): receive(report, from: envelope, &shared)
    case .offerMaster(let offer): receive(offer, from: envelope, &shared)
    case .otherMasterExists(let objection): return receive(objection, from: envelope, &shared)
    case .exitCluster(let exit): return receive(exit, from: envelope, &shared)
    case .masterKeepalive(let keepalive): return receive(keepalive, from: envelope, &shared)
    case .stateTransfer(let state): shared.act(.deliverState(state, from: envelope.sender))
    default: shared.counters.unexpected += 1
    }
    return nil
  }
}
