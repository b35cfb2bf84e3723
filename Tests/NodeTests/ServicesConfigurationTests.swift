import Segments
import Testing
import Wire

@testable import Node

/// The `services` list: what it says, and what it cannot say.
@Suite struct ServicesConfigurationTests {
  private func read(_ services: String, cluster: Bool = true) throws(ConfigurationProblems) -> Configuration {
    let section = """
      cluster:
        id: 7
        member: 1
        interface: eth0
        addresses: [192.0.2.10/24, 10.0.0.1/24, "2001:db8::10/64"]
        credentials: /nowhere.pem

      """
    let gateway = "gateway:\n  group: 1\n  interface: eth0\n  address: 192.0.2.254\n"
    return try Configuration.read((cluster ? section : gateway) + services, file: "test.yaml")
  }

  @Test func aListIsReadWithItsDefaults() throws {
    let configuration = try read(
      """
      services:
        - port: 80
          servers:
            - address: 10.0.0.11
            - address: 10.0.0.12
              port: 8080
              weight: 3
        - name: names
          address: 2001:db8::10
          port: 53
          protocol: udp
          timeouts: { established: 20s }
          servers: [{ address: "fd00::53" }]
      """)
    #expect(configuration.flowLimit == 1 << 20)
    #expect(
      configuration.services == [
        VirtualServer(
          name: "service-1", address: InternetAddress(ipv4: 0xc000_020a), port: 80, transport: .tcp,
          servers: [
            RealServer(address: InternetAddress(ipv4: 0x0a00_000b), port: 80, weight: 1),
            RealServer(address: InternetAddress(ipv4: 0x0a00_000c), port: 8080, weight: 3),
          ]),
        VirtualServer(
          name: "names", address: try #require(InternetAddress(text: "2001:db8::10")), port: 53, transport: .udp,
          servers: [RealServer(address: try #require(InternetAddress(text: "fd00::53")), port: 53)],
          timers: .init(established: .seconds(20), halfOpen: .seconds(5), closing: .seconds(10))),
      ])
    #expect(
      configuration.summary.contains(
        "service “service-1” at 192.0.2.10 port 80/tcp: 10.0.0.11 port 80 (25.0 %), 10.0.0.12 port 8080 (75.0 %)"))
    #expect(configuration.summary.contains("remembers 1048576 flows, which take 80 MiB of memory"))
  }

  @Test(arguments: [
    ("- servers: [{ address: 10.0.0.11 }]", "8:5: services.port: is missing"),
    ("- port: 80", "8:5: services.servers: is missing"),
    ("- { port: 80, servers: [{ port: 81 }] }", "services.servers.address: is missing"),
    ("- { port: 80, address: 192.0.2.11, servers: [{ address: 10.0.0.11 }] }", "192.0.2.11 is none of the cluster's addresses"),
    ("- { port: 0, servers: [{ address: 10.0.0.11 }] }", "is not a number from 1 to 65535"),
    ("- { port: 80, servers: [{ address: 127.0.0.1 }] }", "127.0.0.1 cannot be a server: it is a loopback address"),
    ("- { port: 80, servers: [{ address: \"fd00::1\" }] }", "fd00::1 cannot be behind 192.0.2.10"),
    ("- { port: 80, servers: [{ address: 192.0.2.10 }] }", "192.0.2.10 is the service's own address"),
    ("- { port: 80, servers: [{ address: 10.0.0.11 }, { address: 10.0.0.11 }] }", "names 10.0.0.11 port 80/tcp twice"),
    ("- { port: 80, servers: [{ address: 10.0.0.11, weight: 10001 }] }", "is not a number from 0 to 10000"),
    (
      "- { port: 80, servers: [{ address: 10.0.0.11 }] }\n  - { name: b, port: 80, servers: [{ address: 10.0.0.12 }] }",
      "192.0.2.10 port 80/tcp is the service “service-1” already"
    ),
    (
      "- { port: 80, servers: [{ address: 10.0.0.11, port: 90 }] }\n  - { port: 81, servers: [{ address: 10.0.0.11, port: 90 }] }",
      "10.0.0.11 port 90/tcp is a server of “service-1” already"
    ),
    ("- { port: 80, name: \"a b\", servers: [{ address: 10.0.0.11 }] }", "is not a name of at most 64 letters"),
    ("- { port: 80, protocol: sctp, servers: [{ address: 10.0.0.11 }] }", "is not one of tcp, udp"),
  ])
  func whatCannotWorkIsExplainedByItsLine(list: String, problem: String) {
    #expect { try read("services:\n  \(list)\n") } throws: { "\($0)".contains(problem) }
  }

  @Test func aServiceNeedsACluster() {
    #expect { try read("services:\n  - { port: 80, servers: [{ address: 10.0.0.11 }] }\n", cluster: false) } throws: {
      "\($0)".contains("services: needs a `cluster` section")
    }
  }

  /// The members of a cluster must have services at the same places; how their files list them, and which servers are behind, is nobody's business.
  @Test func membersAgreeOnPlacesAndNothingElse() throws {
    func digest(_ services: String...) throws -> UInt64 {
      let configuration = try read("services:\n" + services.map { "  - \($0)\n" }.joined())
      return try #require(configuration.cluster).sharedSettingsDigest(with: configuration.services)
    }
    let web = "{ port: 80, servers: [{ address: 10.0.0.11 }] }"
    let names = "{ port: 53, protocol: udp, servers: [{ address: 10.0.0.11 }] }"
    let both = try digest(web, names)
    #expect(try digest(names, web) == both)
    #expect(try digest(names, "{ name: www, port: 80, servers: [{ address: 10.0.0.12, weight: 7 }] }") == both)
    #expect(try digest(web) != both)
    #expect(try digest(web, "{ port: 53, servers: [{ address: 10.0.0.11 }] }") != both)
  }
}
