import CLinux
import Glibc
import Wire

/// An interface as the kernel describes it.
public struct NetworkInterface: Hashable, Sendable {
  /// The kernel's number of it, from 1; it stays when the interface is renamed.
  public var index: UInt32
  /// Its name in this network namespace, as in "eth0"; it may be renamed.
  public var name: String
  /// All zero for an interface that is no Ethernet.
  public var ethernetAddress: EthernetAddress
  /// The longest packet without the Ethernet header, in octets.
  public var mtu: Int
  /// The operator switched it on.
  public var isUp: Bool
  /// Something is on the other end of the cable, and it is up.
  public var hasCarrier: Bool
  /// It is `lo`: what is sent by it comes back into this machine.
  public var isLoopback: Bool

  /// From an RTM_NEWLINK; nil if it is about a bridge port or is no such message.
  init?(_ reply: NetlinkReply) {
    guard let header = reply.fixed(ifinfomsg.self), header.ifi_family == UInt8(AF_UNSPEC) else { return nil }
    let attributes = reply.attributes(after: MemoryLayout<ifinfomsg>.size)
    let lowerUp: UInt32 = 1 << 16  // IFF_LOWER_UP
    index = UInt32(bitPattern: header.ifi_index)
    name = attributes.text(IFLA_IFNAME) ?? ""
    ethernetAddress = attributes.bytes(IFLA_ADDRESS).flatMap(EthernetAddress.init(octets:)) ?? EthernetAddress(bits: 0)
    mtu = Int(attributes.integer(IFLA_MTU) ?? 0)
    isUp = header.ifi_flags & UInt32(IFF_UP) != 0
    hasCarrier = header.ifi_flags & lowerUp != 0
    isLoopback = header.ifi_flags & UInt32(IFF_LOOPBACK) != 0
  }
}

extension RouteSocket {
  /// All interfaces, in the order of their indices.
  public func interfaces() throws(LinuxError) -> [NetworkInterface] {
    try ask(NetlinkMessage(RTM_GETLINK, flags: NLM_F_DUMP, body: ifinfomsg()), "list interfaces") { NetworkInterface($0) }
  }

  /// - Throws: `.noSuchDevice`.
  public func interface(named name: String) throws(LinuxError) -> NetworkInterface { try interface(index: interfaceIndex(name)) }

  /// - Throws: `.noSuchDevice`.
  public func interface(index: UInt32) throws(LinuxError) -> NetworkInterface {
    let message = NetlinkMessage(RTM_GETLINK, flags: NLM_F_ACK, body: linkHeader(index))
    guard let found = try ask(message, "look at interface \(index)", { NetworkInterface($0) }).first else {
      throw LinuxError("look at interface \(index)", .noSuchDevice)
    }
    return found
  }

  /// Switches an interface on or off.
  public func setUp(_ isUp: Bool, interface: UInt32) throws(LinuxError) {
    var header = linkHeader(interface)
    header.ifi_flags = isUp ? UInt32(IFF_UP) : 0
    header.ifi_change = UInt32(IFF_UP)
    try request(NetlinkMessage(RTM_NEWLINK, flags: NLM_F_ACK, body: header), "switch interface \(interface) \(isUp ? "on" : "off")")
  }

  /// Gives an interface another Ethernet address. Some drivers want it switched off for that (`.busy`).
  public func setEthernetAddress(_ address: EthernetAddress, interface: UInt32) throws(LinuxError) {
    var message = NetlinkMessage(RTM_NEWLINK, flags: NLM_F_ACK, body: linkHeader(interface))
    message.add(IFLA_ADDRESS, address.octets)
    try request(message, "set the Ethernet address of interface \(interface)")
  }

  /// Has the network card accept one more Ethernet address, unicast or multicast, until it is removed: `bridge fdb add … self permanent`.
  /// - Returns: false when it did already.
  @discardableResult
  public func addFilterAddress(_ address: EthernetAddress, interface: UInt32) throws(LinuxError) -> Bool {
    let message = filterMessage(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, address, interface)
    return try change(message, unless: [.exists], "have interface \(interface) accept another Ethernet address")
  }

  /// - Returns: false when it was not accepted.
  @discardableResult
  public func removeFilterAddress(_ address: EthernetAddress, interface: UInt32) throws(LinuxError) -> Bool {
    let message = filterMessage(RTM_DELNEIGH, 0, address, interface)
    return try change(message, unless: [.noSuchEntry], "have interface \(interface) refuse an Ethernet address")
  }

  private func linkHeader(_ index: UInt32) -> ifinfomsg {
    var header = ifinfomsg()
    header.ifi_index = Int32(bitPattern: index)
    return header
  }

  private func filterMessage(_ type: Int, _ flags: Int32, _ address: EthernetAddress, _ interface: UInt32) -> NetlinkMessage {
    var header = ndmsg()
    header.ndm_family = UInt8(AF_BRIDGE)
    header.ndm_ifindex = Int32(bitPattern: interface)
    header.ndm_state = UInt16(NUD_PERMANENT)
    header.ndm_flags = 1 << 1  // NTF_SELF
    var message = NetlinkMessage(type, flags: NLM_F_ACK | flags, body: header)
    message.add(NDA_LLADDR, address.octets)
    return message
  }
}
