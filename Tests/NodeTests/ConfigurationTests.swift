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
    #expect(problems.compactMap(\.line) == problems.compactMap(\.line).sorted(), "An editor's list goes down the file.")
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

  /// The least configuration with one line more, or in place of another.
  private static func with(_ line: String) -> (text: String, line: Int) {
    let name = String(line.prefix { $0 != ":" })
    let rest = least.split(separator: "\n").filter { !$0.hasPrefix("  \(name):") }
    return ((rest + ["  \(line)"]).joined(separator: "\n"), rest.count + 1)
  }

  @Test(arguments: [
    "10.77.0.255/24", "10.77.0.0/24", "127.0.0.1/8", "127.1.2.3/24", "255.255.255.255/32", "0.1.2.3/8", "0.0.0.0/24", "224.0.0.5/24",
    "10.0.0.3/30", "10.0.0.4/30", "fe80::1/64", "febf::1/64", "::1/128", "::/128", "ff02::1/64", "2001:db8::/64", "2001:db8::/126",
    "::ffff:127.0.0.1/8",
  ])
  func anAddressThatNoMachineCanHaveIsRefusedWithItsLine(_ address: String) {
    let (text, line) = Self.with("addresses: [192.0.2.9/24, \"\(address)\"]")
    let problems = Self.problems(text)
    #expect(problems.map(\.setting) == ["cluster.addresses"] && problems.first?.line == line, "\(problems)")
    #expect(problems.first?.message.contains("cannot be shared: ") == true, "\(problems)")
  }

  @Test(arguments: [
    "192.0.2.10/31", "192.0.2.11/31", "192.0.2.255/23", "192.0.3.0/23", "192.0.2.0/32", "192.0.2.255/32", "169.254.1.1/16",
    "2001:db8::/127", "2001:db8::1/127", "2001:db8::/128", "2001:db8::ffff:ffff/64", "240.0.0.1/24", "10.255.255.254/8",
  ])
  func anAddressThatAMachineCanHaveIsAccepted(_ address: String) {
    #expect(Self.problems(Self.with("addresses: [\"\(address)\"]").text).isEmpty)
  }

  /// A setting that is refused, and where.
  static let refused: [(String, String)] = [
    ("name: \"\"", "name"), ("name: \(String(repeating: "a", count: 65))", "name"), ("id: 0", "id"), ("id: 65536", "id"),
    ("member: 0", "member"), ("member: 65535", "member"), ("interface: lo", "interface"), ("interface: a/b", "interface"),
    ("interface: a b", "interface"), ("interface: \"..\"", "interface"), ("interface: sixteen-letters-", "interface"),
    ("address: 127.0.0.1", "address"), ("address: 0.0.0.0", "address"), ("address: 10.0.0.255/24", "address"),
    ("address: \"fe80::1\"", "address"), ("address: 169.254.0.1", "address"), ("addresses: [192.0.2.10/24, 192.0.2.10/25]", "addresses"),
    ("credentials: \"\"", "credentials"), ("credentials:", "credentials"), ("credentials: \"a\\0b\"", "credentials"),
    ("revoked: \"\"", "revoked"), ("personality: \"\"", "personality"), ("detection: 19ms", "detection"),
    ("detection: 60001ms", "detection"), ("detection: 307445735m", "detection"), ("detection: 18446744073710s", "detection"),
    ("detection: -1s", "detection"), ("detection: 1", "detection"), ("detection: 0s", "detection"), ("members: 0", "members"),
    ("members: 257", "members"), ("weight: 0", "weight"), ("weight: 10001", "weight"), ("port: 0", "port"), ("port: 65536", "port"),
    ("hold: { packets: -1 }", "hold.packets"), ("hold: { packets: 1000001 }", "hold.packets"), ("hold: { octets: 2047 }", "hold.octets"),
    ("hold: { octets: 1073741824GiB }", "hold.octets"), ("hold: { octets: 2GiB }", "hold.octets"),
    ("hold: { octets: 1048577KiB }", "hold.octets"), ("hold: { time: 0s }", "hold.time"), ("hold: { time: 61s }", "hold.time"),
    ("hold: { time: 307445735m }", "hold.time"), ("hooks: { timeout: 0s }", "hooks.timeout"), ("hooks: { timeout: 9ms }", "hooks.timeout"),
    ("hooks: { timeout: 2777778h }", "hooks.timeout"), ("hooks: { timeout: 601s }", "hooks.timeout"),
    ("hooks: { join: \"\" }", "hooks.join"), ("hooks: { arrived: }", "hooks.arrived"),
    ("hooks: { departed: \"a\\0b\" }", "hooks.departed"), ("hash: { sourceOnly: [0/udp] }", "hash.sourceOnly"),
    ("hash: { sourceOnly: [256] }", "hash.sourceOnly"), ("peers: []", "peers"), ("peers: [192.0.2.10, 192.0.2.2]", "peers"),
    ("peers: [192.0.2.2, 192.0.2.3, 192.0.2.2]", "peers"), ("peers: [127.0.0.1]", "peers"), ("peers: [224.0.0.1]", "peers"),
    ("peers: [0.0.0.0]", "peers"), ("peers: [255.255.255.255]", "peers"), ("peers: [\"::1\"]", "peers"),
    ("peers: [192.0.2.2, \"2001:db8::2\"]", "peers"),
    ("peers: [\((0...256).map { "10.1.\($0 / 200).\($0 % 200 + 1)" }.joined(separator: ", "))]", "peers"),
  ]

  @Test(arguments: refused)
  func whatCannotBeIsRefusedWithItsLine(_ setting: String, _ name: String) {
    let (text, line) = Self.with(setting)
    let problems = Self.problems(text)
    #expect(problems.contains { $0.setting == "cluster.\(name)" && $0.line == line }, "\(problems)")
  }

  @Test func thePeersAreTheOthersInTheFamilyOfTheOwnAddress() {
    let own = Self.least + "\n  address: 192.0.2.1\n"
    #expect(Self.problems(own + "  peers: [192.0.2.1, 192.0.2.2, 192.0.2.3]").isEmpty, "One list for all machines is allowed.")
    #expect(Self.problems(own + "  peers: [192.0.2.1]").map(\.setting) == ["cluster.peers"])
    #expect(Self.problems(own + "  peers: [\"2001:db8::2\"]").map(\.setting) == ["cluster.peers"])
  }

  @Test(arguments: [
    ("metrics: 224.0.0.1:80", "metrics"), ("metrics: 255.255.255.255:80", "metrics"), ("metrics: \"[fe80::1]:80\"", "metrics"),
    ("metrics: 127.0.0.1:0", "metrics"), ("metrics: 127.0.0.1:65536", "metrics"), ("api: \"\"", "api"),
    ("api: /\(String(repeating: "a", count: 107))", "api"), ("log: { level: loud }", "log.level"),
  ])
  func whatIsBesideTheSectionsIsCheckedToo(_ line: String, _ name: String) {
    let problems = Self.problems(Self.least + "\n" + line)
    #expect(problems.map(\.setting) == [name] && problems.first?.line == 7, "\(problems)")
  }

  @Test func nestingWithoutEndIsNoConfiguration() {
    for depth in [900, 100_000] {
      #expect(!Self.problems("cluster: " + String(repeating: "[", count: depth)).isEmpty)
      #expect(!Self.problems("cluster: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).isEmpty)
    }
  }

  @Test func controlCharactersAreExplainedWithTheirLine() {
    let problems = Self.problems(Self.least + "\n  name: a\u{1}b")
    #expect(
      problems.count == 1 && problems.first?.line == 7 && problems.first?.message.contains("control characters") == true, "\(problems)")
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
