import CPacketPath

/// Whom a frame's destination hardware address means.
enum Station: UInt8 {
  case own, shared, group, other
  /// A virtual MAC address of the gateway's group.
  case virtual
}

/// Whom a packet's destination address means.
enum Destination: UInt8 {
  case cluster
  /// This machine.
  case own
  /// Multicast, broadcast or link-local: never forwarded.
  case onLink
  case elsewhere
}

extension Path {
  @inline(__always) private func destination(_ address: Address) -> Destination {
    let roles = roles(of: address)
    if roles & skein_role_cluster.rawValue != 0 { return .cluster }
    if roles & skein_role_own.rawValue != 0 { return .own }
    return address.staysOnLink ? .onLink : .elsewhere
  }

  @inline(__always) func destination(_ network: Packet, isIPv6: Bool) -> Destination {
    destination(isIPv6 ? network.loadAddress(24) : Address(v4: network.load(16)))
  }

  /// The verdict on an IP packet (WO 00/31945, Figure 9).
  @inline(__always) func decide(
    _ frame: Packet, _ network: Packet, _ networkOffset: UInt, _ headers: @autoclosure () -> Headers, isIPv6: Bool
  ) -> Step {
    // Asked before the headers are followed: there is one way here, and there are many from there.
    let destination = destination(network, isIPv6: isIPv6)
    let headers = headers()
    let station = station(frame)
    if isIPv6 && headers.transportProtocol == IPProtocol.icmpv6 && headers.isWhole && !headers.isFaulty {
      guard headers.transportLength >= 8, headers.transport.holds(8) else { return malformed(destination) }
      let type: UInt8 = headers.transport.load(0)
      if has(skein_flag_gateway), type == 135 || type == 136, let outcome = neighbourVirtual(frame, network, headers, type) {
        return .done(outcome)
      }
      if type >= 133 && type <= 137 && station != .virtual { return .done(neighbour(frame, network, networkOffset, headers, type)) }
    }
    if station == .virtual { return .goOn(.forwarder) }
    return destination == .cluster ? decideForCluster(frame, headers, station) : decideElsewhere(frame, headers, destination, station)
  }

  /// The verdict on a packet to a cluster address.
  @inline(__always) private func decideForCluster(_ frame: Packet, _ headers: Headers, _ station: Station) -> Step {
    if station == .group { return .drop(.groupFrame) }
    if station == .other { return .pass(.otherStation) }
    if headers.isMalformed { return .drop(.malformed) }
    if headers.hasTooManyHeaders { return .drop(.headerLimit) }
    switch classifyForCluster(headers) {
    case .unit(let unit): return settle(frame, unit, taken: .taken, waiting: wait(frame, unit))
    case .malformed: return .drop(.malformed)
    case .unknownFragment: return settleUnknownFragment(frame, station)
    }
  }

  /// A packet that is not for the cluster: for the stack, or router work.
  @inline(__always) private func decideElsewhere(
    _ frame: Packet, _ headers: Headers, _ destination: Destination, _ station: Station
  ) -> Step {
    if station == .other { return .pass(.otherStation) }
    if station == .group || destination == .onLink { return passed(headers, .group) }
    if destination == .own { return passed(headers, .ownAddress) }
    if hasVirtualServers, let unit = unit(ofAnswer: headers) { return settle(frame, unit, taken: .taken, waiting: wait(frame, unit)) }
    let isRouterWork = has(skein_flag_routing) && (station == .shared || has(skein_flag_forwarding))
    guard isRouterWork else {
      // Every member hears the shared address: what none of them is asked for must not reach the stack of all.
      return station == .shared ? .drop(.foreign) : passed(headers, .toStack)
    }
    if headers.isMalformed { return station == .shared ? .drop(.malformed) : .pass(.malformedPassed) }
    let unit = classifyForwarding(headers)
    return settle(frame, unit, taken: .routed, waiting: wait(frame, unit))
  }

  /// To the stack, for this reason unless something is wrong with it.
  @inline(__always) private func passed(_ headers: Headers, _ counter: PacketCounter) -> Step {
    if headers.isMalformed { return .pass(.malformedPassed) }
    return .pass(headers.hasTooManyHeaders ? .headerLimitPassed : counter)
  }

  @inline(__always) private func malformed(_ destination: Destination) -> Step {
    destination == .cluster ? .drop(.malformed) : .pass(.malformedPassed)
  }

  /// Whether the frame is to the address that all members hear, or to this machine's own.
  @inline(__always) func isToMembers(_ frame: Packet) -> Bool {
    // One load; the two octets behind the address are shifted away, opaquely: the optimiser would make a mask of that, of ten octets.
    let address = UInt64(skein_opaque(UInt(frame.load(0, as: UInt64.self) << 16)))
    return _fastPath(address == skein_shared_mac_shifted(settings)) || address == skein_own_mac_shifted(settings)
  }

  @inline(__always) func station(_ frame: Packet) -> Station {
    let address = frame.loadMAC(0)
    // Where there is no shared address, both are this machine's own.
    if address == skein_own_mac(settings) { return .own }
    if _fastPath(address == skein_shared_mac(settings)) { return .shared }
    if has(skein_flag_gateway) && forwarder(of: address) != 0 { return .virtual }
    return address & 1 != 0 ? .group : .other
  }

  /// Mine, a member's or nobody's. Where it must wait for its owner, `waiting` says what then.
  @inline(__always) func settle(_ frame: Packet, _ unit: UInt32, taken: PacketCounter, waiting: @autoclosure () -> Step) -> Step {
    let isMaster = has(skein_flag_master)
    switch standing(of: unit, passesOn: isMaster && has(skein_flag_forwarding)) {
    case .anothers: return .drop(isMaster ? .leftToMember : .notMine, unit: unit)
    case .leaseExpired: return .drop(.leaseExpired, unit: unit)
    case .mine:
      memory.count(octets: UInt64(frame.length), of: unit)
      if hasVirtualServers && taken == .taken { return .goOn(.virtualServer) }
      take(frame)
      return .pass(taken, unit: unit)
    case .of(let owner): return .done(forward(frame, unit, to: owner))
    case .undecided: return waiting()
    }
  }

  @inline(__always) private func wait(_ frame: Packet, _ unit: UInt32) -> Step { .done(hold(frame, unit)) }

  /// A later fragment without a first: the master holds it until the first has been seen. To anybody else it was either sent by the
  /// master, which knew, or is somebody's whom this machine cannot name.
  @inline(__always) private func settleUnknownFragment(_ frame: Packet, _ station: Station) -> Step {
    let isMaster = has(skein_flag_master)
    guard isMaster || station == .own else { return .drop(.fragmentUnknown) }
    guard leaseIsValid else { return .drop(.leaseExpired) }
    guard isMaster else { return .pass(.fragmentTaken) }
    guard has(skein_flag_hold) else { return .drop(.fragmentUnknown) }
    return .done(sendUp(frame, Outcome.noUnit, .fragmentHeld))
  }

  /// For the stack, a frame must be to this machine's own address; TCP ignores what came by multicast.
  @inline(__always) func take(_ frame: Packet) {
    let own = skein_own_mac(settings)
    if frame.loadMAC(0) != own { frame.storeMAC(own, at: 0) }
  }

  @inline(__always) private func forward(_ frame: Packet, _ unit: UInt32, to owner: UInt16) -> Outcome {
    guard sendOn(frame, to: owner) else { return Outcome(.drop, .memberMissing, unit: unit) }
    return Outcome(.transmit, .forwarded, unit: unit)
  }
}
