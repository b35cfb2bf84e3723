import CPacketPath
import Host
import PacketPath
import Testing
import Wire

@testable import Node

@Suite struct TracerTests {
  /// A member's packet path knows which units are its own and no more; whose the others are, it has been told for people.
  @Test func theOwnerIsTheOneThatTheUnitsShow() throws {
    let path = NativePacketPath()
    let owners = (0..<UnitSet.unitCount).map { MemberIdentifier(rawValue: UInt16($0 % 3 + 1)) }
    let tracer = Tracer(
      tables: path.tables, owners: owners, shared: EthernetAddress(bits: 0x0300_0000_0001),
      clusterAddress: InternetAddress(ipv4: 0xc000_020a))
    let tables = path.tables
    PathSettings(
      ownAddress: EthernetAddress(bits: 0x0200_0000_0001), sharedAddress: EthernetAddress(bits: 0x0300_0000_0001),
      clusterAddresses: [InternetAddress(ipv4: 0xc000_020a)], ownAddresses: [], delivery: .multicast, routing: false, l2tpSessions: false,
      sourceOnly: []
    ).write(to: tables)
    tables.set(flag: skein_flag_enabled, true)
    for port in UInt16(1000)..<1020 {
      let report = tracer.trace(TraceRequest(source: "198.51.100.7", sourcePort: port))
      let unit = try #require(report.unit)
      #expect(report.owner == unit % 3 + 1)
    }
  }
}
