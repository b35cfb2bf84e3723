/// Frames written out octet by octet, for tests and benchmarks. Shares no code with the packet path.
public enum Frames {
  /// This machine.
  public static let ownMAC: [UInt8] = [0x02, 0, 0, 0, 0, 0x01]
  /// The cluster, in unicast and multicast mode.
  public static let sharedMAC: [UInt8] = [0x03, 0, 0, 0, 0x07, 0x0a]
  /// Another member.
  public static let memberMAC: [UInt8] = [0x02, 0, 0, 0, 0, 0x02]
  /// A client, or the router before it.
  public static let clientMAC: [UInt8] = [0x02, 0, 0, 0, 0x0c, 0x01]
  /// Nobody that matters.
  public static let strangerMAC: [UInt8] = [0x02, 0, 0, 0, 0x0f, 0x0f]
  /// All stations.
  public static let broadcastMAC: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]

  /// A virtual MAC address of the gateway's group, 1020: checked against the 0007.b403.fc01 of Cisco's documents.
  public static func virtualMAC(_ forwarder: UInt8 = 1) -> [UInt8] { [0x00, 0x07, 0xb4, 0x03, 0xfc, forwarder] }

  /// The gateway's address.
  public static let virtual4: [UInt8] = [192, 0, 2, 254]
  /// The gateway's address.
  public static let virtual6: [UInt8] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x07, 0, 0x01]
  /// The cluster's address.
  public static let cluster4: [UInt8] = [192, 0, 2, 10]
  /// The cluster's address.
  public static let cluster6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]
  /// This machine's.
  public static let own4: [UInt8] = [192, 0, 2, 1]
  /// This machine's.
  public static let own6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01]
  /// A client.
  public static let client4: [UInt8] = [198, 51, 100, 7]
  /// A client.
  public static let client6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x07]
  /// A real server.
  public static let server4: [UInt8] = [10, 0, 0, 11]
  /// A real server.
  public static let server6: [UInt8] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11]
  /// The real servers' hardware address.
  public static let serverMAC: [UInt8] = [0x02, 0, 0, 0, 0x05, 0x01]
  /// Somewhere behind a router.
  public static let far4: [UInt8] = [203, 0, 113, 9]
  /// Somewhere behind a router.
  public static let far6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x09]
  /// The solicited-node multicast address of the cluster's (RFC 4291, 2.7.1).
  public static let solicited6: [UInt8] = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x10]
  /// Where frames to it go (RFC 2464, 7).
  public static let solicitedMAC: [UInt8] = [0x33, 0x33, 0xff, 0, 0, 0x10]
  /// All nodes on the link.
  public static let allNodes6: [UInt8] = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  /// Where frames to them go.
  public static let allNodesMAC: [UInt8] = [0x33, 0x33, 0, 0, 0, 1]
  /// No address.
  public static let unspecified6 = [UInt8](repeating: 0, count: 16)

  /// A frame. `tags` are the identifiers of VLANs, outermost first.
  @inline(never) public static func ethernet(
    to destination: [UInt8], from source: [UInt8] = clientMAC, tags: [UInt16] = [], type: UInt16, _ payload: [UInt8]
  )
    -> [UInt8]
  {
    var frame = destination + source
    for (index, tag) in tags.enumerated() { frame += big(index + 1 < tags.count ? 0x88a8 : 0x8100) + big(tag) }
    return frame + big(type) + payload
  }

  /// A frame that holds an IP packet of either version.
  @inline(never) public static func ip(
    to destination: [UInt8] = sharedMAC, from source: [UInt8] = clientMAC, tags: [UInt16] = [], _ packet: [UInt8]
  )
    -> [UInt8]
  {
    ethernet(to: destination, from: source, tags: tags, type: (packet.first ?? 0) >> 4 == 6 ? 0x86dd : 0x0800, packet)
  }

  /// An IPv4 packet. `fragment` is the field of flags and offset.
  @inline(never) public static func ipv4(
    from source: [UInt8] = client4, to destination: [UInt8] = cluster4, protocol number: UInt8, options: [UInt8] = [],
    identification: UInt16 = 0x1234, fragment: UInt16 = 0x4000, hopLimit: UInt8 = 64, _ payload: [UInt8]
  ) -> [UInt8] {
    let headerLength = 20 + options.count
    var header = [0x40 | UInt8(headerLength / 4), 0] + big(UInt16(headerLength + payload.count)) + big(identification) + big(fragment)
    header += [hopLimit, number, 0, 0] + source + destination + options
    let sum = checksum(header)
    header[10] = UInt8(sum >> 8)
    header[11] = UInt8(sum & 0xff)
    return header + payload
  }

  /// An IPv6 packet. `extensions` are headers of the named kind, whose first octet is filled in here.
  @inline(never) public static func ipv6(
    from source: [UInt8] = client6, to destination: [UInt8] = cluster6, protocol number: UInt8,
    extensions: [(kind: UInt8, octets: [UInt8])] = [], hopLimit: UInt8 = 64, _ payload: [UInt8]
  ) -> [UInt8] {
    var chain: [UInt8] = []
    for (index, header) in extensions.enumerated() {
      chain += [index + 1 < extensions.count ? extensions[index + 1].kind : number] + header.octets.dropFirst()
    }
    let first = extensions.first?.kind ?? number
    return [0x60, 0, 0, 0] + big(UInt16(chain.count + payload.count)) + [first, hopLimit] + source + destination + chain + payload
  }

  /// An IPv6 fragment header (RFC 8200, 4.5). `offset` in units of eight octets.
  @inline(never) public static func fragmentHeader(offset: UInt16, more: Bool, identification: UInt32) -> (kind: UInt8, octets: [UInt8]) {
    (44, [0, 0] + big(offset << 3 | (more ? 1 : 0)) + big(UInt16(identification >> 16)) + big(UInt16(identification & 0xffff)))
  }

  /// Options for hops (0), the destination (60), or a routing header (43), all padding.
  @inline(never) public static func optionsHeader(_ kind: UInt8, units: UInt8 = 0) -> (kind: UInt8, octets: [UInt8]) {
    (kind, [0, units, 1, 4] + [UInt8](repeating: 0, count: 4 + Int(units) * 8))
  }

  /// An authentication header (RFC 4302) with a check value of 12 octets.
  @inline(never) public static func authenticationHeader() -> (kind: UInt8, octets: [UInt8]) {
    (51, [0, 4] + [UInt8](repeating: 0x5a, count: 22))
  }

  /// A TCP segment, a SYN by default; its checksum is left alone.
  @inline(never) public static func tcp(
    from source: UInt16 = 40000, to destination: UInt16 = 80, flags: UInt8 = 2, _ payload: [UInt8] = []
  ) -> [UInt8] {
    big(source) + big(destination) + [0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0] + payload
  }

  /// The same IP packet with the right checksum of TCP or UDP. It has no options and no extension headers.
  @inline(never) public static func checked(_ packet: [UInt8]) -> [UInt8] {
    let isIPv6 = packet[0] >> 4 == 6
    let (header, number) = isIPv6 ? (40, packet[6]) : (20, packet[9])
    var transport = Array(packet[header...])
    let place = number == 6 ? 16 : 6
    transport.replaceSubrange(place..<place + 2, with: [0, 0])
    let pseudo = Array(packet[(isIPv6 ? 8 : 12)..<header]) + big(UInt16(transport.count)) + [0, number]
    let sum = checksum(pseudo + transport)
    transport.replaceSubrange(place..<place + 2, with: big(number == 17 && sum == 0 ? 0xffff : sum))
    return packet[..<header] + transport
  }

  /// A UDP datagram.
  @inline(never) public static func udp(from source: UInt16 = 40000, to destination: UInt16 = 53, _ payload: [UInt8] = [1, 2, 3, 4])
    -> [UInt8]
  {
    big(source) + big(destination) + big(UInt16(8 + payload.count)) + [0, 0] + payload
  }

  /// An ICMP or ICMPv6 message.
  @inline(never) public static func icmp(type: UInt8, code: UInt8 = 0, _ payload: [UInt8] = [0x12, 0x34, 0, 1]) -> [UInt8] {
    let message = [type, code, 0, 0] + payload
    let sum = checksum(message)
    return [type, code, UInt8(sum >> 8), UInt8(sum & 0xff)] + payload
  }

  /// L2TP version 2 (RFC 2661, 3.1) in UDP, with or without the length field.
  @inline(never) public static func l2tp(from source: UInt16 = 1701, tunnel: UInt16, session: UInt16, withLength: Bool = true) -> [UInt8] {
    let bits: UInt16 = withLength ? 0x4002 : 0x0002
    return udp(from: source, to: 1701, big(bits) + (withLength ? big(12) : []) + big(tunnel) + big(session) + [0, 0, 0, 0])
  }

  /// An ARP packet; `operation` is 1 to ask, 2 to answer.
  @inline(never) public static func arp(
    operation: UInt16 = 1, sender: [UInt8] = clientMAC, senderAddress: [UInt8] = client4, target: [UInt8] = [0, 0, 0, 0, 0, 0],
    targetAddress: [UInt8] = cluster4, to destination: [UInt8] = broadcastMAC, from source: [UInt8]? = nil, tags: [UInt16] = []
  ) -> [UInt8] {
    let body = big(1) + big(0x0800) + [6, 4] + big(operation) + sender + senderAddress + target + targetAddress
    return ethernet(to: destination, from: source ?? sender, tags: tags, type: 0x0806, body + [UInt8](repeating: 0, count: 18))
  }

  /// A neighbour solicitation (type 135) or advertisement (136), with a right checksum; `flags` is the octet behind the checksum.
  @inline(never) public static func neighbour(
    type: UInt8 = 135, code: UInt8 = 0, from source: [UInt8] = client6, to destination: [UInt8] = solicited6, target: [UInt8] = cluster6,
    options: [UInt8] = [1, 1] + clientMAC, flags: UInt8 = 0, hopLimit: UInt8 = 255
  ) -> [UInt8] {
    var message = [type, code, 0, 0, flags, 0, 0, 0] + target + options
    let pseudoHeader = source + destination + [0, 0] + big(UInt16(message.count)) + [0, 0, 0, 58]
    let sum = checksum(pseudoHeader + message)
    message[2] = UInt8(sum >> 8)
    message[3] = UInt8(sum & 0xff)
    return ipv6(from: source, to: destination, protocol: 58, hopLimit: hopLimit, message)
  }

  /// Two octets in network order.
  @inline(never) public static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }

  /// RFC 1071; an odd octet counts as if zero followed.
  @inline(never) public static func checksum(_ octets: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for (index, octet) in octets.enumerated() { sum += index % 2 == 0 ? UInt32(octet) << 8 : UInt32(octet) }
    while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
    return ~UInt16(sum)
  }

  /// The frame, to another station.
  @inline(never) public static func readdressed(_ frame: [UInt8], to destination: [UInt8], from source: [UInt8]? = nil) -> [UInt8] {
    destination + (source ?? Array(frame[6..<12])) + frame[12...]
  }
}
