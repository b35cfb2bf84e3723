import Crypto
import Foundation
import Testing
import Wire

@testable import Credentials

/// Datagrams of no sense, and of a little: none opens, each is counted once, and nothing grows.
@Suite struct RandomDatagramTests {
  private static let environment = ProcessInfo.processInfo.environment
  /// SKEIN_RANDOM_DATAGRAMS=1000000 for the long run, SKEIN_RANDOM_SEED for another one.
  private static let count = environment["SKEIN_RANDOM_DATAGRAMS"].flatMap { Int($0) } ?? 200_000
  private static let seed = environment["SKEIN_RANDOM_SEED"].flatMap { UInt64($0) } ?? 20_261_121

  /// Genuine datagrams to spoil; the member never gets them as they are.
  private func originals(_ layers: inout [SecurityLayer]) throws -> [[UInt8]] {
    var all: [[UInt8]] = []
    var joiner = layers[2]
    for number in UInt64(1)...4 {
      all.append(try layers[0].protect(keepalive(number), protection: .sealed))
      all.append(try layers[0].protect(layers[0].groupKey(for: 2, term: number), protection: .sealed))
      all.append(try joiner.protect(joiner.joinRequest(nonce: number), protection: .signed))
      all.append(try layers[0].protect(.exitCluster(exit(number)), protection: .signed))
    }
    layers[2] = joiner
    return all
  }

  private func exit(_ nonce: UInt64) -> ExitCluster {
    ExitCluster(member: MemberIdentifier(rawValue: 2), reason: .expelled, answering: nonce, term: Term(rawValue: 1))
  }

  private func spoilt(_ originals: [[UInt8]], _ generator: inout SeededGenerator) -> [UInt8] {
    let original = originals.randomElement(using: &generator) ?? []
    var datagram = original
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: datagram = (0..<Int.random(in: 0...1400, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
    case 1: datagram = Array(original.prefix(.random(in: 0..<original.count, using: &generator)))
    case 2: datagram += (0..<Int.random(in: 1...300, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
    case 3:
      // A genuine header before nonsense.
      for index in ClusterHeader.byteCount..<datagram.count { datagram[index] = .random(in: 0...255, using: &generator) }
    case 4:
      // The front of one, the end of another.
      let other = originals.randomElement(using: &generator) ?? []
      let cut = Int.random(in: 1..<min(original.count, other.count), using: &generator)
      datagram = Array(original.prefix(cut) + other.dropFirst(cut))
    default:
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 0..<datagram.count, using: &generator)
        datagram[index] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      }
    }
    // What came out genuine all the same is spoilt for good.
    if originals.contains(datagram) { datagram[datagram.count - 1] ^= 1 }
    return datagram
  }

  @Test func nothingRandomOrMutatedOpensAndAllIsCounted() throws {
    print("\(Self.count) random datagrams, seed \(Self.seed)")
    var generator = SeededGenerator(state: Self.seed)
    let cluster = try TestCluster()
    var layers = try cluster.group(3)
    let originals = try originals(&layers)
    var member = layers[1]
    let (before, remembered, epoch) = (member.counters, member.rememberedCount, member.epoch)
    var now = bootClock
    var openedCount = 0
    for _ in 0..<Self.count {
      now = now + .microseconds(5)
      if member.opened(spoilt(originals, &generator), at: now) != nil { openedCount += 1 }
    }
    #expect(openedCount == 0)
    #expect(member.counters.refused - before.refused == UInt64(Self.count))
    #expect(member.counters.offered - before.offered == UInt64(Self.count))
    #expect(member.rememberedCount <= remembered + 1, "the one certificate that was not known before, at most")
    #expect(member.epoch == epoch)
    for reason in SecurityRefusal.allCases { print("\(reason): \(member.counters[reason])") }
    // And the genuine ones still open, except those a window or a limit bars for another reason.
    #expect(member.refusal(of: originals[0], at: now) == nil)
    #expect(member.refusal(of: originals[2], at: now + .seconds(5)) == nil)
  }

  @Test func authenticBodiesOfNoSenseAreRefused() throws {
    var generator = SeededGenerator(state: Self.seed)
    let cluster = try TestCluster()
    var master = try cluster.layer(1)
    let joiner = try cluster.layer(3)
    let key = Curve25519.Signing.PrivateKey()
    let certificate = try cluster.certificate(3, key: key).der
    let request = joiner.joinRequest(nonce: 1)
    for sequence in UInt64(1)...300 {
      var body = request.encodeBody()
      let genuineCount = body.count
      body.removeLast(.random(in: 0...body.count, using: &generator))
      body += (0..<Int.random(in: 1...40, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
      // A body of the right length may have sense after all.
      if body.count == genuineCount { body.removeLast() }
      let datagram = try signedByHand(
        request, as: 3, incarnation: joiner.incarnation, sequence: sequence, certificate: certificate, key: key, bodyOctets: body)
      #expect(master.refusal(of: datagram, at: bootClock + .milliseconds(10 * sequence)) != nil)
    }
    #expect(master.counters[.malformed] + master.counters[.wrongMember] == 300)
  }

  @Test func certificatesOfNoSenseDoNotTrap() throws {
    var generator = SeededGenerator(state: Self.seed)
    let cluster = try TestCluster()
    let der = try cluster.credentials(3).certificate.der
    for _ in 0..<20_000 {
      var mutated = der
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        mutated[Int.random(in: 0..<mutated.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      guard mutated != der, let certificate = try? ClusterCertificate(der: mutated) else { continue }
      #expect(!cluster.authority.trusted.signed(certificate))
    }
  }
}
