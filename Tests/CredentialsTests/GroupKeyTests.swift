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
    let epoch = master.newGroupKey(term: 4)
    #expect(joiner.epoch == nil)
    try join(&joiner, to: &master, term: 4)
    #expect(joiner.epoch == epoch && master.epoch == epoch)
    #expect(joiner.refusal(of: try master.protect(keepalive(1), protection: .sealed)) == nil)
  }

  @Test func answerToAnotherMembersRequestIsPassedOnAndBringsNothing() throws {
    var master = try cluster.layer(1)
    var joiner = try cluster.layer(2)
    var bystander = try cluster.layer(3)
    _ = master.newGroupKey(term: 1)
    _ = try bystander.protect(bystander.joinRequest(nonce: 5), protection: .signed)
    #expect(master.message(in: try joiner.protect(joiner.joinRequest(nonce: 6), protection: .signed)) != nil)
    let answer = try master.protect(master.joinOk(nonce: 6, term: 1), protection: .signed)
    let result = bystander.opened(answer)
    let opened = try #require(result)
    #expect(!opened.bringsGroupKey && bystander.epoch == nil)
    #expect(joiner.takeUpKey(in: answer) == true)
  }

  @Test func answerOfAnEarlierRunBringsNothing() throws {
    var master = try cluster.layer(1)
    var joiner = try cluster.layer(2)
    _ = master.newGroupKey(term: 1)
    #expect(master.message(in: try joiner.protect(joiner.joinRequest(nonce: 6), protection: .signed)) != nil)
    let answer = try master.protect(master.joinOk(nonce: 6, term: 1), protection: .signed)
    var again = SecurityLayer(credentials: joiner.credentials, startedAt: wallClock + 1)
    #expect(again.takeUpKey(in: answer) == false)
    _ = try again.protect(again.joinRequest(nonce: 6), protection: .signed)
    var andAgain = again
    #expect(andAgain.refusal(of: answer) == .replayed)
    #expect(andAgain.epoch == nil)
  }

  @Test func answerSealedToAnotherKeyIsRefused() throws {
    var master = try cluster.layer(1)
    var joiner = try cluster.layer(2)
    _ = master.newGroupKey(term: 1)
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
    _ = master.newGroupKey(term: 1)
    #expect(throws: ProtectionError.noAgreementKey) { try master.protect(answer, protection: .signed) }
    let handover = master.groupKey(for: 9, term: 1)
    #expect(throws: ProtectionError.noAgreementKey) { try master.protect(handover, protection: .sealed) }
  }

  @Test func agreementKeyThatIsNoneIsAnErrorAndNoTrap() throws {
    var master = try cluster.layer(1)
    let joiner = try cluster.layer(2)
    _ = master.newGroupKey(term: 1)
    var profile = joiner.profile
    profile.agreementKey = [UInt8](repeating: 0, count: 32)
    master.expect(profile)
    let handover = master.groupKey(for: 2, term: 1)
    #expect(throws: ProtectionError.noAgreementKey) { try master.protect(handover, protection: .sealed) }
  }

  @Test func memberThatComesBackTakesNothingThatItsMasterSealedMeanwhile() throws {
    var layers = try cluster.group(2)
    #expect(layers[1].refusal(of: try layers[0].protect(keepalive(1), protection: .sealed)) == nil)
    layers[1].retireGroupKeys(except: 0)
    let meanwhile = try layers[0].protect(keepalive(2), protection: .sealed)
    var (master, member) = (layers[0], layers[1])
    try join(&member, to: &master)
    #expect(member.refusal(of: meanwhile) == .replayed)
    #expect(member.refusal(of: try master.protect(keepalive(3), protection: .sealed)) == nil)
  }

  @Test func newKeyReachesEveryMemberButTheExpelledOne() throws {
    var layers = try cluster.group(4)
    let before = try #require(layers[0].epoch)
    let epoch = layers[0].newGroupKey(term: 1)
    let toTwo = try layers[0].protect(layers[0].groupKey(for: 2, term: 1), protection: .sealed)
    let toThree = try layers[0].protect(layers[0].groupKey(for: 3, term: 1), protection: .sealed)
    #expect(layers[1].takeUpKey(in: toTwo) == true)
    #expect(layers[1].takeUpKey(in: toThree) == false)
    #expect(layers[2].takeUpKey(in: toThree) == true)
    #expect(layers[3].takeUpKey(in: toTwo) == false)
    #expect(layers[0].epoch == before && layers[1].epoch == epoch && layers[2].epoch == epoch && layers[3].epoch == before)
    let underNew = try layers[1].protect(keepalive(1), protection: .sealed)
    #expect(layers[0].refusal(of: underNew) == nil && layers[2].refusal(of: underNew) == nil)
    #expect(layers[3].refusal(of: underNew) == .unknownEpoch)
    // Until the master uses the new key, everybody hears it.
    let underOld = try layers[0].protect(keepalive(1), protection: .sealed)
    for index in 1...3 { #expect(layers[index].refusal(of: underOld) == nil) }
    #expect(layers[0].useGroupKey(epoch: epoch) == true)
    layers[0].retireGroupKeys(except: epoch)
    #expect(layers[0].refusal(of: try layers[3].protect(keepalive(1), protection: .sealed)) == .unknownEpoch)
    let atLast = try layers[0].protect(keepalive(2), protection: .sealed)
    #expect(layers[1].refusal(of: atLast) == nil && layers[3].refusal(of: atLast) == .unknownEpoch)
  }

  @Test func keyIsTakenUpOnlyWhenTheDecisionMakerSaysSo() throws {
    var layers = try cluster.group(2)
    let before = layers[1].epoch
    let epoch = layers[0].newGroupKey(term: 1)
    let handover = try layers[0].protect(layers[0].groupKey(for: 2, term: 1), protection: .sealed)
    #expect(layers[1].opened(handover)?.bringsGroupKey == true)
    #expect(layers[1].epoch == before)
    #expect(layers[1].useGroupKey(epoch: epoch) == false)
    #expect(layers[1].adoptGroupKey(epoch: epoch &+ 1) == false)
    #expect(layers[1].adoptGroupKey(epoch: epoch) == true)
    #expect(layers[1].epoch == before)
    #expect(layers[1].useGroupKey(epoch: epoch) == true)
    #expect(layers[1].epoch == epoch)
  }

  @Test func memberThatMissedTheKeyIsStillGivenItUnderTheOldOne() throws {
    var layers = try cluster.group(3)
    let epoch = layers[0].newGroupKey(term: 1)
    #expect(layers[1].takeUpKey(in: try layers[0].protect(layers[0].groupKey(for: 2, term: 1), protection: .sealed)) == true)
    #expect(layers[0].useGroupKey(epoch: epoch) == true)
    #expect(layers[2].takeUpKey(in: try layers[0].protect(layers[0].groupKey(for: 3, term: 1), protection: .sealed)) == true)
    #expect(layers[2].epoch == epoch)
  }

  @Test func keyOfAnEarlierTermIsRefused() throws {
    var layers = try cluster.group(3)
    _ = layers[1].newGroupKey(term: 1)
    let byPretender = try layers[1].protect(layers[1].groupKey(for: 3, term: 1), protection: .sealed)
    let epoch = layers[0].newGroupKey(term: 2)
    #expect(layers[2].takeUpKey(in: try layers[0].protect(layers[0].groupKey(for: 3, term: 2), protection: .sealed)) == true)
    #expect(layers[2].refusal(of: byPretender) == .staleGroupKey)
    #expect(layers[2].epoch == epoch)
  }

  @Test func keysHeldAreBounded() throws {
    var master = try cluster.group(1)[0]
    let first = master.epoch
    for term in UInt64(2)...20 { _ = master.newGroupKey(term: term) }
    #expect(master.epoch == first)
    #expect(master.keys.count <= GroupKeyRing.limit)
  }

  @Test func sealedWelcomeBringsNoKey() throws {
    var layers = try cluster.group(3)
    let welcome = try layers[1].protect(layers[1].joinOk(nonce: 8, term: 2), protection: .sealed)
    #expect(layers[2].opened(welcome)?.bringsGroupKey == false)
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
