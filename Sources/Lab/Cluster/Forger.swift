/// What an attacker on the members' network can put into a datagram.
enum Forgery: String, CaseIterable, Codable, Sendable {
  /// Octets at random.
  case random
  /// A sound header of a member's present run, a body at random.
  case forged
  /// The same in the name of runs that never were: each would need a key of its own.
  case strangeRun
  /// Something that a member said, once more.
  case replayed
  /// The beginning of something that a member said.
  case truncated
  /// Something that a member said, and more; now and then so long that it travels in fragments.
  case oversized
  /// Something that a member said, with up to eight bits turned over.
  case flipped
  /// A true certificate, stolen from the wire, under a signature at random.
  case stolenCertificate
  /// A certificate that nobody has seen, under a signature at random.
  case strangeCertificate
}

/// Makes them, the same for the same seed and the same recording.
struct Forger {
  private var generator: SeededGenerator
  var recording: WireRecorder.Recording

  init(seed: UInt64, recording: WireRecorder.Recording) {
    generator = SeededGenerator(seed: seed)
    self.recording = recording
  }

  /// The next one.
  mutating func next() -> (kind: Forgery, octets: [UInt8]) {
    let kind = Forgery.allCases[below(Forgery.allCases.count)]
    return (kind, make(kind))
  }

  mutating func below(_ limit: Int) -> Int { Int(generator.next() % UInt64(limit)) }

  private mutating func make(_ kind: Forgery) -> [UInt8] {
    switch kind {
    case .random: return noise(below(1400))
    case .forged: return sealedLike()
    case .strangeRun:
      var octets = sealedLike()
      overwrite(&octets, ForgedHeader.incarnation)
      octets[ForgedHeader.incarnation.lowerBound] = 0xff
      return octets
    case .replayed: return heard()
    case .truncated:
      let octets = heard()
      return Array(octets.prefix(below(octets.count)))
    case .oversized: return heard() + noise(below(50) == 0 ? 4000 + below(4000) : 1 + below(200))
    case .flipped:
      var octets = heard()
      for _ in 0...below(8) { octets[below(octets.count)] ^= 1 << UInt8(below(8)) }
      return octets
    case .stolenCertificate: return signedLike(spoiling: 0)
    case .strangeCertificate: return signedLike(spoiling: 90)
    }
  }

  /// A sealed datagram of a present run with a sequence number to come, which no key has sealed.
  private mutating func sealedLike() -> [UInt8] {
    var octets = recording.sealed[below(recording.sealed.count)]
    overwrite(&octets, ForgedHeader.sequence.lowerBound + 4..<ForgedHeader.sequence.upperBound)
    overwrite(&octets, ForgedHeader.byteCount..<octets.count)
    return octets
  }

  /// A signed datagram of a run to come; `spoiling` counts octets back from the signature, into the certificate.
  private mutating func signedLike(spoiling depth: Int) -> [UInt8] {
    var octets = recording.signed[below(recording.signed.count)]
    overwrite(&octets, ForgedHeader.incarnation.lowerBound + 4..<ForgedHeader.sequence.upperBound)
    overwrite(&octets, octets.count - 64..<octets.count)
    if depth > 0 { overwrite(&octets, octets.count - 66 - depth..<octets.count - 66) }
    return octets
  }

  private mutating func heard() -> [UInt8] {
    let isSigned = below(4) == 0
    return isSigned ? recording.signed[below(recording.signed.count)] : recording.sealed[below(recording.sealed.count)]
  }

  private mutating func noise(_ count: Int) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    overwrite(&octets, 0..<count)
    return octets
  }

  private mutating func overwrite(_ octets: inout [UInt8], _ range: Range<Int>) {
    var word: UInt64 = 0
    for (count, index) in range.enumerated() {
      if count % 8 == 0 { word = generator.next() }
      octets[index] = UInt8(truncatingIfNeeded: word)
      word >>= 8
    }
  }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a seed says all that comes.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }
}
