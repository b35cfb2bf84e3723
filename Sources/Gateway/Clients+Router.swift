import Wire

extension GatewayRouter {
  /// How many hosts are remembered.
  public var clientCount: Int { shared.measurement.clients.count }
  /// How many of them were answered with this forwarder.
  public func clientCount(of forwarder: UInt8) -> Int { shared.measurement.clients.hostCount(of: forwarder) }
  /// How many were forgotten because there was no room.
  public var forgottenClientCount: UInt64 { shared.measurement.clients.evictionCount }
}

extension GlbpPacket {
  /// What a gateway says of its group: the first hello, which names the family that the group speaks by.
  var hello: GlbpHello? { hellos.first }
}
