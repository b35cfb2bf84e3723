import Crypto
import Testing
import Wire

@testable import Credentials

@Suite struct GroupKeyTests {
  let cluster: TestCluster
  init() throws { cluster = try TestCluster() }

  @Test func joinHandsOverTheGroupKey() throws {
    var master = try cluster.layer(1)
    var joiner = try cluster.layer(2)
    let epoch = master.newGroupKey(term: Term(rawValue: 4), at: bootClock)
    #expect(joiner.epoch == nil)
    try join(&joiner, to: &master, term: 4)
    #expect(joiner.epoch == epoch && master.epoch == epoch)
    #expect(joiner.refusal(of: try master.protect(keepalive(1), protection: .sealed)) == nil)
  }

  @Test func answerToAnotherMembersRequestIsPassedOnAndBringsNothing() throws {
    var master = try cluster.layer(1)
    var joiner = try cluster.layer(2)
    var bystander = try cluster.layer(3)
    _ = master.newGroupKey(term: Term(rawValue: 1), at: bootClock)
    _ = try bystander.protect(bystander.joinRequest(nonce: 5), protection: .signed)
    #expect(master.message(in: try joiner.protect(joiner.joinRequest(nonce: 6), protection: .signed)) != nil)
    let answer = try master.protect(master.joinOk(nonce: 6, term: 1), protection: .signed)
    let result = bystander.opened(answer)
    let opened = try #require(result)
    #expect(!opened.installedGroupKey && bystander.epoch == nil)
    #expect(joiner.opened(answer)?.installedGroupKey == true)
  }

  @Test func answerOfAnEarlierRunBringsNothing() throws {
    var master = try cluster.layer(1)
    var joiner = try cluster.layer(2)
    _ = master.newGroupKey(term: Term(rawValue: 1), at: bootClock)
    #expect(master.message(in: try joiner.protect(joiner.joinRequest(nonce: 6), protection: .signed)) != nil)
    let answer = try master.protect(master.joinOk(nonce: 6, term: 1), protection: .signed)
    var again = SecurityLayer(credentials: joiner.credentials, startedAt: wallClock + 1)
    #expect(again.opened(answer)?.installedGroupKey == false)
    _ = try again.protect(again.joinRequest(nonce: 6), protection: .signed)
    var andAgain = again
    #expect(andAgain.refusal(of: answer) == .replayed)
    #expect(andAgain.epoch == nil)
  }

  @Test func answerSealedToAnotherKeyIsRefused() throws {
    var master = try cluster.layer(1)
    var joiner = try cluster.layer(2)
    _ = master.newGroupKey(term: Term(rawValue: 1), at: bootClock)
    #expect(master.message(in: try joiner.protect(joiner.joinRequest(nonce: 6), protection: .signed)) != nil)
    let answer = try master.protect(master.joinOk(nonce: 6, term: 1), protection: .signed)
    var double = SecurityLayer(credentials: joiner.credentials, startedAt: wallClock + 1)
    _ = try double.protect(double.joinRequest(nonce: 6), protection: .signed)
    #expect(double.refusal(of: answer) == .badSeal)
    #expect(double.epoch == nil)
  }

  @Test func answerWithoutARequestOrAKeyIsAnError() throws {
    var master = try cluster.layer(1)
    let answer = master.joinOk(nonce: 6, term: 1)
    #expect(throws: ProtectionError.noGroupKey) { try master.protect(answer, protection: .signed) }
    _ = master.newGroupKey(term: Term(rawValue: 1), at: bootClock)
    #expect(throws: ProtectionError.noAgreementKey) { try master.protect(answer, protection: .signed) }
    let handover = master.groupKey(for: 9, term: 1)
    #expect(throws: ProtectionError.noAgreementKey) { try master.protect(handover, protection: .sealed) }
  }

  @Test func agreementKeyThatIsNoneIsAnErrorAndNoTrap() throws {
    var master = try cluster.layer(1)
    let joiner = try cluster.layer(2)
    _ = master.newGroupKey(term: Term(rawValue: 1), at: bootClock)
    var profile = joiner.profile
    profile.agreementKey = [UInt8](repeating: 0, count: 32)
    master.expect(profile)
    let handover = master.groupKey(for: 2, term: 1)
    #expect(throws: ProtectionError.noAgreementKey) { try master.protect(handover, protection: .sealed) }
  }

  @Test func memberThatComesBackTakesNothingThatItsMasterSealedMeanwhile() throws {
    var layers = try cluster.group(2)
    #expect(layers[1].refusal(of: try layers[0].protect(keepalive(1), protection: .sealed)) == nil)
    layers[1].dropGroupKeys()
    let meanwhile = try layers[0].protect(keepalive(2), protection: .sealed)
    var (master, member) = (layers[0], layers[1])
    try join(&member, to: &master)
    #expect(member.refusal(of: meanwhile) == .replayed)
    #expect(member.refusal(of: try master.protect(keepalive(3), protection: .sealed)) == nil)
  }

  @Test func newKeyReachesEveryMemberButTheExpelledOne() throws {
    var layers = try cluster.group(4)
    let before = layers[0].epoch
    layers[0].expel(MemberIdentifier(rawValue: 4))
    let epoch = layers[0].newGroupKey(term: Term(rawValue: 1), at: bootClock)
    #expect(epoch != before)
    let toTwo = try layers[0].protect(layers[0].groupKey(for: 2, term: 1), protection: .sealed)
    let toThree = try layers[0].protect(layers[0].groupKey(for: 3, term: 1), protection: .sealed)
    let handover = layers[0].groupKey(for: 4, term: 1)
    #expect(throws: ProtectionError.noAgreementKey) { try layers[0].protect(handover, protection: .sealed) }
    #expect(layers[1].opened(toTwo)?.installedGroupKey == true)
    #expect(layers[1].opened(toThree)?.installedGroupKey == false)
    #expect(layers[2].opened(toThree)?.installedGroupKey == true)
    #expect(layers[3].opened(toTwo)?.installedGroupKey == false)
    #expect(layers[1].epoch == epoch && layers[2].epoch == epoch && layers[3].epoch == before)
    let sealed = try layers[1].protect(keepalive(1), protection: .sealed)
    #expect(layers[0].refusal(of: sealed) == nil && layers[2].refusal(of: sealed) == nil)
    #expect(layers[3].refusal(of: sealed) == .unknownEpoch)
    #expect(layers[0].refusal(of: try layers[3].protect(keepalive(1), protection: .sealed)) == .oldIncarnation)
  }

  @Test func previousKeyOpensForItsGraceAndNoLonger() throws {
    var layers = try cluster.group(2)
    let underOld = try (1...3).map { try layers[1].protect(keepalive($0), protection: .sealed) }
    _ = layers[0].newGroupKey(term: Term(rawValue: 1), at: bootClock)
    let end = bootClock + layers[0].limits.previousKeyGrace
    #expect(layers[0].refusal(of: underOld[0], at: end - .milliseconds(1)) == nil)
    #expect(layers[0].refusal(of: underOld[1], at: end) == .unknownEpoch)
    // Who missed it is still given the new one.
    let late = try layers[0].protect(layers[0].groupKey(for: 2, term: 1), protection: .sealed)
    #expect(layers[1].opened(late, at: end)?.installedGroupKey == true)
    #expect(layers[0].refusal(of: try layers[1].protect(keepalive(4), protection: .sealed), at: end) == nil)
    layers[0].dropPreviousGroupKey()
    #expect(layers[0].refusal(of: underOld[2]) == .unknownEpoch)
  }

  @Test func keyOfAnEarlierTermOrAnotherThanTheMasterIsRefused() throws {
    var layers = try cluster.group(3)
    _ = layers[1].newGroupKey(term: Term(rawValue: 1), at: bootClock)
    let byPretender = try layers[1].protect(layers[1].groupKey(for: 3, term: 1), protection: .sealed)
    let byPretenderAgain = try layers[1].protect(layers[1].groupKey(for: 3, term: 9), protection: .sealed)
    let epoch = layers[0].newGroupKey(term: Term(rawValue: 2), at: bootClock)
    #expect(layers[2].opened(try layers[0].protect(layers[0].groupKey(for: 3, term: 2), protection: .sealed))?.installedGroupKey == true)
    #expect(layers[2].refusal(of: byPretender) == .staleGroupKey)
    layers[2].master = MemberIdentifier(rawValue: 1)
    #expect(layers[2].refusal(of: byPretenderAgain) == .staleGroupKey)
    #expect(layers[2].epoch == epoch)
  }

  @Test func masterThatTakesOverRenewsTheKeyForThoseWhoCameAlong() throws {
    var layers = try cluster.group(3)
    let epoch = layers[1].newGroupKey(term: Term(rawValue: 2), at: bootClock)
    #expect(layers[2].opened(try layers[1].protect(layers[1].groupKey(for: 3, term: 2), protection: .sealed))?.installedGroupKey == true)
    #expect(layers[2].epoch == epoch)
    let welcome = try layers[1].protect(layers[1].joinOk(nonce: 8, term: 2), protection: .sealed)
    #expect(layers[2].opened(welcome)?.installedGroupKey == false)
  }
}

@Suite struct KeyHandoverTests {
  private let mine = Curve25519.KeyAgreement.PrivateKey()
  private let theirs = Curve25519.KeyAgreement.PrivateKey()
  private let content = KeyHandover.Content(key: SymmetricKey(size: .bits256), generation: 3)
  private let handover = KeyHandover(
    cluster: ClusterIdentifier(rawValue: 7), from: MemberIdentifier(rawValue: 1), to: MemberIdentifier(rawValue: 2),
    term: Term(rawValue: 3), epoch: 4, nonce: 5)

  private func key(_ key: Curve25519.KeyAgreement.PrivateKey) -> [UInt8] { Array(key.publicKey.rawRepresentation) }

  @Test func keyHandedOverArrives() throws {
    let sealed = try #require(handover.seal(content, with: mine, to: key(theirs)))
    #expect(sealed.count <= ClusterLimits.sealedGroupKeyByteCount)
    #expect(handover.open(sealed, with: theirs, from: key(mine)) == content)
  }

  @Test func handoverForAnythingElseDoesNotOpen() throws {
    let sealed = try #require(handover.seal(content, with: mine, to: key(theirs)))
    let one = MemberIdentifier(rawValue: 1)
    let two = MemberIdentifier(rawValue: 2)
    let three = MemberIdentifier(rawValue: 3)
    let term = Term(rawValue: 3)
    let (seven, eight) = (ClusterIdentifier(rawValue: 7), ClusterIdentifier(rawValue: 8))
    let others = [
      KeyHandover(cluster: eight, from: one, to: two, term: term, epoch: 4, nonce: 5),
      KeyHandover(cluster: seven, from: three, to: two, term: term, epoch: 4, nonce: 5),
      KeyHandover(cluster: seven, from: one, to: three, term: term, epoch: 4, nonce: 5),
      KeyHandover(cluster: seven, from: one, to: two, term: Term(rawValue: 4), epoch: 4, nonce: 5),
      KeyHandover(cluster: seven, from: one, to: two, term: term, epoch: 5, nonce: 5),
      KeyHandover(cluster: seven, from: one, to: two, term: term, epoch: 4, nonce: 6),
    ]
    for other in others { #expect(other.open(sealed, with: theirs, from: key(mine)) == nil) }
  }

  @Test func handoverOpensForNobodyElseAndNotWhenTamperedWith() throws {
    let sealed = try #require(handover.seal(content, with: mine, to: key(theirs)))
    let third = Curve25519.KeyAgreement.PrivateKey()
    #expect(handover.open(sealed, with: third, from: key(mine)) == nil)
    #expect(handover.open(sealed, with: theirs, from: key(third)) == nil)
    #expect(handover.open(sealed, with: mine, from: key(theirs)) == nil)
    for index in sealed.indices {
      var tampered = sealed
      tampered[index] ^= 1
      #expect(handover.open(tampered, with: theirs, from: key(mine)) == nil)
    }
    for count in sealed.indices { #expect(handover.open(Array(sealed.prefix(count)), with: theirs, from: key(mine)) == nil) }
  }

  @Test(arguments: [0, 1, 31, 33, 128]) func agreementKeyOfAnotherLengthIsNone(count: Int) {
    #expect(handover.seal(content, with: mine, to: [UInt8](repeating: 9, count: count)) == nil)
  }
}
