// Where GLBP packets go, and the Ethernet addresses of the forwarders.

/// Where GLBP packets go.
public enum GlbpTransport {
  /// The UDP port, source and destination.
  public static let port: UInt16 = 3222
  /// Hop limit of every packet; who hears a lower one hears it from beyond a router (RFC 5082).
  public static let hopLimit: UInt8 = 255
  /// 224.0.0.102, at 01:00:5e:00:00:66.
  public static let ipv4Group = InternetAddress(ipv4: 0xe000_0066)
  /// ff02::66, at 33:33:00:00:00:66.
  public static let ipv6Group = InternetAddress(high: 0xff02_0000_0000_0000, low: 0x66)

  /// The group to send to, in the family of the sender's address.
  public static func group(_ family: InternetFamily) -> InternetAddress {
    switch family {
    case .ipv4: ipv4Group
    case .ipv6: ipv6Group
    }
  }

  /// A whole Ethernet frame with a GLBP payload: from the gateway's own address, and from whichever of its Ethernet addresses the switches
  /// are to learn.
  public static func frame(
    carrying payload: [UInt8], from address: InternetAddress, source: EthernetAddress, tags: [VlanTag] = []
  ) -> [UInt8] {
    let group = group(address.family)
    return UdpHeader(sourcePort: port, destinationPort: port).frame(
      carrying: payload, from: (address, source), to: (group, EthernetAddress(group: group)), tags: tags, hopLimit: hopLimit)
  }
}

extension EthernetAddress {
  private static let virtualPrefix: UInt64 = 0x0007_b400_0000

  /// The Ethernet address of a forwarder: 00:07:b4, 6 zero bits, 10 bits of group, 8 bits of forwarder. The group is at most 1,023.
  public static func virtual(group: UInt16, forwarder: UInt8) -> EthernetAddress {
    precondition(GlbpLimits.groups.contains(group), "GLBP group \(group)")
    return EthernetAddress(bits: virtualPrefix | UInt64(group) << 8 | UInt64(forwarder))
  }

  /// Whose address it is, if it is a forwarder's.
  public var virtualForwarder: (group: UInt16, forwarder: UInt8)? {
    guard bits & ~0x3_ffff == Self.virtualPrefix else { return nil }
    return (UInt16(truncatingIfNeeded: bits >> 8 & 0x3ff), UInt8(truncatingIfNeeded: bits))
  }
}
