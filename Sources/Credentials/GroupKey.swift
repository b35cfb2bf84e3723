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

/// The group key in use, and for a while the one before it, so that what was under way when it changed is not lost.
struct GroupKeyRing {
  private(set) var current: GroupKey?
  private(set) var previous: GroupKey?
  private var previousEnds = Instant.zero

  /// Puts a key into use; the one before it stays good for opening for `grace`.
  mutating func install(_ key: GroupKey, grace: Interval, at now: Instant) {
    if let current, current.epoch != key.epoch {
      previous = current
      previousEnds = now + grace
    }
    if previous?.epoch == key.epoch { previous = nil }
    current = key
  }

  /// The key that opens what is sealed in an epoch.
  func key(of epoch: UInt32, at now: Instant) -> GroupKey? {
    if let current, current.epoch == epoch { return current }
    if let previous, previous.epoch == epoch, now < previousEnds { return previous }
    return nil
  }

  mutating func dropPrevious() { previous = nil }
}

extension [UInt8] {
  /// Appends the number, first octet first.
  mutating func append(bigEndian number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
  }
}
