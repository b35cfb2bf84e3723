import Crypto
import Wire

/// A group key on its way from one member to another: sealed under what their agreement keys share, and bound to everything it is about.
///
/// X25519 of the two keys of this run, HKDF-SHA256, AES-256-GCM under a random nonce: 12 + 40 + 16 octets.
struct KeyHandover {
  let cluster: ClusterIdentifier
  let from: MemberIdentifier
  let to: MemberIdentifier
  let term: Term
  let epoch: UInt32
  /// The join request's nonce; 0 when no request is answered.
  let nonce: UInt64

  /// What is handed over.
  struct Content: Equatable {
    let key: SymmetricKey
    let generation: UInt64
  }

  /// Nil when `recipient` is no X25519 key.
  func seal(_ content: Content, with mine: Curve25519.KeyAgreement.PrivateKey, to recipient: [UInt8]) -> [UInt8]? {
    let sender = Array(mine.publicKey.rawRepresentation)
    guard let key = sharedKey(mine, recipient, sender: sender, recipient: recipient) else { return nil }
    var plaintext = content.key.withUnsafeBytes { Array($0) }
    plaintext.append(bigEndian: content.generation)
    return (try? SealCipher.seal(plaintext, using: key, authenticating: context))?.combined.map { Array($0) }
  }

  /// Nil when it was not sealed by `sender` to this key, for this purpose.
  func open(_ sealed: [UInt8], with mine: Curve25519.KeyAgreement.PrivateKey, from sender: [UInt8]) -> Content? {
    let recipient = Array(mine.publicKey.rawRepresentation)
    guard let key = sharedKey(mine, sender, sender: sender, recipient: recipient),
      let box = try? SealCipher.SealedBox(combined: sealed),
      let plaintext = try? SealCipher.open(box, using: key, authenticating: context),
      plaintext.count == GroupKey.byteCount + 8
    else { return nil }
    let generation = plaintext.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Content(key: SymmetricKey(data: plaintext.prefix(GroupKey.byteCount)), generation: generation)
  }

  /// A key of small order, with which everybody shares the secret 0, is none (RFC 7748, 6.1); swift-crypto leaves that check to us.
  private func sharedKey(
    _ mine: Curve25519.KeyAgreement.PrivateKey, _ theirs: [UInt8], sender: [UInt8], recipient: [UInt8]
  ) -> SymmetricKey? {
    guard let theirKey = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: theirs),
      let secret = try? mine.sharedSecretFromKeyAgreement(with: theirKey), secret.withUnsafeBytes({ $0.contains { $0 != 0 } })
    else { return nil }
    return secret.hkdfDerivedSymmetricKey(
      using: SHA256.self, salt: Array("skein handover 1".utf8), sharedInfo: sender + recipient + context, outputByteCount: 32)
  }

  private var context: [UInt8] {
    var octets: [UInt8] = []
    octets.append(bigEndian: cluster.rawValue)
    octets.append(bigEndian: from.rawValue)
    octets.append(bigEndian: to.rawValue)
    octets.append(bigEndian: term.rawValue)
    octets.append(bigEndian: epoch)
    octets.append(bigEndian: nonce)
    return octets
  }
}
