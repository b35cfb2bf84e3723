extension [UInt8] {
  /// Completes a transport checksum that the sender left to its card (`tx-checksumming`).
  ///
  /// Over a virtual wire such a frame arrives with the sum of the pseudo-header alone where TCP's or UDP's checksum should be (RFC 9293, 3.1;
  /// RFC 768), and the kernel, which is told so beside the frame, believes it. A frame that is held has lost that word: whoever gets it later
  /// would refuse it. A whole checksum stays as it is, even one that happens to equal the sum of its pseudo-header; a wrong one stays wrong,
  /// but for one of 65,536.
  mutating func completeChecksum() {
    guard let segment = transportSegment() else { return }
    let field = segment.range.lowerBound + (segment.number == 6 ? 16 : 6)
    guard word(at: field) == Self.folded(segment.pseudoSum) else { return }
    var checksum = ~Self.folded(sum(of: segment.range))
    if checksum == 0, segment.number == 17 { checksum = 0xffff }
    self[field] = UInt8(checksum >> 8)
    self[field + 1] = UInt8(checksum & 0xff)
  }

  private struct Segment {
    /// TCP, 6, or UDP, 17.
    var number: Int
    var range: Range<Int>
    var pseudoSum: UInt64
  }

  /// The TCP segment or UDP datagram of a frame, if it is whole and behind no extension header.
  private func transportSegment() -> Segment? {
    var offset = 12
    while offset + 6 <= count, word(at: offset) == 0x8100 || word(at: offset) == 0x88a8 { offset += 4 }
    guard offset + 2 <= count else { return nil }
    let network = offset + 2
    switch word(at: offset) {
    case 0x0800:
      guard network + 20 <= count, word(at: network + 6) & 0x3fff == 0 else { return nil }
      let headerLength = Int(self[network] & 15) * 4
      let length = Int(word(at: network + 2)) - headerLength
      return segment(number: Int(self[network + 9]), at: network + headerLength, length, addresses: network + 12..<network + 20)
    case 0x86dd:
      guard network + 40 <= count else { return nil }
      return segment(
        number: Int(self[network + 6]), at: network + 40, Int(word(at: network + 4)), addresses: network + 8..<network + 40)
    default: return nil
    }
  }

  private func segment(number: Int, at start: Int, _ length: Int, addresses: Range<Int>) -> Segment? {
    guard number == 6 && length >= 20 || number == 17 && length >= 8, start >= addresses.upperBound, start + length <= count else {
      return nil
    }
    return Segment(number: number, range: start..<start + length, pseudoSum: sum(of: addresses) + UInt64(number) + UInt64(length))
  }

  private func word(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }

  /// Of words of 16 bits in network byte order; an odd octet at the end counts as one with a zero behind it (RFC 1071).
  private func sum(of range: Range<Int>) -> UInt64 {
    var sum: UInt64 = 0
    for offset in stride(from: range.lowerBound, to: range.upperBound - 1, by: 2) { sum += UInt64(word(at: offset)) }
    if range.count % 2 == 1 { sum += UInt64(self[range.upperBound - 1]) << 8 }
    return sum
  }

  private static func folded(_ sum: UInt64) -> UInt16 {
    var sum = sum
    while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
    return UInt16(sum)
  }
}
