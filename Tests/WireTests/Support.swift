import Foundation
import Testing
import Wire

/// Octets from hexadecimal text; spaces and `#` comments are allowed.
func hex(_ text: String) -> [UInt8] {
  guard let octets = Hexadecimal.octets(of: text) else { preconditionFailure("not hexadecimal: \(text)") }
  return octets
}

/// An address that the test knows to be one.
func address(_ text: String) -> InternetAddress {
  guard let address = InternetAddress(text: text) else { preconditionFailure("not an address: \(text)") }
  return address
}

/// An Ethernet address that the test knows to be one.
func ethernet(_ text: String) -> EthernetAddress {
  guard let address = EthernetAddress(text: text) else { preconditionFailure("not an Ethernet address: \(text)") }
  return address
}

/// Demands that every proper beginning of `octets` is refused as truncated.
func expectTruncated(
  _ octets: some Collection<UInt8>, sourceLocation: SourceLocation = #_sourceLocation,
  _ decode: (ArraySlice<UInt8>) throws(WireError) -> Void
) {
  let octets = Array(octets)
  for length in 0..<octets.count {
    do throws(WireError) {
      // A slice that starts elsewhere than at 0, so that nobody counts from the array's start.
      try decode(([0xee, 0xee, 0xee] + octets)[3..<3 + length])
      Issue.record("\(length) of \(octets.count) octets were accepted", sourceLocation: sourceLocation)
    } catch {
      #expect(error.kind == .truncated, "\(length) of \(octets.count) octets", sourceLocation: sourceLocation)
    }
  }
}

/// The error that `body` throws.
func refusal(_ body: () throws(WireError) -> Void) -> WireError.Kind? {
  do throws(WireError) {
    try body()
    return nil
  } catch {
    return error.kind
  }
}

/// The files under Fuzz/corpus.
enum Corpus {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The names of a folder's inputs, in order.
  static func names(in folder: String) throws -> [String] {
    let folder = root.appending(path: "Fuzz/corpus/\(folder)")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".hex") }
      .map { String($0.dropLast(4)) }.sorted()
  }

  static func text(_ name: String) throws -> String {
    try String(contentsOf: root.appending(path: "Fuzz/corpus/\(name).hex"), encoding: .utf8)
  }

  static func octets(_ name: String) throws -> [UInt8] {
    try #require(Hexadecimal.octets(of: text(name)), "\(name) is not hexadecimal")
  }

  static func frame(_ name: String) throws -> [UInt8] { try octets("frames/\(name)") }

  static func all(in folders: String...) throws -> [[UInt8]] {
    try folders.flatMap { folder in try names(in: folder).map { try octets("\(folder)/\($0)") } }
  }
}

/// SplitMix64: small, and the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  /// The seed of this run: `SKEIN_TEST_SEED`, or always the same one.
  static let seed = ProcessInfo.processInfo.environment["SKEIN_TEST_SEED"].flatMap(UInt64.init) ?? 31_945

  /// A generator of its own for each test.
  init(_ test: UInt64) { state = Self.seed &+ test &* 0x1_0000_0001 }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

/// A whole sealed datagram around a body; the seal is made of zeros.
func sealedDatagram(_ message: ClusterMessage, epoch: UInt32 = 5, sequence: UInt64 = 42) -> [UInt8] {
  let body = message.encodeBody()
  var octets: [UInt8] = []
  ClusterHeader(
    type: message.type, protection: .sealed, bodyByteCount: body.count, cluster: ClusterIdentifier(rawValue: 7),
    sender: MemberIdentifier(rawValue: 3), epoch: epoch, incarnation: 0x0123_4567_89ab_cdef, sequence: sequence
  ).encode(into: &octets)
  return octets + body + Array(repeating: 0, count: ClusterLimits.tagByteCount)
}

/// The message of a whole datagram, its protection unchecked.
func message(in datagram: ArraySlice<UInt8>) throws(WireError) -> ClusterMessage {
  let header = try ClusterHeader(decoding: datagram)
  switch header.protection {
  case .signed: return try ClusterMessage(type: header.type, body: SignedTrailer(splitting: datagram, header: header).body)
  case .sealed: return try ClusterMessage(type: header.type, body: SealedTrailer(splitting: datagram, header: header).ciphertext)
  }
}
