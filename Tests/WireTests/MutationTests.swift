import Foundation
import Testing
import Wire

/// Changes inputs at random: what a careless or a malicious sender might do to them.
struct MutationEngine {
  private let seeds: [[UInt8]]
  private var random: RandomMessages

  init(seeds: [[UInt8]], generator: SeededGenerator) {
    self.seeds = seeds
    random = RandomMessages(generator: generator)
  }

  /// A seed with one to four changes, never longer than 2,000 octets.
  mutating func next() -> [UInt8] {
    var octets = random.element(seeds)
    for _ in 0...random.count(3) { change(&octets) }
    return Array(octets.prefix(2000))
  }

  private mutating func change(_ octets: inout [UInt8]) {
    guard !octets.isEmpty else { return octets.append(random.number()) }
    let place = random.count(octets.count - 1)
    switch random.count(7) {
    case 0: octets[place] ^= 1 << UInt8(random.count(7))
    case 1: octets[place] = random.element([0, 1, 0x7f, 0x80, 0xfe, 0xff])
    case 2: octets[place] = random.number()
    case 3: octets.removeLast(octets.count - place)
    case 4: octets.insert(contentsOf: random.octets(upTo: 16), at: place)
    case 5: octets.removeSubrange(place..<min(octets.count, place + 1 + random.count(8)))
    case 6: octets = Array(octets[..<place] + random.element(seeds).dropFirst(place))
    default: octets.replaceSubrange(place..<min(octets.count, place + 2), with: [random.element([0, 1, 0xff]), random.number()])
    }
  }
}

@Suite struct MutationTests {
  static let count = ProcessInfo.processInfo.environment["SKEIN_MUTATION_COUNT"].flatMap(Int.init) ?? 200_000

  @Test func mutatedDatagramsAreDecodedOrRefused() throws {
    var engine = MutationEngine(seeds: try Corpus.all(in: "datagrams", "refused"), generator: SeededGenerator(200))
    var decoded = 0
    for round in 0..<Self.count {
      let datagram = engine.next()
      guard let message = try? message(in: datagram[...]) else { continue }
      decoded += 1
      let body = message.encodeBody()
      if body != Array(datagram.dropFirst(ClusterHeader.byteCount).prefix(body.count)) {
        Issue.record("round \(round), seed \(SeededGenerator.seed): \(Hexadecimal.text(of: datagram)) has a second encoding")
      }
    }
    print("mutation: seed \(SeededGenerator.seed), \(decoded) of \(Self.count) datagrams decoded")
    #expect(decoded > Self.count / 100, "a mutation that never decodes tests nothing")
  }

  @Test func mutatedBodiesAreDecodedOrRefusedAsAnyType() throws {
    var random = RandomMessages(generator: SeededGenerator(201))
    let bodies = Examples.messages.keys.sorted().compactMap { Examples.messages[$0]?.encodeBody() }
    var engine = MutationEngine(seeds: bodies, generator: SeededGenerator(202))
    for round in 0..<Self.count / 2 {
      let type = random.element(ClusterMessageType.allCases)
      let body = engine.next()
      guard let message = try? ClusterMessage(type: type, body: body[...]) else { continue }
      if message.encodeBody() != body {
        Issue.record("round \(round), seed \(SeededGenerator.seed): \(type) \(Hexadecimal.text(of: body)) has a second encoding")
      }
    }
  }

  @Test func mutatedFramesAreDecodedOrRefused() throws {
    var engine = MutationEngine(seeds: try Corpus.all(in: "frames"), generator: SeededGenerator(203))
    for _ in 0..<Self.count / 2 {
      let frame = engine.next()
      guard let captured = try? CapturedFrame(frame[...]) else { continue }
      _ = captured.description
      if let query = try? AddressQuery.find(in: frame[...]) { _ = query.answer(at: .broadcast, from: query.askerEthernet) }
      visitLayers(frame)
    }
  }

  /// The decoders below, whatever the checksums say: a mutation seldom gets past those.
  private func visitLayers(_ frame: [UInt8]) {
    for family in InternetFamily.allCases {
      let upper = frame.dropFirst(family == .ipv4 ? 34 : 54)
      if let packet = try? NeighbourPacket(upper) { _ = NeighbourMessage(packet) }
      if let segment = try? TcpSegment(upper) { _ = TcpHeader(segment).segment(carrying: [], from: .allNodes, to: .allNodes) }
      if let packet = try? IcmpPacket(upper, family: family), case .error(let error) = IcmpMessage(packet) {
        _ = try? error.flow(family: family)
      }
      if let packet = try? IPv4Packet(frame.dropFirst(14)) { _ = IPv4Header(packet).packet(carrying: packet.payload) }
    }
  }
}
