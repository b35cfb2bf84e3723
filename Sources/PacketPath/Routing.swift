import CPacketPath

// Routing by the kernel's own tables (bpf_fib_lookup), without its stack: the frame gets its next hop's hardware addresses, one hop less
// to live, and goes. The kernel is left whatever needs more than that, and everything that must be answered or explained to its sender.

extension Path {
  /// Routes a packet for elsewhere, or says why the kernel must.
  @inline(__always) func route(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: Headers, isIPv6: Bool, at now: UInt64
  ) -> PacketCounter {
    guard network.load(isIPv6 ? 7 : 8, as: UInt8.self) > 1 else { return .routeExpired }
    guard has(skein_flag_fast_routing), networkOffset == 14, isOrdinary(network, headers, isIPv6: isIPv6) else { return .routedByKernel }
    let route = remembered(question(network, headers, isIPv6: isIPv6), at: now)
    guard route.answer == Int32(skein_route_found) else { return reason(route.answer) }
    guard isFast(route.interface) else { return .routedByKernel }
    loseHop(network, isIPv6: isIPv6)
    frame.storeMAC(route.destination, at: 0)
    frame.storeMAC(route.source, at: 6)
    memory.redirect(to: route.interface)
    return .routedFast
  }

  /// No options that routers look at, and addresses that may be routed at all: the kernel knows better what to do about others.
  @inline(__always) private func isOrdinary(_ network: Packet, _ headers: Headers, isIPv6: Bool) -> Bool {
    guard (network.load(isIPv6 ? 6 : 0, as: UInt8.self) == (isIPv6 ? IPProtocol.hopByHop : 0x45)) != isIPv6 else { return false }
    if headers.source.staysOnLink { return false }
    if isIPv6 { return headers.source.high != 0 && headers.destination.high != 0 }
    return isOrdinary(headers.source) && isOrdinary(headers.destination)
  }

  /// Neither this network (0/8) nor loopback (127/8).
  @inline(__always) private func isOrdinary(_ address: Address) -> Bool {
    let first = UInt8(truncatingIfNeeded: address.low >> 32)
    return first != 0 && first != 127
  }

  @inline(__always) private func question(_ network: Packet, _ headers: Headers, isIPv6: Bool) -> skein_route_question {
    var question = skein_route_question()
    question.source.words = headers.source.words
    question.destination.words = headers.destination.words
    question.interface = memory.interface
    question.is_ipv6 = isIPv6 ? 1 : 0
    question.protocol = headers.transportProtocol
    if isIPv6 {
      question.traffic_class = network.load(0, as: UInt32.self) & 0xffff_ff0f
      question.length = network.load(4, as: UInt16.self).byteSwapped &+ 40
    } else {
      question.traffic_class = UInt32(network.load(1, as: UInt8.self))
      question.length = network.load(2, as: UInt16.self).byteSwapped
    }
    // Where there are several ways, or rules by port, the packets of a flow go one way.
    if IPProtocol.hasPorts(headers.transportProtocol), headers.isWhole, !headers.isFaulty, headers.transportLength >= 4,
      headers.transport.holds(4)
    {
      question.source_port = headers.transport.load(0)
      question.destination_port = headers.transport.load(2)
    }
    return question
  }

  @inline(__always) private func reason(_ answer: Int32) -> PacketCounter {
    switch answer {
    case Int32(skein_route_no_neighbour): .routeUnresolved
    case Int32(skein_route_too_big): .routeTooBig
    case Int32(skein_route_switched_off): .routeSwitchedOff
    case Int32(skein_route_blackhole), Int32(skein_route_unreachable), Int32(skein_route_prohibited): .routeRefused
    default: .routedByKernel
    }
  }

  /// Whether frames may leave by this interface without the kernel's stack: the daemon knows which can (Ethernet, no tunnel).
  @inline(__always) private func isFast(_ interface: UInt32) -> Bool {
    let count = UInt32(settings.pointee.fast_interface_count)
    for index in 0..<UInt32(skein_fast_interface_count) {
      guard isWithin(index, count) else { return false }
      if skein_fast_interface(settings, index) == interface { return true }
    }
    return false
  }

  /// One hop less; IPv4's checksum follows (RFC 1624).
  @inline(__always) private func loseHop(_ network: Packet, isIPv6: Bool) {
    if isIPv6 {
      network.store(network.load(7, as: UInt8.self) &- 1, at: 7)
      return
    }
    network.store(network.load(8, as: UInt8.self) &- 1, at: 8)
    let sum = UInt32(network.load(10, as: UInt16.self)) &+ 1
    network.store(UInt16(truncatingIfNeeded: sum &+ (sum >= 0xffff ? 1 : 0)), at: 10)
  }
}
