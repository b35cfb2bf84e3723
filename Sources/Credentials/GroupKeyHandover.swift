import Crypto
import Wire

// Where group keys come from and go to. A master draws one; a signed JOIN OK carries it to a newcomer, a sealed GROUP KEY to a member.
//
// A group key is never written to a file: a daemon that took it up again after a restart would have it without the replay windows, and
// everything that was sealed under it before could be replayed. It asks to join instead, which is one exchange.

/// The join requests of others that may be answered with a group key, and this run's own that may bring one. Bounded: the oldest goes.
struct JoinRequests {
  private static let ownLimit = 4
  private var others: [(nonce: UInt64, profile: MemberProfile)] = []
  private var own: [UInt64] = []
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  var count: Int { others.count + own.count }

  mutating func received(_ request: JoinRequest) {
    others.removeAll { $0.nonce == request.nonce }
    if others.count >= limit { others.removeFirst() }
    others.append((request.nonce, request.profile))
  }

  mutating func sent(_ nonce: UInt64) {
    guard !own.contains(nonce) else { return }
    if own.count >= Self.ownLimit { own.removeFirst() }
    own.append(nonce)
  }

  func profile(nonce: UInt64) -> MemberProfile? { others.last { $0.nonce == nonce }?.profile }
  func awaits(_ nonce: UInt64) -> Bool { own.contains(nonce) }
  mutating func answered() { own = [] }
}

extension SecurityLayer {
  /// Draws a group key for an epoch, which opens from now on and is what GROUP KEY hands over. It seals after `useGroupKey`.
  public mutating func newGroupKey(epoch: UInt32, term: Term) {
    add(GroupKey(epoch: epoch, key: SymmetricKey(size: .bits256), term: term, generation: (keys.newest?.generation ?? 0) + 1))
  }

  /// The group key of this epoch that the last JOIN OK or GROUP KEY brought opens from now on. False when none was brought.
  public mutating func adoptGroupKey(epoch: UInt32) -> Bool {
    guard let key = offeredKey, key.epoch == epoch else { return keys.key(of: epoch) != nil }
    offeredKey = nil
    requests.answered()
    add(key)
    return true
  }

  /// Seals under this epoch from now on. False when its key is not there; then nothing changes.
  public mutating func useGroupKey(epoch: UInt32) -> Bool { keys.use(epoch) }

  /// Forgets every group key but this epoch's: nothing sealed under the others is opened from now on.
  public mutating func retireGroupKeys(except epoch: UInt32) {
    keys.retire(except: epoch)
    forgetSubkeys()
  }

  private mutating func add(_ key: GroupKey) {
    keys.add(key)
    forgetSubkeys()
  }

  private mutating func forgetSubkeys() {
    senders.forgetSubkeys()
    ownSubkey = nil
  }

  private func handover(
    from: MemberIdentifier, to: MemberIdentifier, term: Term, epoch: UInt32, nonce: UInt64
  ) -> KeyHandover {
    KeyHandover(cluster: credentials.cluster, from: from, to: to, term: term, epoch: epoch, nonce: nonce)
  }
}

// Sending.
extension SecurityLayer {
  mutating func noteSent(_ message: ClusterMessage) {
    if case .joinRequest(let request) = message { requests.sent(request.nonce) }
  }

  mutating func noteReceived(_ message: ClusterMessage) {
    if case .joinRequest(let request) = message { requests.received(request) }
  }

  /// A signed JOIN OK gets the group key for the joiner whose nonce it repeats, who counts as a member from now on.
  mutating func addingGroupKey(toSigned message: ClusterMessage) throws(ProtectionError) -> ClusterMessage {
    guard case .joinOk(var answer) = message else { return message }
    guard let current = keys.current else { throw .noGroupKey }
    guard let joiner = requests.profile(nonce: answer.nonce) else { throw .noAgreementKey }
    answer.epoch = current.epoch
    answer.sealedGroupKey = try sealedKey(
      current, handover(from: member, to: joiner.identifier, term: answer.term, epoch: current.epoch, nonce: answer.nonce),
      to: joiner.agreementKey)
    expect(joiner)
    return .joinOk(answer)
  }

  /// A GROUP KEY gets the newest key for its member, which must be expected.
  func completed(_ message: GroupKeyHandover, _ newest: GroupKey) throws(ProtectionError) -> GroupKeyHandover {
    guard let recipient = peers.agreementKey(of: message.member) else { throw .noAgreementKey }
    var message = message
    message.epoch = newest.epoch
    message.sealedGroupKey = try sealedKey(
      newest, handover(from: member, to: message.member, term: message.term, epoch: newest.epoch, nonce: 0), to: recipient)
    return message
  }

  private func sealedKey(_ key: GroupKey, _ handover: KeyHandover, to recipient: [UInt8]) throws(ProtectionError) -> [UInt8] {
    let content = KeyHandover.Content(key: key.key, generation: key.generation)
    guard let sealed = handover.seal(content, with: agreement, to: recipient) else { throw .noAgreementKey }
    return sealed
  }
}

// Receiving.
extension SecurityLayer {
  /// A signed JOIN OK to a request of this run brings the group key; one to somebody else's is passed on as it is.
  mutating func takeGroupKey(fromSigned message: ClusterMessage, _ header: ClusterHeader) throws(SecurityRefusal) -> Bool {
    guard case .joinOk(let answer) = message, requests.awaits(answer.nonce) else { return false }
    let handover = handover(from: header.sender, to: member, term: answer.term, epoch: answer.epoch, nonce: answer.nonce)
    guard let content = handover.open(answer.sealedGroupKey, with: agreement, from: answer.master.agreementKey) else { throw .badSeal }
    offeredKey = GroupKey(epoch: answer.epoch, key: content.key, term: answer.term, generation: content.generation)
    expect(answer.master)
    // What the master sealed before this answer was not for this run.
    senders.refuse(upTo: header.sequence, of: SenderRun(member: header.sender, incarnation: header.incarnation))
    return true
  }

  /// A sealed GROUP KEY to this member brings the next group key, if it is newer than the one in use.
  mutating func takeGroupKey(fromSealed message: ClusterMessage, _ header: ClusterHeader) throws(SecurityRefusal) -> Bool {
    guard case .groupKey(let answer) = message, answer.member == member else { return false }
    let run = SenderRun(member: header.sender, incarnation: header.incarnation)
    guard let theirs = peers.agreementKey(of: run) else { throw .staleGroupKey }
    let handover = handover(from: header.sender, to: member, term: answer.term, epoch: answer.epoch, nonce: 0)
    guard let content = handover.open(answer.sealedGroupKey, with: agreement, from: theirs) else { throw .badSeal }
    let key = GroupKey(epoch: answer.epoch, key: content.key, term: answer.term, generation: content.generation)
    guard let current = keys.current, key.epoch != current.epoch else { return false }
    guard key.isNewer(than: current) else { throw .staleGroupKey }
    offeredKey = key
    return true
  }
}
