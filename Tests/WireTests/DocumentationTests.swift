import Foundation
import Testing
import Wire

/// docs/wire-format.md says what the code does.
@Suite struct DocumentationTests {
  static func page() throws -> String {
    try String(contentsOf: Corpus.root.appending(path: "docs/wire-format.md"), encoding: .utf8)
  }

  /// What stands in the fenced block after the heading.
  static func block(after heading: String) throws -> String {
    let parts = try page().components(separatedBy: heading)
    let block = try #require(parts.dropFirst().first?.components(separatedBy: "```").dropFirst().first)
    return String(block.drop { $0 != "\n" })
  }

  @Test func workedExampleIsWhatTheCodeSends() throws {
    let documented = try #require(Hexadecimal.octets(of: Self.block(after: "## A worked example")))
    let keepalive = try #require(Examples.messages["client-keepalive"])
    #expect(documented == sealedDatagram(keepalive).dropLast(ClusterLimits.tagByteCount))
  }

  @Test(arguments: ClusterMessageType.allCases) func everyTypeIsDocumentedWithItsNumber(type: ClusterMessageType) throws {
    #expect(try Self.page().contains("| \(type.rawValue) | `\(type)` |"))
  }

  @Test(arguments: ClusterMessageType.allCases) func everyBodyIsDocumented(type: ClusterMessageType) throws {
    #expect(try Self.page().contains("### \(type.rawValue) `\(type)`"))
  }

  @Test func reasonsAreDocumentedWithTheirNumbers() throws {
    let page = try Self.page()
    for reason in RefusalReason.allCases { #expect(page.contains("\(reason.rawValue) `\(reason)`")) }
    for reason in ExitReason.allCases { #expect(page.contains("\(reason.rawValue) `\(reason)`")) }
  }

  @Test(arguments: [
    ("datagramByteCount", ClusterLimits.datagramByteCount), ("certificateByteCount", ClusterLimits.certificateByteCount),
    ("signatureByteCount", ClusterLimits.signatureByteCount), ("tagByteCount", ClusterLimits.tagByteCount),
    ("keepaliveEntryCount", ClusterLimits.keepaliveEntryCount), ("profileCount", ClusterLimits.profileCount),
    ("assignmentCount", ClusterLimits.assignmentCount), ("partCount", ClusterLimits.partCount),
    ("loadEntryCount", ClusterLimits.loadEntryCount), ("pieceByteCount", ClusterLimits.pieceByteCount),
    ("pieceCount", ClusterLimits.pieceCount), ("personalityPieceByteCount", ClusterLimits.personalityPieceByteCount),
    ("personalityByteCount", ClusterLimits.personalityByteCount), ("explanationByteCount", ClusterLimits.explanationByteCount),
    ("agreementKeyByteCount", ClusterLimits.agreementKeyByteCount), ("sealedGroupKeyByteCount", ClusterLimits.sealedGroupKeyByteCount),
    ("memberCount", ClusterLimits.memberCount),
  ]) func limitIsDocumented(name: String, limit: Int) throws { #expect(try Self.page().contains("| `\(name)` | \(limit) |")) }

  @Test func portIsDocumented() throws { #expect(try Self.page().contains("UDP port \(ClusterTransport.port)")) }

  @Test func glbpExampleIsWhatTheCodeSends() throws {
    let documented = try #require(Hexadecimal.octets(of: Self.block(after: "### A worked example of GLBP")))
    let hello = try #require(GlbpExamples.packets["hello-and-forwarder"]).tlvs
    let packet = GlbpPacket(
      group: 1, owner: ethernet("52:54:00:00:00:03"), tlvs: hello + [.member(GlbpExamples.member), .seal(GlbpExamples.seal)])
    #expect(documented == packet.encode())
  }

  @Test(arguments: GlbpTlvType.allCases) func everyTlvIsDocumentedWithItsNumber(type: GlbpTlvType) throws {
    let page = try Self.page()
    #expect(page.contains("| \(type.rawValue) | `\(type)` |"))
    #expect(page.contains("### TLV \(type.rawValue) `\(type)`"))
  }

  @Test(arguments: [
    ("tlvCount", GlbpLimits.tlvCount), ("payloadByteCount", GlbpLimits.payloadByteCount), ("bodyByteCount", GlbpLimits.bodyByteCount),
    ("secretByteCount", GlbpLimits.secretByteCount), ("trafficEntryCount", GlbpLimits.trafficEntryCount),
    ("tableGatewayCount", GlbpLimits.tableGatewayCount),
    ("tableEntryCount", GlbpLimits.tableEntryCount),
  ]) func glbpLimitIsDocumented(name: String, limit: Int) throws { #expect(try Self.page().contains("| `\(name)` | \(limit) |")) }

  @Test func exportedElementsAreDocumented() throws {
    let page = try Self.page()
    let templates = [ForwarderTrafficRecord.template] + InternetFamily.allCases.map(ForwarderEventRecord.template)
    for template in templates {
      #expect(page.contains("| \(template.identifier) | \(template.fields.map { String($0.element) }.joined(separator: ", ")) |"))
    }
    #expect(page.contains("enterprise \(ForwarderEventRecord.enterprise)"))
  }
}
