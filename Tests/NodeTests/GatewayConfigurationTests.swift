import Foundation
import Testing
import Wire

@testable import Node

@Suite("The gateway's part of the configuration") struct GatewayConfigurationTests {
  static let least = """
    gateway:
      group: 7
      interface: lan0
      address: 10.0.0.100
    """
  static let member = """
    cluster: { id: 7, member: 1, interface: lan0, credentials: a }
    gateway: { group: 7, address: 10.0.0.100 }
    """

  private func gateway(_ yaml: String) throws -> GatewaySection {
    try #require(try Configuration.read(yaml, file: "skein.yaml").gateway)
  }

  private func problems(_ yaml: String) -> [ConfigurationProblem] { ConfigurationTests.problems(yaml) }

  @Test func theLeastSectionHasTheDefaultsOfTheSpecification() throws {
    let gateway = try gateway(Self.least)
    #expect(gateway.forwarderCount == 5 && gateway.priority == 100 && gateway.weight.maximum == 100)
    #expect(gateway.timers == .skein && gateway.answers == .leastTraffic && gateway.routing == .automatic)
    #expect(gateway.preemption == nil && gateway.forwarderPreemption == .seconds(30))
    #expect(gateway.steering.method == .hybrid && gateway.steering.deadBand == 5)
    #expect(gateway.authentication == .none && gateway.tracked.isEmpty && gateway.export == nil)
  }

  @Test func everySettingIsRead() throws {
    let gateway = try gateway(
      """
      gateway:
        { group: 1023, interface: lan0, address: [10.0.0.100, "fe80::7:1"], ownAddress: 10.0.0.1, forwarders: 32, priority: 255,
          preempt: 5s, forwarderPreempt: false, timers: cisco, hello: 1s, hold: 4s, redirect: 60s, timeout: 120s, answers: host-dependent,
          steering: { method: answers, share: 3, deadBand: 2.5, betweenMoves: 30s, window: 20s },
          weight: { maximum: 200, lower: 50, upper: 90 },
          track: [{ interface: wan0, subtract: 10 }, { route: 192.0.2.1 },
            { command: "true", every: 2s, timeout: 3s, rise: 4, fall: 5, subtract: 20 }],
          authentication: { key: /etc/skein/gateway.key }, routing: kernel, export: { collector: "192.0.2.9:4739", interval: 10s } }
      """)
    #expect(gateway.group == 1023 && gateway.interface == "lan0" && gateway.addresses.map(\.description) == ["10.0.0.100", "fe80::7:1"])
    #expect(gateway.ownAddress?.description == "10.0.0.1" && gateway.forwarderCount == 32 && gateway.priority == 255)
    #expect(gateway.preemption == .seconds(5) && gateway.forwarderPreemption == nil)
    #expect(gateway.timers == .init(hello: .seconds(1), hold: .seconds(4), redirect: .seconds(60), timeout: .seconds(120)))
    #expect(gateway.answers == .hostDependent && gateway.routing == .kernel)
    #expect(
      gateway.steering == .init(method: .answers, share: 3, deadBand: 2.5, minimumBetweenMoves: .seconds(30), window: .seconds(20)))
    #expect(gateway.weight == .init(maximum: 200, lower: 50, upper: 90))
    #expect(gateway.tracked.map(\.subtract) == [10, 100, 20])
    #expect(gateway.tracked.last?.what == .command("true", every: .seconds(2), timeout: .seconds(3), rise: 4, fall: 5))
    #expect(gateway.authentication == .key(file: "/etc/skein/gateway.key"))
    #expect(gateway.export == .init(collector: .init(host: "192.0.2.9", port: 4739), interval: .seconds(10)))
  }

  /// A setting that is refused, and where.
  static let refused: [(String, String)] = [
    ("group: 1024", "group"), ("address: 10.0.0", "address"), ("address: [10.0.0.1, 10.0.0.2]", "address"),
    ("address: 224.0.0.1", "address"), ("address: \"2001:db8::1\"", "address"), ("ownAddress: me", "ownAddress"),
    ("forwarders: 33", "forwarders"), ("forwarders: 0", "forwarders"), ("priority: 0", "priority"), ("preempt: soon", "preempt"),
    ("forwarderPreempt: 5", "forwarderPreempt"), ("timers: slow", "timers"), ("hello: 10ms", "hello"),
    ("hold: 300ms", "hold"), ("timeout: 10s", "timeout"), ("redirect: x", "redirect"), ("answers: best", "answers"),
    ("steering: { method: none }", "steering.method"), ("steering: { share: -1 }", "steering.share"),
    ("steering: { deadBand: 101 }", "steering.deadBand"), ("steering: { betweenMoves: 1 }", "steering.betweenMoves"),
    ("steering: { window: 10ms }", "steering.window"), ("weight: { maximum: 255 }", "weight.maximum"),
    ("weight: { lower: 5, upper: 4 }", "weight.upper"), ("weight: { maximum: 5, upper: 6 }", "weight.upper"),
    ("track: wan0", "track"), ("track: [{ subtract: 5 }]", "track.interface"), ("track: [{ route: here }]", "track.route"),
    ("track: [{ command: x, every: 1ms }]", "track.every"), ("track: [{ interface: a, route: 10.0.0.1 }]", "track.interface"),
    ("authentication: { key: a, text: b }", "authentication.text"), ("authentication: { text: 123456789 }", "authentication.text"),
    ("routing: fast", "routing"), ("export: { interval: 5s }", "export.collector"),
    ("export: { collector: \"192.0.2.9:1\", interval: 1ms }", "export.interval"), ("groups: 5", "groups"),
    ("interface: lo", "interface"), ("interface: a/b", "interface"), ("address: 10.0.0.255", "address"), ("address: 10.0.0.0", "address"),
    ("address: 10.0.0.255/24", "address"), ("address: 10.0.0.0/23", "address"), ("address: 127.0.0.1", "address"),
    ("address: 255.255.255.255", "address"), ("address: 0.0.0.1", "address"), ("address: \"::1\"", "address"),
    ("address: \"::\"", "address"), ("address: \"fe80::\"", "address"), ("ownAddress: 127.0.0.1", "ownAddress"),
    ("ownAddress: 224.0.0.1", "ownAddress"), ("group: -1", "group"), ("priority: 256", "priority"), ("preempt: 25h", "preempt"),
    ("preempt: 307445735m", "preempt"), ("forwarderPreempt: 86401s", "forwarderPreempt"), ("hello: 61s", "hello"),
    ("hello: 307445735m", "hello"), ("hold: 181s", "hold"), ("hold: 307445735m", "hold"), ("redirect: 0s", "redirect"),
    ("redirect: 65536s", "redirect"), ("timeout: 65536s", "timeout"), ("timeout: 307445735m", "timeout"),
    ("steering: { share: 1001 }", "steering.share"), ("steering: { deadBand: nan }", "steering.deadBand"),
    ("steering: { betweenMoves: 25h }", "steering.betweenMoves"), ("steering: { window: 2h }", "steering.window"),
    ("steering: { window: 307445735m }", "steering.window"), ("weight: { maximum: 0 }", "weight.maximum"),
    ("weight: { lower: 255 }", "weight.lower"), ("track: [{ interface: a, subtract: 255 }]", "track.subtract"),
    ("track: [{ interface: a/b }]", "track.interface"), ("track: [{ command: \"\" }]", "track.command"),
    ("track: [{ command: x, every: 25h }]", "track.every"), ("track: [{ command: x, timeout: 0s }]", "track.timeout"),
    ("track: [{ command: x, timeout: 2777778h }]", "track.timeout"), ("track: [{ command: x, rise: 0 }]", "track.rise"),
    ("track: [{ command: x, fall: 101 }]", "track.fall"), ("authentication: { key: \"\" }", "authentication.key"),
    ("authentication: { text: \"\" }", "authentication.text"), ("export: { collector: \"localhost:1\" }", "export.collector"),
    ("export: { collector: \"0.0.0.0:1\" }", "export.collector"), ("export: { collector: \"[fe80::1]:1\" }", "export.collector"),
    ("export: { collector: \"192.0.2.9:0\" }", "export.collector"),
    ("export: { collector: \"192.0.2.9:1\", interval: 25h }", "export.interval"),
  ]

  @Test(arguments: refused)
  func whatCannotBeIsExplainedWithItsLine(_ line: String, _ setting: String) {
    let name = String(line.prefix { $0 != ":" })
    let rest = Self.least.split(separator: "\n").filter { !$0.hasPrefix("  \(name):") }
    let problems = problems((rest + ["  \(line)"]).joined(separator: "\n"))
    #expect(problems.contains { $0.setting == "gateway.\(setting)" && $0.line == rest.count + 1 }, "\(problems)")
  }

  @Test(arguments: ["10.0.0.255/23", "10.0.1.0/23", "10.0.0.1/31", "10.0.0.100/24"])
  func anAddressMayHaveItsNetworksPrefix(_ address: String) throws {
    #expect(
      try gateway(Self.least.replacing("10.0.0.100", with: address)).addresses.map(\.description) == [String(address.prefix { $0 != "/" })])
  }

  @Test func theVirtualAddressIsNobodysOwn() {
    #expect(problems(Self.least + "\n  ownAddress: 10.0.0.100").map(\.setting) == ["gateway.address"])
    func beside(_ cluster: String) -> [String] {
      problems(Self.member.replacing("credentials: a", with: "credentials: a, \(cluster)")).map(\.setting)
    }
    #expect(beside("addresses: [10.0.0.100/24]") == ["gateway.address"])
    #expect(beside("address: 10.0.0.100") == ["gateway.address"])
    #expect(beside("peers: [10.0.0.100, 10.0.0.2]") == ["gateway.address"])
    #expect(beside("addresses: [10.0.0.99/24], address: 10.0.0.1, peers: [10.0.0.2]").isEmpty)
  }

  @Test func whatHasNoDefaultIsAskedFor() {
    #expect(problems("gateway: { priority: 5 }").map(\.setting).sorted() == ["gateway.address", "gateway.group", "gateway.interface"])
    #expect(problems("api: /run/a").contains { $0.setting == "cluster" && $0.message.contains("gateway") })
  }

  @Test func besideAGatewayAClusterNeedsNoAddressOfItsOwn() throws {
    let configuration = try Configuration.read(Self.member, file: "skein.yaml")
    #expect(configuration.cluster?.addresses.isEmpty == true)
    #expect(configuration.gateway?.interface == "lan0")
    let alone = problems("cluster: { id: 7, member: 1, interface: lan0, credentials: a }")
    #expect(alone.map(\.setting) == ["cluster.addresses"] && alone.first?.message.contains("gateway") == true)
    #expect(
      problems("cluster: { id: 7, member: 1, interface: lan0, credentials: a, addresses: [] }").map(\.setting) == ["cluster.addresses"])
  }

  @Test(arguments: [
    ("gateway: { group: 7, address: 10.0.0.100 }", "gateway: { group: 7, address: 10.0.0.100, interface: wan0 }", "gateway.interface"),
    ("address: 10.0.0.100 }", "address: 10.0.0.100, authentication: { text: a } }", "gateway.authentication"),
    ("address: 10.0.0.100 }", "address: 10.0.0.100, ownAddress: 10.0.0.9 }", "gateway.ownAddress"),
    ("credentials: a", "credentials: a, delivery: forwarding", "cluster.delivery"),
  ])
  func whatDoesNotGoTogetherIsExplained(_ old: String, _ new: String, _ setting: String) throws {
    let start = try #require(Self.member.firstRange(of: old))
    #expect(problems(Self.member.replacingCharacters(in: start, with: new)).map(\.setting) == [setting])
  }

  @Test func aPersonalityTouchesTheClusterAlone() throws {
    let configuration = try Configuration.read(Self.member, file: "skein.yaml", personality: "cluster: { detection: 50ms }")
    #expect(configuration.cluster?.detection == .milliseconds(50) && configuration.gateway?.group == 7)
    #expect(throws: ConfigurationProblems.self) {
      try Configuration.read(Self.member, file: "skein.yaml", personality: "gateway: { group: 8 }")
    }
  }

  @Test func onlyTheWeightChangesWithoutARestart() throws {
    let old = try gateway(Self.least)
    #expect(GatewaySection.settingsThatNeedRestart(try gateway(Self.least + "\n  weight: { maximum: 50 }"), comparedTo: old).isEmpty)
    for line in ["priority: 101", "weight: { lower: 2 }", "forwarders: 6", "hello: 100ms", "track: [{ interface: wan0 }]"] {
      #expect(GatewaySection.settingsThatNeedRestart(try gateway(Self.least + "\n  \(line)"), comparedTo: old).count == 1, "\(line)")
    }
    #expect(GatewaySection.settingsThatNeedRestart(nil, comparedTo: old).count == 1)
    #expect(GatewaySection.settingsThatNeedRestart(nil, comparedTo: nil).isEmpty)
  }
}
