import Testing
import Wire

@testable import Credentials

@Suite struct SealedDatagramTests {
  let cluster: TestCluster
  var master: SecurityLayer
  var member: SecurityLayer

  init() throws {
    cluster = try TestCluster()
    let layers = try cluster.group(2)
    (master, member) = (layers[0], layers[1])
  }

  private mutating func fromMember(_ sequence: UInt64 = 1) throws -> [UInt8] {
    try member.protect(keepalive(sequence), protection: .sealed)
  }

  @Test mutating func sealedMessageOpensAndHidesItsBody() throws {
    let datagram = try fromMember(77)
    let body = keepalive(77).encodeBody()
    #expect(datagram.count == ClusterHeader.byteCount + body.count + ClusterLimits.tagByteCount)
    #expect(!datagram.dropFirst(ClusterHeader.byteCount).starts(with: body.prefix(8)))
    #expect(master.message(in: datagram) == keepalive(77))
    #expect(master.counters.sealedOpened == 1)
  }

  @Test mutating func longestBodyFitsADatagram() throws {
    let message = ClusterMessage.stateTransfer(
      StateTransfer(
        term: Term(rawValue: 1), serial: 1, unit: 1, application: 1, piece: 0, pieceCount: 1,
        bytes: Array(repeating: 7, count: ClusterLimits.pieceByteCount)))
    let datagram = try member.protect(message, protection: .sealed)
    #expect(datagram.count <= ClusterLimits.datagramByteCount)
    #expect(master.message(in: datagram) == message)
  }

  @Test mutating func everyTamperedOctetIsRefused() throws {
    let datagram = try fromMember()
    for index in datagram.indices {
      for bit in UInt8(0)..<8 {
        var tampered = datagram
        tampered[index] ^= 1 << bit
        #expect(master.refusal(of: tampered) != nil, "octet \(index), bit \(bit)")
      }
    }
    #expect(master.counters.refused == UInt64(datagram.count * 8))
    #expect(master.refusal(of: datagram) == nil)
  }

  @Test mutating func everyTruncationIsRefused() throws {
    let datagram = try fromMember()
    for count in datagram.indices { #expect(master.refusal(of: Array(datagram.prefix(count))) == .truncated, "\(count) octets") }
    #expect(master.refusal(of: datagram + [0]) == .malformed)
  }

  @Test mutating func oversizedDatagramIsRefusedUnread() throws {
    let datagram = try fromMember()
    let padding = [UInt8](repeating: 0, count: ClusterLimits.datagramByteCount + 1 - datagram.count)
    #expect(master.refusal(of: datagram + padding) == .oversized)
    #expect(master.refusal(of: [UInt8](repeating: 0x53, count: 65_507)) == .oversized)
  }

  @Test mutating func replayedMessageIsRefused() throws {
    let datagram = try fromMember()
    #expect(master.refusal(of: datagram) == nil)
    #expect(master.refusal(of: datagram) == .replayed)
    #expect(master.counters[.replayed] == 1)
  }

  @Test mutating func messagesReorderedWithinTheWindowOpenOnceEach() throws {
    var datagrams: [[UInt8]] = []
    for sequence in UInt64(1)...1024 { datagrams.append(try fromMember(sequence)) }
    for datagram in datagrams.reversed() { #expect(master.refusal(of: datagram) == nil) }
    for datagram in datagrams { #expect(master.refusal(of: datagram) == .replayed) }
  }

  @Test mutating func messageBehindTheWindowIsRefused() throws {
    let old = try fromMember()
    for _ in 0..<1023 { _ = try fromMember() }
    let newest = try fromMember()
    #expect(master.refusal(of: newest) == nil)
    #expect(master.refusal(of: old) == .tooOld)
  }

  @Test mutating func forgedMessageDoesNotMoveTheWindow() throws {
    var forged = try fromMember()
    forged.replaceSubrange(24..<32, with: [UInt8](repeating: 0xff, count: 8))
    #expect(master.refusal(of: forged) == .badSeal)
    #expect(master.refusal(of: try fromMember()) == nil)
  }

  @Test mutating func messageOfAnotherGroupIsOfAnUnknownEpoch() throws {
    var other = try cluster.layer(5)
    _ = other.newGroupKey(term: 9)
    #expect(master.refusal(of: try other.protect(keepalive(1), protection: .sealed)) == .unknownEpoch)
    master.retireGroupKeys(except: 0)
    #expect(master.refusal(of: try fromMember()) == .unknownEpoch)
  }

  @Test mutating func memberOfTheGroupCannotBeTakenForAnother() throws {
    var datagram = try fromMember()
    datagram[11] = 9  // the sender's number
    #expect(master.refusal(of: datagram) == .badSeal)
  }

  @Test mutating func ownAndReflectedMessagesAreRefused() throws {
    #expect(master.refusal(of: try master.protect(keepalive(1), protection: .sealed)) == .ownMessage)
  }

  @Test mutating func newcomerToTheGroupIsHeardBeforeTheListNamesIt() throws {
    var third = try cluster.layer(3)
    try join(&third, to: &master)
    #expect(member.refusal(of: try third.protect(keepalive(1), protection: .sealed)) == nil)
  }

  @Test mutating func oldIncarnationIsRefusedOnceANewerOneIsKnown() throws {
    let seen = try fromMember(1)
    let withheld = try fromMember(2)
    #expect(master.refusal(of: seen) == nil)
    var again = SecurityLayer(credentials: member.credentials, startedAt: wallClock + 60)
    try join(&again, to: &master)
    #expect(master.refusal(of: seen) == .oldIncarnation)
    #expect(master.refusal(of: withheld) == .oldIncarnation)
    #expect(master.refusal(of: try member.protect(member.joinRequest(nonce: 4), protection: .signed)) == .oldIncarnation)
    #expect(master.refusal(of: try again.protect(keepalive(1), protection: .sealed)) == nil)
  }

  @Test mutating func memberWhoseClockWentBackIsHeardAllTheSameAndItsOldRunIsNot() throws {
    let withheld = try fromMember()
    var again = SecurityLayer(credentials: member.credentials, startedAt: wallClock - 10 * day)
    try join(&again, to: &master)
    #expect(master.refusal(of: withheld) == .oldIncarnation)
    #expect(master.refusal(of: try again.protect(keepalive(1), protection: .sealed)) == nil)
  }

  @Test mutating func runThatBeganBeforeTheExpectedOneIsRefusedThoughNeverHeard() throws {
    var third = try cluster.layer(3)
    try join(&third, to: &master)
    let unheard = try fromMember()
    var again = SecurityLayer(credentials: member.credentials, startedAt: wallClock + 60)
    try join(&again, to: &master)
    third.expect(again.profile)
    #expect(third.refusal(of: unheard) == .oldIncarnation)
  }

  @Test mutating func newcomerTakesNothingThatItsMasterSealedBeforeLettingItIn() throws {
    let recorded = try (1...5).map { try master.protect(keepalive($0), protection: .sealed) }
    var third = try cluster.layer(3)
    try join(&third, to: &master)
    for datagram in recorded { #expect([.replayed, .tooOld].contains(third.refusal(of: datagram))) }
    #expect(third.refusal(of: try master.protect(keepalive(6), protection: .sealed)) == nil)
  }

  @Test mutating func sendersRememberedAreBounded() throws {
    var limits = SecurityLimits()
    limits.senderCount = 3
    let layers = try cluster.group(8, limits: limits)
    var master = layers[0]
    for var layer in layers.dropFirst() {
      #expect(master.refusal(of: try layer.protect(keepalive(1), protection: .sealed)) == nil)
    }
    #expect(master.senders.count == 3)
  }

  @Test func sealingWithoutAGroupKeyIsAnError() throws {
    var stranger = try cluster.layer(9)
    #expect(throws: ProtectionError.noGroupKey) { try stranger.protect(keepalive(1), protection: .sealed) }
  }

  @Test mutating func noTwoDatagramsShareANumber() throws {
    var numbers: Set<UInt64> = []
    for step in 0..<100 {
      let datagram = step.isMultiple(of: 3) ? try member.protect(member.joinRequest(nonce: 1), protection: .signed) : try fromMember()
      numbers.insert(try ClusterHeader(decoding: datagram).sequence)
    }
    #expect(numbers.count == 100)
  }
}
