import CPacketPath

/// TCP or UDP in a frame without tag: no options or extension headers, not a fragment, with ports, and all there. What is asked of it is
/// loaded where it is asked: the processor has more time than the program has registers.
protocol PlainPacket {
  var isTCP: Bool { get }
  var source: Address { get }
  var destination: Address { get }
  /// Octets from the frame's beginning to the transport header.
  var transportOffset: UInt { get }
  var sourcePort: UInt16 { get }
  var destinationPort: UInt16 { get }

  func isToCluster<Memory>(_ path: Path<Memory>) -> Bool
  /// The client, folded; port 0 for all of its ports.
  func client(_ direction: FlowDirection, _ hash: WorkUnitHash, port: UInt16) -> UInt32
  /// Whether TCP has anything to say; the frame holds its fixed header.
  var hasPayload: Bool { get }

  /// Other addresses and ports, with the checksums that cover them; the frame holds TCP's fixed header, or UDP's.
  func rewriteSource(_ address: Address, port: UInt16)
  func rewriteDestination(_ address: Address, port: UInt16)
  /// One hop less to live; false, and nothing is changed, at the last.
  func loseHop() -> Bool
}

extension PlainPacket {
  /// The protocol's number.
  @inline(__always) var number: UInt8 { isTCP ? IPProtocol.tcp : IPProtocol.udp }
}

/// IPv4.
struct PlainV4: PlainPacket {
  let frame: Packet
  let isTCP: Bool

  @inline(__always) var source: Address { Address(v4: frame.load(26)) }
  @inline(__always) var destination: Address { Address(v4: frame.load(30)) }
  @inline(__always) var transportOffset: UInt { 34 }
  @inline(__always) var sourcePort: UInt16 { frame.load(34) }
  @inline(__always) var destinationPort: UInt16 { frame.load(36) }

  /// Nil for anything else. The frame holds 42 octets.
  @inline(__always) init?(_ frame: Packet) {
    // EtherType, version and length of the header; the octet behind them is the type of service.
    guard _fastPath(frame.load(12, as: UInt32.self) & 0xff_ffff == 0x45_0008) else { return nil }
    // Not a fragment, whether or not it may become some; behind the hop limit, the protocol.
    let rest = frame.load(20, as: UInt32.self) & 0xff00_ffbf
    isTCP = rest == UInt32(IPProtocol.tcp) << 24
    guard _fastPath(isTCP || rest == UInt32(IPProtocol.udp) << 24) else { return nil }
    let totalLength = UInt(frame.load(16, as: UInt16.self).byteSwapped)
    guard _fastPath(totalLength >= (isTCP ? 40 : 28) && totalLength &+ 14 <= frame.length) else { return nil }
    self.frame = frame
  }

  /// The address that most packets are to is asked first.
  @inline(__always) func isToCluster<Memory>(_ path: Path<Memory>) -> Bool {
    let destination = frame.load(30, as: UInt32.self)
    return _fastPath(destination == path.settings.pointee.main_address && destination != 0) || path.isCluster(Address(v4: destination))
  }

  @inline(__always) func client(_ direction: FlowDirection, _ hash: WorkUnitHash, port: UInt16) -> UInt32 {
    hash.source(v4: frame.load(direction == .fromClient ? 26 : 30), port: port)
  }

  @inline(__always) var hasPayload: Bool {
    UInt(frame.load(16, as: UInt16.self).byteSwapped) > 20 &+ UInt(frame.load(46, as: UInt8.self) >> 4) << 2
  }
}

/// IPv6.
struct PlainV6: PlainPacket {
  let frame: Packet
  let isTCP: Bool

  @inline(__always) var source: Address { frame.loadAddress(22) }
  @inline(__always) var destination: Address { frame.loadAddress(38) }
  @inline(__always) var transportOffset: UInt { 54 }
  @inline(__always) var sourcePort: UInt16 { frame.load(54) }
  @inline(__always) var destinationPort: UInt16 { frame.load(56) }

  /// Nil for anything else. The frame holds 62 octets.
  @inline(__always) init?(_ frame: Packet) {
    // EtherType and version, beside which lie the class and the flow label.
    guard frame.load(12, as: UInt32.self) & 0xf0_ffff == 0x60_dd86 else { return nil }
    let number = frame.load(20, as: UInt8.self)
    guard IPProtocol.hasPorts(number) else { return nil }
    isTCP = number == IPProtocol.tcp
    let payload = UInt(frame.load(18, as: UInt16.self).byteSwapped)
    guard payload >= (isTCP ? 20 : 8), payload &+ 54 <= frame.length else { return nil }
    self.frame = frame
  }

  @inline(__always) func isToCluster<Memory>(_ path: Path<Memory>) -> Bool { path.isCluster(frame.loadAddress(38)) }
  @inline(__always) func client(_ direction: FlowDirection, _ hash: WorkUnitHash, port: UInt16) -> UInt32 {
    hash.source(direction == .fromClient ? source : destination, port: port)
  }

  @inline(__always) var hasPayload: Bool {
    UInt(frame.load(18, as: UInt16.self).byteSwapped) > UInt(frame.load(66, as: UInt8.self) >> 4) << 2
  }
}
