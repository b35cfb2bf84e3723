import Crypto
import Testing
import Wire
import X509

@testable import Credentials

@Suite struct SignedDatagramTests {
  let cluster: TestCluster
  var master: SecurityLayer

  init() throws {
    cluster = try TestCluster()
    master = try cluster.layer(1)
  }

  private func request(_ layer: inout SecurityLayer, nonce: UInt64 = 9) throws -> [UInt8] {
    try layer.protect(layer.joinRequest(nonce: nonce, claims: .all), protection: .signed)
  }

  @Test mutating func signedRequestOpens() throws {
    var joiner = try cluster.layer(3)
    let datagram = try request(&joiner)
    let result = master.opened(datagram)
    let opened = try #require(result)
    #expect(opened.message == joiner.joinRequest(nonce: 9, claims: .all))
    #expect(opened.header.sender == joiner.member)
    #expect(opened.header.incarnation == joiner.incarnation)
    #expect(!opened.bringsGroupKey)
    #expect(datagram.count <= ClusterLimits.datagramByteCount)
    #expect(master.counters.signedOpened == 1 && master.counters.offered == 1)
  }

  @Test mutating func repeatedJoinVerifiesTheCertificateOnce() throws {
    var joiner = try cluster.layer(3)
    for nonce in UInt64(1)...10 { #expect(master.refusal(of: try request(&joiner, nonce: nonce)) == nil) }
    #expect(master.counters.signaturesChecked == 11)
  }

  @Test mutating func unknownAuthorityIsRefused() throws {
    var stranger = try TestCluster().layer(3)
    let datagram = try request(&stranger)
    guard case .refused(let refused) = master.open(datagram[...], at: bootClock, wallClock: wallClock) else {
      Issue.record("a stranger's request was opened")
      return
    }
    #expect(refused.reason == .unknownAuthority)
    #expect(refused.reason.joinRefusal == .unknownAuthority)
    #expect(refused.joinRequest?.nonce == 9)
    #expect(refused.claimed?.sender == stranger.member)
  }

  @Test mutating func authorityOfAnotherNameIsRefusedWithoutAVerification() throws {
    let other = try CertificateAuthority.create(
      cluster: ClusterIdentifier(rawValue: 7), name: "another", directory: cluster.directory + "/other", at: wallClock)
    let key = Curve25519.Signing.PrivateKey()
    let certificate = try other.certificate(
      member: MemberIdentifier(rawValue: 3), name: "x", key: key, validity: wallClock - day...wallClock + day)
    let datagram = try signedByHand(
      master.joinRequest(nonce: 1), as: 3, incarnation: 5, certificate: certificate.der, key: key)
    #expect(master.refusal(of: datagram) == .unknownAuthority)
    #expect(master.counters.signaturesChecked == 0)
  }

  @Test(arguments: [
    (wallClock - 3 * day...wallClock - 1, SecurityRefusal.expired), (wallClock + 1...wallClock + day, .notYetValid),
  ]) mutating func certificateOutsideItsTimeIsRefused(validity: ClosedRange<Int64>, refusal: SecurityRefusal) throws {
    var joiner = SecurityLayer(credentials: try cluster.credentials(3, validity: validity), startedAt: wallClock)
    #expect(master.refusal(of: try request(&joiner)) == refusal)
    #expect(refusal.joinRefusal == .certificateExpired)
  }

  @Test mutating func certificateThatExpiresIsRefusedThoughItWasVerifiedBefore() throws {
    var joiner = try cluster.layer(3)
    #expect(master.refusal(of: try request(&joiner)) == nil)
    #expect(master.refusal(of: try request(&joiner), wallClock: wallClock + 2 * day) == .expired)
  }

  @Test mutating func revokedCertificateIsRefusedThoughItWasVerifiedBefore() throws {
    var joiner = try cluster.layer(3)
    #expect(master.refusal(of: try request(&joiner)) == nil)
    var list = cluster.authority.revocations
    list.revoke(serial: joiner.credentials.certificate.serial, member: joiner.member, at: wallClock)
    try master.update(list)
    #expect(master.refusal(of: try request(&joiner)) == .revoked)
    #expect(SecurityRefusal.revoked.joinRefusal == .certificateRevoked)
    var other = try cluster.layer(4)
    #expect(master.refusal(of: try request(&other)) == nil)
  }

  @Test mutating func newsOfARevocationIsWhoHasShownNoOtherCertificate() throws {
    var (renewed, other) = (try cluster.layer(3), try cluster.layer(4))
    #expect(master.refusal(of: try request(&renewed)) == nil)
    #expect(master.refusal(of: try request(&other)) == nil)
    var list = cluster.authority.revocations
    list.revoke(serial: [1], member: renewed.member, at: wallClock)
    list.revoke(serial: other.credentials.certificate.serial, member: other.member, at: wallClock)
    #expect(try master.update(list) == [other.member])
    // The same list again is no news, to a machine that has just started either.
    #expect(try master.update(list).isEmpty)
    var started = SecurityLayer(credentials: try cluster.credentials(1), revocations: list, startedAt: wallClock)
    #expect(try started.update(list).isEmpty)
    var newer = try cluster.layer(4)
    #expect(started.refusal(of: try request(&newer)) == nil)
  }

  @Test mutating func olderOrForeignRevocationListIsRefused() throws {
    var newer = cluster.authority.revocations
    newer.revoke(serial: [1], member: MemberIdentifier(rawValue: 9), at: wallClock)
    try master.update(newer)
    #expect(throws: CredentialError.self) { try master.update(cluster.authority.revocations) }
    #expect(throws: CredentialError.self) { try master.update(RevocationList(cluster: ClusterIdentifier(rawValue: 8))) }
  }

  @Test mutating func stolenCertificateWithoutItsKeyIsRefused() throws {
    let victim = try cluster.credentials(3)
    let thief = Curve25519.Signing.PrivateKey()
    let datagram = try signedByHand(
      master.joinRequest(nonce: 1), as: 3, incarnation: 5, certificate: victim.certificate.der, key: thief)
    #expect(master.refusal(of: datagram) == .badSignature)
    #expect(SecurityRefusal.badSignature.joinRefusal == .noProofOfPossession)
  }

  @Test mutating func certificateOfAnotherClusterByTheSameAuthorityIsRefused() throws {
    let key = Curve25519.Signing.PrivateKey()
    let draft = ClusterCertificate.Draft(
      owner: .init(cluster: ClusterIdentifier(rawValue: 8), member: MemberIdentifier(rawValue: 3)), name: "x",
      issuer: cluster.authority.trusted.certificate.certificate.subject, key: key.publicKey,
      validity: wallClock - day...wallClock + day)
    let certificate = try ClusterCertificate(signing: draft, with: cluster.authority.key)
    let datagram = try signedByHand(master.joinRequest(nonce: 1), as: 3, incarnation: 5, certificate: certificate.der, key: key)
    #expect(master.refusal(of: datagram) == .otherCluster)
  }

  @Test mutating func datagramToAnotherClusterIsRefusedUnread() throws {
    var other = try TestCluster(8).layer(3)
    #expect(master.refusal(of: try request(&other)) == .otherCluster)
    #expect(master.counters.signaturesChecked == 0)
  }

  @Test mutating func certificateOfAnotherMemberIsRefused() throws {
    let key = Curve25519.Signing.PrivateKey()
    let certificate = try cluster.certificate(3, key: key)
    let datagram = try signedByHand(master.joinRequest(nonce: 1), as: 4, incarnation: 5, certificate: certificate.der, key: key)
    #expect(master.refusal(of: datagram) == .wrongMember)
  }

  @Test mutating func profileOfAnotherMemberOrRunIsRefused() throws {
    let key = Curve25519.Signing.PrivateKey()
    let certificate = try cluster.certificate(3, key: key)
    var joiner = try cluster.layer(3)
    joiner.lastSequence = 0
    let otherRun = try signedByHand(
      joiner.joinRequest(nonce: 1), as: 3, incarnation: joiner.incarnation + 1, certificate: certificate.der, key: key)
    let otherMember = try signedByHand(
      try cluster.layer(4).joinRequest(nonce: 1), as: 3, incarnation: 5, certificate: certificate.der, key: key)
    #expect(master.refusal(of: otherRun) == .wrongMember)
    #expect(master.refusal(of: otherMember) == .wrongMember)
  }

  @Test mutating func authorityItselfSignsNoMessages() throws {
    let datagram = try signedByHand(
      master.joinRequest(nonce: 1), as: 3, incarnation: 5, certificate: cluster.authority.trusted.certificate.der,
      key: cluster.authority.key)
    #expect(master.refusal(of: datagram) == .wrongMember)
  }

  @Test mutating func replayedRequestIsRefusedWithoutAVerification() throws {
    var joiner = try cluster.layer(3)
    let datagram = try request(&joiner)
    #expect(master.refusal(of: datagram) == nil)
    let checked = master.counters.signaturesChecked
    for _ in 0..<10_000 { #expect(master.refusal(of: datagram) == .replayed) }
    #expect(master.counters.signaturesChecked == checked)
  }

  @Test mutating func ownDatagramIsToldFromADoubleOfThisMember() throws {
    #expect(master.refusal(of: try request(&master)) == .ownMessage)
    var double = SecurityLayer(credentials: master.credentials, startedAt: wallClock)
    #expect(master.refusal(of: try request(&double)) == nil)
  }

  @Test mutating func everyTamperedOctetIsRefused() throws {
    var joiner = try cluster.layer(3)
    let datagram = try request(&joiner)
    for index in datagram.indices {
      var tampered = datagram
      tampered[index] ^= 1 << UInt8(index & 7)
      #expect(master.refusal(of: tampered, at: bootClock + .seconds(UInt64(index))) != nil, "octet \(index)")
    }
    #expect(master.counters.refused == UInt64(datagram.count))
    #expect(master.refusal(of: datagram, at: bootClock + .seconds(10_000)) == nil)
  }

  @Test mutating func everyTruncationIsRefused() throws {
    var joiner = try cluster.layer(3)
    let datagram = try request(&joiner)
    for count in datagram.indices { #expect(master.refusal(of: Array(datagram.prefix(count))) == .truncated, "\(count) octets") }
    #expect(master.refusal(of: datagram + [0]) == .malformed)
    #expect(master.counters.signaturesChecked == 0)
  }

  @Test mutating func floodOfStrangersCostsBoundedVerificationsAndLeavesMembersTheirs() throws {
    var member = try cluster.layer(3)
    #expect(master.refusal(of: try request(&member)) == nil)
    var stranger = try TestCluster().layer(4)
    let flood = try (0..<2_000).map { try request(&stranger, nonce: $0) }
    let checked = master.counters.signaturesChecked
    for datagram in flood { #expect(master.refusal(of: datagram) != nil) }
    #expect(master.counters.signaturesChecked - checked <= UInt64(master.limits.strangersAtOnce))
    #expect(master.counters[.rateLimited] >= UInt64(2_000 - master.limits.strangersAtOnce))
    #expect(master.refusal(of: try request(&member)) == nil)
  }

  @Test mutating func floodUnderAKnownCertificateCostsBoundedVerifications() throws {
    var member = try cluster.layer(3)
    var datagram = try request(&member)
    #expect(master.refusal(of: try request(&member)) == nil)
    let checked = master.counters.signaturesChecked
    for count in 0..<UInt8(200) {
      datagram[31] = count  // another sequence number each time
      for low in 0..<UInt8(10) {
        datagram[30] = low + 1
        #expect(master.refusal(of: datagram) != nil)
      }
    }
    #expect(master.counters.signaturesChecked - checked <= UInt64(master.limits.knownSignaturesAtOnce))
  }

  @Test func rememberedCertificatesAndRunsAreBounded() throws {
    var limits = SecurityLimits()
    (limits.certificateCount, limits.senderCount, limits.requestCount) = (4, 5, 6)
    var master = try cluster.layer(1, limits: limits)
    for number in UInt16(2)...20 {
      var joiner = try cluster.layer(number)
      #expect(master.refusal(of: try request(&joiner, nonce: UInt64(number))) == nil)
    }
    #expect(master.certificates.count == 4)
    #expect(master.signers.count == 5)
    #expect(master.requests.count == 6)
    #expect(master.rememberedCount <= 4 + 5 + 6)
  }

  @Test mutating func whatOrdersMembersAboutIsNotSigned() {
    #expect(throws: ProtectionError.mustBeSealed) { try master.protect(keepalive(1), protection: .signed) }
  }
}
