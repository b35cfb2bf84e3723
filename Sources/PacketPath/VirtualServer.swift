import CPacketPath

// A virtual server (US 7,343,413): what clients send to it goes to one of the real servers behind it, and what these answer goes back from the
// virtual server's address. Which server, is decided once for each flow and kept in the flow's record (Flows.swift). All that comes here is
// of this machine's units: a flow's unit is its client's, in both directions.
//
// Network address translation with the client's address kept: the server sees the client, and the cluster must be on its way back.

/// What TCP says in its flags (RFC 9293, 3.1).
private struct TCPFlags {
  let bits: UInt8
  @inline(__always) var isFIN: Bool { bits & 1 != 0 }
  @inline(__always) var isRST: Bool { bits & 4 != 0 }
  /// The first segment of a connection.
  @inline(__always) var isOpening: Bool { bits & 0x12 == 2 }
  @inline(__always) var hasSYN: Bool { bits & 2 != 0 }
}

/// Whose packet it is.
enum FlowDirection: UInt32 {
  case fromClient = 0
  case fromServer = 1
}

/// How far a deadline must be off before it is written again, about a second: each store costs every processor its copy of the line.
private var deadlineStep: Int32 { 60 }

extension Path {
  /// Whether a packet of one of this machine's units is looked at as a virtual server's. Asked once for each that is taken.
  @inline(__always) var hasVirtualServers: Bool { has(skein_flag_virtual_servers) }

  /// The unit of an answer of a real server's: its client's. Nil for what is none.
  @inline(__always) func unit(ofAnswer packet: some PlainPacket) -> UInt32? {
    guard case .server(let number) = endpoint(packet.source, port: packet.sourcePort, protocol: packet.number) else { return nil }
    return hash.unit(packet.client(.fromServer, hash, port: clientPort(packet.destinationPort, of: number, packet.number)))
  }

  /// The same for what is not plain.
  @inline(__always) func unit(ofAnswer headers: Headers) -> UInt32? {
    let number = headers.transportProtocol
    guard headers.isWhole, !headers.isFaulty, headers.transportLength >= 8, headers.transport.holds(8) else { return nil }
    if number == IPProtocol.icmp || number == IPProtocol.icmpv6 {
      guard isError(number, headers.transport.load(0)), let quoted = quotedFlow(headers), quoted.hasPorts else { return nil }
      return unit(ofErrorAbout: quoted)
    }
    guard IPProtocol.hasPorts(number),
      case .server(let server) = endpoint(headers.source, port: headers.transport.load(0), protocol: number)
    else { return nil }
    return hash.unit(hash.source(headers.destination, port: clientPort(headers.transport.load(2), of: server, number)))
  }

  /// The unit of an error that a real server, or a router before it, has sent: its client's, whose packet is quoted. The quotation is seen as if the
  /// cluster had sent it, so what it was sent to is its source.
  @inline(__always) private func unit(ofErrorAbout quoted: ClusterFlow) -> UInt32? {
    guard case .server(let server) = endpoint(quoted.source, port: quoted.sourcePort, protocol: quoted.transportProtocol) else {
      return nil
    }
    let port = clientPort(quoted.servicePort, of: server, quoted.transportProtocol)
    return hash.unit(hash.source(quoted.destination, port: port))
  }

  /// Whether a packet with ports is to a virtual server, or from a real one. The first of several fragments is; later ones have no ports.
  @inline(__always) private func isServices(_ headers: Headers) -> Bool {
    let number = headers.transportProtocol
    guard IPProtocol.hasPorts(number), !headers.isLaterFragment, headers.transportLength >= 4, headers.transport.holds(4) else {
      return false
    }
    if case .virtual = endpoint(headers.destination, port: headers.transport.load(2), protocol: number) { return true }
    if case .server = endpoint(headers.source, port: headers.transport.load(0), protocol: number) { return true }
    return false
  }

  /// A client's port as its unit depends on it.
  @inline(__always) private func clientPort(_ port: UInt16, of server: UInt32, _ number: UInt8) -> UInt16 {
    let virtual = memory.virtualServer(UInt32(memory.server(server).pointee.virtual_server))
    return isSourceOnly(number, virtual.pointee.port) ? 0 : port
  }

  @inline(__always) func dispatchVirtualServer(_ frame: Packet) -> Step {
    guard frame.holds(42) else { return .drop(.malformed) }
    if let packet = PlainV4(frame) { return serve(frame, packet) }
    if frame.holds(62), let packet = PlainV6(frame) { return serve(frame, packet) }
    // To the stack, what is a virtual server's would be a stranger's.
    switch network(of: frame) {
    case .v4(let packet, _): return serve(frame, packet, Headers(v4: packet), isIPv6: false)
    case .v6(let packet, _): return serve(frame, packet, Headers(v6: packet), isIPv6: true)
    case .arp, .other:
      take(frame)
      return .pass(.taken)
    }
  }

  /// What is not plain. Errors are translated and left to the kernel's stack, which finds the way.
  @inline(__always) private func serve(_ frame: Packet, _ network: Packet, _ headers: Headers, isIPv6: Bool) -> Step {
    #if hasFeature(Embedded)
      let unit = Outcome.noUnit
    #else
      // Of a server's answers, errors included; the others' is not told. Nobody in the kernel asks.
      let unit = unit(ofAnswer: headers) ?? Outcome.noUnit
    #endif
    if isServices(headers) { return .drop(.serviceNotPlain, unit: unit) }
    let isTranslated = translateError(network, headers, isIPv6: isIPv6)
    take(frame)
    return .pass(isTranslated ? .serviceByKernel : .taken, unit: unit)
  }

  @inline(__always) private func serve(_ frame: Packet, _ packet: some PlainPacket) -> Step {
    guard frame.holds(packet.transportOffset &+ (packet.isTCP ? 20 : 8)) else { return .drop(.malformed) }
    if packet.isToCluster(self) {
      if case .virtual(let number) = endpoint(packet.destination, port: packet.destinationPort, protocol: packet.number) {
        return .done(toServer(frame, packet, number))
      }
    } else if case .server(let number) = endpoint(packet.source, port: packet.sourcePort, protocol: packet.number) {
      return .done(toClient(frame, packet, number))
    }
    take(frame)
    return .pass(.taken, unit: unit(of: packet) ?? Outcome.noUnit)
  }

  // MARK: to the server

  @inline(__always) private func toServer(_ frame: Packet, _ packet: some PlainPacket, _ number: UInt32) -> Outcome {
    let virtual = memory.virtualServer(number)
    let client = packet.client(.fromClient, hash, port: packet.sourcePort)
    let unit = unit(of: packet) ?? Outcome.noUnit
    let key = FlowKey(client: packet.source, clientPort: packet.sourcePort, virtualServer: UInt16(truncatingIfNeeded: number))
    let place = FlowPlace(key, settings)
    let flags = TCPFlags(bits: packet.isTCP ? frame.load(packet.transportOffset &+ 13, as: UInt8.self) : 0)
    let now = memory.flowTime
    guard let found = flow(key, place) else {
      return begin(frame, packet, virtual, key, place, hash.choice(client), now, unit)
    }
    guard let server = follow(found, flags, packet, .fromClient, virtual, hash.choice(client), now) else {
      return Outcome(.drop, .serviceBusy, unit: unit)
    }
    skein_flow_count(found.line, FlowDirection.fromClient.rawValue, UInt64(frame.length))
    let station = frame.loadMAC(6)
    if skein_flow_last_hop(found.line) != station { skein_flow_set_last_hop(found.line, station) }
    return send(frame, packet, to: server, .serviceToServer, unit)
  }

  /// The first packet of a flow: its server is chosen, and remembered if there is room.
  @inline(__always) private func begin(
    _ frame: Packet, _ packet: some PlainPacket, _ virtual: UnsafeMutablePointer<skein_virtual_server>, _ key: FlowKey, _ place: FlowPlace,
    _ choice: UInt32, _ now: UInt32, _ unit: UInt32
  ) -> Outcome {
    let server = choose(virtual, choice)
    guard server != UInt32(skein_no_server) else { return Outcome(.drop, .serviceNoServer, unit: unit) }
    let lifetime = packet.isTCP ? virtual.pointee.half_open : virtual.pointee.established
    switch claimFlow(key, place, deadline: now &+ lifetime) {
    case .claimed(let flow):
      skein_flow_set_last_hop(flow.line, frame.loadMAC(6))
      skein_flow_count(flow.line, FlowDirection.fromClient.rawValue, UInt64(frame.length))
      guard decideFlow(flow, server: UInt16(truncatingIfNeeded: server), tcp: 0) else { return Outcome(.drop, .serviceBusy, unit: unit) }
      return send(frame, packet, to: server, .serviceToServer, unit)
    case .known:
      // Another processor has the packet before it, and has just chosen: the client repeats this one.
      return Outcome(.drop, .serviceBusy, unit: unit)
    case .exhausted, .crowded:
      // What is chosen by hash needs no record as long as the servers stay the same.
      return send(frame, packet, to: server, .serviceUnrecorded, unit)
    }
  }

  /// The server that a choice falls on; `skein_no_server` if there is none.
  @inline(__always) func choose(_ virtual: UnsafeMutablePointer<skein_virtual_server>, _ choice: UInt32) -> UInt32 {
    let choices = skein_word_load(&virtual.pointee.choices)
    let mask = UInt32(truncatingIfNeeded: choices >> 32)
    guard choices != 0 else { return UInt32(skein_no_server) }
    let slot = choice & mask
    guard let block = memory.choices(UInt32(truncatingIfNeeded: choices) &+ slot / UInt32(skein_choice_count)) else {
      return UInt32(skein_no_server)
    }
    return UInt32(skein_choice(block, slot))
  }

  // MARK: to the client

  @inline(__always) private func toClient(_ frame: Packet, _ packet: some PlainPacket, _ number: UInt32) -> Outcome {
    let server = memory.server(number)
    let virtualServer = server.pointee.virtual_server
    let virtual = memory.virtualServer(UInt32(virtualServer))
    let client = packet.client(.fromServer, hash, port: packet.destinationPort)
    let unit = hash.unit(packet.client(.fromServer, hash, port: clientPort(packet.destinationPort, of: number, packet.number)))
    let key = FlowKey(client: packet.destination, clientPort: packet.destinationPort, virtualServer: virtualServer)
    let flags = TCPFlags(bits: packet.isTCP ? frame.load(packet.transportOffset &+ 13, as: UInt8.self) : 0)
    let now = memory.flowTime
    guard let found = flow(key, FlowPlace(key, settings)) else {
      // The flow began at another member: what is chosen by hash can be said again. A connection begins at a client, and so with a record.
      guard !flags.hasSYN, choose(virtual, hash.choice(client)) == number else { return Outcome(.drop, .serviceUnknown, unit: unit) }
      return answer(frame, packet, virtual, to: 0, unit)
    }
    guard follow(found, flags, packet, .fromServer, virtual, 0, now) == number else { return Outcome(.drop, .serviceUnknown, unit: unit) }
    skein_flow_count(found.line, FlowDirection.fromServer.rawValue, UInt64(frame.length))
    return answer(frame, packet, virtual, to: skein_flow_last_hop(found.line), unit)
  }

  // MARK: a flow's life

  /// What a packet does to its flow; answers the flow's server, nil while that is being chosen elsewhere.
  @inline(__always) private func follow(
    _ flow: FlowLine, _ flags: TCPFlags, _ packet: some PlainPacket, _ direction: FlowDirection,
    _ virtual: UnsafeMutablePointer<skein_virtual_server>, _ choice: UInt32, _ now: UInt32
  ) -> UInt32? {
    let word = flow.word
    guard word.state != UInt8(skein_flow_claimed) else { return nil }
    var next = word
    next.state = UInt8(skein_flow_live)
    if packet.isTCP { next.tcp = progress(word.tcp, flags, packet, direction) }
    if direction == .fromClient, flags.isOpening, isClosing(word.tcp) || isGone(word.server) {
      // The client has taken the same port again, within the time in which the old connection's last segments may still come; or it asks
      // again because nobody answers.
      let server = choose(virtual, choice)
      guard server != UInt32(skein_no_server) else { return nil }
      next.server = UInt16(truncatingIfNeeded: server)
      next.tcp = 0
      next.version = word.version &+ 1
    }
    let isChanged = (next.state ^ word.state) | (next.tcp ^ word.tcp) != 0 || next.version != word.version
    if isChanged && skein_flow_exchange_if(flow.line, word, next) == 0 {
      // Another processor was faster. What it saw of the connection counts as much; its server is the flow's.
      next = skein_flow_load(flow.line)
      guard next.state == UInt8(skein_flow_live) || next.state == UInt8(skein_flow_dying) else { return nil }
    }
    let deadline = now &+ lifetime(next.tcp, virtual, isTCP: packet.isTCP)
    if isChanged || Int32(bitPattern: deadline &- skein_flow_deadline(flow.line)) > deadlineStep {
      skein_flow_set_deadline(flow.line, deadline)
    }
    return UInt32(next.server)
  }

  @inline(__always) private func isGone(_ server: UInt16) -> Bool {
    let record = memory.server(UInt32(server))
    return Address(at: &record.pointee.address).isUnspecified
  }

  @inline(__always) private func isClosing(_ tcp: UInt8) -> Bool {
    let closed = UInt8(skein_flow_tcp_client_closed | skein_flow_tcp_server_closed)
    return tcp & closed == closed || tcp & UInt8(skein_flow_tcp_client_reset | skein_flow_tcp_server_reset) != 0
  }

  @inline(__always) private func lifetime(_ tcp: UInt8, _ virtual: UnsafeMutablePointer<skein_virtual_server>, isTCP: Bool) -> UInt32 {
    if isTCP && isClosing(tcp) { return virtual.pointee.closing }
    return isTCP && tcp & UInt8(skein_flow_tcp_established) == 0 ? virtual.pointee.half_open : virtual.pointee.established
  }

  /// What a segment adds to what was seen. A reset may be a stranger's guess: it only shortens the flow's life, and what the other side goes on
  /// to say takes it back; a FIN likewise, by data from the same side.
  @inline(__always) private func progress(_ seen: UInt8, _ flags: TCPFlags, _ packet: some PlainPacket, _ direction: FlowDirection) -> UInt8
  {
    let isClient = direction == .fromClient
    var tcp = seen
    if isClient {
      if tcp & UInt8(skein_flow_tcp_answered) != 0 && !flags.hasSYN { tcp |= UInt8(skein_flow_tcp_established) }
    } else {
      tcp |= UInt8(skein_flow_tcp_answered)
    }
    if flags.isRST { return tcp | UInt8(isClient ? skein_flow_tcp_client_reset : skein_flow_tcp_server_reset) }
    tcp &= ~UInt8(isClient ? skein_flow_tcp_server_reset : skein_flow_tcp_client_reset)
    let closed = UInt8(isClient ? skein_flow_tcp_client_closed : skein_flow_tcp_server_closed)
    if flags.isFIN { return tcp | closed }
    return tcp & closed != 0 && packet.hasPayload ? tcp & ~closed : tcp
  }

  // MARK: rewriting

  @inline(__always) private func send(
    _ frame: Packet, _ packet: some PlainPacket, to number: UInt32, _ counter: PacketCounter, _ unit: UInt32
  ) -> Outcome {
    let server = memory.server(number)
    let address = Address(at: &server.pointee.address)
    guard !address.isUnspecified else { return Outcome(.drop, .serviceNoServer, unit: unit) }
    let port = server.pointee.port == 0 ? packet.destinationPort : server.pointee.port
    packet.rewriteDestination(address, port: port)
    return leave(frame, packet, to: skein_server_mac(server), counter, unit)
  }

  @inline(__always) private func answer(
    _ frame: Packet, _ packet: some PlainPacket, _ virtual: UnsafeMutablePointer<skein_virtual_server>, to station: UInt64, _ unit: UInt32
  ) -> Outcome {
    let address = Address(at: &virtual.pointee.address)
    let port = virtual.pointee.port == 0 ? packet.sourcePort : virtual.pointee.port
    packet.rewriteSource(address, port: port)
    return leave(frame, packet, to: station, .serviceToClient, unit)
  }

  /// Out by the interface that it came in by, or up to the kernel's stack, which finds the way and says what is wrong with it.
  @inline(__always) private func leave(
    _ frame: Packet, _ packet: some PlainPacket, to station: UInt64, _ counter: PacketCounter, _ unit: UInt32
  ) -> Outcome {
    guard station != 0, packet.loseHop() else {
      take(frame)
      return Outcome(.pass, .serviceByKernel, unit: unit)
    }
    frame.storeMAC(station, at: 0)
    frame.storeMAC(skein_own_mac(settings), at: 6)
    return Outcome(.transmit, counter, unit: unit)
  }
}
