import Wire

/// A router that speaks GLBP and nothing of ours, octet by octet from the specification's table: hello 1 s, hold 4 s, priority 200, forwarder
/// 1 active, the other three of four as it listens for them, and a TLV that nobody knows.
struct ForeignSpeaker {
  static let address = InternetAddress(ipv4: 0x0a01_01c8)
  var state: UInt8 = 0x20
  var priority: UInt8 = 200
  var activeForwarders: Set<UInt8> = [1]

  var octets: [UInt8] {
    var octets: [UInt8] = [1, 0, 0, 1, 0, 0, 0xca, 0x04, 0x2c, 0x92, 0x00, 0x1c]
    octets += [1, 28, 0, state, 0, priority, 0, 0, 0, 0, 0x03, 0xe8, 0, 0, 0x0f, 0xa0, 0x02, 0x58, 0x38, 0x40, 0, 0, 1, 4, 10, 1, 1, 254]
    for number in UInt8(1)...4 {
      let isActive = activeForwarders.contains(number)
      octets += [2, 20, number, isActive ? 0x20 : 4, 0, isActive ? 167 : 135, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0x07, 0xb4, 0, 1, number]
    }
    return octets + [0x42, 5, 1, 2, 3]
  }

  func packet() throws -> GlbpPacket { try GlbpPacket(decoding: octets[...]) }
}
