import Host
import Testing
import Wire

@testable import Node

@Suite struct ConfigurationTests {
  static let least = """
    cluster:
      id: 7
      member: 1
      interface: eth0
      addresses: [192.0.2.10/24]
      credentials: /etc/skein/member.pem
    """

  static func problems(_ yaml: String) -> [ConfigurationProblem] {
    do {
      _ = try Configuration.read(yaml, file: "skein.yaml")
      return []
    } catch { return error.problems }
  }

  @Test func theLeastConfigurationHasTheDefaultsOfTheSpecification() throws {
    let configuration = try Configuration.read(Self.least, file: "skein.yaml")
    let cluster = try #require(configuration.cluster)
    #expect(cluster.detection == .milliseconds(200))
    #expect(cluster.delivery == .multicast)
    #expect(cluster.partition == .serve)
    #expect(cluster.weight == 100)
    #expect(cluster.eager)
    #expect(configuration.packetPath == .automatic)
    #expect(cluster.port == ClusterTransport.port)
    #expect(configuration.gateway == nil)
  }

  @Test func everySettingIsRead() throws {
    let yaml = """
      cluster:
        { name: edge, id: 7, member: 2, interface: lan0, address: 192.0.2.12/24, addresses: [192.0.2.10/24, "2001:db8::10/64"],
          delivery: forwarding, detection: 20ms, credentials: a, revoked: b, personality: c, partition: majority, members: 3,
          weight: 250, balance: traffic, eager: false, peers: [192.0.2.11], port: 4000, routing: true,
          hash: { sourceOnly: [esp, 500/udp, 47], l2tpSessions: true }, hold: { packets: 9, octets: 4KiB, time: 300ms },
          hooks: { join: "true", arrived: x, departed: y, timeout: 3s } }
      packetPath: packet-socket
      api: /tmp/api
      metrics: "[::1]:9464"
      log: { level: debug, format: json }
      realtime: false
      """
    let configuration = try Configuration.read(yaml, file: "skein.yaml")
    let cluster = try #require(configuration.cluster)
    #expect(cluster.address?.description == "192.0.2.12")
    #expect(cluster.addresses.map(\.description) == ["192.0.2.10/24", "2001:db8::10/64"])
    #expect(cluster.delivery == .forwarding && cluster.partition == .majority && cluster.balance == .traffic)
    #expect(cluster.sourceOnly.map { [UInt16($0.ipProtocol), $0.port] } == [[50, 0], [17, 500], [47, 0]])
    #expect(cluster.hold == .init(packetCount: 9, byteCount: 4096, duration: .milliseconds(300)))
    #expect(configuration.metrics == .init(host: "::1", port: 9464))
    #expect(configuration.packetPath == .packetSocket && !configuration.realtime)
  }

  @Test func everyProblemIsFoundAtOnceWithItsLine() {
    let problems = Self.problems(
      """
      cluster:
        id: 70000
        membr: 1
        interface: eth0
        addresses: [192.0.2.300/24]
        detection: 5ms
        credentials: x
      """)
    #expect(
      problems.map(\.setting).sorted() == ["cluster.addresses", "cluster.detection", "cluster.id", "cluster.member", "cluster.membr"])
    #expect(problems.first { $0.setting == "cluster.id" }?.line == 2)
    #expect(problems.first { $0.setting == "cluster.addresses" }?.line == 5)
    #expect(problems.first { $0.setting == "cluster.membr" }?.message.contains("did you mean `member`?") == true)
  }

  @Test(arguments: [
    ("", ""), ("- 1", ""), ("cluster: 5", "cluster"), ("cluster: {id: 1", ""), ("cluster: {id: [1]}", "cluster.id"), ("a: &x [*x]", ""),
    (least + "\n  id: 8", "id"), (least + "\n  partition: majority", "cluster.partition"),
    (least + "\n  address: 192.0.2.10", "cluster.addresses"), (least + "\n  hash: { sourceOnly: [80/esp] }", "cluster.hash.sourceOnly"),
    (least + "\nmetrics: nowhere", "metrics"), (least + "\n  detection: 99999999999999999999s", "cluster.detection"),
  ])
  func impossibleTextIsExplained(_ yaml: String, _ setting: String) {
    let problems = Self.problems(yaml)
    #expect(!problems.isEmpty)
    if !setting.isEmpty { #expect(problems.contains { $0.setting == setting }, "\(problems)") }
  }

  @Test func aPersonalityCannotSayWhatIsEachMachinesOwn() {
    for text in ["cluster: { member: 2 }", "cluster: { credentials: b }", "api: /run/a", "[]", "cluster: 7", "cluster: { weight: 0 }"] {
      #expect(throws: ConfigurationProblems.self, "\(text)") { try Configuration.read(Self.least, file: "skein.yaml", personality: text) }
    }
  }

  @Test func membersThatDifferInTheHashWouldServeOnePacketTwiceSoItWantsARestart() throws {
    let old = try #require(Configuration.read(Self.least, file: "skein.yaml").cluster)
    let personality = "cluster: { hash: { sourceOnly: [443/tcp] } }"
    let new = try #require(Configuration.read(Self.least, file: "skein.yaml", personality: personality).cluster)
    #expect(new.settingsThatNeedRestart(comparedTo: old) == ["cluster.hash"])
  }

  @Test func aPersonalityGoesBeforeTheFile() throws {
    let configuration = try Configuration.read(Self.least, file: "skein.yaml", personality: "cluster: { detection: 50ms, weight: 3 }")
    let cluster = try #require(configuration.cluster)
    #expect(cluster.detection == .milliseconds(50))
    #expect(cluster.weight == 3)
    #expect(cluster.interface == "eth0")
  }
}
