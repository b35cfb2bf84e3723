import CLinux
import Glibc
import Wire

/// An address of an interface.
public struct InterfaceAddress: Hashable, Sendable {
  /// The index of the interface that has it.
  public var interface: UInt32
  /// The address; on a point-to-point link this machine's end.
  public var address: InternetAddress
  /// The length of its network's prefix in bits: up to 32 or 128.
  public var prefixLength: UInt8
  /// Duplicate address detection has not finished (or has failed): the kernel does not use it yet.
  public var isTentative: Bool
}

extension RouteSocket {
  /// The addresses of one interface, or of all.
  public func addresses(of interface: UInt32? = nil) throws(LinuxError) -> [InterfaceAddress] {
    let message = NetlinkMessage(RTM_GETADDR, flags: NLM_F_DUMP, body: ifaddrmsg())
    return try ask(message, "list addresses") { reply in
      guard let found = InterfaceAddress(reply), interface == nil || found.interface == interface else { return nil }
      return found
    }
  }

  /// Adds an address without duplicate address detection: a cluster address is everywhere by design. On `lo`, with a full prefix, the
  /// machine accepts what is sent to it and neither answers ARP for it nor announces it. An IPv6 address is in use a moment later:
  /// when `route(to:)` says that it is local.
  /// - Returns: false when it was there already.
  @discardableResult
  public func addAddress(_ address: InternetAddress, prefixLength: UInt8? = nil, to interface: UInt32) throws(LinuxError) -> Bool {
    let noDuplicateDetection: UInt32 = 0x02  // IFA_F_NODAD
    var message = addressMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, prefixLength, interface)
    if address.ipv4 == nil { message.add(IFA_FLAGS, noDuplicateDetection) }
    return try change(message, unless: [.exists], "add \(address.text) to interface \(interface)")
  }

  /// - Returns: false when it was not there.
  @discardableResult
  public func removeAddress(_ address: InternetAddress, prefixLength: UInt8? = nil, from interface: UInt32) throws(LinuxError) -> Bool {
    let message = addressMessage(RTM_DELADDR, 0, address, prefixLength, interface)
    return try change(message, unless: [.addressNotAvailable], "remove \(address.text) from interface \(interface)")
  }

  private func addressMessage(
    _ type: Int, _ flags: Int32, _ address: InternetAddress, _ prefixLength: UInt8?, _ interface: UInt32
  ) -> NetlinkMessage {
    let header = ifaddrmsg(
      ifa_family: address.family, ifa_prefixlen: prefixLength ?? address.fullPrefixLength, ifa_flags: 0, ifa_scope: 0, ifa_index: interface)
    var message = NetlinkMessage(type, flags: NLM_F_ACK | flags, body: header)
    message.add(IFA_LOCAL, address.octets)
    message.add(IFA_ADDRESS, address.octets)
    return message
  }
}

extension InterfaceAddress {
  init?(_ reply: NetlinkReply) {
    guard let header = reply.fixed(ifaddrmsg.self) else { return nil }
    let attributes = reply.attributes(after: MemoryLayout<ifaddrmsg>.size)
    // On a point-to-point interface IFA_ADDRESS is the other end's.
    guard let octets = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS),
      let address = InternetAddress(octets: octets)
    else { return nil }
    let tentative: UInt32 = 0x40  // IFA_F_TENTATIVE
    let flags = attributes.integer(IFA_FLAGS) ?? UInt32(header.ifa_flags)
    self.init(
      interface: header.ifa_index, address: address, prefixLength: header.ifa_prefixlen, isTentative: flags & tentative != 0)
  }
}

/// Keeps an interface in the solicited-node groups of IPv6 addresses (RFC 4291, 2.7.1), so that the network card, and switches that snoop,
/// let neighbour solicitations for them through. It leaves them when it goes.
public final class SolicitedNodeMembership {
  private let socket: Descriptor

  /// IPv4 addresses have no such group and are passed over.
  public init(of addresses: [InternetAddress], on interface: UInt32) throws(LinuxError) {
    socket = try Descriptor(result: skein_membership_open(), "open a socket for group memberships")
    for group in Set(addresses.filter { $0.ipv4 == nil }.map(Self.group)) {
      var raw = group.raw
      try check(skein_membership_join(socket.rawValue, &raw, interface), "join \(group.text) on interface \(interface)")
    }
  }

  /// ff02::1:ffXX:XXXX with the last 24 bits of the address.
  public static func group(of address: InternetAddress) -> InternetAddress {
    InternetAddress(high: 0xff02 << 48, low: 0x0000_0001_ff00_0000 | address.low & 0xff_ffff)
  }
}
