import CPacketPath

// The virtual gateway (WO 2005/018176): hosts send to virtual MAC addresses, each of which one machine of the group forwards for.
// Forwarder f of the group is work unit f: the same table, the same states, the same lease. What is different: the unit is in the
// destination MAC address instead of a hash; what is taken is routed; and no frame is handed to another member, since whoever has the
// virtual MAC address hears it.

extension Path {
  /// The forwarder whose virtual MAC address this is; 0 when it is none of the group's.
  @inline(__always) func forwarder(of address: UInt64) -> UInt32 {
    guard (address ^ skein_virtual_mac(settings)) & 0xff_ffff_ffff == 0 else { return 0 }
    return UInt32(truncatingIfNeeded: address >> 40)
  }

  /// The verdict on an IP packet to a virtual MAC address.
  @inline(__always) func decideForwarder(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: @autoclosure () -> Headers, isIPv6: Bool
  ) -> Outcome {
    // Asked before the headers are followed, like everything of which there is one way until then.
    let destination = destination(network, isIPv6: isIPv6)
    let forwarder = forwarder(of: frame.loadMAC(0))
    let standing = standing(of: forwarder, passesOn: has(skein_flag_replay))
    if case .anothers = standing { return Outcome(.drop, .notForwarder, unit: forwarder) }
    if case .leaseExpired = standing { return Outcome(.drop, .leaseExpired, unit: forwarder) }
    let headers = headers()
    if headers.isMalformed { return Outcome(.drop, .malformed, unit: forwarder) }
    if case .mine(let now) = standing {
      return forward(frame, network, networkOffset, headers, destination, forwarder, isIPv6: isIPv6, at: now)
    }
    if case .of = standing { return sendOn(frame, forwarder) }
    return hold(frame, forwarder)
  }

  /// A held frame whose forwarder is another's by now. It keeps its virtual MAC address, so that the other decides by its own lease; it
  /// leaves from this machine's, lest a switch think that the host has moved.
  @inline(__always) private func sendOn(_ frame: Packet, _ forwarder: UInt32) -> Outcome {
    frame.storeMAC(skein_own_mac(settings), at: 6)
    return Outcome(.transmit, .sentOn, unit: forwarder)
  }

  /// A packet of this machine's own forwarder: for the gateway, or on its way.
  @inline(__always) private func forward(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: Headers, _ destination: Destination, _ forwarder: UInt32,
    isIPv6: Bool, at now: UInt64
  ) -> Outcome {
    let octets = UInt64(frame.length)
    let counter = fate(frame, network, networkOffset, headers, destination, isIPv6: isIPv6, at: now)
    let outcome = Outcome(verdict(of: counter), counter, unit: forwarder)
    // For the stack, a frame must be to this machine's own address.
    if outcome.verdict == .pass { frame.storeMAC(skein_own_mac(settings), at: 0) }
    if isForwarded(counter) { memory.count(octets: octets, of: UInt32(skein_unit_count) &+ forwarder) }
    return outcome
  }

  @inline(__always) private func verdict(of counter: PacketCounter) -> Verdict {
    if counter == .routedFast { return .redirect }
    if counter == .gatewayEcho { return .transmit }
    return counter == .groupFrame ? .drop : .pass
  }

  /// What the kernel drops is not forwarded, as far as it can be known here.
  @inline(__always) private func isForwarded(_ counter: PacketCounter) -> Bool {
    counter == .routedFast || counter == .routedByKernel || counter == .routeUnresolved || counter == .routeTooBig
  }

  /// What becomes of the packet, as the counter that says so.
  @inline(__always) private func fate(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: Headers, _ destination: Destination, isIPv6: Bool,
    at now: UInt64
  ) -> PacketCounter {
    if isVirtual(headers.destination) { return echo(frame, network, headers, isIPv6: isIPv6) ? .gatewayEcho : .gatewayAddress }
    switch destination {
    case .own: return .gatewayAddress
    case .onLink: return .group
    // Its work unit is not the virtual MAC address's, and on the cluster's own LAN nobody sends it here.
    case .cluster: return .groupFrame
    case .elsewhere: return route(frame, network, networkOffset, headers, isIPv6: isIPv6, at: now)
    }
  }

  // MARK: ping

  /// Answers an echo request in place. The kernel could not do it for a link-local virtual address: on the loopback interface it does not
  /// answer for one, and on the LAN's it would ask for its neighbours from it, with the machine's own MAC address beside it, which is
  /// then what they send to. IPv4 is answered here too, so that a gateway answers whatever stands on its interfaces.
  @inline(__always) private func echo(_ frame: Packet, _ network: Packet, _ headers: Headers, isIPv6: Bool) -> Bool {
    let message = headers.transport
    guard headers.transportProtocol == (isIPv6 ? IPProtocol.icmpv6 : IPProtocol.icmp), headers.isWhole, !headers.isFaulty else {
      return false
    }
    guard headers.transportLength >= 8, message.holds(8), message.load(0, as: UInt16.self) == (isIPv6 ? 128 : 8) else { return false }
    let asker = frame.loadMAC(6)
    guard asker & 1 == 0, !headers.source.isUnspecified, !isGroup(headers.source, isIPv6: isIPv6) else { return false }
    let answer: UInt16 = isIPv6 ? 129 : 0
    message.store(ChecksumChange(from: isIPv6 ? 128 : 8, to: answer).applied(to: message.load(2)), at: 2)
    message.store(answer, at: 0)
    if isIPv6 {
      network.store(UInt8(255), at: 7)
      network.storeAddress(headers.destination, at: 8)
      network.storeAddress(headers.source, at: 24)
    } else {
      let hops: UInt16 = network.load(8)
      network.store(ChecksumChange(from: hops, to: hops & 0xff00 | 255).applied(to: network.load(10)), at: 10)
      network.store(hops & 0xff00 | 255, at: 8)
      let source: UInt32 = network.load(12)
      network.store(network.load(16, as: UInt32.self), at: 12)
      network.store(source, at: 16)
    }
    frame.storeMAC(asker, at: 0)
    frame.storeMAC(skein_own_mac(settings), at: 6)
    return true
  }

  @inline(__always) private func isGroup(_ address: Address, isIPv6: Bool) -> Bool {
    isIPv6 ? UInt8(truncatingIfNeeded: address.high) == 0xff : UInt8(truncatingIfNeeded: address.low >> 32) >= 224
  }

  // MARK: whose virtual MAC address to send to

  /// ARP about a virtual address; nil when it is not. The stack never sees any.
  @inline(__always) func resolveVirtual(_ frame: Packet, _ message: Packet, _ sender: Address, _ target: Address) -> Outcome? {
    if isVirtual(sender) { return claimVirtual(frame, at: message.loadMAC(8)) }
    guard message.load(6, as: UInt16.self) == 0x0100, isVirtual(target) else { return nil }
    return ask(frame)
  }

  /// Neighbour discovery (types 135 and 136) about a virtual address; nil when it is not.
  @inline(__always) func neighbourVirtual(_ frame: Packet, _ network: Packet, _ headers: Headers, _ type: UInt8) -> Outcome? {
    let message = headers.transport
    guard headers.transportLength >= 24, message.holds(24) else { return nil }
    let isTarget = isVirtual(message.loadAddress(8))
    let isClaim = type == 136 ? isTarget : isVirtual(headers.source)
    guard isClaim || isTarget else { return nil }
    // RFC 4861, 7.1: from beyond a router nobody may say anything.
    guard network.load(7, as: UInt8.self) == 255 else { return Outcome(.drop, .questionInvalid) }
    guard isClaim else { return ask(frame) }
    // The link-layer address is its first option, or the frame's own source.
    let option: UInt16 = type == 136 ? 0x0102 : 0x0101
    guard headers.transportLength >= 32, message.holds(32), message.load(24, as: UInt16.self) == option else {
      return claimVirtual(frame, at: frame.loadMAC(6))
    }
    return claimVirtual(frame, at: message.loadMAC(26))
  }

  /// A question goes up where its answer is made: at whoever answers for the group, and at the machine whose virtual MAC address the host
  /// already has, which it only wants confirmed.
  @inline(__always) private func ask(_ frame: Packet) -> Outcome {
    guard frame.loadMAC(6) & 1 == 0 else { return Outcome(.drop, .questionInvalid) }
    let forwarder = forwarder(of: frame.loadMAC(0))
    if forwarder != 0 {
      guard skein_unit_load(memory.unit(forwarder)).mine == UInt8(skein_mine) else { return Outcome(.drop, .questionNotOurs) }
    } else {
      guard has(skein_flag_answers) else { return Outcome(.drop, .questionNotOurs) }
    }
    guard leaseIsValid else { return Outcome(.drop, .questionLeaseExpired) }
    return sendUp(frame, forwarder == 0 ? Outcome.noUnit : forwarder, .question)
  }

  /// Somebody says that a virtual address is at `hardware`.
  @inline(__always) private func claimVirtual(_ frame: Packet, at hardware: UInt64) -> Outcome {
    if forwarder(of: hardware) != 0 { return Outcome(.drop, .virtualAddressAnnounced) }
    return sendUp(frame, Outcome.noUnit, .virtualAddressConflict)
  }
}
