import CPacketPath
import Host
import Linux
import PacketPath
import Segments
import Wire

/// A flow to a virtual server, as the packet path remembers it.
public struct FlowReport: Codable, Sendable {
  /// The client's address.
  public var client: String
  /// The client's port.
  public var clientPort: Int
  /// The virtual server's name.
  public var service: String
  /// The real server's address.
  public var server: String
  /// The real server's port.
  public var serverPort: Int
  /// opening, established, closing, or datagrams.
  public var state: String
  /// Octets of whole frames from the client, at the last count.
  public var sentOctets: UInt64
  /// Octets of whole frames to the client.
  public var receivedOctets: UInt64
  /// Packets from the client.
  public var sentPackets: Int
  /// Packets to the client.
  public var receivedPackets: Int
  /// Seconds until it is forgotten if nothing more of it comes.
  public var endsInSeconds: Double
}

extension PinnedPath {
  /// Each flow that is remembered, in no order.
  public func forEachFlow(_ body: (FlowReport) throws -> Void) rethrows {
    // By where they are: a service has a number of its own in the packet path.
    let found = (0..<Int(skein_virtual_server_count)).map { number -> VirtualServer? in
      let record = tables.virtualServers[number]
      return services.first {
        $0.address == InternetAddress(record.address) && $0.port == UInt16(bigEndian: record.port) && $0.transport.number == record.protocol
      }
    }
    let now = UInt32(truncatingIfNeeded: BootClock.now().nanoseconds >> UInt64(skein_flow_time_shift))
    for number in 0..<Int(tables.sizes.flows) {
      let flow = tables.flows[number]
      guard flow.word.state == UInt8(skein_flow_live) || flow.word.state == UInt8(skein_flow_dying) else { continue }
      guard Int(flow.virtual_server) < found.count, let service = found[Int(flow.virtual_server)],
        Int(flow.word.server) < Int(skein_server_count)
      else { continue }
      let server = tables.servers[Int(flow.word.server)]
      let left = Double(Int32(bitPattern: flow.deadline &- now)) * Double(1 << skein_flow_time_shift) / 1e9
      try body(
        FlowReport(
          client: "\(InternetAddress(flow.client))", clientPort: Int(UInt16(bigEndian: flow.client_port)), service: service.name,
          server: "\(InternetAddress(server.address))", serverPort: Int(UInt16(bigEndian: server.port)),
          state: service.transport == .udp ? "datagrams" : Self.state(flow.word.tcp), sentOctets: flow.octets.0,
          receivedOctets: flow.octets.1, sentPackets: Int(flow.packets.0), receivedPackets: Int(flow.packets.1), endsInSeconds: max(0, left)
        ))
    }
  }

  private static func state(_ tcp: UInt8) -> String {
    let closed = UInt8(skein_flow_tcp_client_closed | skein_flow_tcp_server_closed)
    if tcp & UInt8(skein_flow_tcp_client_reset | skein_flow_tcp_server_reset) != 0 || tcp & closed == closed { return "closing" }
    return tcp & UInt8(skein_flow_tcp_established) == 0 ? "opening" : "established"
  }
}
