import Credentials
import Foundation
import Linux
import Testing
import Wire

@testable import Node

/// What doctor makes of what it sees; the looking needs a machine and is tried in the lab.
@Suite struct DoctorTests {
  static let yaml = """
    cluster:
      id: 7
      member: 1
      interface: eth0
      addresses: [192.0.2.10/24, "2001:db8::10/64"]
      credentials: /etc/skein/member.pem
    """

  static func section(_ more: String = "") throws -> ClusterSection {
    try #require(try Configuration.read(yaml + more, file: "skein.yaml").cluster)
  }

  /// The loopback in the guise of an Ethernet card.
  static func card() throws -> NetworkInterface {
    var card = try RouteSocket().interface(named: "lo")
    (card.name, card.isLoopback, card.ethernetAddress) = ("eth0", false, EthernetAddress(bits: 0x0200_0000_0001))
    (card.mtu, card.isUp, card.hasCarrier) = (1500, true, true)
    return card
  }

  @Test func reportIsGoodUnlessSomethingIsAProblem() {
    let good = [Finding("a", .ok, "Fine."), Finding("b", .warning, "Hm."), Finding("c", .unknown, "Who knows?")]
    #expect(DoctorReport(good).ok)
    #expect(!DoctorReport(good + [Finding("d", .problem, "No.")]).ok)
  }

  @Test func aProgramThatLoadsIsToldWithItsPrice() {
    let finding = Doctor.judge(
      program: "skein_path",
      .success([
        .init(program: "skein_path", verifiedInstructions: 811, instructions: 300),
        .init(program: "skein_whole", verifiedInstructions: 543_611, instructions: 7599),
      ]), otherwise: .problem, advice: "Slower.")
    #expect(finding.name == "packet-path" && finding.state == .ok && finding.advice == nil)
    #expect(finding.program == "skein_path" && finding.loads == true && finding.verifiedInstructions == 543_611)
    #expect(
      finding.found
        == "This kernel takes the packet path's programs, skein_path, skein_whole: 7,899 instructions, at most 543,611 of a million verified."
    )
  }

  @Test func aProgramThatIsRefusedIsToldWithTheVerifiersLastLines() {
    let refusal = LinuxError("load the kernel program", .accessDenied, detail: "41: (bf) r1 = r2\nR2 offset is outside of the packet")
    let finding = Doctor.judge(program: "skein_path", .failure(refusal), otherwise: .warning, advice: "Slower.")
    #expect(finding.state == .warning && finding.loads == false && finding.verifiedInstructions == nil)
    #expect(finding.verifierLog == ["41: (bf) r1 = r2", "R2 offset is outside of the packet"])
    #expect(finding.advice == "Slower.")
  }

  @Test func findingIsWrittenWithItsState() throws {
    let text = String(decoding: try JSONEncoder().encode(DoctorReport([Finding("mtu", .ok, "1500 octets.")])), as: UTF8.self)
    #expect(text.contains("\"findings\":[") && text.contains("\"ok\":true") && text.contains("\"state\":\"ok\""))
    #expect(!text.contains("advice"))
  }

  @Test func olderKernelIsNamedWithWhatItLacks() {
    #expect(Doctor.judge(kernel: KernelVersion(major: 5, minor: 10)).state == .warning)
    #expect(Doctor.judge(kernel: KernelVersion(major: 6, minor: 0)).state == .warning)
    #expect(Doctor.judge(kernel: KernelVersion(major: 6, minor: 1)).state == .ok)
  }

  @Test func missingCapabilityIsNamed() {
    let finding = Doctor.judge(missing: [.bpf, .rawPackets])
    #expect(finding.state == .problem)
    #expect(finding.found.contains("CAP_BPF, CAP_NET_RAW"))
    #expect(Doctor.judge(missing: []).state == .ok)
  }

  @Test func clockMattersForCertificates() {
    #expect(Doctor.judge(clock: .init(isSynchronised: true, largestErrorMicroseconds: 900)).state == .ok)
    #expect(Doctor.judge(clock: .init(isSynchronised: false, largestErrorMicroseconds: 16_000_000)).state == .warning)
    #expect(Doctor.judge(clockSource: "hpet").state == .warning)
    #expect(Doctor.judge(clockSource: "kvm-clock").state == .ok)
    #expect(Doctor.judge(clockSource: nil).state == .unknown)
  }

  @Test func interfaceMustBeAnEthernetThatWorks() throws {
    var card = try Self.card()
    #expect(Doctor.judge(card).state == .ok)
    card.hasCarrier = false
    #expect(Doctor.judge(card).found.contains("carrier"))
    card.isUp = false
    #expect(Doctor.judge(card).found.contains("switched off"))
    card.ethernetAddress = EthernetAddress(bits: 0)
    #expect(Doctor.judge(card).state == .problem)
    #expect(Doctor.judge(try RouteSocket().interface(named: "lo")).state == .problem)
  }

  @Test func messagesMustFitAndNativeProgramsNeedAPage() throws {
    var card = try Self.card()
    #expect(Doctor.leastMTU == 1280)
    card.mtu = 1279
    #expect(Doctor.judge(mtu: card, isXDP: false).state == .problem)
    card.mtu = 9000
    #expect(Doctor.judge(mtu: card, isXDP: true).state == .warning)
    #expect(Doctor.judge(mtu: card, isXDP: false).state == .ok)
  }

  @Test func ownAddressIsTheConfiguredOneAndNeverAClusterAddress() throws {
    let shared = try Self.section().addresses.map(\.address)
    let own = try Self.address("192.0.2.1")
    let cluster = try Self.address("192.0.2.10")
    #expect(Doctor.judge(own: [cluster, own], wanted: nil, shared: shared, on: "eth0").state == .ok)
    #expect(Doctor.judge(own: [cluster], wanted: nil, shared: shared, on: "eth0").state == .problem)
    #expect(Doctor.judge(own: [own], wanted: InternetAddress(text: "192.0.2.2"), shared: shared, on: "eth0").state == .problem)
    var tentative = own
    tentative.isTentative = true
    #expect(Doctor.judge(own: [tentative], wanted: own.address, shared: shared, on: "eth0").state == .warning)
  }

  @Test func misplacedClusterAddressIsRemovedFromWhereItStands() throws {
    let finding = Doctor.judge(placed: [try Self.address("192.0.2.10")], [1: "eth3"])
    #expect(finding.state == .problem)
    #expect(finding.advice?.contains("`ip address del 192.0.2.10/24 dev eth3`") == true)
    #expect(Doctor.judge(placed: [], [:]).state == .ok)
  }

  @Test func clusterNetworksAreTheInterfaces() throws {
    let prefixes = try Self.section().addresses
    let own = [try Self.address("192.0.2.1"), try Self.address("2001:db8::1")]
    #expect(Doctor.judge(networks: own, of: prefixes, on: "eth0").state == .ok)
    let half = Doctor.judge(networks: Array(own.prefix(1)), of: prefixes, on: "eth0")
    #expect(half.state == .warning)
    #expect(half.found.contains("2001:db8::10/64"))
  }

  @Test func kernelVariablesAreJudgedByWhetherTheClusterIsHere() {
    #expect(Doctor.judge(ignore: 0, isRunning: false).state == .ok)
    #expect(Doctor.judge(ignore: 0, isRunning: true).state == .problem)
    #expect(Doctor.judge(ignore: 8, isRunning: false).state == .warning)
    #expect(Doctor.judge(announce: 0, isRunning: true).state == .problem)
    #expect(Doctor.judge(announce: 2, isRunning: true).state == .ok)
    #expect(Doctor.judge(reversePath: 1, isDefaultHere: false).state == .warning)
    #expect(Doctor.judge(reversePath: 1, isDefaultHere: true).state == .ok)
    #expect(Doctor.judge(reversePath: 2, isDefaultHere: false).state == .ok)
    #expect(Doctor.judge(routing: 0, ipv6: true).state == .problem)
    #expect(Doctor.judge(disabled: 1).state == .problem)
    #expect(Doctor.judge(ignore: nil, isRunning: true).state == .unknown)
  }

  @Test(arguments: [(Int64(40), Finding.State.ok), (30, .ok), (29, .warning), (0, .warning)])
  func certificateIsWorthAWarningAMonthBefore(_ days: Int64, _ state: Finding.State) throws {
    let certificate = try Self.certificate(member: 1, days: days)
    #expect(Doctor.judge(certificate: certificate, try Self.section(), at: 1_000_000).state == state)
  }

  @Test func aClusterAddressThatIsMissingFromTheLoopbackIsAProblemWhileTheDaemonRuns() {
    let missing = [InternetAddress(ipv4: 0xc000_020a)]
    #expect(Doctor.judge(missing: missing, isRunning: true).state == .problem)
    #expect(Doctor.judge(missing: missing, isRunning: false).state == .ok)
    #expect(Doctor.judge(missing: [], isRunning: true).state == .ok)
  }

  @Test func certificateOfAnotherIsAProblem() throws {
    let section = try Self.section()
    #expect(Doctor.judge(certificate: try Self.certificate(member: 2, days: 99), section, at: 1_000_000).state == .problem)
    #expect(Doctor.judge(certificate: try Self.certificate(cluster: 8, member: 1, days: 99), section, at: 1_000_000).state == .problem)
    let revoked = try Self.certificate(member: 1, days: 99, state: "revoked")
    #expect(Doctor.judge(certificate: revoked, section, at: 1_000_000).found == "It is revoked.")
  }

  @Test func withoutANamedFileTheUsualOneIsReadWhereItIs() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "skein-\(UUID().uuidString).yaml").path(percentEncoded: false)
    #expect(Doctor(config: nil, usual: path).examine().findings.first?.name != "configuration")
    try "cluster: {".write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let first = try #require(Doctor(config: nil, usual: path).examine().findings.first)
    #expect(first.name == "configuration" && first.state == .problem && first.found.contains(path))
  }

  @Test func unusableConfigurationIsAFinding() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "skein-doctor-\(UUID().uuidString).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data("cluster: { id: 7 }\n".utf8).write(to: file)
    let path = file.path(percentEncoded: false)
    let first = try #require(Doctor(file: path).examine().findings.first)
    #expect(first.name == "configuration" && first.state == .problem)
    #expect(first.advice?.contains("skein check") == true)
  }

  private static func address(_ text: String) throws -> InterfaceAddress {
    var found = try #require(try RouteSocket().addresses(of: nil).first)
    (found.interface, found.isTentative) = (1, false)
    found.address = try #require(InternetAddress(text: text))
    found.prefixLength = found.address.ipv4 == nil ? 64 : 24
    return found
  }

  private static func certificate(
    cluster: Int = 7, member: Int, days: Int64, state: String = "valid"
  ) throws -> CertificateDescription {
    let json = """
      {"cluster":\(cluster),"member":\(member),"name":"one","serial":"01","notBefore":0,"notAfter":\(1_000_000 + days * 86_400 + 1),\
      "fingerprint":"00","byteCount":300,"state":"\(state)"}
      """
    return try JSONDecoder().decode(CertificateDescription.self, from: Data(json.utf8))
  }
}

/// What doctor makes of what it hears.
@Suite struct HeardOnTheWireTests {
  private static let own = EthernetAddress(bits: 0x0200_0000_0001)
  private static let other = EthernetAddress(bits: 0x0200_0000_0002)
  private static let third = EthernetAddress(bits: 0x0200_0000_0003)

  private static func shared() throws -> EthernetAddress {
    let address = try DoctorTests.section().addresses[0].address
    return .shared(cluster: ClusterIdentifier(rawValue: 7), address: address, multicast: true)
  }

  private static func heard(_ more: String = "", _ frames: [[UInt8]]) throws -> HeardOnTheWire {
    var heard = HeardOnTheWire(try DoctorTests.section(more), own: own)
    for frame in frames { heard.hear(frame[...]) }
    return heard
  }

  private static func claim(_ text: String = "192.0.2.10", by claimant: EthernetAddress, from source: EthernetAddress) throws -> [UInt8] {
    let address = try #require(InternetAddress(text: text))
    return try #require(AddressAnnouncement(address: address, ethernet: claimant, source: source).frames.last)
  }

  private static func message(_ type: ClusterMessageType, of member: UInt16, from source: EthernetAddress, cluster: UInt16 = 7) throws
    -> [UInt8]
  {
    let header = ClusterHeader(
      type: type, protection: .sealed, bodyByteCount: 8, cluster: ClusterIdentifier(rawValue: cluster),
      sender: MemberIdentifier(rawValue: member), epoch: 1, incarnation: 1, sequence: 1)
    var octets: [UInt8] = []
    header.encode(into: &octets)
    octets += [UInt8](repeating: 0, count: 8 + ClusterLimits.tagByteCount)
    let (address, group) = (try #require(InternetAddress(text: "192.0.2.2")), ClusterTransport.ipv4Group(of: header.cluster))
    let datagram = UdpHeader(sourcePort: ClusterTransport.port, destinationPort: ClusterTransport.port)
      .datagram(carrying: octets, from: address, to: group)
    let packet = IPv4Header(source: address, destination: group, protocolNumber: .udp).packet(carrying: datagram)
    return EthernetHeader(destination: EthernetAddress(group: group), source: source, type: .ipv4).frame(carrying: packet)
  }

  @Test func silenceIsNotAnAnswer() throws {
    let heard = try Self.heard("", [])
    #expect(heard.owners.state == .ok)
    #expect(heard.members.state == .unknown)
    #expect(heard.masters == nil && heard.namesakes == nil)
    #expect(heard.sharedSource?.state == .ok)
  }

  @Test(arguments: ["192.0.2.10", "2001:db8::10"])
  func onlyTheSharedAddressMayAnswer(_ address: String) throws {
    let shared = try Self.shared()
    #expect(try Self.heard("", [Self.claim(address, by: shared, from: Self.other)]).owners.state == .ok)
    let foreign = try Self.heard(
      "", [Self.claim(address, by: shared, from: Self.other), Self.claim(address, by: Self.third, from: Self.third)])
    #expect(foreign.owners.state == .problem)
    #expect(foreign.owners.found.contains("\(Self.third)"))
  }

  @Test func inForwardingModeOneMayAnswerAndNotTwo() throws {
    let delivery = "\n  delivery: forwarding"
    let one = try Self.claim(by: Self.other, from: Self.other)
    #expect(try Self.heard(delivery, [one]).owners.state == .ok)
    #expect(try Self.heard(delivery, [one, Self.claim(by: Self.third, from: Self.third)]).owners.state == .problem)
    #expect(try Self.heard(delivery, [one]).sharedSource == nil)
  }

  @Test func whoAnswersForOthersIsNoMatter() throws {
    #expect(try Self.heard("", [Self.claim("192.0.2.77", by: Self.third, from: Self.third)]).owners.state == .ok)
  }

  @Test func aFrameFromTheSharedAddressIsAProblem() throws {
    let heard = try Self.heard("", [Self.claim("192.0.2.77", by: Self.third, from: Self.shared())])
    #expect(heard.sharedSource?.state == .problem)
  }

  @Test func membersAreHeardByNumber() throws {
    let heard = try Self.heard(
      "", [Self.message(.clientKeepalive, of: 3, from: Self.third), Self.message(.masterKeepalive, of: 2, from: Self.other)])
    #expect(heard.members.found == "Heard members 2, 3.")
    #expect(heard.masters == nil && heard.namesakes == nil)
  }

  @Test func anotherClustersMessagesAreNotOurs() throws {
    #expect(try Self.heard("", [Self.message(.masterKeepalive, of: 2, from: Self.other, cluster: 8)]).members.state == .unknown)
  }

  @Test func twoMastersAreAProblem() throws {
    let heard = try Self.heard(
      "", [Self.message(.masterKeepalive, of: 2, from: Self.other), Self.message(.masterKeepalive, of: 3, from: Self.third)])
    #expect(heard.masters?.state == .problem)
  }

  @Test func aSecondMachineWithAMembersNumberIsAProblem() throws {
    let mine = try Self.heard("", [Self.message(.clientKeepalive, of: 1, from: Self.other)])
    #expect(mine.namesakes?.found.contains("which is this one") == true)
    let theirs = try Self.heard(
      "", [Self.message(.clientKeepalive, of: 2, from: Self.other), Self.message(.clientKeepalive, of: 2, from: Self.third)])
    #expect(theirs.namesakes?.state == .problem)
    #expect(try Self.heard("", [Self.message(.clientKeepalive, of: 1, from: Self.own)]).namesakes == nil)
  }

  @Test func brokenFramesAreNobodys() throws {
    let whole = try Self.message(.masterKeepalive, of: 2, from: Self.other)
    for length in 0..<whole.count - 1 { #expect(try Self.heard("", [Array(whole.prefix(length))]).members.state == .unknown) }
  }
}
