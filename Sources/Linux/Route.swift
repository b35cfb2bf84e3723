import CLinux
import Glibc
import Wire

/// A route: of the table, or the kernel's answer about one destination.
public struct Route: Hashable, Sendable {
  /// The network that it leads to, or the one address that was asked about; all zero for a default route.
  public var destination: InternetAddress
  /// How many bits of `destination` count: 0 for a default route, 32 or 128 for a single address.
  public var prefixLength: UInt8
  /// The next hop; nil when the destination is on the link.
  public var gateway: InternetAddress?
  /// The interface it leaves by; 0 when it has none, as of a route that refuses.
  public var interface: UInt32
  /// The source address that the kernel would take.
  public var source: InternetAddress?
  /// The lower is preferred.
  public var metric: UInt32
  /// The destination is this machine.
  public var isLocal: Bool
}

extension RouteSocket {
  /// How this machine would reach an address.
  /// - Throws: `.networkUnreachable`, `.hostUnreachable`, or what else a route of refusal says.
  public func route(to destination: InternetAddress) throws(LinuxError) -> Route {
    var header = rtmsg()
    header.rtm_family = destination.family
    header.rtm_dst_len = destination.fullPrefixLength
    var message = NetlinkMessage(RTM_GETROUTE, flags: NLM_F_ACK, body: header)
    message.add(RTA_DST.number, destination.octets)
    let operation = "find a route to \(destination.text)"
    guard let found = try ask(message, operation, { Route($0) }).first else { throw LinuxError(operation, .networkUnreachable) }
    return found
  }

  /// The default route of a family with the lowest metric, from the main table; nil when there is none.
  public func defaultRoute(ipv6: Bool) throws(LinuxError) -> Route? {
    var header = rtmsg()
    header.rtm_family = UInt8(ipv6 ? AF_INET6 : AF_INET)
    header.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
    let message = NetlinkMessage(RTM_GETROUTE, flags: NLM_F_DUMP, body: header)
    let routes = try ask(message, "list routes") { reply -> Route? in
      guard let header = reply.fixed(rtmsg.self), header.rtm_dst_len == 0, Int32(header.rtm_type) == Int32(RTN_UNICAST) else { return nil }
      return Route(reply)
    }
    return routes.min { $0.metric < $1.metric }
  }

  /// Tells the kernel a neighbour's Ethernet address, replacing what it knew: for ever, or until it is found not to answer.
  public func setNeighbour(_ address: InternetAddress, to ethernet: EthernetAddress, interface: UInt32, isPermanent: Bool)
    throws(LinuxError)
  {
    let state = isPermanent ? NUD_PERMANENT : NUD_REACHABLE
    var message = neighbourMessage(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, address, interface, state)
    message.add(NDA_LLADDR, ethernet.octets)
    try request(message, "set the neighbour \(address.text) of interface \(interface)")
  }

  /// Has the kernel ask for a neighbour's Ethernet address, or ask it again if what it knows is no longer certain, as if there were a packet for it.
  public func useNeighbour(_ address: InternetAddress, interface: UInt32) throws(LinuxError) {
    let message = neighbourMessage(RTM_NEWNEIGH, NLM_F_CREATE, address, interface, 0, use: true)
    try request(message, "ask for the neighbour \(address.text) of interface \(interface)")
  }

  /// - Returns: false when it was not known.
  @discardableResult
  public func removeNeighbour(_ address: InternetAddress, interface: UInt32) throws(LinuxError) -> Bool {
    let message = neighbourMessage(RTM_DELNEIGH, 0, address, interface, 0)
    return try change(message, unless: [.noSuchEntry], "remove the neighbour \(address.text) of interface \(interface)")
  }

  /// The Ethernet address that the kernel knows of a neighbour; nil when it knows none.
  public func neighbour(_ address: InternetAddress, interface: UInt32) throws(LinuxError) -> EthernetAddress? {
    let message = neighbourMessage(RTM_GETNEIGH, 0, address, interface, 0)
    do throws(LinuxError) {
      return try ask(message, "look up the neighbour \(address.text) of interface \(interface)") { reply in
        reply.attributes(after: MemoryLayout<ndmsg>.size).bytes(NDA_LLADDR).flatMap(EthernetAddress.init(octets:))
      }.first
    } catch {
      if error.code == .noSuchEntry { return nil }
      throw error
    }
  }

  private func neighbourMessage(
    _ type: Int, _ flags: Int32, _ address: InternetAddress, _ interface: UInt32, _ state: Int32, use: Bool = false
  ) -> NetlinkMessage {
    var header = ndmsg()
    header.ndm_family = address.family
    header.ndm_ifindex = Int32(bitPattern: interface)
    header.ndm_state = UInt16(state)
    header.ndm_flags = UInt8(use ? NTF_USE : 0)
    var message = NetlinkMessage(type, flags: NLM_F_ACK | flags, body: header)
    message.add(NDA_DST, address.octets)
    return message
  }
}

extension Route {
  init?(_ reply: NetlinkReply) {
    guard let header = reply.fixed(rtmsg.self) else { return nil }
    let attributes = reply.attributes(after: MemoryLayout<rtmsg>.size)
    func address(_ attribute: Int) -> InternetAddress? { attributes.bytes(attribute).flatMap(InternetAddress.init(octets:)) }
    let any = Int32(header.rtm_family) == AF_INET ? InternetAddress(ipv4: 0) : .unspecified
    let hop = attributes.bytes(RTA_MULTIPATH.number).flatMap(NextHop.init)
    self.init(
      destination: address(RTA_DST.number) ?? any, prefixLength: header.rtm_dst_len, gateway: address(RTA_GATEWAY.number) ?? hop?.gateway,
      interface: attributes.integer(RTA_OIF.number) ?? hop?.interface ?? 0, source: address(RTA_PREFSRC.number),
      metric: attributes.integer(RTA_PRIORITY.number) ?? 0, isLocal: Int32(header.rtm_type) == Int32(RTN_LOCAL))
  }
}

/// The first of several ways of one route.
private struct NextHop {
  let interface: UInt32
  let gateway: InternetAddress?

  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= MemoryLayout<rtnexthop>.size else { return nil }
    let header = bytes.loadUnaligned(as: rtnexthop.self)
    guard Int(header.rtnh_len) >= MemoryLayout<rtnexthop>.size, Int(header.rtnh_len) <= bytes.count else { return nil }
    let attributes = NetlinkAttributes(bytes.prefix(Int(header.rtnh_len)).dropFirst(MemoryLayout<rtnexthop>.size))
    interface = UInt32(bitPattern: header.rtnh_ifindex)
    gateway = attributes.bytes(RTA_GATEWAY.number).flatMap(InternetAddress.init(octets:))
  }
}

extension rtattr_type_t {
  fileprivate var number: Int { Int(rawValue) }
}
