import Wire

/// Which run of each member is the present one, as the member list has it, and the agreement key of that run.
struct PeerTable {
  private struct Peer {
    var incarnation: UInt64
    var agreementKey: [UInt8]
    /// Runs known to be over, the latest last.
    var ended: [UInt64] = []
    var lastUse: UInt64

    mutating func end() {
      ended.append(incarnation)
      if ended.count > PeerTable.endedLimit { ended.removeFirst() }
    }
  }

  private static let endedLimit = 8
  private var peers: [MemberIdentifier: Peer] = [:]
  private var uses: UInt64 = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  var count: Int { peers.count }

  /// This run of the member is the present one; every other run of it is over.
  mutating func expect(_ member: MemberIdentifier, incarnation: UInt64, agreementKey: [UInt8]) {
    uses += 1
    guard var peer = peers[member] else {
      makeRoom()
      peers[member] = Peer(incarnation: incarnation, agreementKey: agreementKey, lastUse: uses)
      return
    }
    if peer.incarnation != incarnation { peer.end() }
    peer.ended.removeAll { $0 == incarnation }
    peer.incarnation = incarnation
    peer.agreementKey = agreementKey
    peer.lastUse = uses
    peers[member] = peer
  }

  /// Whether the run is known to be over.
  func hasEnded(_ run: SenderRun) -> Bool { peers[run.member]?.ended.contains(run.incarnation) ?? false }

  /// Whether the run is over or, never heard of, began before the present one: incarnations begin with the time.
  func isOld(_ run: SenderRun) -> Bool {
    guard let peer = peers[run.member] else { return false }
    return run.incarnation < peer.incarnation || peer.ended.contains(run.incarnation)
  }

  /// Whether this is the run that the member list names.
  func isPresent(_ run: SenderRun) -> Bool { peers[run.member]?.incarnation == run.incarnation }

  func agreementKey(of run: SenderRun) -> [UInt8]? {
    peers[run.member]?.incarnation == run.incarnation ? agreementKey(of: run.member) : nil
  }

  /// Nil for a member that is not expected.
  func agreementKey(of member: MemberIdentifier) -> [UInt8]? { peers[member]?.agreementKey }

  private mutating func makeRoom() {
    guard peers.count >= limit, let oldest = peers.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
    peers[oldest.key] = nil
  }
}
