import Testing
import Wire

@Suite struct ClusterHeaderTests {
  static let octets: [UInt8] = hex(
    """
    534b 01 14 02 00 0000       # magic, version, client keepalive, sealed, reserved, no body
    0007 0003 00000005          # cluster 7, sender 3, epoch 5
    0123456789abcdef            # incarnation
    000000000000002a            # sequence 42
    """)
  static let tag = [UInt8](repeating: 0xff, count: 16)
  static let header = ClusterHeader(
    type: .clientKeepalive, protection: .sealed, bodyByteCount: 0, cluster: ClusterIdentifier(rawValue: 7),
    sender: MemberIdentifier(rawValue: 3), epoch: 5, incarnation: 0x0123_4567_89ab_cdef, sequence: 42)

  @Test func decodes() throws { #expect(try ClusterHeader(decoding: Self.octets + Self.tag) == Self.header) }

  @Test func encodes() {
    var octets: [UInt8] = []
    Self.header.encode(into: &octets)
    #expect(octets == Self.octets)
    #expect(octets.count == ClusterHeader.byteCount)
  }

  @Test func isRefusedWhenTruncatedAnywhere() {
    expectTruncated(Self.octets + Self.tag) { octets throws(WireError) in _ = try ClusterHeader(decoding: octets) }
  }

  @Test func typeNumbersAreTheDocumentedOnes() {
    #expect(ClusterMessageType.allCases.map(\.rawValue) == Array(1...8) + Array(16...26))
  }

  @Test func onlyMessagesAboutJoiningMayBeSigned() {
    #expect(ClusterMessageType.allCases.filter { $0.allows(.signed) }.map(\.rawValue) == Array(1...8))
    #expect(ClusterMessageType.allCases.allSatisfy { $0.allows(.sealed) })
  }

  @Test func sealedDatagramSplits() throws {
    let datagram = try Corpus.octets("datagrams/client-keepalive")
    let parts = try SealedTrailer(splitting: datagram[...], header: ClusterHeader(decoding: datagram))
    #expect(Array(parts.associatedData) == Array(datagram.prefix(32)))
    #expect(parts.ciphertext.count == 37)
    #expect(Array(parts.tag) == Array(0xf0...0xff))
  }

  @Test func signedDatagramSplits() throws {
    let datagram = try Corpus.octets("datagrams/nak")
    let parts = try SignedTrailer(splitting: datagram[...], header: ClusterHeader(decoding: datagram))
    #expect(Array(parts.body) == Examples.messages["nak"]?.encodeBody())
    #expect(Array(parts.certificate) == hex("3003020101"))
    #expect(Array(parts.signature) == hex("aabbccdd"))
    #expect(Array(parts.signedOctets) == Array(datagram.dropLast(6)))
  }

  @Test func signedDatagramIsBuiltStepByStep() throws {
    let datagram = try Corpus.octets("datagrams/nak")
    let body = try #require(Examples.messages["nak"]).encodeBody()
    var built: [UInt8] = []
    try ClusterHeader(decoding: datagram).encode(into: &built)
    built += body
    SignedTrailer.append(certificate: hex("3003020101"), to: &built)
    #expect(built == Array(datagram.dropLast(6)))
    SignedTrailer.append(signature: hex("aabbccdd"), to: &built)
    #expect(built == datagram)
  }

  @Test func eachProtectionRefusesTheOther() throws {
    let signed = try Corpus.octets("datagrams/nak")
    let sealed = try Corpus.octets("datagrams/assign")
    let signedHeader = try ClusterHeader(decoding: signed)
    let sealedHeader = try ClusterHeader(decoding: sealed)
    #expect(refusal { () throws(WireError) in _ = try SealedTrailer(splitting: signed[...], header: signedHeader) } == .badValue)
    #expect(refusal { () throws(WireError) in _ = try SignedTrailer(splitting: sealed[...], header: sealedHeader) } == .badValue)
  }

  @Test func errorsSpeakToPeople() {
    #expect("\(WireError.truncated(needed: 32, available: 3))" == "truncated: 32 octets needed, 3 there")
    #expect("\(WireError.badMagic(0x4745))" == "not a cluster datagram: it begins with 4745, not 534b")
    #expect("\(WireError.badValue(field: "epoch"))" == "bad value of epoch")
    #expect("\(WireError.unknownType(255))" == "unknown type 255")
  }

  @Test func groupsCarryTheClusterNumber() {
    let cluster = ClusterIdentifier(rawValue: 0x0107)
    #expect("\(ClusterTransport.ipv4Group(of: cluster))" == "239.255.1.7")
    #expect("\(ClusterTransport.ipv6Group(of: cluster))" == "ff12::d34b:107")
    #expect(ClusterTransport.port == 31_945)
  }
}
