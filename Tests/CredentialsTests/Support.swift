import Crypto
import Foundation
import Wire

@testable import Credentials

/// The moment at which the tests happen.
let wallClock: Int64 = 1_800_000_000
let bootClock = Instant(nanoseconds: 60_000_000_000)
let day: Int64 = 86_400

/// A cluster's authority in a directory of its own, which goes when this does.
final class TestCluster {
  let directory: String
  var authority: CertificateAuthority

  init(_ number: UInt16 = 7) throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "skein-credentials-\(UUID().uuidString)").path
    authority = try CertificateAuthority.create(
      cluster: ClusterIdentifier(rawValue: number), name: "test authority", directory: directory, at: wallClock - 100 * day)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func certificate(
    _ number: UInt16, key: Curve25519.Signing.PrivateKey, validity: ClosedRange<Int64> = wallClock - day...wallClock + day
  ) throws -> ClusterCertificate {
    try authority.certificate(member: MemberIdentifier(rawValue: number), name: "member \(number)", key: key, validity: validity)
  }

  func credentials(_ number: UInt16, validity: ClosedRange<Int64> = wallClock - day...wallClock + day) throws -> MemberCredentials {
    let key = Curve25519.Signing.PrivateKey()
    return try MemberCredentials(
      certificate: certificate(number, key: key, validity: validity), key: key, authority: authority.trusted)
  }

  func layer(_ number: UInt16, limits: SecurityLimits = SecurityLimits(), startedAt: Int64 = wallClock) throws -> SecurityLayer {
    SecurityLayer(credentials: try credentials(number), limits: limits, startedAt: startedAt)
  }

  /// Layers of members 1 to `count` that share a group key, member 1 being the master, all expecting each other.
  func group(_ count: UInt16, limits: SecurityLimits = SecurityLimits()) throws -> [SecurityLayer] {
    var layers = try (1...count).map { try layer($0, limits: limits) }
    var master = layers[0]
    _ = master.newGroupKey(term: 1)
    for index in layers.indices.dropFirst() { try join(&layers[index], to: &master) }
    layers[0] = master
    let profiles = layers.map(\.profile)
    for index in layers.indices {
      for profile in profiles where profile.identifier != layers[index].member { layers[index].expect(profile) }
    }
    return layers
  }
}

/// Something went otherwise than the test's preparation needs.
struct Unprepared: Error {}

/// Lets one member join the other's group, over datagrams.
func join(_ joiner: inout SecurityLayer, to master: inout SecurityLayer, term: UInt64 = 1) throws {
  let nonce = UInt64.random(in: 1 ... .max)
  let request = try joiner.protect(joiner.joinRequest(nonce: nonce), protection: .signed)
  guard master.message(in: request) != nil else { throw Unprepared() }
  let answer = try master.protect(master.joinOk(nonce: nonce, term: term), protection: .signed)
  guard let opened = joiner.opened(answer), joiner.takeUp(opened) else { throw Unprepared() }
}

extension SecurityLayer {
  var profile: MemberProfile {
    MemberProfile(
      identifier: member, incarnation: incarnation, address: InternetAddress(ipv4: 0xc000_0200 | UInt32(member.rawValue)),
      ethernetAddress: EthernetAddress(bits: 0x0200_0000_0000 | UInt64(member.rawValue)), weight: 100, agreementKey: agreementKey)
  }

  func joinRequest(nonce: UInt64, claims: UnitSet = UnitSet()) -> ClusterMessage {
    .joinRequest(
      JoinRequest(
        nonce: nonce, challenge: 0, profile: profile, personalityVersion: 1, settingsDigest: 2, term: .none, claims: claims, sequence: 0))
  }

  func joinOk(nonce: UInt64, term: UInt64) -> ClusterMessage {
    .joinOk(
      JoinOk(
        nonce: nonce, term: Term(rawValue: term), master: profile, personalityVersion: 1, hashSeed: 5, confirmed: UnitSet(), epoch: 0,
        sealedGroupKey: []))
  }

  func groupKey(for member: UInt16, term: UInt64) -> ClusterMessage {
    .groupKey(
      GroupKeyHandover(term: Term(rawValue: term), member: MemberIdentifier(rawValue: member), epoch: 0, sealedGroupKey: []))
  }

  mutating func opened(_ datagram: [UInt8], at now: Instant = bootClock, wallClock seconds: Int64 = wallClock) -> OpenedMessage? {
    switch open(datagram[...], at: now, wallClock: seconds) {
    case .opened(let opened): opened
    case .refused: nil
    }
  }

  mutating func message(in datagram: [UInt8], at now: Instant = bootClock) -> ClusterMessage? { opened(datagram, at: now)?.message }

  /// Why the datagram is refused; nil when it is opened.
  mutating func refusal(of datagram: [UInt8], at now: Instant = bootClock, wallClock seconds: Int64 = wallClock) -> SecurityRefusal? {
    switch open(datagram[...], at: now, wallClock: seconds) {
    case .opened: nil
    case .refused(let refused): refused.reason
    }
  }
}

func keepalive(_ sequence: UInt64) -> ClusterMessage {
  .clientKeepalive(
    ClientKeepalive(
      term: Term(rawValue: 1), sequence: sequence, masterSequence: 3, memberListVersion: 4, assignmentVersion: 5, packetsPerSecond: 6,
      isDraining: false, isLeaving: false))
}

/// A signed datagram made by hand: with any certificate, key and header, and a body that need not be the message's.
func signedByHand(
  _ message: ClusterMessage, as member: UInt16, cluster: UInt16 = 7, incarnation: UInt64, sequence: UInt64 = 1, certificate: [UInt8],
  key: Curve25519.Signing.PrivateKey, bodyOctets: [UInt8]? = nil
) throws -> [UInt8] {
  let body = bodyOctets ?? message.encodeBody()
  var octets: [UInt8] = []
  ClusterHeader(
    type: message.type, protection: .signed, bodyByteCount: body.count, cluster: ClusterIdentifier(rawValue: cluster),
    sender: MemberIdentifier(rawValue: member), epoch: 0, incarnation: incarnation, sequence: sequence
  ).encode(into: &octets)
  octets += body
  SignedTrailer.append(certificate: certificate, to: &octets)
  let signature = try key.signature(for: octets)
  SignedTrailer.append(signature: signature, to: &octets)
  return octets
}

/// SplitMix64: a run of the tests is repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}

extension SecurityLayer {
  /// Draws a new group key of any epoch, uses it if it is the first, and says which.
  mutating func newGroupKey(term: UInt64) -> UInt32 {
    let epoch = UInt32.random(in: 1 ... .max)
    newGroupKey(epoch: epoch, term: Term(rawValue: term))
    if self.epoch == nil { _ = useGroupKey(epoch: epoch) }
    return epoch
  }

  /// Adopts and uses the group key that a message brought; false when it brought none.
  mutating func takeUp(_ opened: OpenedMessage) -> Bool {
    switch opened.message {
    case .joinOk(let answer) where opened.bringsGroupKey: adoptGroupKey(epoch: answer.epoch) && useGroupKey(epoch: answer.epoch)
    case .groupKey(let answer) where opened.bringsGroupKey: adoptGroupKey(epoch: answer.epoch) && useGroupKey(epoch: answer.epoch)
    default: false
    }
  }

  /// Opens a datagram and takes up the group key in it; false when there is none.
  mutating func takeUpKey(in datagram: [UInt8]) -> Bool {
    guard let opened = opened(datagram) else { return false }
    return takeUp(opened)
  }
}
