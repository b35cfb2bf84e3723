import CPacketPath

/// The answer to "whose is it?".
enum Classified {
  case unit(UInt32)
  case malformed
  /// A later fragment of which no first fragment is remembered.
  case unknownFragment
}

/// What a packet to the cluster is classified by.
struct ClusterFlow {
  var source: Address
  var destination: Address
  var transportProtocol: UInt8
  /// False: the protocol has none, or they are not to be had.
  var hasPorts: Bool
  /// The client's.
  var sourcePort: UInt16
  /// The cluster's.
  var servicePort: UInt16

  @inline(__always) init(
    source: Address, destination: Address, transportProtocol: UInt8, hasPorts: Bool = false, sourcePort: UInt16 = 0, servicePort: UInt16 = 0
  ) {
    self.source = source
    self.destination = destination
    self.transportProtocol = transportProtocol
    self.hasPorts = hasPorts
    self.sourcePort = sourcePort
    self.servicePort = servicePort
  }
}

extension Path {
  /// The unit of a packet to a cluster address (specification 1, "Work units").
  @inline(__always) func classifyForCluster(_ headers: Headers) -> Classified {
    guard _slowPath(!headers.isWhole) else { return classifyDatagram(headers, leastLength: 20) }
    // Without ports in its hash, a fragmented datagram needs no memory: its addresses are in every fragment. An ICMP error in
    // fragments counts as plain ICMP for the same reason.
    let follows = headers.fragmentedProtocol
    guard IPProtocol.hasPorts(follows) || IPProtocol.isExtension(follows) else {
      let flow = ClusterFlow(source: headers.source, destination: headers.destination, transportProtocol: headers.transportProtocol)
      return .unit(unit(of: flow, extra: 0))
    }
    if headers.isLaterFragment {
      let unit = rememberedUnit(headers)
      return unit == Outcome.noUnit ? .unknownFragment : .unit(unit)
    }
    let classified = classifyDatagram(headers, leastLength: 8)
    if case .unit(let unit) = classified { remember(headers, unit: unit) }
    return classified
  }

  /// A whole datagram, or the first part of one. `leastLength` is what must be there of TCP.
  @inline(__always) private func classifyDatagram(_ headers: Headers, leastLength: UInt) -> Classified {
    var flow = ClusterFlow(source: headers.source, destination: headers.destination, transportProtocol: headers.transportProtocol)
    let transport = headers.transport
    let number = headers.transportProtocol
    if _fastPath(IPProtocol.hasPorts(number)) {
      let least = number == IPProtocol.tcp ? leastLength : 8
      guard _fastPath(headers.transportLength >= least && transport.holds(8)) else { return .malformed }
      flow.hasPorts = true
      flow.sourcePort = transport.load(0)
      flow.servicePort = transport.load(2)
      var extra: UInt32 = 0
      if number == IPProtocol.udp && flow.servicePort == UInt16(1701).bigEndian && _slowPath(has(skein_flag_l2tp_ids)) {
        extra = l2tpFields(headers)
      }
      return .unit(unit(of: flow, extra: extra))
    }
    if headers.isWhole, number == IPProtocol.icmp || number == IPProtocol.icmpv6 {
      guard headers.transportLength >= 8, transport.holds(8) else { return .malformed }
      if isError(number, transport.load(0)), let quoted = quotedFlow(headers), isCluster(quoted.destination) {
        return .unit(unit(of: quoted, extra: 0))
      }
    }
    return .unit(unit(of: flow, extra: 0))
  }

  /// The unit of a packet that is only ports and addresses; nil where more counts.
  @inline(__always) func unit(of packet: some PlainPacket) -> UInt32? {
    if _slowPath(flags & UInt64(skein_flag_source_only.rawValue | skein_flag_l2tp_ids.rawValue) != 0) {
      if isSourceOnly(packet.number, packet.destinationPort) { return hash.unit(packet.client(.fromClient, hash, port: 0)) }
      if !packet.isTCP && packet.destinationPort == UInt16(1701).bigEndian && has(skein_flag_l2tp_ids) { return nil }
    }
    return hash.unit(packet.client(.fromClient, hash, port: packet.sourcePort))
  }

  /// The unit of router work, symmetric; an ICMP error follows the packet that it quotes.
  @inline(__always) func classifyForwarding(_ headers: Headers) -> UInt32 {
    let number = headers.transportProtocol
    if headers.isWhole, !headers.isFaulty, number == IPProtocol.icmp || number == IPProtocol.icmpv6 {
      if headers.transportLength >= 8, headers.transport.holds(8), isError(number, headers.transport.load(0)),
        let quoted = quotedFlow(headers)
      {
        return hash.forwarding(quoted.source, quoted.destination)
      }
    }
    return hash.forwarding(headers.source, headers.destination)
  }

  @inline(__always) private func unit(of flow: ClusterFlow, extra: UInt32) -> UInt32 {
    if isSourceOnly(flow.transportProtocol, flow.servicePort) { return hash.unit(hash.source(flow.source, port: 0)) }
    if flow.hasPorts { return hash.unit(hash.source(flow.source, port: flow.sourcePort) ^ extra) }
    return hash.unit(hash.source(flow.source, port: 0) ^ hash.destination(flow.destination))
  }

  @inline(__always) func isSourceOnly(_ number: UInt8, _ port: UInt16) -> Bool {
    guard has(skein_flag_source_only) else { return false }
    let count = UInt32(settings.pointee.source_only_count)
    for index in 0..<UInt32(skein_source_only_count) {
      guard isWithin(index, count) else { return false }
      let only = skein_source_only_at(settings, index)
      if only.pointee.in_use != 0 && only.pointee.protocol == number && (only.pointee.port == 0 || only.pointee.port == port) {
        return true
      }
    }
    return false
  }

  /// Tunnel and session id of L2TP version 2 (RFC 2661, 3.1), mixed; an id of 0 (the first control message) adds nothing.
  @inline(__always) private func l2tpFields(_ headers: Headers) -> UInt32 {
    let transport = headers.transport
    guard headers.transportLength >= 16, transport.holds(16) else { return 0 }
    let bits = transport.load(8, as: UInt16.self).byteSwapped
    guard bits & 15 == 2 else { return 0 }
    var tunnel: UInt16 = transport.load(10)
    var session: UInt16 = transport.load(12)
    if bits & 0x4000 != 0 {
      tunnel = session
      session = transport.load(14)
    }
    var fields: UInt32 = 0
    if tunnel != 0 { fields ^= hash.tunnel(tunnel) }
    if session != 0 { fields ^= hash.session(session) }
    return fields
  }

  /// Whether an ICMP or ICMPv6 message of this type quotes the packet that it is about (RFC 792, RFC 4443).
  @inline(__always) func isError(_ number: UInt8, _ type: UInt8) -> Bool {
    if number == IPProtocol.icmpv6 { return type < 128 }
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12
  }

  /// The flow of the packet that an ICMP error quotes, seen from the client: it was sent by the cluster, so its destination is the
  /// flow's source. Nil when the quotation is too short, is itself a later fragment, or hides its ports behind extension headers.
  @inline(__always) func quotedFlow(_ headers: Headers) -> ClusterFlow? {
    let quoted = headers.transport.from(8)
    let quotedLength = headers.transportLength &- 8
    if headers.transportProtocol == IPProtocol.icmp {
      guard quotedLength >= 20, quoted.holds(20) else { return nil }
      let headerLength = UInt(quoted.load(0, as: UInt8.self) & 15) << 2
      guard headerLength >= 20 else { return nil }
      let flow = ClusterFlow(
        source: Address(v4: quoted.load(16)), destination: Address(v4: quoted.load(12)), transportProtocol: quoted.load(9))
      let isLater = quoted.load(6, as: UInt16.self).byteSwapped & 0x1fff != 0
      return withQuotedPorts(flow, quoted.from(headerLength), quotedLength &- headerLength, quotedLength >= headerLength && !isLater)
    }
    guard quotedLength >= 40, quoted.holds(40) else { return nil }
    let flow = ClusterFlow(source: quoted.loadAddress(24), destination: quoted.loadAddress(8), transportProtocol: quoted.load(6))
    if IPProtocol.isExtension(flow.transportProtocol) { return nil }
    return withQuotedPorts(flow, quoted.from(40), quotedLength &- 40, true)
  }

  @inline(__always) private func withQuotedPorts(_ flow: ClusterFlow, _ transport: Packet, _ length: UInt, _ isThere: Bool) -> ClusterFlow?
  {
    var flow = flow
    guard IPProtocol.hasPorts(flow.transportProtocol) else { return flow }
    guard isThere, length >= 4, transport.holds(4) else { return nil }
    flow.hasPorts = true
    flow.servicePort = transport.load(0)
    flow.sourcePort = transport.load(2)
    return flow
  }
}
