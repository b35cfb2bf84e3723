import Cluster
import Credentials
import Foundation
import PacketPath
import Testing

@testable import Node

@Suite struct MetricsTests {
  private let lines: [String]

  init() {
    let status = StatusReport(
      cluster: "edge", clusterIdentifier: 7, member: 1, state: "master", term: 3, master: 1, address: "192.0.2.1",
      addresses: ["192.0.2.10/24"], interface: "eth0", delivery: "multicast", packetPath: Self.path, detectionMilliseconds: 200,
      leaseMilliseconds: 88, partition: "serve",
      members: [1, 2].map {
        MemberReport(
          member: $0, address: "192.0.2.\($0)", ethernetAddress: "02:00:00:00:00:0\($0)", state: "member", weight: 100, units: 512,
          packetsPerSecond: 0, loss: 0, heardMillisecondsAgo: nil)
      }, units: .init(assigned: 1024, acknowledged: 1024, mine: 512), personalityVersion: 0, keyEpoch: 1,
      keepalive: .init(toleratedLosses: 2, intervalMilliseconds: 33.3, loss: 0),
      hold: .init(packets: 0, octets: 0, overflowed: 0, expired: 0),
      uptimeSeconds: 1, residentBytes: 1, events: [], warnings: [])
    let counters = ["packets", "cluster", "security", "gateway"].flatMap { group in
      ["taken", "dropped"].map { CounterReport(group: group, name: $0, meaning: "", value: 18_446_744_073_709_551_615) }
    }
    lines = Metrics.text(status: status, gateway: Self.gateway, counters: CountersReport(counters: counters, leaseMilliseconds: 88)).split(
      separator: "\n"
    ).map(
      String.init)
  }

  private static let path = PacketPathReport(wanted: "automatic", running: "xdp", reason: "", cost: "", isFallback: false)

  private static var gateway: GatewayReport {
    let forwarders = [1, 2].map {
      ForwarderReport(
        forwarder: $0, virtualMac: "00:07:b4:00:07:0\($0)", home: "192.0.2.1", holder: "192.0.2.1",
        here: $0 == 1 ? "forwarding" : "elsewhere",
        isHandedOut: true, octetsPerSecond: 0, packetsPerSecond: 0, share: 0, packets: 5, octets: 500, clients: 1)
    }
    return GatewayReport(
      group: 7, addresses: ["192.0.2.100"], interface: "eth0", address: "192.0.2.1", mode: "cluster", state: "active",
      activeGateway: "192.0.2.1", standby: nil, priority: 100, weight: 100, helloMilliseconds: 200, holdMilliseconds: 650,
      answers: "least-traffic", steering: "hybrid", packetPath: Self.path, routing: "xdp", leaseMilliseconds: 88, gateways: [],
      forwarders: forwarders, clients: 2, uptimeSeconds: 1, residentBytes: 1, events: [], warnings: [])
  }

  /// The name of a sample or of a comment's metric.
  private func name(_ line: String) -> Substring { line.split { $0 == " " || $0 == "{" }[line.hasPrefix("#") ? 2 : 0] }

  @Test func everySampleFollowsItsHelpAndType() {
    var announced: [Substring] = []
    for (index, line) in lines.enumerated() {
      if line.hasPrefix("# HELP") {
        #expect(!announced.contains(name(line)))
        announced.append(name(line))
        #expect(lines[index + 1].hasPrefix("# TYPE \(name(line)) "))
      } else if !line.hasPrefix("#") {
        #expect(announced.last == name(line))
      }
    }
    #expect(announced.count > 10 && announced.allSatisfy { $0.hasPrefix("skein_") })
  }

  @Test func countersAndNothingElseAreTotals() {
    for line in lines where line.hasPrefix("# TYPE") { #expect(line.hasSuffix(" counter") == name(line).hasSuffix("_total")) }
  }

  @Test func countersKeepAllOfTheirDigits() {
    #expect(lines.contains("skein_packets_total{reason=\"taken\"} 18446744073709551615"))
  }

  @Test func unitsAreCountedForEachMember() {
    #expect(lines.filter { $0.hasPrefix("skein_units{") } == ["skein_units{member=\"1\"} 512.0", "skein_units{member=\"2\"} 512.0"])
  }

  @Test func virtualMacAddressesAreCountedEach() {
    #expect(lines.contains("skein_gateway_active 1.0"))
    let samples = lines.filter { $0.hasPrefix("skein_gateway_forwarder_here{") }
    #expect(
      samples == [
        "skein_gateway_forwarder_here{forwarder=\"1\",mac=\"00:07:b4:00:07:01\"} 1.0",
        "skein_gateway_forwarder_here{forwarder=\"2\",mac=\"00:07:b4:00:07:02\"} 0.0",
      ])
    #expect(lines.contains("skein_gateway_forwarder_packets_total{forwarder=\"1\",mac=\"00:07:b4:00:07:01\"} 5"))
    #expect(lines.contains("skein_gateway_total{reason=\"dropped\"} 18446744073709551615"))
  }

  @Test func theMachineIsNamedOnceForJoins() {
    #expect(
      lines.filter { $0.hasPrefix("skein_node_info{") } == [
        #"skein_node_info{cluster="edge",cluster_id="7",member="1",gateway="192.0.2.100",group="7"} 1.0"#
      ])
  }

  private static let rules = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "packaging/prometheus/skein.rules.yaml")

  @Test func everyMetricThatTheRulesNameIsServed() throws {
    let served = Set(lines.filter { $0.hasPrefix("# TYPE") }.map { String(name($0)) })
    let text = try String(contentsOf: Self.rules, encoding: .utf8)
    // Recorded ones have colons.
    let named = text.matches(of: /[\w:]*skein_[\w:]+/).map { String($0.output) }.filter { !$0.contains(":") }
    #expect(named.count > 10)
    #expect(Set(named).subtracting(served) == [])
  }

  @Test func everyReasonThatTheRulesNameIsCounted() throws {
    let counted = [
      "packets": PacketCounter.allCases.map(\.name) + ["heldOverflow", "heldExpired", "heldReleased"],
      "cluster": ClusterMember.Counters().named.map(\.name), "security": SecurityRefusal.allCases.map(\.rawValue),
    ]
    let text = try String(contentsOf: Self.rules, encoding: .utf8)
    let matches = text.matches(of: /skein_(\w+)_total\{reason=~?"([^"]+)"\}/)
    #expect(matches.count >= 4)
    for match in matches {
      let reasons = Set(match.2.split(separator: "|").map(String.init))
      #expect(reasons.subtracting(counted[String(match.1)] ?? []) == [], "skein_\(match.1)_total")
    }
  }

  @Test func thePacketPathIsSaidOnceWithWhatWasWanted() {
    #expect(
      lines.filter { $0.hasPrefix("skein_packet_path_info{") } == ["skein_packet_path_info{wanted=\"automatic\",running=\"xdp\"} 1.0"])
    #expect(lines.contains("skein_packet_path_fallback 0.0"))
  }
}
