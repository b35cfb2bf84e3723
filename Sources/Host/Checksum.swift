import Wire

extension [UInt8] {
  /// Completes a transport checksum that the sender left to its card (`tx-checksumming`).
  ///
  /// Over a virtual wire such a frame arrives with the sum of the pseudo-header alone where TCP's or UDP's checksum should be (RFC 9293, 3.1;
  /// RFC 768), and the kernel, which is told so beside the frame, believes it. A frame that is held has lost that word: whoever gets it later
  /// would refuse it. A whole checksum stays as it is, even one that happens to equal the sum of its pseudo-header; a wrong one stays wrong,
  /// but for one of 65,536.
  mutating func completeChecksum() {
    guard let segment = Segment(self) else { return }
    let field = segment.octets.startIndex + (segment.protocolNumber == .tcp ? 16 : 6)
    guard UInt16(self[field]) << 8 | UInt16(self[field + 1]) == segment.pseudoHeaderSum else { return }
    // The pseudo-header's part is in the field already.
    var checksum = InternetChecksum()
    checksum.add(segment.octets)
    let value = checksum.value == 0 && segment.protocolNumber == .udp ? 0xffff : checksum.value
    (self[field], self[field + 1]) = (UInt8(value >> 8), UInt8(value & 0xff))
  }
}

/// The TCP segment or UDP datagram of a frame, if it is whole.
private struct Segment {
  let protocolNumber: InternetProtocol
  let octets: ArraySlice<UInt8>
  let pseudoHeaderSum: UInt16

  init?(_ frame: [UInt8]) {
    guard let ethernet = try? EthernetFrame(frame[...]) else { return nil }
    let source: InternetAddress
    let destination: InternetAddress
    switch ethernet.type {
    case .ipv4:
      guard let packet = try? IPv4Packet(ethernet.payload), packet.fragmentOffset == 0, !packet.moreFragments else { return nil }
      (protocolNumber, octets, source, destination) = (packet.protocolNumber, packet.payload, packet.source, packet.destination)
    case .ipv6:
      guard let packet = try? IPv6Packet(ethernet.payload), packet.fragment == nil else { return nil }
      (protocolNumber, octets, source, destination) = (packet.upperLayer, packet.payload, packet.source, packet.destination)
    default: return nil
    }
    guard protocolNumber == .tcp && octets.count >= 20 || protocolNumber == .udp && octets.count >= 8 else { return nil }
    var sum = InternetChecksum()
    sum.addPseudoHeader(source: source, destination: destination, protocolNumber: protocolNumber, byteCount: octets.count)
    pseudoHeaderSum = ~sum.value
  }
}
