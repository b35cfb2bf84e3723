import CPacketPath

// ICMP errors about the packets of virtual servers. Whoever sends one quotes a packet as it was where it got to: a router before a client quotes
// the virtual server's answer, a real server, or a router before it, quotes what the real server was sent. Its receiver knows the packet by the
// addresses of its own side, so the quotation is translated back, with every checksum that covers it. A quotation may end with the ports.

/// Where the parts of an error are: all but the first are void until they are checked.
private struct QuotedPacket {
  /// The ICMP header.
  let message: Packet
  /// The quoted IP header.
  let network: Packet
  /// The quoted transport header, of which eight octets are held.
  let transport: Packet
  let number: UInt8
  let isIPv6: Bool
  /// Octets of the quoted transport header that were sent.
  let transportLength: UInt

  /// Nil for what quotes no packet with ports.
  @inline(__always) init?(_ headers: Headers, isIPv6: Bool) {
    message = headers.transport
    network = headers.transport.from(8)
    self.isIPv6 = isIPv6
    let fixed: UInt = isIPv6 ? 40 : 20
    guard headers.isWhole, !headers.isFaulty, headers.transportLength >= 16 &+ fixed, message.holds(8), network.holds(fixed) else {
      return nil
    }
    // Options in a quotation are for the next one to translate.
    if isIPv6 {
      number = network.load(6)
    } else {
      guard network.load(0, as: UInt8.self) == 0x45, network.load(6, as: UInt16.self) & 0xff1f == 0 else { return nil }
      number = network.load(9)
    }
    transport = network.from(constant: fixed)
    transportLength = headers.transportLength &- 8 &- fixed
    guard IPProtocol.hasPorts(number), transport.holds(8) else { return nil }
  }

  @inline(__always) var source: Address { isIPv6 ? network.loadAddress(8) : Address(v4: network.load(12)) }
  @inline(__always) var destination: Address { isIPv6 ? network.loadAddress(24) : Address(v4: network.load(16)) }
  @inline(__always) var sourcePort: UInt16 { transport.load(0) }
  @inline(__always) var destinationPort: UInt16 { transport.load(2) }

  /// Another address and port at one end of the quoted packet; answers how the message's own checksum must follow.
  @inline(__always) func rewrite(_ end: FlowDirection, _ address: Address, port: UInt16) -> ChecksumChange {
    var inner = ChecksumChange()
    var change = ChecksumChange()
    let isSource = end == .fromServer
    if isIPv6 {
      let old = isSource ? source : destination
      inner.add(from: old, to: address)
      change.add(from: old, to: address)
      network.storeAddress(address, at: isSource ? 8 : 24)
    } else {
      let place: UInt = isSource ? 12 : 16
      let old: UInt32 = network.load(place)
      inner.add(from: old, to: address.words.3)
      change.add(from: old, to: address.words.3)
      network.store(address.words.3, at: place)
      let checksum: UInt16 = network.load(10)
      let changed = inner.applied(to: checksum)
      change.add(from: checksum, to: changed)
      network.store(changed, at: 10)
    }
    let place: UInt = isSource ? 0 : 2
    let old: UInt16 = transport.load(place)
    inner.add(from: old, to: port)
    change.add(from: old, to: port)
    transport.store(port, at: place)
    if number == IPProtocol.udp {
      change.add(quotedChecksum(6, inner))
    } else if transportLength >= 18, transport.holds(18) {
      change.add(quotedChecksum(16, inner))
    }
    return change
  }

  /// The quoted transport's checksum, which its receiver may look at.
  @inline(__always) private func quotedChecksum(_ offset: UInt, _ inner: ChecksumChange) -> ChecksumChange {
    let checksum: UInt16 = transport.load(offset)
    if offset == 6 && checksum == 0 { return ChecksumChange() }
    let changed = inner.applied(to: checksum)
    transport.store(changed, at: offset)
    return ChecksumChange(from: checksum, to: changed)
  }
}

extension Path {
  /// An ICMP error about a packet of a virtual server's, with the addresses that its receiver knows; false, and nothing is changed, for anything else.
  @inline(__always) func translateError(_ network: Packet, _ headers: Headers, isIPv6: Bool) -> Bool {
    guard headers.transportProtocol == (isIPv6 ? IPProtocol.icmpv6 : IPProtocol.icmp), headers.transportLength >= 8,
      headers.transport.holds(8), isError(headers.transportProtocol, headers.transport.load(0)),
      let quoted = QuotedPacket(headers, isIPv6: isIPv6)
    else { return false }
    if case .virtual(let number) = endpoint(quoted.source, port: quoted.sourcePort, protocol: quoted.number) {
      return toServer(network, quoted, number)
    }
    if case .server(let number) = endpoint(quoted.destination, port: quoted.destinationPort, protocol: quoted.number) {
      return toClient(network, headers, quoted, number)
    }
    return false
  }

  /// About an answer that a client, or a router before it, could not have: to the real server that sent it.
  @inline(__always) private func toServer(_ network: Packet, _ quoted: QuotedPacket, _ number: UInt32) -> Bool {
    let key = FlowKey(client: quoted.destination, clientPort: quoted.destinationPort, virtualServer: UInt16(truncatingIfNeeded: number))
    var server = choose(memory.virtualServer(number), hash.choice(hash.source(quoted.destination, port: quoted.destinationPort)))
    if let found = flow(key, FlowPlace(key, settings)) { server = UInt32(found.word.server) }
    guard server != UInt32(skein_no_server) else { return false }
    let record = memory.server(server)
    let address = Address(at: &record.pointee.address)
    guard !address.isUnspecified else { return false }
    let port = record.pointee.port == 0 ? quoted.sourcePort : record.pointee.port
    var change = quoted.rewrite(.fromServer, address, port: port)
    readdress(network, quoted, .fromServer, address, &change)
    return true
  }

  /// About a client's packet, by the real server or a router before it: to the client.
  @inline(__always) private func toClient(_ network: Packet, _ headers: Headers, _ quoted: QuotedPacket, _ number: UInt32) -> Bool {
    let record = memory.server(number)
    let virtual = memory.virtualServer(UInt32(record.pointee.virtual_server))
    let address = Address(at: &virtual.pointee.address)
    let isServers = headers.source == quoted.destination
    let port = virtual.pointee.port == 0 ? quoted.destinationPort : virtual.pointee.port
    var change = quoted.rewrite(.fromClient, address, port: port)
    // What a router says, a router said; what the server says, the virtual server says.
    if isServers {
      readdress(network, quoted, .fromClient, address, &change)
    } else {
      finish(quoted, change)
    }
    return true
  }

  /// The error's own address: where it goes when it is for the real server, where it is from when it is the real server's.
  @inline(__always) private func readdress(
    _ network: Packet, _ quoted: QuotedPacket, _ end: FlowDirection, _ address: Address, _ change: inout ChecksumChange
  ) {
    if quoted.isIPv6 {
      guard network.holds(40) else { return }
      let place: UInt = end == .fromServer ? 24 : 8
      // ICMPv6's checksum covers the addresses, ICMP's does not.
      change.add(from: network.loadAddress(place), to: address)
      network.storeAddress(address, at: place)
    } else {
      guard network.holds(20) else { return }
      let place: UInt = end == .fromServer ? 16 : 12
      var outer = ChecksumChange()
      outer.add(from: network.load(place, as: UInt32.self), to: address.words.3)
      network.store(outer.applied(to: network.load(10)), at: 10)
      network.store(address.words.3, at: place)
    }
    finish(quoted, change)
  }

  @inline(__always) private func finish(_ quoted: QuotedPacket, _ change: ChecksumChange) {
    quoted.message.store(change.applied(to: quoted.message.load(2)), at: 2)
  }
}
