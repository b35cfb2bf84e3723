/// Where cluster datagrams go.
public enum ClusterTransport {
  /// The UDP port, source and destination, of every cluster datagram: WO 00/31945's number. IANA has it unassigned, and it lies below the
  /// range that Linux gives to outgoing connections.
  public static let port: UInt16 = 31_945

  /// Hop limit of every datagram; a receiver refuses a lower one, so that nothing comes from beyond a router (RFC 5082).
  public static let hopLimit: UInt8 = 255

  /// The IPv4 group of a cluster: 239.255.x.y, x.y the cluster's number (RFC 2365, local scope).
  public static func ipv4Group(of cluster: ClusterIdentifier) -> InternetAddress {
    InternetAddress(ipv4: 0xefff_0000 | UInt32(cluster.rawValue))
  }

  /// The IPv6 group of a cluster: ff12::d34b:x, x the cluster's number (RFC 4291, 2.7: transient, link-local; RFC 3307, 4.3: group numbers
  /// that nobody assigns have the top bit set; the rest is "SK").
  public static func ipv6Group(of cluster: ClusterIdentifier) -> InternetAddress {
    InternetAddress(high: 0xff12_0000_0000_0000, low: 0xd34b_0000 | UInt64(cluster.rawValue))
  }
}
