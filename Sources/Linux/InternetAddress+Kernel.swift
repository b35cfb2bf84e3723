import CLinux
import Wire

/// An address and a UDP port.
public struct Endpoint: Hashable, Sendable {
  /// The IPv4 or IPv6 address.
  public var address: InternetAddress
  /// The UDP port, in host byte order.
  public var port: UInt16
  /// The index of the interface that a link-local IPv6 address belongs to; 0 for all other addresses.
  public var interface: UInt32

  /// An address and a port; `interface` only with a link-local IPv6 address.
  public init(_ address: InternetAddress, port: UInt16, interface: UInt32 = 0) {
    self.address = address
    self.port = port
    self.interface = interface
  }

  init(_ raw: skein_endpoint) {
    self.init(InternetAddress(raw.address), port: raw.port, interface: raw.interface)
  }

  var raw: skein_endpoint { skein_endpoint(address: address.raw, interface: interface, port: port) }
}

extension InternetAddress {
  init(_ raw: skein_internet_address) { self.init(high: raw.high, low: raw.low) }

  var raw: skein_internet_address { skein_internet_address(high: high, low: low) }

  /// As people and nft write it.
  var text: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      guard let start = buffer.baseAddress else { return "" }
      withUnsafePointer(to: raw) { skein_address_text($0, start) }
      return String(cString: start)
    }
  }

  /// Four or sixteen octets in network order, as netlink wants them.
  var octets: [UInt8] {
    if let ipv4 { return bigEndianOctets(ipv4) }
    return bigEndianOctets(high) + bigEndianOctets(low)
  }

  /// From four or sixteen octets in network order.
  init?(octets: UnsafeRawBufferPointer) {
    switch octets.count {
    case 4: self.init(ipv4: UInt32(bigEndian: octets.loadUnaligned(as: UInt32.self)))
    case 16:
      self.init(
        high: UInt64(bigEndian: octets.loadUnaligned(as: UInt64.self)),
        low: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    default: return nil
    }
  }

  /// AF_INET or AF_INET6.
  var family: UInt8 { UInt8(ipv4 == nil ? AF_INET6 : AF_INET) }

  /// 32 or 128.
  var fullPrefixLength: UInt8 { ipv4 == nil ? 128 : 32 }

  /// fe80::/10.
  var isLinkLocal: Bool { high >> 54 == 0xfe80 >> 6 }
}

extension EthernetAddress {
  /// From six octets; nil for another length, as of an interface that is no Ethernet.
  init?(octets: UnsafeRawBufferPointer) {
    guard octets.count == 6 else { return nil }
    self.init(bits: octets.reduce(0) { $0 << 8 | UInt64($1) })
  }
}

func bigEndianOctets(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
