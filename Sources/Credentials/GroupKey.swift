import Crypto
import Wire

/// The key that the members of a group share, and what makes one newer than another.
struct GroupKey {
  /// Names the key in headers. Drawn at random, so that two masters of a partition do not name two keys alike.
  let epoch: UInt32
  let key: SymmetricKey
  /// The term in which it was handed over, and a count that grows with each key: the larger pair is the newer key.
  var term: Term
  let generation: UInt64

  static let byteCount = 32

  func isNewer(than other: GroupKey) -> Bool { (term, generation) > (other.term, other.generation) }

  /// One key for each sender and each of its runs, so that a nonce, which is the sequence number, is used once.
  func subkey(cluster: ClusterIdentifier, sender: MemberIdentifier, incarnation: UInt64) -> SymmetricKey {
    var info = Array("skein seal 1".utf8)
    info.append(bigEndian: cluster.rawValue)
    info.append(bigEndian: sender.rawValue)
    info.append(bigEndian: incarnation)
    var salt: [UInt8] = []
    salt.append(bigEndian: epoch)
    return HKDF<SHA256>.deriveKey(inputKeyMaterial: key, salt: salt, info: info, outputByteCount: 32)
  }
}

/// The group keys that open, one of which seals: more than one only while a new one is on its way to the members.
struct GroupKeyRing {
  /// What opens at most: the key in use, the one before it and the one to come.
  static let limit = 3
  private var keys: [GroupKey] = []
  private var sealingEpoch: UInt32?

  var count: Int { keys.count }
  /// The key that seals.
  var current: GroupKey? { keys.first { $0.epoch == sealingEpoch } }
  /// The key that is handed to the members.
  var newest: GroupKey? { keys.max { $1.isNewer(than: $0) } }
  /// What seals a hand-over of the newest key: one that its receiver has already.
  var beforeNewest: GroupKey? {
    guard let current, let newest else { return nil }
    return current.epoch != newest.epoch ? current : keys.last { $0.epoch != newest.epoch } ?? current
  }

  /// The key that opens what is sealed in an epoch.
  func key(of epoch: UInt32) -> GroupKey? { keys.first { $0.epoch == epoch } }

  /// From now on the key opens.
  mutating func add(_ key: GroupKey) {
    keys.removeAll { $0.epoch == key.epoch }
    if keys.count == Self.limit, let oldest = keys.firstIndex(where: { $0.epoch != sealingEpoch }) { keys.remove(at: oldest) }
    keys.append(key)
  }

  /// From now on the key of this epoch seals. False when there is none.
  mutating func use(_ epoch: UInt32) -> Bool {
    guard key(of: epoch) != nil else { return false }
    sealingEpoch = epoch
    return true
  }

  /// Only the key of this epoch is left.
  mutating func retire(except epoch: UInt32) { keys.removeAll { $0.epoch != epoch } }
}

extension [UInt8] {
  /// Appends the number, first octet first.
  mutating func append(bigEndian number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
  }
}
