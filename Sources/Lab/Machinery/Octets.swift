// Octets and numbers, for frames that the lab puts together and takes apart by itself.

extension Sequence<UInt8> {
  /// The octets as one number, in network byte order.
  var number: UInt64 { reduce(0) { $0 << 8 | UInt64($1) } }
}

extension FixedWidthInteger {
  /// The number's octets, in network byte order.
  var octets: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

/// The checksum of the Internet's protocols over an even number of octets (RFC 1071).
func internetChecksum(_ octets: [UInt8]) -> [UInt8] {
  var sum = stride(from: 0, to: octets.count, by: 2).reduce(0) { $0 + Int(octets[$1]) << 8 + Int(octets[$1 + 1]) }
  while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
  return (~UInt16(sum)).octets
}

/// An IPv4 packet with a UDP datagram in it, whose checksum is left out.
func datagram(
  from source: (address: [UInt8], port: UInt16), to destination: (address: [UInt8], port: UInt16), _ payload: [UInt8], service: UInt8 = 0,
  hopLimit: UInt8 = 64
) -> [UInt8] {
  let udp = source.port.octets + destination.port.octets + UInt16(8 + payload.count).octets + [0, 0] + payload
  guard source.address.count == 4 else {
    return [0x60, service, 0, 0] + UInt16(udp.count).octets + [17, hopLimit] + source.address + destination.address + udp
  }
  var header: [UInt8] = [0x45, service] + UInt16(20 + udp.count).octets + [0, 0, 0, 0, hopLimit, 17, 0, 0]
  header += source.address + destination.address
  header.replaceSubrange(10..<12, with: internetChecksum(header))
  return header + udp
}
